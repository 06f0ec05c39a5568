"""One partition of a topic, read in order from its start, in no group, committed records only."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.kafka.batches import Fetched, end_of, refuse_unreadable
from agents.kafka.clients import reader
from agents.kafka.log_reader import FETCH_BYTES, LogReader
from agents.kafka.private import topics_now
from agents.settings import Settings


class LogCursor:
    """Reads up to an end that is looked up when the cursor starts, and again when asked for.

    `refuse` may raise for records that cannot be read (`LogReader.spans`).
    """

    def __init__(self, consumer: AIOKafkaConsumer, refuse: Callable[[list[Any]], None] = refuse_unreadable) -> None:
        self._consumer = consumer
        self._refuse = refuse
        self._reader = LogReader(consumer)
        self._source = TopicPartition("none", 0)
        self._next = 0
        self._before: int | None = None
        self._reading: AsyncGenerator[list[Fetched], None] | None = None
        self.first = 0
        self.end = 0

    async def start(
        self, topic: str, partition: int, *, from_offset: int = 0, before_offset: int | None = None
    ) -> None:
        """Stand at the first record there still is, or at a later offset; the end is where the topic ends now.

        Nothing is read from `before_offset` on, where one is given.
        """
        self._source, self._before = TopicPartition(topic, partition), before_offset
        ends = (await self._reader.ends([self._source]))[self._source]
        self.first, self.end = ends.first, self._bounded(ends.next)
        await self._go_on(max(ends.first, from_offset))

    def _bounded(self, end: int) -> int:
        return end if self._before is None else min(end, self._before)

    async def topic_id(self, topic: str) -> str:
        """The id of a topic (hex); empty where the broker tells none."""
        found = await topics_now(self._consumer, [topic])
        return found[topic].id.hex() if topic in found else ""

    async def look_again(self) -> int:
        """The end becomes where the topic ends now."""
        self.end = self._bounded((await self._reader.ends([self._source]))[self._source].next)
        await self._go_on(self._next)
        return self.end

    async def batch(self) -> list[Fetched]:
        """The next records; none at the end."""
        if self._reading is not None:
            async for records in self._reading:
                if records:
                    self._next = end_of(records[-1])
                    return records
        return []

    async def _go_on(self, offset: int) -> None:
        if self._reading is not None:
            await self._reading.aclose()
        self._next = offset
        self._reading = self._reader.spans({self._source: (offset, self.end)}, refuse=self._refuse)


@asynccontextmanager
async def log_cursor(
    settings: Settings, *, refuse: Callable[[list[Any]], None] = refuse_unreadable
) -> AsyncIterator[LogCursor]:
    """A cursor with a consumer of its own."""
    async with reader(settings, fetch_max_wait_ms=50, max_partition_fetch_bytes=FETCH_BYTES) as consumer:
        yield LogCursor(consumer, refuse)
