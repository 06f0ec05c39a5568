"""`dueclock journal export`: one partition's journal lines as a file for `dueclock replay` (contract §7).

In the order of the partition, committed lines only, ticks and activations included; `journaled_at` is the record's
timestamp. The running numbers of the lines are checked: a journal with a gap is no journal.
"""

from typing import BinaryIO, NamedTuple

import orjson

from agents.errors import UserError
from agents.journal.beginning import beginning_of
from agents.journal.records import Record
from agents.journal.source import records_of
from agents.kafka.clients import run_with_broker
from agents.kafka.log_cursor import log_cursor
from agents.kafka.topics import chosen_partitions, partitions_of
from agents.settings import Settings
from agents.topic_roles import JOURNAL
from schemas.codec import canonical_json, format_instant
from schemas.headers import line_number


class Exported(NamedTuple):
    """What was written: how many lines, the number of the first (1 unless retention has taken older ones), and the
    snapshot that it follows, as its file, if there is one.
    """

    lines: int
    first_line: int
    snapshot: bytes | None


def export_journal(settings: Settings, partition: int, out: BinaryIO) -> Exported:
    """Write the lines of one journal partition as they stand now."""

    async def export() -> Exported:
        chosen_partitions([partition], await partitions_of(settings, JOURNAL))
        first, last = 0, 0
        async with log_cursor(settings) as cursor:
            begin = await beginning_of(settings, cursor, partition)
            async for records in records_of(settings, cursor, partition, begin):
                for record in records:
                    number, line = _line_in(record)
                    if last and number != last + 1:
                        raise UserError(
                            f"Line {last} of partition {partition} of {record.topic} is followed by line {number}: the "
                            "broker has lost part of the journal; restore the topic from a replica or a backup."
                        )
                    first, last = first or number, number
                    out.write(line)
            return Exported(last - first + 1 if last else 0, first or 1, await begin.snapshot_file())

    return run_with_broker(settings, export)


def _line_in(record: Record) -> tuple[int, bytes]:
    """Its running number, and itself for a file. UserError where somebody else wrote it."""
    try:
        return line_number(record.headers), file_line(record)
    except (KeyError, TypeError, ValueError):
        raise UserError(
            f"The record {record.topic}/{record.partition}/{record.offset} is no journal line: somebody else wrote to "
            "that topic; let nobody but the workers write there (ACLs), and restore the topic from a backup as it was "
            "before that record."
        ) from None


def file_line(record: Record) -> bytes:
    """A journal record as a line of a file."""
    value = orjson.loads(record.value or b"")
    return canonical_json({**value, "journaled_at": format_instant(record.timestamp)}) + b"\n"
