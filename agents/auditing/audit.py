"""`dueclock audit`: does everything that was sent follow from the journal, once, and is nothing that follows missing?

Each journal partition is folded again from its first line, by the same `step`, under the policies that stand in it, and
held against the output topics (`agents/auditing/comparison.py`). Read-only: consumers in no group, committed records.
The bound is where the journal ends when the audit of its partition starts; events of later lines are counted, not
judged.
From files: an exported journal against a file of events, of which only the values are known.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from time import monotonic
from typing import NamedTuple

import orjson
from aiokafka import TopicPartition

from agents.auditing.border import border_differences
from agents.auditing.comparison import Comparison, Found, Sent, names_of
from agents.auditing.refold import Expected, Fold
from agents.errors import UserError
from agents.files import opened
from agents.journal.beginning import Beginning, at_snapshot, beginning_of
from agents.journal.lines import JournalCheck, JournalError, JournalLine, Progress
from agents.journal.notes import kept_notes
from agents.journal.records import Record, Snapshot
from agents.journal.source import from_cluster, from_file
from agents.kafka.log_cursor import LogCursor, log_cursor
from agents.kafka.log_reader import log_reader
from agents.kafka.topics import chosen_partitions, has_topic, partitions_of
from agents.parallel import LEAST_RECORDS, cores, side_by_side
from agents.settings import Settings
from agents.topic_roles import CHANGELOG, JOURNAL, OUTPUTS
from schemas.answers.findings import Finding
from schemas.codec import format_instant
from schemas.events import topic_of
from schemas.headers import line_of
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


class OutputReader:
    """One output topic's partition, read along with the fold; what lines before `from_line` brought is passed over."""

    def __init__(self, topic: Logical, cursor: LogCursor, from_line: int = 1) -> None:
        self._from_line = from_line
        self.topic = topic
        self.cursor = cursor
        self.first_line: int | None = None
        self.later: list[Found] = []
        self._held: list[Found] = []

    async def take(self, until_line: int) -> list[Found]:
        """The records up to the first that bears the number of a line beyond `until_line`."""
        taken: list[Found] = []
        while self._held or await self._fetch():
            for index, found in enumerate(self._held):
                if found.line is not None and found.line > until_line:
                    taken.extend(self._held[:index])
                    self._held = self._held[index:]
                    return taken
            taken.extend(self._held)
            self._held = []
        return taken

    async def rest(self, until_line: int) -> AsyncIterator[list[Found]]:
        """All that stands in the topic now; what lines beyond `until_line` brought is put aside."""
        await self.cursor.look_again()
        while self._held or await self._fetch():
            self.later.extend(found for found in self._held if found.line is not None and found.line > until_line)
            yield [found for found in self._held if found.line is None or found.line <= until_line]
            self._held = []

    async def _fetch(self) -> bool:
        while records := await self.cursor.batch():
            found = [_found(record) for record in records]
            if self.first_line is None:
                self.first_line = found[0].line
            self._held = [one for one in found if one.line is None or one.line >= self._from_line]
            if self._held:
                return True
        return False


def _found(record: Record) -> Found:
    return Found(line_of(record.headers), record.offset, Sent(record.key, record.value, tuple(record.headers)))


async def audit_live(
    settings: Settings,
    wanted: Sequence[int],
    progress: Progress,
    starts: Mapping[int, Snapshot] | None = None,
    *,
    processes: int | None = None,
) -> list[Audited]:
    """Audit these partitions of a cluster, or all of them; from its snapshot on where there is one in `starts`.

    Several at a time, in so many processes; None: as it pays.
    UserError (status 2) where that cannot be done.
    """
    starts = starts or {}
    count = await partitions_of(settings, JOURNAL, *OUTPUTS)
    chosen = chosen_partitions((*wanted, *starts), count)
    if processes is None:
        processes = await processes_for(settings, chosen)
    asked = [(settings, partition, count, starts.get(partition)) for partition in chosen]
    audited = await side_by_side(_audit_one, asked, progress, processes=processes)
    notes = await kept_notes(settings, chosen) if await has_topic(settings, CHANGELOG) else {}
    return [
        one._replace(lost=tuple(notes[one.partition].lost), lost_records=notes[one.partition].lost_records)
        if one.partition in notes
        else one
        for one in audited
    ]


async def _audit_one(
    settings: Settings, partition: int, count: int, start: Snapshot | None, progress: Progress
) -> Audited:
    """Audit one partition of so many, with readers of its own."""
    async with AsyncExitStack() as stack:
        journal = await stack.enter_async_context(log_cursor(settings))
        cursors = {topic: await stack.enter_async_context(log_cursor(settings)) for topic in OUTPUTS}
        begin = await beginning_of(settings, journal, partition) if start is None else at_snapshot(start)
        check = JournalCheck(partition, count, start=None if begin.start is None else begin.start.seal)
        return await _Live(settings, partition, journal, cursors, begin).audit(check, progress)


async def processes_for(settings: Settings, partitions: Sequence[int]) -> int:
    """How many processes it takes to read these partitions of the journal: one for each core, if they are long."""
    if len(partitions) <= 1 or cores() == 1:
        return 1
    topic = settings.topic(JOURNAL)
    async with log_reader(settings) as reader:
        ends = await reader.ends(TopicPartition(topic, partition) for partition in partitions)
    records = sum(end.next - end.first for end in ends.values())
    return cores() if records >= LEAST_RECORDS else 1


class _Live:
    """One partition of a cluster."""

    def __init__(
        self,
        settings: Settings,
        partition: int,
        journal: LogCursor,
        cursors: dict[Logical, LogCursor],
        begin: Beginning,
    ) -> None:
        self._settings = settings
        self._partition = partition
        self._journal = journal
        self._begin = begin
        self._fold = Fold(partition, has_headers=True, start=begin.start)
        self._outputs = [OutputReader(topic, cursor, self._fold.first_line) for topic, cursor in cursors.items()]
        self._comparison = Comparison(partition, OUTPUTS)

    async def audit(self, check: JournalCheck, progress: Progress) -> Audited:
        comparison = self._comparison
        for output in self._outputs:
            await output.cursor.start(self._settings.topic(output.topic), self._partition)
        async with from_cluster(self._settings, self._journal, self._partition, check, self._begin) as source:
            broken = await self._folded(source.batches, progress)
        lines = self._fold.state.lines
        start = self._begin.start
        if start is not None and not self._fold.seals:
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
        comparison.close(await self._first_offsets())
        self._comparison.findings += self._border(check)
        return _audited(comparison, self._fold, broken, sum(len(output.later) for output in self._outputs))

    def _border(self, check: JournalCheck) -> list[Finding]:
        """What does not agree with the generation of partitions before this one, where there was one."""
        begin, store = self._begin, self._begin.store
        if begin.start is None or store is None or not check.inherited:
            return []
        sentences = border_differences(store, check.inherited, self._partition, check.partitions, begin.start)
        return [Finding("journal", self._partition, JOURNAL, 1, None, None, sentence) for sentence in sentences]

    async def _folded(
        self, batches: AsyncGenerator[list[JournalLine], None], progress: Progress
    ) -> JournalError | None:
        try:
            async for lines in batches:
                await self._compare(self._fold.expected(lines))
                if self._fold.broken is not None:
                    return self._fold.broken
                progress(self._partition, self._fold.state.lines)
        except JournalError as error:
            return error
        return None

    async def _compare(self, expected: Expected) -> None:
        for output in self._outputs:
            found = await output.take(self._fold.state.lines)
            self._comparison.hold(output.topic, expected[output.topic], found)

    async def _rest(self, lines: int) -> None:
        """What the topics hold beyond where they ended at first; late markers are waited for."""
        deadline = monotonic() + LATE_MARKERS_S
        while True:
            for output in self._outputs:
                async for found in output.rest(lines):
                    self._comparison.hold(output.topic, [], found)
            if not self._comparison.awaited or monotonic() > deadline:
                return
            await asyncio.sleep(POLL_S)

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

    async def _first_offsets(self) -> dict[tuple[str, str], int]:
        """Where the ids of strays stand first: the topics are read again, only where there are any."""
        first: dict[tuple[str, str], int] = {}
        strays = self._comparison.strays()
        for output in self._outputs:
            if ids := strays.get(output.topic):
                await output.cursor.start(self._settings.topic(output.topic), self._partition)
                while records := await output.cursor.batch():
                    for record in records:
                        for name in ids.intersection(names_of(_found(record).sent)):
                            first.setdefault((output.topic, name), record.offset)
        return first


def _audited(comparison: Comparison, fold: Fold, broken: JournalError | None, later: int) -> Audited:
    findings = comparison.findings
    if broken is not None:
        sentence = f"{broken.sentence}; nothing beyond it is judged"
        findings.append(Finding("journal", comparison.partition, JOURNAL, broken.line, broken.offset, None, sentence))
    policies = tuple(fold.policies)
    return Audited(
        comparison.partition,
        fold.state.lines,
        comparison.events,
        policies,
        tuple(fold.logics),
        later,
        comparison.gone,
        fold.seals,
        fold.first_line,
        findings,
    )


async def audit_files(
    journal: str, events: Sequence[str], progress: Progress, start: Snapshot | None = None
) -> list[Audited]:
    """Audit an exported journal against files of the events that its partition sent, in any order.

    From a snapshot on, where the journal's head is gone: the events are then those that its lines brought, no others.
    """
    fold = Fold(0, has_headers=False, start=start)
    comparison = Comparison(0, OUTPUTS, is_order_known=False)
    since = b"" if start is None else format_instant(fold.state.journal_ms).encode()
    try:
        async with from_file(journal, start=None if start is None else start.seal) as source:
            async for lines in source.batches:
                for topic, expected in fold.expected(lines).items():
                    comparison.hold(topic, expected, [])
                if fold.broken is not None:
                    break
                progress(0, fold.state.lines)
    except JournalError as error:
        fold.broken = error
    bound = None if fold.broken is None else format_instant(fold.state.journal_ms).encode()
    for place, (topic, value) in enumerate(_values(events), 1):
        found = Found(None, place, Sent(None, value, None))
        decided_at = _decided_at(value)
        is_judged = (bound is None or decided_at < bound) and (not since or decided_at > since)
        if is_judged or comparison.is_awaited(topic, found.sent):
            comparison.hold(topic, [], [found])
    first: dict[tuple[str, str], int] = {}
    strays = comparison.strays()
    if strays:
        for place, (topic, value) in enumerate(_values(events), 1):
            for name in strays.get(topic, set()).intersection(names_of(Sent(None, value, None))):
                first.setdefault((topic, name), place)
    comparison.close(first)
    return [_audited(comparison, fold, fold.broken, 0)]


_DECIDED_AT = b'"decided_at":"'


def _decided_at(value: bytes) -> bytes:
    """When an event was decided, as it says: nothing is judged before a snapshot, or where the journal broke off."""
    return value.partition(_DECIDED_AT)[2].partition(b'"')[0]


def _values(files: Sequence[str]) -> Iterator[tuple[Logical, bytes]]:
    """The events of these files, each with the topic of its type; what has none is looked for where most are."""
    for file in files:
        with opened(file, "rb", "--events") as stream:
            for raw in stream:
                if value := raw.strip(b" \t\r\n"):
                    try:
                        event = orjson.loads(value)
                        yield topic_of(event["type"], event.get("of")), value
                    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
                        yield topic_of("clock.opened", None), value
