"""Recovery: the rows of a partition and the end of its journal, read after its earlier owner has been fenced.

Readers of our own, in no group, committed records only: from the start of the changelog to its end as it was after the
fence. Nothing of an open transaction can follow, since the fence has ended it.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.errors import UserError
from agents.kafka.batches import Fetched, refuse_unreadable
from agents.kafka.clients import reader
from agents.kafka.private import learn_topics
from agents.settings import Settings
from schemas.headers import line_number

FETCH_BYTES = 4 * 1024 * 1024
POLL_MS = 50
RECORDS_AT_ONCE = 5_000
"""In one list: a fetch may hold millions that say nothing, and to unpack so many takes some 20 ms."""
BACKOFF_MS = 20
"""How long aiokafka rests before it looks again for what was not there, e.g. the leader of a topic just made."""
TAIL_RECORDS = 64
"""How far before the end its last line is looked for first: markers and aborted lines stand there too."""


class JournalEnd(NamedTuple):
    """The last line in a partition of the journal, and the offset of its record.

    `is_cut`: there are no lines any more, retention took them all.
    """

    line: int
    journal_ms: int
    is_cut: bool = False
    offset: int | None = None


class LogEnds(NamedTuple):
    """First offset there still is, and the next one to be written."""

    first: int
    next: int


@asynccontextmanager
async def log_reader(settings: Settings, fetch_bytes: int = FETCH_BYTES) -> AsyncIterator["LogReader"]:
    """A reader of its own, in no group."""
    options = {"fetch_max_wait_ms": 50, "max_partition_fetch_bytes": fetch_bytes, "retry_backoff_ms": BACKOFF_MS}
    async with reader(settings, **options) as consumer:
        yield LogReader(consumer)


class LogReader:
    """Reads partitions from one offset to another."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def ends(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, LogEnds]:
        """Where these partitions begin and end now."""
        wanted = list(partitions)
        await learn_topics(self._consumer, (tp.topic for tp in wanted))
        first = await self._consumer.beginning_offsets(wanted)
        following = await self._consumer.end_offsets(wanted)
        return {tp: LogEnds(first[tp], following[tp]) for tp in wanted}

    async def records(self, ends: Mapping[TopicPartition, LogEnds]) -> AsyncIterator[list[Fetched]]:
        """All committed records between these ends, a list for each fetch; waits for what is not yet decided."""
        async for records in self.spans({tp: (end.first, end.next) for tp, end in ends.items()}):
            yield records

    async def rows(self, topic: str, partitions: Iterable[int]) -> dict[int, dict[bytes, bytes]]:
        """The newest value of each key, for each of these partitions of a compacted topic; tombstones are gone."""
        rows: dict[int, dict[bytes, bytes]] = {partition: {} for partition in partitions}
        ends = await self.ends(TopicPartition(topic, partition) for partition in rows)
        async for records in self.spans({tp: (end.first, end.next) for tp, end in ends.items()}):
            for record in records:
                if record.key is None:
                    continue  # no row: a compacted topic takes none without a key
                if record.value is None:
                    rows[record.partition].pop(record.key, None)
                else:
                    rows[record.partition][record.key] = record.value
        return rows

    async def newest(self, topic: str, partitions: Iterable[int], key: bytes) -> dict[int, bytes]:
        """The newest value of one key that is written often, from the end backwards; of a tombstone nothing."""
        found: dict[int, bytes | None] = {}
        ends = await self.ends(TopicPartition(topic, partition) for partition in partitions)
        reach = TAIL_RECORDS
        while missing := {tp: end for tp, end in ends.items() if tp.partition not in found}:
            spans = {tp: (max(end.first, end.next - reach), end.next) for tp, end in missing.items()}
            async for records in self.spans(spans):
                found.update({record.partition: record.value for record in records if record.key == key})
            for tp, end in missing.items():
                if spans[tp][0] == end.first:
                    found.setdefault(tp.partition, None)
            reach *= 16
        return {partition: value for partition, value in found.items() if value is not None}

    async def journal_ends(self, topic: str, partitions: Iterable[int]) -> dict[int, JournalEnd]:
        """The last committed line of each of these partitions of the journal; line 0 where there has been none."""
        found: dict[int, JournalEnd] = {}
        ends = await self.ends(TopicPartition(topic, partition) for partition in partitions)
        reach = TAIL_RECORDS
        while missing := {tp: end for tp, end in ends.items() if tp.partition not in found}:
            spans = {tp: (max(end.first, end.next - reach), end.next) for tp, end in missing.items()}
            async for records in self.spans(spans):
                for record in records:
                    found[record.partition] = JournalEnd(_line_of(record), record.timestamp, offset=record.offset)
            for tp, end in missing.items():
                if tp.partition not in found and spans[tp][0] == end.first:
                    found[tp.partition] = JournalEnd(0, 0, is_cut=end.first > 0)
            reach *= 16
        return found

    async def some(self, place: TopicPartition, start: int, end: int) -> list[Fetched]:
        """Committed records from an offset on, as many as one fetch brings; none where there is none before the end."""
        async with aclosing(self.spans({place: (start, end)})) as batches:
            async for records in batches:
                if records:
                    return records
        return []

    async def spans(
        self, spans: dict[TopicPartition, tuple[int, int]], *, refuse: Callable[[list[Any]], None] = refuse_unreadable
    ) -> AsyncGenerator[list[Fetched], None]:
        """Committed records of these spans of offsets, a list for each fetch: the one loop that reads a log.

        `refuse` may raise for what cannot be read (`Unreadable`); by itself nothing of that is borne.
        """
        consumer = self._consumer
        left = {tp: end for tp, (start, end) in spans.items() if start < end}
        if not left:
            return  # assigned to nothing, it would ask for all topics that there are
        consumer.assign(list(left))
        for tp in left:
            consumer.seek(tp, spans[tp][0])
        while left:
            for tp, records in (await consumer.getmany(*left, timeout_ms=POLL_MS, max_records=RECORDS_AT_ONCE)).items():
                wanted = [record for record in records if record.offset < left[tp]]
                refuse(wanted)
                yield wanted
            await asyncio.sleep(0)  # what has been fetched already is given without it, and nobody else has a turn
            for tp in list(left):
                if await consumer.position(tp) >= left[tp]:
                    del left[tp]
                    consumer.pause(tp)


def _line_of(record: Fetched) -> int:
    """The number of a journal line. UserError where the record is none: nobody can say what it stands for."""
    try:
        return line_number(record.headers)
    except (KeyError, ValueError):
        raise UserError(
            f"The record {record.topic}/{record.partition}/{record.offset} is no journal line (it has no running "
            "number): somebody else wrote to that topic, so no worker goes on behind it; let nobody but the workers "
            "write there (ACLs), and restore the topic from a backup as it was before that record."
        ) from None
