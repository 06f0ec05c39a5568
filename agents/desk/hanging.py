"""Hanging transactions: a broker has ended a transaction but never said so in one of its partitions.

Kafka 4.3 can do that (its markers go partition by partition). Readers of committed records then stand still there, and
what stands behind would share the fate of the *next* transaction of the same producer, whatever it is. So before a
partition is rebuilt its producer ends what hangs with a transaction of no records: committed, if anything else that it
wrote is committed, for then all of it was meant to be; else aborted, and its inputs are read again.
"""

from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack
from typing import NamedTuple

from aiokafka import TopicPartition

from agents.kafka.batches import Fetched
from agents.kafka.clients import reader
from agents.kafka.log_cursor import LogCursor
from agents.kafka.log_reader import FETCH_BYTES, LogReader
from agents.settings import Settings
from agents.topic_roles import CHANGELOG, DEAD_LETTER, JOURNAL, WRITTEN_TOPICS
from schemas.dead_letters import HEADER_OFFSET, HEADER_TOPIC
from schemas.headers import line_of, texts_of
from streams.row_codec import decode_partition
from streams.rows import PARTITION_KEY, PartitionRow


class Hanging(NamedTuple):
    """What hangs: where, and what its records tell of."""

    partitions: tuple[TopicPartition, ...]
    journal_lines: tuple[int, ...]
    other_lines: tuple[int, ...]
    letters: tuple[tuple[str, int], ...]
    """Input topic and offset of each dead letter."""

    def is_to_commit(self, *, last_line: int, told_line: int, row: PartitionRow) -> bool:
        """Whether something else of the same transaction is committed: a journal line that what hangs tells of
        (`last_line` is the journal's last), or an event or row that tells of a journal line that hangs (`told_line` is
        the newest that any of them tells of).
        """
        if self.journal_lines:
            return max(told_line, row.lines) >= min(self.journal_lines)
        if self.other_lines:
            return min(self.other_lines) <= last_line
        return any(row.notes.positions.get(topic, 0) > offset for topic, offset in self.letters)


async def hanging(settings: Settings, partition: int) -> Hanging | None:
    """What hangs in this partition of the topics that its owner writes; asked when no transaction of it is open."""
    tps = {TopicPartition(settings.topic(logical), partition): logical for logical in WRITTEN_TOPICS}
    async with AsyncExitStack() as stack:
        committed = await stack.enter_async_context(reader(settings))
        options = {"fetch_max_wait_ms": 50, "max_partition_fetch_bytes": FETCH_BYTES}
        everything = await stack.enter_async_context(reader(settings, isolation_level="read_uncommitted", **options))
        stable, ends = await LogReader(committed).ends(tps), await LogReader(everything).ends(tps)
        found = [tp for tp in tps if stable[tp].next < ends[tp].next]
        records: dict[str, list[Fetched]] = {}
        cursor = LogCursor(everything)
        for tp in found:
            await cursor.start(tp.topic, partition, from_offset=stable[tp].next)
            while batch := await cursor.batch():
                records.setdefault(tps[tp], []).extend(batch)
    if not list(_letters(records.get(DEAD_LETTER, []))):  # what is open there is a redrive, which ends by itself
        found = [tp for tp in found if tps[tp] != DEAD_LETTER]
    return _told(found, records) if found else None


def _told(found: list[TopicPartition], records: dict[str, list[Fetched]]) -> Hanging:
    journal = tuple(_lines(records.pop(JOURNAL, [])))
    letters = list(_letters(records.pop(DEAD_LETTER, [])))
    origins = tuple((headers[HEADER_TOPIC], int(headers[HEADER_OFFSET])) for headers in letters)
    rows = [record.value for record in records.pop(CHANGELOG, []) if record.key == PARTITION_KEY and record.value]
    others = [line for of_topic in records.values() for line in _lines(of_topic)]
    others += [decode_partition(row).lines for row in rows]
    return Hanging(tuple(found), journal, tuple(others), origins)


def _letters(records: Iterable[Fetched]) -> Iterator[dict[str, str]]:
    """The headers of each that is a letter; the mark of one that was sent again is none, and another's to write."""
    for record in records:
        headers = texts_of(record.headers)
        offset = headers.get(HEADER_OFFSET, "")
        if HEADER_TOPIC in headers and offset.isascii() and offset.isdigit():
            yield headers


def _lines(records: Iterable[Fetched]) -> list[int]:
    """The lines that they come from; what somebody else wrote comes from none."""
    return [line for line in (line_of(record.headers) for record in records) if line is not None]
