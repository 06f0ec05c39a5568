"""The broker, as the owner of the partitions sees it beside the group: its clock, and what it keeps of a partition.

`Broker` is all that agents/worker/ownership.py asks of it; `KafkaBroker` asks a real one.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from time import monotonic
from typing import Protocol

from aiokafka import AIOKafkaConsumer

from agents.kafka.clients import reader
from agents.kafka.log_reader import log_reader
from agents.kafka.private import TopicNow, topics_now
from agents.kafka.topics import largest_records
from agents.settings import Settings
from agents.topic_roles import CHANGELOG
from agents.worker.belonging import Belonging, Topics, names_of
from agents.worker.clock_probe import ClockProbe
from agents.worker.journal_time import BrokerClock
from agents.worker.opening import Stored, open_partitions, read_positions
from agents.worker.partition import Partition
from agents.worker.standby import CopyNow, Standby

NO_TOPIC = TopicNow(b"", 0)


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

    async def topics(self) -> Topics:
        """The topics of the partitions, as they are now."""

    async def open(self, numbers: Sequence[int]) -> dict[int, Partition]:
        """Fence the earlier owners of these partitions and read what is kept of them.

        All of them or none: where it fails or is cancelled, no producer is left open. UserError where what is kept does
        not fit together.
        """

    async def positions(self, topics: Sequence[str], parts: Sequence[Partition]) -> dict[int, dict[str, int]]:
        """Where each partition goes on in each of these topics. UserError where a topic ends before that."""

    async def largest_records(self, topics: Iterable[str]) -> Mapping[str, int]:
        """How large a record each of these topics takes now."""

    def follow(self, numbers: Collection[int]) -> None:
        """Keep warm copies of these partitions and of no others."""

    def copies_now(self) -> Sequence[CopyNow]:
        """How the warm copies stand."""

    async def stop(self) -> None:
        """Measure no more, and follow nothing."""


class KafkaBroker:
    """The `Broker` that the settings name."""

    def __init__(self, settings: Settings, belonging: Belonging) -> None:
        self.clock = BrokerClock()
        self._settings = settings
        self._belonging = belonging
        self._probe = ClockProbe(self.clock, settings)
        self._standby = Standby(settings)
        self._closing = AsyncExitStack()
        self._consumer: AIOKafkaConsumer | None = None

    @property
    def wall_offset_s(self) -> float:
        """As in `Broker`, and so are the others."""
        return self._probe.wall_offset_s

    async def start(self) -> None:
        """Begin to measure."""
        await self._probe.start()

    async def topics(self) -> Topics:
        """Ask, over a connection that is kept."""
        if self._consumer is None:
            self._consumer = await self._closing.enter_async_context(reader(self._settings))
        return await topics_now(self._consumer, names_of(self._settings))

    async def open(self, numbers: Sequence[int]) -> dict[int, Partition]:
        """Fence and read."""
        found = await self.topics()
        changelog = found.get(self._settings.topic(CHANGELOG), NO_TOPIC)
        opened = await open_partitions(
            self._settings,
            numbers,
            lambda state: self._belonging.check(state.partition, state.row.notes, found),
            self._standby.lend(numbers),
            Stored(changelog.id, self.clock.at(monotonic()) or 0),
        )
        for number in opened:
            self._standby.drop(number)
        return opened

    async def positions(self, topics: Sequence[str], parts: Sequence[Partition]) -> dict[int, dict[str, int]]:
        """Where to go on."""
        if any(part.state.row.notes.last_read for part in parts):
            async with log_reader(self._settings) as logs:
                for part in parts:
                    await self._belonging.check_last(part.number, part.state.row.notes, logs)
        return await read_positions(self._settings, topics, parts, self.clock.at(monotonic()) or 0)

    async def largest_records(self, topics: Iterable[str]) -> Mapping[str, int]:
        """What their settings say."""
        return await largest_records(self._settings, topics)

    def follow(self, numbers: Collection[int]) -> None:
        """Keep warm copies."""
        self._standby.follow(numbers)

    def copies_now(self) -> Sequence[CopyNow]:
        """How they stand."""
        return self._standby.copies_now()

    async def stop(self) -> None:
        """Measure no more, and follow nothing."""
        await self._standby.stop()
        self._consumer = None
        await self._closing.aclose()
        await self._probe.stop()
