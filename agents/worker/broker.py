"""The broker, as the owner of the partitions sees it beside the group: its clock, and what it keeps of a partition.

`Broker` is all that agents/worker/ownership.py asks of it; `KafkaBroker` asks a real one.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from agents.kafka.topics import largest_records
from agents.settings import Settings
from agents.worker.clock_probe import ClockProbe
from agents.worker.journal_time import BrokerClock
from agents.worker.opening import open_partitions, read_positions
from agents.worker.partition import Partition


class Broker(Protocol):
    """Each call may fail for want of an answer (agents/kafka/transactions.py, `is_no_answer`) and be made again."""

    @property
    def clock(self) -> BrokerClock:
        """Its clock, as far as it was measured."""

    @property
    def wall_offset_s(self) -> float:
        """Its clock less this machine's: a figure to watch."""

    async def start(self) -> None:
        """Begin to measure its clock: it is known when this returns. Where that has begun, nothing."""

    async def open(self, numbers: Sequence[int]) -> dict[int, Partition]:
        """Fence the earlier owners of these partitions and read what is kept of them.

        All of them or none: where it fails or is cancelled, no producer is left open. UserError where what is kept does
        not fit together.
        """

    async def positions(self, topics: Sequence[str], parts: Sequence[Partition]) -> dict[int, dict[str, int]]:
        """Where each partition goes on in each of these topics. UserError where a topic ends before that."""

    async def largest_records(self, topics: Iterable[str]) -> Mapping[str, int]:
        """How large a record each of these topics takes now."""

    async def stop(self) -> None:
        """Measure no more."""


class KafkaBroker:
    """The `Broker` that the settings name."""

    def __init__(self, settings: Settings) -> None:
        self.clock = BrokerClock()
        self._settings = settings
        self._probe = ClockProbe(self.clock, settings)

    @property
    def wall_offset_s(self) -> float:
        """As in `Broker`, and so are the others."""
        return self._probe.wall_offset_s

    async def start(self) -> None:
        """Begin to measure."""
        await self._probe.start()

    async def open(self, numbers: Sequence[int]) -> dict[int, Partition]:
        """Fence and read."""
        return await open_partitions(self._settings, numbers)

    async def positions(self, topics: Sequence[str], parts: Sequence[Partition]) -> dict[int, dict[str, int]]:
        """Where to go on."""
        return await read_positions(self._settings, topics, parts)

    async def largest_records(self, topics: Iterable[str]) -> Mapping[str, int]:
        """What their settings say."""
        return await largest_records(self._settings, topics)

    async def stop(self) -> None:
        """Measure no more."""
        await self._probe.stop()
