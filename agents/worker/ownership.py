"""Who keeps which partition: what happens between "Kafka gave us partition 3" and its first transaction, and back.

Taking over, in this order: check that each partition is owned in every topic; fence its earlier owner; read its rows
and the end of its journal; see that the two agree; seek its inputs to the positions in its row. Only then slices are
taken. Letting go: the transaction that is being written finishes, everything else in hand is dropped. A partition that
was ours in the generation just before keeps its producer and its rows; any other is fenced and read again.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Set
from time import monotonic
from typing import Any, cast

from aiokafka.errors import ProducerFenced
from faust.types import TP

from agents.errors import UserError
from agents.kafka.transactions import BrokerAwayError, is_no_answer
from agents.metrics.counters import Metrics
from agents.settings import Settings
from agents.topic_roles import CHANGELOG, READ_TOPICS, REPARTITION
from agents.worker.activating import Chosen
from agents.worker.clock_probe import ClockProbe
from agents.worker.faust_private import SliceApp, SliceConsumer
from agents.worker.journal_time import BrokerClock, JournalTime
from agents.worker.keeper import Keeper, Shop
from agents.worker.misrouted import Signpost
from agents.worker.partition import Partition, open_partitions, read_positions
from agents.worker.slices import Hand, Slice
from agents.worker.tables import OpenClocks, StateTable
from agents.worker.watch import Watch
from schemas.headers import Origin

log = logging.getLogger("dueclock.worker")

RETRY_S = 1.0


class Ownership:
    """The partitions of this worker (the `Owner` of agents/worker/faust_private.py)."""

    def __init__(
        self, app: SliceApp, settings: Settings, choice: Chosen, metrics: Metrics, skipped: Set[Origin]
    ) -> None:
        self._app = app
        self._settings = settings
        self._chosen = choice
        self._metrics = metrics
        self._skipped = skipped
        self.clock = BrokerClock()
        self.open_clocks = OpenClocks(app)
        self.states: StateTable | None = None
        self.logical = {settings.topic(logical): logical for logical in READ_TOPICS}
        self.inputs = tuple(self.logical)
        self._changelog = settings.topic(CHANGELOG)
        self._partitions: dict[int, Partition] = {}
        self._generation = -1
        self._seeks = 0
        self._is_open = False
        self._shop: Shop | None = None
        self._taking_over: asyncio.Task[Any] | None = None
        self._reopening: asyncio.Task[None] | None = None
        self._probe = ClockProbe(self.clock, settings)
        self.watch = Watch(self, metrics)

    # --- what the consumer asks -----------------------------------------------------------------------------------

    def is_wanted(self, tp: TP) -> bool:
        """Whether there is room for more of this topic partition. Called from the consumer's thread."""
        part = self._partitions.get(tp.partition)
        return part is not None and part.keeper is not None and not part.keeper.hand.is_full(tp.topic)

    def give(self, piece: Slice) -> None:
        """Put a slice into its partition's hand; one from before the last seek is stale and dropped."""
        part = self._partitions.get(piece.partition)
        if not self._is_open or piece.seeks != self._seeks or part is None or part.keeper is None:
            return
        position = part.keeper.hand.give(piece)
        if position is not None:
            part.keeper.time.finished(piece.topic, position)
        part.keeper.wake()

    def positions(self) -> Mapping[TP, int]:
        """Next offset to finish of each owned input partition."""
        if not self._is_open:
            return {}
        return {
            TP(topic, part.number): offset
            for part in self.kept()
            if part.keeper is not None
            for topic, offset in part.keeper.time.positions.items()
        }

    def kept(self) -> list[Partition]:
        """The partitions that are being kept."""
        return [part for part in self._partitions.values() if part.keeper is not None]

    def rows_at_rest(self) -> list[dict[str, bytes]]:
        """A copy of the rows of each partition that is kept, as they stand between two slices."""
        return [part.state.rows_at_rest() for part in self.kept()]

    @property
    def is_open(self) -> bool:
        """Whether what was assigned has been recovered and is being kept."""
        return self._is_open

    def broker_now_ms(self) -> int | None:
        """The broker's time, or None while it is unknown."""
        return self.clock.at(monotonic())

    @property
    def consumer(self) -> SliceConsumer:
        """Faust's consumer."""
        return cast(SliceConsumer, self._app.consumer)

    @property
    def wall_offset_s(self) -> float:
        """The broker's clock less this machine's."""
        return self._probe.wall_offset_s

    # --- taking over ------------------------------------------------------------------------------------------------

    async def take_over(self, assigned: set[TP], generation: int) -> None:
        """Fence, recover and seek. Cancelled by `let_go`."""
        started_s = monotonic()
        self._taking_over = asyncio.current_task()
        owned = self._co_owned(assigned)
        if generation != self._generation + 1:
            await self._give_away(self._partitions)
        self._generation = generation
        await self._give_away(set(self._partitions) - owned)
        self._shop = self._shop or self._open_shop()
        await self._open(owned)
        took_s = monotonic() - started_s
        self._metrics.recovery.set(took_s)
        self._metrics.partitions_owned.set(len(owned))
        rows = sum(sum(part.state.census.rows.values()) for part in self._partitions.values())
        log.info("recovered: partitions %s (%d rows in %.1f s)", _names(owned), rows, took_s)
        self.watch.start()
        self._taking_over = None

    async def _open(self, numbers: set[int]) -> None:
        """Make these partitions ready to be kept; with the broker away, try until it answers."""
        while True:
            try:
                await self._probe.start()
                await self._read(sorted(numbers - set(self._partitions)))
                await self._set_up(numbers)
            except Exception as error:
                if not is_no_answer(error):
                    raise
                log.warning("no answer from the broker while partitions are taken over (%s): trying again", error)
                await asyncio.sleep(RETRY_S)
            else:
                self._is_open = True
                return

    def start_keeping(self) -> None:
        """Slices may come."""
        if self._is_open:
            for part in self.kept():
                if part.task is None:
                    part.task = asyncio.create_task(self._keep(part), name=f"keeper-{part.number}")

    def _co_owned(self, assigned: set[TP]) -> set[int]:
        """Partitions that are ours in every topic; the others rest, and a metric says so."""
        needed = {*self.inputs, self._changelog}
        counts = {topic: self.consumer.partitions_of(topic) for topic in needed}
        if len(set(counts.values())) > 1:
            found = ", ".join(f"{topic} has {count}" for topic, count in sorted(counts.items()))
            raise UserError(
                f"The topics must have equal numbers of partitions, but {found}; see `dueclock topics check`."
            )
        topics_of: dict[int, set[str]] = {}
        for topic, number in assigned:
            topics_of.setdefault(number, set()).add(topic)
        owned = {number for number, topics in topics_of.items() if needed <= topics}
        held = sorted(set(topics_of) - owned)
        self._metrics.partitions_held.set(len(held))
        log.info("assigned: partitions %s", _names(owned))
        if held:
            log.error(
                "partitions %s are at rest: this worker does not own them in every topic. "
                "Do all workers of the group have the same topics? Stop all of them, then start them anew.",
                _names(held),
            )
        return owned

    def _open_shop(self) -> Shop:
        return Shop(
            self._settings,
            self.logical,
            self._chosen,
            Signpost(self._settings.topic(REPARTITION), self.consumer.partitions_of(self._changelog)),
            self._metrics,
            self.open_clocks,
            self.broker_now_ms,
            self._skipped,
        )

    async def _read(self, numbers: list[int]) -> None:
        """Fence the earlier owners of these partitions and take their states in."""
        for number, part in (await open_partitions(self._settings, numbers)).items():
            self._partitions[number] = part
            self.open_clocks.add(number, part.state.take_due_changes())
            if self.states is not None:
                self.states.states[number] = part.state

    async def _set_up(self, numbers: Iterable[int]) -> None:
        """Give each partition an empty hand at its positions, and seek there."""
        if self._shop is None:
            raise RuntimeError("partitions are set up before any were assigned")
        parts = [self._partitions[number] for number in numbers]
        seeks: dict[TP, int] = {}
        for number, positions in (await read_positions(self._settings, self.inputs, parts)).items():
            part = self._partitions[number]
            part.task = None
            time = JournalTime(positions, self.clock, self._answer_of(number), self._settings.skew_allowance_ms)
            part.keeper = Keeper(self._shop, part.state, Hand(positions), time, part.transactions, part.sealer)
            seeks.update({TP(topic, number): offset for topic, offset in positions.items()})
        self._seeks = await self.consumer.seek_all(seeks)

    def _answer_of(self, number: int) -> Any:
        tps = {topic: TP(topic, number) for topic in self.inputs}
        return lambda topic: self.consumer.answer(tps[topic])

    # --- keeping ------------------------------------------------------------------------------------------------------

    async def _keep(self, part: Partition) -> None:
        """Run the keeper; each way in which it can fail has its one fate here."""
        if part.keeper is None:
            return
        try:
            await part.keeper.run()
        except BrokerAwayError as error:
            log.warning("partition %d: no answer from the broker (%s); it is opened anew", part.number, error)
            part.keeper = None
            if self._is_open and self._reopening is None:
                self._reopening = asyncio.create_task(self._reopen(), name="reopen")
        except ProducerFenced:
            part.keeper = None
            await self._app.fail(
                UserError(
                    f"Another worker took over partition {part.number} while this one was away; start this one again."
                )
            )
        except Exception as error:  # noqa: BLE001  a bug or a broken promise: the worker must end
            part.keeper = None
            if not isinstance(error, UserError):
                log.error("partition %d: cannot go on after line %d", part.number, part.state.lines)
            await self._app.fail(error)

    async def _reopen(self) -> None:
        """Nobody knows whether the last transaction was committed: fence and read the partition again.

        Only as a member of the group in good standing, lest a worker that was away fences the one that took over. All
        partitions pause for it: there is one consumer, and it seeks.
        """
        lost_s = monotonic()
        numbers = set(self._partitions)
        self._is_open = False
        await self._halt()
        while self.consumer.last_heartbeat_s <= lost_s or self._app.rebalancing:  # noqa: ASYNC110  another thread sets it
            await asyncio.sleep(0.1)
        try:
            await self._open(numbers)
        except Exception as error:  # noqa: BLE001  as above
            await self._app.fail(error)
        else:
            log.info("opened anew: partitions %s", _names(numbers))
            self._reopening = None
            self.start_keeping()

    # --- letting go ---------------------------------------------------------------------------------------------------

    async def let_go(self) -> None:
        """Finish the transactions that are being written; drop what is in hand; write nothing more."""
        was_open, self._is_open = self._is_open, False
        opening = [task for task in (self._taking_over, self._reopening) if task is not None]
        self._taking_over = self._reopening = None
        for task in opening:
            task.cancel()
        if opening:
            await asyncio.wait(opening)
        await self._halt()
        if was_open:
            log.info("revoked: partitions %s", _names(self._partitions))

    async def _halt(self) -> None:
        """End all keepers, each after its transaction; forget the partitions whose last one may or may not stand."""
        parts = self.kept()
        for part in parts:
            if part.keeper is not None:
                part.keeper.release()
        tasks = [part.task for part in parts if part.task is not None]
        if tasks:
            await asyncio.wait(tasks)
        broken = [part.number for part in self._partitions.values() if part.keeper is None]
        for part in parts:
            part.keeper = None
            part.task = None
        await self._give_away(broken)

    async def _give_away(self, numbers: Iterable[int]) -> None:
        """Forget these partitions and close their producers."""
        gone = [part for number in list(numbers) if (part := self._partitions.pop(number, None)) is not None]
        for part in gone:
            self.open_clocks.drop(part.number)
            if self.states is not None:
                self.states.states.pop(part.number, None)
        await asyncio.gather(*(part.transactions.stop() for part in gone), return_exceptions=True)

    async def close(self) -> None:
        """The worker ends."""
        await self.let_go()
        await self.watch.stop()
        await self._probe.stop()
        await self._give_away(self._partitions)
        self._metrics.partitions_owned.set(0)


def _names(numbers: Iterable[int]) -> str:
    return ", ".join(str(number) for number in sorted(numbers)) or "none"
