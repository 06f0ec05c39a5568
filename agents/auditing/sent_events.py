"""Whether events that the journal calls for stand on their topics, and where. Read-only, committed records only."""

from collections.abc import Sequence

from agents.auditing import comparison
from agents.auditing.sightings import Sighting, Wanted
from agents.journal.records import Record
from agents.kafka.log_cursor import LogCursor, log_cursor
from agents.settings import Settings
from schemas.headers import line_of


async def look_up(settings: Settings, partition: int, wanted: Sequence[Wanted]) -> dict[str, Sighting]:
    """Look for these events of one partition, byte for byte, by output id."""
    sent: dict[str, Sighting] = {}
    async with log_cursor(settings) as cursor:
        for topic in sorted({one.event.topic for one in wanted}):
            mine = {one.event.output_id: one for one in wanted if one.event.topic == topic}
            sent |= await _in_topic(cursor, settings.topic(topic), partition, mine)
    return sent


async def _in_topic(cursor: LogCursor, topic: str, partition: int, wanted: dict[str, Wanted]) -> dict[str, Sighting]:
    await cursor.start(topic, partition)
    found: dict[str, Sighting] = {}
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
        found.setdefault(name, Sighting(topic, "gone" if is_gone else "missing", None, None))
    return found


def _judged(topic: str, record: Record, wanted: Wanted) -> Sighting:
    event = wanted.event
    headers = event.headers(wanted.line, wanted.digest, wanted.logic)
    is_same = (record.key, record.value, list(record.headers)) == (event.account.encode(), event.value, headers)
    return Sighting(topic, "there" if is_same else "different", record.offset, record)
