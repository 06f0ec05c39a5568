"""One partition of a topic, read in order from its start, in no group, committed records only."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from agents.broker import reader
from agents.errors import UserError
from agents.settings import Settings

FETCH_BYTES = 4 * 1024 * 1024
POLL_MS = 200


class LogCursor:
    """Reads up to an end that is looked up when the cursor starts, and again when asked for."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._source = TopicPartition("none", 0)
        self.first = 0
        self.end = 0

    async def start(self, topic: str, partition: int, *, from_offset: int = 0) -> None:
        """Stand at the first record there still is, or at a later offset; the end is where the topic ends now."""
        self._source = TopicPartition(topic, partition)
        self._consumer.assign([self._source])
        self.first = (await self._consumer.beginning_offsets([self._source]))[self._source]
        self._consumer.seek(self._source, max(self.first, from_offset))
        await self.look_again()

    async def look_again(self) -> int:
        """The end becomes where the topic ends now."""
        self.end = (await self._consumer.end_offsets([self._source]))[self._source]
        return self.end

    async def batch(self) -> list[ConsumerRecord]:
        """The next records; none at the end."""
        while await self._consumer.position(self._source) < self.end:
            for records in (await self._consumer.getmany(self._source, timeout_ms=POLL_MS)).values():
                known = [record for record in records if record.offset < self.end]
                if len(known) < len(records):
                    self._consumer.seek(self._source, self.end)  # what came since is read when the end is moved
                if known:
                    return known
        return []


@asynccontextmanager
async def log_cursor(settings: Settings) -> AsyncIterator[LogCursor]:
    """A cursor with a consumer of its own."""
    async with reader(settings, fetch_max_wait_ms=50, max_partition_fetch_bytes=FETCH_BYTES) as consumer:
        yield LogCursor(consumer)


async def partitions_of(settings: Settings, *logical: str) -> int:
    """How many partitions these topics have. UserError where one is missing, or they differ."""
    async with reader(settings) as consumer:
        metadata = await consumer._client.fetch_all_metadata()  # noqa: SLF001 - no public way asks the broker anew
    counts: set[int] = set()
    for topic in map(settings.topic, logical):
        found = metadata.partitions_for_topic(topic)
        if not found:
            raise UserError(
                f"There is no topic {topic} at {settings.broker}; `dueclock topics create` makes the topics.", 2
            )
        counts.add(len(found))
    if len(counts) > 1:
        raise UserError("The topics have different numbers of partitions; `dueclock topics check` says which.", 2)
    return counts.pop()


def chosen_partitions(wanted: Iterable[int], count: int) -> Sequence[int]:
    """The partitions that are named, in order, or all where none is. UserError for one that is not there."""
    chosen = sorted(set(wanted)) or range(count)
    if chosen[-1] >= count:
        raise UserError(f"There is no partition {chosen[-1]}; the topics have 0 to {count - 1}.", 2)
    return chosen
