"""What the keeper of a partition says to the store of its rows, where there is one.

The core reads and writes rows at rest by itself (streams/at_rest.py). The keeper says when what was written stands:
only then may a store have it, and it is told the place in the changelog that it stands at then. Nothing is believed of
a store that the changelog cannot say better: it is a convenience, and gone without a loss.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from agents.kafka.transactions import Outgoing


class Shelf(Protocol):
    """Where the rows of one partition rest."""

    async def committed(self, records: Sequence[Outgoing], following: int | None, now_ms: int | None) -> None:
        """These records of the changelog are committed: `following` is the next offset there.

        `now_ms` is the broker's time. UserError where they cannot be kept: nothing is lost by it, and the worker ends.
        """

    def close(self) -> None:
        """The partition is given away."""


class InMemory:
    """Memory, which stands as it is."""

    async def committed(self, records: Sequence[Outgoing], following: int | None, now_ms: int | None) -> None:
        """As in `Shelf`: there is nothing to do, and so for the other."""

    def close(self) -> None:
        """Nothing is left."""


IN_MEMORY: Final = InMemory()
