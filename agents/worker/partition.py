"""One owned partition: its rows, its producer, and its keeper while there is one.

Where it stands is its `stage`, and only `become` changes that, by the table of agents/worker/life.py. The verbs below
are the moves: each says on what occasion it is called, and what the partition has and has not afterwards. What they
cost a broker (opening, seeking, closing producers) is done by agents/worker/ownership.py around them.
"""

import asyncio
from collections.abc import Callable, Coroutine

from agents.journal.sealing import Sealer
from agents.worker.keeper import Keeper, Writer
from agents.worker.life import FIRST, MAY_BECOME, Stage
from agents.worker.shelf import IN_MEMORY, Shelf
from agents.worker.slices import BrokenPromiseError
from streams.engine import State


class Partition:
    """A partition that has been opened: fenced, read, and found to agree with its journal."""

    def __init__(self, state: State, transactions: Writer, sealer: Sealer, shelf: Shelf = IN_MEMORY) -> None:
        self.number = state.partition
        self.state = state
        self.sealer = sealer
        self.transactions = transactions
        self.shelf = shelf
        self.stage = FIRST
        self.keeping: asyncio.Task[None] | None = None
        """What runs the keeper; None before it is kept, and after it was let go clean."""
        self._keeper: Keeper | None = None

    def become(self, new: Stage) -> None:
        """Stand there from now on. BrokenPromiseError for a move that is not in the table: nothing has changed then."""
        if new not in MAY_BECOME[self.stage]:
            raise BrokenPromiseError(f"partition {self.number} is {self.stage.name} and may not become {new.name}")
        self.stage = new

    @property
    def keeper(self) -> Keeper:
        """Its keeper. BrokenPromiseError where there is none (life.WITH_KEEPER says where there is)."""
        if self._keeper is None:
            raise BrokenPromiseError(f"partition {self.number} is {self.stage.name} and has no keeper")
        return self._keeper

    def has_room(self, topic: str) -> bool:
        """Whether more of this input topic is wanted. Called from the consumer's thread, so one look has to do."""
        keeper = self._keeper
        return keeper is not None and not keeper.hand.is_full(topic)

    # --- being kept ---------------------------------------------------------------------------------------------------

    def set_up(self, keeper: Keeper) -> None:
        """Its inputs have been sought to its positions: from now on slices may be put in the keeper's empty hand."""
        self.become(Stage.READY)
        self._keeper = keeper

    def keep(self, keeping: Callable[["Partition"], Coroutine[object, object, None]]) -> None:
        """The consumer has resumed: from now on the keeper writes, in a task of its own."""
        self.become(Stage.KEPT)
        self.keeping = asyncio.create_task(keeping(self), name=f"keeper-{self.number}")

    # --- letting go ---------------------------------------------------------------------------------------------------

    def release(self) -> None:
        """It is to be let go: its keeper finishes what it is writing, and `keeping` ends. What writes nothing rests."""
        if self.stage is Stage.READY:
            self.let_go_clean()
        elif self.stage is Stage.KEPT:
            self.become(Stage.RELEASED)
            self.keeper.release()

    def let_go_clean(self) -> None:
        """All that its keeper wrote stands. Rows and producer stay; what was in hand is dropped."""
        self._let_go(Stage.RESTING)
        self.keeping = None

    def let_go_in_doubt(self) -> None:
        """Its last transaction may stand or not: rows and producer are of no use, it can only be given away."""
        self._let_go(Stage.IN_DOUBT)

    def fence(self) -> None:
        """Another worker writes it now."""
        self._let_go(Stage.FENCED)

    def break_off(self) -> None:
        """Its keeper cannot go on."""
        self._let_go(Stage.BROKEN)

    def _let_go(self, new: Stage) -> None:
        self.become(new)
        self._keeper = None
