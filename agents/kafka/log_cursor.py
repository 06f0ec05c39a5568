"""One partition of a topic, read in order from its start, in no group, committed records only."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from agents.kafka.clients import reader
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
