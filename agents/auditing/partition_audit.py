"""The audit of one partition of a cluster, or of a stretch of it: its journal folded, its topics read along.

Read-only: consumers in no group, committed records. The bound is where the journal ends when the audit starts; events
of later lines are counted, not judged. What a stretch leaves open is for whoever joins it with the others to say
(`agents/auditing/pieces.py`).
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from time import monotonic
from typing import NamedTuple

from agents.auditing.border import border_differences
from agents.auditing.comparison import Comparison
from agents.auditing.outputs import OutputReader, first_offsets
from agents.auditing.refold import Expected, Fold
from agents.errors import UserError
from agents.journal.beginning import Beginning, at_snapshot, beginning_behind
from agents.journal.lines import JournalCheck, JournalError, JournalLine, Progress
from agents.journal.records import Snapshot
from agents.journal.source import from_cluster
from agents.kafka.log_cursor import LogCursor, log_cursor
from agents.kafka.log_reader import log_reader
from agents.settings import Settings
from agents.topic_roles import JOURNAL, OUTPUTS
from schemas.answers.findings import Finding
from schemas.registry import Logical
from streams.rows import Lost

LATE_MARKERS_S = 3.0
"""A transaction becomes visible topic by topic: so long its events may come after its journal lines."""
POLL_S = 0.05


class Audited(NamedTuple):
    """One partition: what was folded and read, under which policies (digests) and logics, in their order.

    `later` counts events of lines beyond the bound, `gone` those that retention has taken, `seals` those that were
    found to be true. `from_line` is the first line that was folded. `lost` is input that no line tells of, since it was
    gone before it was read: the newest ranges; `lost_records` counts all.
    """

    partition: int
    lines: int
    events: dict[str, int]
    policies: tuple[str, ...]
    logics: tuple[int, ...]
    later: int
    gone: int
    seals: int
    from_line: int
    findings: list[Finding]
    lost: tuple[Lost, ...] = ()
    lost_records: int = 0
    taken: dict[str, int] = {}  # noqa: RUF012 - a tuple's field; nobody writes to it
    """The last offset of each input that a line came from, by topic and partition."""
    proved: tuple[int, ...] = ()
    """The lines whose snapshots were found to be the states that the lines before them give."""
    refused: tuple[str, ...] = ()
    """Of each snapshot that could not be begun at, a sentence: what follows it was folded from an earlier one."""


class Stretch(NamedTuple):
    """What is audited at a time: of a partition the lines behind the snapshot of `behind_line` (0: from where its
    journal begins), to the seal that `until_line` is (None: to its end), and of each output topic the records from one
    offset to another. No offsets: all of it.
    """

    partition: int
    behind_line: int = 0
    until_line: int | None = None
    first_line: int = 1
    """The first of the partition that is folded at all."""
    offsets: tuple[tuple[int, int | None], ...] = ()


class Part(NamedTuple):
    """What came of a stretch: `comparison` is not closed yet. `is_whole`: it ended where it was to end."""

    stretch: Stretch
    is_whole: bool
    comparison: Comparison
    lines: int
    seals: int
    policies: tuple[str, ...]
    logics: tuple[int, ...]
    later: int
    first_taken: dict[str, int]
    taken: dict[str, int]
    is_heir: bool
    """Whether a line of it names partitions of an older generation."""
    border: list[Finding]
    offsets: tuple[int | None, int | None]
    """Of its first journal record and of its last."""


class Refused(NamedTuple):
    """Why a stretch could not be begun."""

    sentence: str


async def audited(
    settings: Settings, stretch: Stretch, count: int, start: Snapshot | None, progress: Progress
) -> Audited | Part | Refused:
    """Audit a stretch of a partition, of so many, with readers of its own; from this snapshot on if there is one."""
    try:
        async with AsyncExitStack() as stack:
            journal = await stack.enter_async_context(log_cursor(settings))
            if start is None:
                begin = await beginning_behind(settings, journal, stretch.partition, stretch.behind_line)
            else:
                begin = at_snapshot(start)
            cursors = {topic: await stack.enter_async_context(log_cursor(settings)) for topic in OUTPUTS}
            check = JournalCheck(stretch.partition, count, start=begin.seal)
            audit = _PartitionAudit(settings, stretch, journal, cursors, begin, check)
            return await (audit.part(progress) if stretch.offsets else audit.whole(progress))
    except UserError as error:
        if not stretch.offsets:
            raise
        return Refused(error.sentence)


class _PartitionAudit:
    """One partition of a cluster, or a stretch of it."""

    def __init__(
        self,
        settings: Settings,
        stretch: Stretch,
        journal: LogCursor,
        cursors: dict[Logical, LogCursor],
        begin: Beginning,
        check: JournalCheck,
    ) -> None:
        self._settings = settings
        self._stretch = stretch
        self._partition = stretch.partition
        self._journal = journal
        self._cursors = cursors
        self._begin = begin
        self._check = check
        self._fold = Fold(self._partition, has_headers=True, start=begin.start)
        first_line = stretch.first_line if stretch.offsets else self._fold.first_line
        self._outputs = [OutputReader(topic, cursor, first_line) for topic, cursor in cursors.items()]
        self._comparison = Comparison(self._partition, OUTPUTS)
        self._first_offset: int | None = None

    async def whole(self, progress: Progress) -> Audited:
        """All of it. UserError (status 2) where nothing of it can be audited."""
        comparison, fold = self._comparison, self._fold
        broken = await self._read(progress)
        lines = fold.state.lines
        start = self._begin.start
        if start is not None and not fold.seals:
            raise UserError(
                f"No seal of partition {self._partition} confirms the snapshot of line {start.seal.line}"
                f"{'' if broken is None else f' ({broken.sentence})'}; take another snapshot, or audit from the start.",
                2,
            )
        if broken is not None and not lines:
            raise UserError(f"Partition {self._partition} of the journal cannot be audited: {broken.sentence}.", 2)
        await self._rest(lines)
        for output in self._outputs:
            if output.cursor.first:
                comparison.drop_before(output.topic, lines + 1 if output.first_line is None else output.first_line)
        if broken is None:
            await self._judge_later()
        comparison.close(await first_offsets(self._settings, self._cursors, comparison))
        comparison.findings += await self._border()
        later = sum(len(output.later) for output in self._outputs)
        return closed(comparison, fold, broken, later)._replace(taken=self._check.taken)

    async def part(self, progress: Progress) -> Part:
        """A stretch of it. UserError (status 2) where nothing confirms the snapshot that it begins at."""
        broken = await self._read(progress)
        fold, check, until_line = self._fold, self._check, self._stretch.until_line
        if self._first_offset is None:
            where = f"partition {self._partition}, line {self._stretch.behind_line}"
            raise UserError(f"No seal stands where the snapshot of {where} says.")
        # A name in the store may lie, and retention may have taken more since the partition was cut.
        begins_at = max(self._stretch.first_line, self._stretch.behind_line + 1)
        is_whole = broken is None and fold.seals > 0 and fold.first_line == begins_at
        if not is_whole:
            pass  # nobody joins it
        elif until_line is None:
            await self._rest(fold.state.lines)
            await self._judge_later()
        else:
            is_whole = fold.state.lines == until_line and check.sealed_offset == check.last_offset
            await self._hold_rest(None)
        return Part(
            self._stretch,
            is_whole and self._comparison.is_in_place(),
            self._comparison,
            fold.state.lines,
            fold.seals,
            tuple(fold.policies),
            tuple(fold.logics),
            sum(len(output.later) for output in self._outputs),
            check.first_taken,
            check.taken,
            bool(check.inherited),
            await self._border(),
            (self._first_offset, check.last_offset),
        )

    async def _read(self, progress: Progress) -> JournalError | None:
        """Fold and compare; what ended it before its end."""
        spans = self._stretch.offsets or ((0, None),) * len(self._outputs)
        for output, (first, before) in zip(self._outputs, spans, strict=True):
            topic = self._settings.topic(output.topic)
            await output.cursor.start(topic, self._partition, from_offset=first, before_offset=before)
        until_line = self._stretch.until_line
        cluster = from_cluster(self._settings, self._journal, self._partition, self._check, self._begin, until_line)
        async with cluster as source:
            return await self._folded(source.batches, progress)

    async def _folded(
        self, batches: AsyncGenerator[list[JournalLine], None], progress: Progress
    ) -> JournalError | None:
        try:
            async for lines in batches:
                if self._first_offset is None and lines:
                    self._first_offset = lines[0].offset
                await self._compare(self._fold.expected(lines))
                if self._fold.broken is not None:
                    return self._fold.broken
                progress(self._partition, self._fold.state.lines)
        except JournalError as error:
            return error
        return None

    async def _compare(self, expected: Expected) -> None:
        for output in self._outputs:
            await output.compare(self._comparison, expected[output.topic], self._fold.state.lines)

    async def _border(self) -> list[Finding]:
        """What does not agree with the generation of partitions before this one, where there was one."""
        begin, store, check = self._begin, self._begin.store, self._check
        if begin.start is None or store is None or not check.inherited:
            return []
        sentences = await border_differences(store, check.inherited, self._partition, check.partitions, begin.start)
        return [Finding("journal", self._partition, JOURNAL, 1, None, None, sentence) for sentence in sentences]

    async def _rest(self, lines: int) -> None:
        """What the topics hold beyond where they ended at first; late markers are waited for."""
        deadline = monotonic() + LATE_MARKERS_S
        while True:
            await self._hold_rest(lines)
            if not self._comparison.awaited or monotonic() > deadline:
                return
            await asyncio.sleep(POLL_S)

    async def _hold_rest(self, until_line: int | None) -> None:
        for output in self._outputs:
            async for found in output.rest(until_line):
                self._comparison.hold(output.topic, [], found)

    async def _judge_later(self) -> None:
        """Events that name lines which the journal does not have by now are extra."""
        newest = max((found.line or 0 for output in self._outputs for found in output.later), default=0)
        deadline, last = monotonic() + LATE_MARKERS_S, self._fold.state.lines
        topic = self._settings.topic(JOURNAL)
        while newest > last and monotonic() < deadline:
            async with log_reader(self._settings) as reader:
                last = (await reader.journal_ends(topic, [self._partition]))[self._partition].line
        for output in self._outputs:
            extra = [found for found in output.later if (found.line or 0) > last]
            output.later = [found for found in output.later if (found.line or 0) <= last]
            self._comparison.hold(output.topic, [], extra)


def closed(comparison: Comparison, fold: Fold, broken: JournalError | None, later: int) -> Audited:
    """What came of a journal that was folded as a whole."""
    findings = comparison.findings
    if broken is not None:
        sentence = f"{broken.sentence}; nothing beyond it is judged"
        findings.append(Finding("journal", comparison.partition, JOURNAL, broken.line, broken.offset, None, sentence))
    return Audited(
        comparison.partition,
        fold.state.lines,
        comparison.events,
        tuple(fold.policies),
        tuple(fold.logics),
        later,
        comparison.gone,
        fold.seals,
        fold.first_line,
        findings,
    )
