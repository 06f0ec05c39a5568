"""Where a journal is read from, a cluster or an exported file: either gives batches of lines, and has a name.

Read-only, in no group, committed records. What retention has taken from a topic is read from the archive where
there is one. A file knows neither offsets nor origins.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

from agents.errors import UserError
from agents.files import opened
from agents.journal.archive import archived_records
from agents.journal.beginning import Beginning
from agents.journal.lines import TICK, JournalCheck, JournalError, JournalLine, JournalSource, confirm, exported_line
from agents.journal.records import Record
from agents.kafka.log_cursor import LogCursor
from agents.settings import Settings
from agents.topic_roles import JOURNAL
from schemas.notifications import Notification, StateSealed
from streams.engine import Line
from streams.routing import account_key

BATCH_LINES = 2_000


@asynccontextmanager
async def from_cluster(
    settings: Settings,
    cursor: LogCursor,
    partition: int,
    check: JournalCheck,
    begin: Beginning,
    until_line: int | None = None,
) -> AsyncIterator[JournalSource]:
    """A partition of the journal as it stands now, from its beginning on, to a line or to its end."""
    async with aclosing(live_lines(records_of(settings, cursor, partition, begin), check, until_line)) as batches:
        yield JournalSource(f"Partition {partition} of the journal", partition, batches)


async def records_of(
    settings: Settings, cursor: LogCursor, partition: int, begin: Beginning
) -> AsyncGenerator[Sequence[Record], None]:
    """Its records in batches: first those of the archive, then those of the topic, to where it ends now."""
    await cursor.start(settings.topic(JOURNAL), partition, from_offset=begin.from_offset)
    if begin.archive is not None:
        async for archived in archived_records(begin.archive, begin.segments, begin.behind_line):
            yield archived
    while records := await cursor.batch():
        yield records


@asynccontextmanager
async def from_file(
    file: str, account: str | None = None, start: StateSealed | None = None
) -> AsyncIterator[JournalSource]:
    """An exported journal; where an account is named, the lines of others come as ticks.

    With `start` it begins behind what a snapshot's seal says, with that very seal.
    """
    async with aclosing(file_lines(file, account, start)) as batches:
        yield JournalSource(file, 0, batches)


async def live_lines(
    records: AsyncGenerator[Sequence[Record], None], check: JournalCheck, until_line: int | None = None
) -> AsyncGenerator[list[JournalLine], None]:
    """These records as lines, the last of them `until_line` where there is one.

    JournalError at the first that is none, behind the lines before it.
    """
    async with aclosing(records):
        async for some in records:
            for start in range(0, len(some), BATCH_LINES):
                lines: list[JournalLine] = []
                try:
                    for record in some[start : start + BATCH_LINES]:
                        lines.append(check.line(record))
                        if check.last_line == until_line:
                            yield lines
                            return
                except JournalError:
                    yield lines
                    raise
                yield lines


async def file_lines(
    file: str, account: str | None = None, start: StateSealed | None = None
) -> AsyncGenerator[list[JournalLine], None]:
    """The lines of an exported journal (`dueclock journal export`); blank lines are skipped."""
    lines: list[JournalLine] = []
    first = number = 0 if start is None else start.line
    last_ms = 0
    with opened(file, "rb", "--journal") as stream:
        for raw in stream:
            if not (text := raw.strip(b" \t\r\n")):
                continue
            number += 1
            try:
                body, journal_ms = exported_line(text, number, file, is_first=start is None and number == 1)
            except UserError:
                yield lines
                raise
            if start is not None and number == first + 1:
                confirm(start, body, file)
            if journal_ms < last_ms:
                yield lines
                raise JournalError("its journal time lies before that of the line before it", line=number)
            last_ms = journal_ms
            if account is not None and isinstance(body, Notification) and account_key(body) != account:
                body = TICK
            lines.append(JournalLine(Line(number, journal_ms, body), None, None))
            if len(lines) == BATCH_LINES:
                yield lines
                lines = []
    yield lines
