"""Whether events that the journal calls for stand on their topics, and where. Read-only, committed records only."""

from collections.abc import Sequence
from typing import NamedTuple

from aiokafka import ConsumerRecord

from agents.auditing import comparison
from agents.kafka.log_cursor import LogCursor, log_cursor
from agents.settings import Settings
from schemas.headers import line_of
from streams.events import SlaEvent


class Wanted(NamedTuple):
    """An event to look for, the line that brought it, and what was in force: digest of the policies, logic."""

    event: SlaEvent
    line: int
    digest: str
    logic: int


class Sent(NamedTuple):
    """What stands on the topic. `status`: there, different, missing, or gone (retention took its part of the topic)."""

    topic: str
    status: str
    offset: int | None
    record: ConsumerRecord | None


async def look_up(settings: Settings, partition: int, wanted: Sequence[Wanted]) -> dict[str, Sent]:
    """Look for these events of one partition, byte for byte, by output id."""
    sent: dict[str, Sent] = {}
    async with log_cursor(settings) as cursor:
        for topic in sorted({one.event.topic for one in wanted}):
            mine = {one.event.output_id: one for one in wanted if one.event.topic == topic}
            sent |= await _in_topic(cursor, settings.topic(topic), partition, mine)
    return sent


async def _in_topic(cursor: LogCursor, topic: str, partition: int, wanted: dict[str, Wanted]) -> dict[str, Sent]:
    await cursor.start(topic, partition)
    found: dict[str, Sent] = {}
    first_line: int | None = None
    while len(found) < len(wanted) and (records := await cursor.batch()):
        for record in records:
            if first_line is None:
                first_line = line_of(record.headers)
            names = comparison.names_of(comparison.Sent(record.key, record.value, record.headers))
            for name in wanted.keys() & set(names):
                found.setdefault(name, _judged(topic, record, wanted[name]))
    for name, one in wanted.items():
        is_gone = cursor.first > 0 and (first_line is None or one.line < first_line)
        found.setdefault(name, Sent(topic, "gone" if is_gone else "missing", None, None))
    return found


def _judged(topic: str, record: ConsumerRecord, wanted: Wanted) -> Sent:
    event = wanted.event
    headers = event.headers(wanted.line, wanted.digest, wanted.logic)
    is_same = (record.key, record.value, list(record.headers)) == (event.account.encode(), event.value, headers)
    return Sent(topic, "there" if is_same else "different", record.offset, record)
