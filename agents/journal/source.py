"""Where a journal is read from, a cluster or an exported file: either gives batches of lines, and has a name.

Read-only, in no group, committed records. A file knows neither offsets nor origins.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

from agents.errors import UserError
from agents.files import opened
from agents.journal.lines import TICK, JournalCheck, JournalError, JournalLine, JournalSource, exported_line
from agents.kafka.log_cursor import LogCursor
from agents.settings import Settings
from agents.topic_roles import JOURNAL
from schemas.notifications import Notification
from streams.engine import Line
from streams.routing import account_key

BATCH_LINES = 2_000


@asynccontextmanager
async def from_cluster(
    settings: Settings, cursor: LogCursor, partition: int, check: JournalCheck, *, from_offset: int = 0
) -> AsyncIterator[JournalSource]:
    """A partition of the journal as it stands now, from this offset on."""
    await cursor.start(settings.topic(JOURNAL), partition, from_offset=from_offset)
    async with aclosing(live_lines(cursor, check)) as batches:
        yield JournalSource(f"Partition {partition} of the journal", partition, batches)


@asynccontextmanager
async def from_file(file: str, account: str | None = None) -> AsyncIterator[JournalSource]:
    """An exported journal; where an account is named, the lines of others come as ticks."""
    async with aclosing(file_lines(file, account)) as batches:
        yield JournalSource(file, 0, batches)


async def live_lines(cursor: LogCursor, check: JournalCheck) -> AsyncGenerator[list[JournalLine], None]:
    """The lines of the partition that the cursor stands in, to the cursor's end."""
    while records := await cursor.batch():
        for start in range(0, len(records), BATCH_LINES):
            lines: list[JournalLine] = []
            try:
                for record in records[start : start + BATCH_LINES]:
                    lines.append(check.line(record))
            except JournalError:
                yield lines
                raise
            yield lines


async def file_lines(file: str, account: str | None = None) -> AsyncGenerator[list[JournalLine], None]:
    """The lines of an exported journal (`dueclock journal export`); blank lines are skipped."""
    lines: list[JournalLine] = []
    number, last_ms = 0, 0
    with opened(file, "rb", "--journal") as stream:
        for raw in stream:
            if not (text := raw.strip(b" \t\r\n")):
                continue
            number += 1
            try:
                body, journal_ms = exported_line(text, number, file)
            except UserError:
                yield lines
                raise
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
