"""`dueclock journal export`: one partition's journal lines as a file for `dueclock replay` (contract §7).

In the order of the partition, committed lines only, ticks and activations included; `journaled_at` is the record's
timestamp. The running numbers of the lines are checked: a journal with a gap is no journal.
"""

from collections.abc import AsyncIterator
from typing import BinaryIO, NamedTuple

import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from agents.errors import UserError
from agents.kafka.clients import reader, run_with_broker
from agents.settings import Settings
from agents.topic_roles import JOURNAL
from schemas.codec import canonical_json, format_instant
from schemas.headers import line_number


class Exported(NamedTuple):
    """What was written: how many lines, and the number of the first (1 unless retention has taken older ones)."""

    lines: int
    first_line: int


def export_journal(settings: Settings, partition: int, out: BinaryIO) -> Exported:
    """Write the lines of one journal partition as they stand now."""

    async def export() -> Exported:
        first, last = 0, 0
        async with reader(settings, fetch_max_wait_ms=100) as consumer:
            async for record in journal_records(consumer, settings, partition):
                number = line_number(record.headers)
                if last and number != last + 1:
                    raise UserError(
                        f"Line {last} of partition {partition} of {record.topic} is followed by line {number}: the "
                        "broker has lost part of the journal; restore the topic from a replica or a backup."
                    )
                first, last = first or number, number
                out.write(file_line(record))
        return Exported(last - first + 1 if last else 0, first or 1)

    return run_with_broker(settings, export)


async def journal_records(
    consumer: AIOKafkaConsumer, settings: Settings, partition: int
) -> AsyncIterator[ConsumerRecord]:
    """The committed records of a journal partition, from its first to the last that stands now."""
    topic = settings.topic(JOURNAL)
    partitions = (await consumer._client.fetch_all_metadata()).partitions_for_topic(topic)  # noqa: SLF001 - no public way asks the broker anew
    if not partitions:
        raise UserError(f"There is no topic {topic} at {settings.broker}; `dueclock topics create` makes the topics.")
    if partition not in partitions:
        raise UserError(f"The topic {topic} has no partition {partition}; it has 0 to {max(partitions)}.", 2)
    source = TopicPartition(topic, partition)
    consumer.assign([source])
    await consumer.seek_to_beginning(source)
    end = (await consumer.end_offsets([source]))[source]
    while await consumer.position(source) < end:
        for records in (await consumer.getmany(source, timeout_ms=200)).values():
            for record in records:
                if record.offset < end:
                    yield record


def file_line(record: ConsumerRecord) -> bytes:
    """A journal record as a line of a file."""
    said = orjson.loads(record.value)
    return canonical_json({**said, "journaled_at": format_instant(record.timestamp)}) + b"\n"
