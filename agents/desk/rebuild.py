"""`dueclock rebuild`: the rows of a partition and what is missing on its output topics, made again from its journal.

For a changelog that was deleted, or a transaction of which a broker lost a part (the worker then refuses to start). The
journal is the truth: it is folded from its first line by the same `step`, what it calls for is sent where it is missing
(the exact bytes) and nothing twice, and rows are written or taken away until they are those of the fold. The audit that
comes first proves the states that snapshots have; what lies before the last of them is not folded again. Input
positions come from the origins in journal, dead letters and `sla-repartition`. What cannot be mended is said and left.

The order makes a kill at any point harmless: the earlier owner is fenced by the partition's own transactional id; every
transaction is a step forward; the partition's row, without which no worker starts, is in the last one.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import NamedTuple

import msgspec
from aiokafka import TopicPartition
from aiokafka.errors import ProducerFenced

from agents.auditing.audit import audit_live, processes_for
from agents.auditing.partition_audit import Audited
from agents.auditing.refold import Expected, Fold
from agents.desk.hanging import hanging
from agents.errors import COULD_NOT_RUN, UserError
from agents.journal.beginning import beginning_behind
from agents.journal.lines import JournalCheck, Progress
from agents.journal.source import live_lines, records_of
from agents.kafka.batches import Fetched
from agents.kafka.group import members_of
from agents.kafka.log_cursor import log_cursor
from agents.kafka.log_reader import log_reader
from agents.kafka.topics import chosen_partitions, partitions_of
from agents.kafka.transactions import BrokerAwayError, Outbox, Transactions, transactions_of
from agents.parallel import side_by_side
from agents.settings import Settings
from agents.topic_roles import CHANGELOG, DEAD_LETTER, JOURNAL, READ_TOPICS, REPARTITION, WRITTEN_TOPICS
from schemas.answers.findings import Finding
from schemas.dead_letters import HEADER_OFFSET, HEADER_PARTITION, HEADER_TOPIC
from schemas.headers import HEADER_ORIGIN, Origin, texts_of
from schemas.notifications import StateSealed
from schemas.registry import Logical
from streams.logic import OtherVersionError, check_logic
from streams.row_codec import decode_partition, encode_row
from streams.rows import PARTITION_KEY, PartitionRow, RowError

RECORDS_AT_ONCE = 2_000
"""In one transaction."""
_HANGS = "a broker never ended a transaction in this partition: rebuild without --dry-run ends it, then looks again"


class Rebuilt(NamedTuple):
    """One partition: what was sent by topic, rows written and taken away, and the differences that remain."""

    partition: int
    lines: int
    sent: dict[str, int]
    rows: int
    tombstones: int
    left: list[Finding]
    ended: int = 0
    """Topics in which a hanging transaction was ended (agents/desk/hanging.py)."""

    @property
    def is_changed(self) -> bool:
        """Whether anything was to be done."""
        return bool(self.sent or self.rows or self.tombstones or self.ended)


async def rebuild(
    settings: Settings,
    wanted: Sequence[int],
    *,
    is_forced: bool,
    is_dry: bool,
    progress: Progress,
    processes: int | None = None,
) -> list[Rebuilt]:
    """Rebuild these partitions, or all, several at a time as it pays; what was mended stays.

    UserError (status 2) where that cannot be done.
    """
    count = await partitions_of(settings, *WRITTEN_TOPICS, REPARTITION)
    chosen = chosen_partitions(wanted, count)
    if not is_forced:
        await refuse_while_workers_run(settings)
    try:
        if processes is None:
            processes = await processes_for(settings, chosen)
        beside = 1 if len(chosen) < processes else processes  # few are taken in turn, each in pieces side by side
        asked = [(settings, partition, count, is_dry, processes // beside) for partition in chosen]
        return await side_by_side(_rebuild_one, asked, progress, processes=beside)
    except ProducerFenced:
        raise UserError(
            "A worker took the partition over while it was rebuilt; stop all workers of the group and run it again.",
            COULD_NOT_RUN,
        ) from None
    except BrokerAwayError as error:
        raise UserError(
            f"The broker did not answer ({error}); run the same command again, it goes on where it was.", COULD_NOT_RUN
        ) from None


async def _rebuild_one(
    settings: Settings, partition: int, count: int, is_dry: bool, processes: int, progress: Progress
) -> Rebuilt:
    return await _Rebuild(settings, partition, count, is_dry=is_dry, processes=processes).mended(progress)


async def refuse_while_workers_run(settings: Settings) -> None:
    """UserError (status 2) while the group has members."""
    if members := [member.client_id for member in await members_of(settings, must_know=True)]:
        raise UserError(
            f"Workers of the group {settings.group} run ({', '.join(members)}); stop them (one that was killed counts "
            "until its session ends) and run it again, or fence them with --force: they end when they next write.",
            COULD_NOT_RUN,
        )


class _Rebuild:
    """One partition."""

    def __init__(self, settings: Settings, partition: int, count: int, *, is_dry: bool, processes: int) -> None:
        self._settings = settings
        self._partition = partition
        self._processes = processes
        self._count = count
        self._is_dry = is_dry
        self._inputs = set(map(settings.topic, READ_TOPICS))
        self._positions: dict[str, int] = {}
        self._sent: Counter[str] = Counter()
        self._ended = 0
        self._journal = b""
        self._sealed_ms = 0
        """Journal time of the last seal, or of the first line."""
        self._producer: Transactions | None = None

    async def mended(self, progress: Progress) -> Rebuilt:
        """Fence, look, send what is missing, write the rows."""
        producer = transactions_of(self._settings, self._partition)
        try:
            if not self._is_dry:
                await producer.start()
                self._producer = producer
            return await self._mend(progress)
        finally:
            await producer.stop()

    async def _mend(self, progress: Progress) -> Rebuilt:
        audited = await self._audited(progress)
        found = await self._rows()
        row = _partition_row(found)
        if (hangs := await hanging(self._settings, self._partition)) is not None:
            if self._producer is None:
                return Rebuilt(self._partition, audited.lines, {}, 0, 0, [*audited.findings, self._finding(_HANGS)])
            is_commit = hangs.is_to_commit(last_line=audited.lines, told_line=_newest(audited), row=row)
            await self._producer.end_hanging(hangs.partitions, is_commit=is_commit)
            self._ended += len(hangs.partitions)
            audited, found = await self._audited(progress), await self._rows()
            row = _partition_row(found)
        if hopeless := self._hopeless(audited, row):
            return Rebuilt(self._partition, audited.lines, {}, 0, 0, [*audited.findings, *hopeless], self._ended)
        kept = await self._refolded(audited, progress)
        await self._add_own_row(kept, row)
        written, taken = await self._write_rows(kept, found)
        left = [one for one in audited.findings if one.kind != "missing"]
        if self._sent and not self._is_dry:
            left = (await self._audited(progress)).findings
        return Rebuilt(
            self._partition, audited.lines, dict(sorted(self._sent.items())), written, taken, left, self._ended
        )

    async def _audited(self, progress: Progress) -> Audited:
        (audited,) = await audit_live(self._settings, [self._partition], progress, processes=self._processes)
        return audited

    async def _rows(self) -> dict[bytes, bytes]:
        async with log_reader(self._settings) as reader:
            return (await reader.rows(self._settings.topic(CHANGELOG), [self._partition]))[self._partition]

    def _hopeless(self, audited: Audited, row: PartitionRow) -> list[Finding]:
        """Why nothing may be written: lines of the journal that others tell of are not there, or are no lines."""
        if any(one.kind == "journal" for one in audited.findings):
            return [self._finding("the journal itself is broken, so nothing was written; restore it first")]
        told = _newest(audited)
        if max(told, row.lines) > audited.lines:
            return [
                self._finding(
                    f"it ends with line {audited.lines}, but rows or outputs tell of line {max(told, row.lines)}: "
                    "the journal has lost lines, so nothing was written; restore it first"
                )
            ]
        return []

    def _finding(self, sentence: str) -> Finding:
        return Finding("journal", self._partition, JOURNAL, None, None, None, sentence)

    # --- from the logs -----------------------------------------------------------------------------------------------

    async def _refolded(self, audited: Audited, progress: Progress) -> dict[bytes, bytes]:
        """Fold once more what is needed: send the events that are missing on the way; the rows that it ends with.

        Needed is all of it, unless the audit has proved states that stood in between: then what brought the missing
        events, and what lies behind the last of these states.
        """
        missing = {(one.topic, one.output_id) for one in audited.findings if one.kind == "missing"}
        lines = {one.line or 0 for one in audited.findings if one.kind == "missing"}
        for origin, offset in audited.taken.items():
            self._finished(f"{origin}/{offset}")
        kept: dict[bytes, bytes] = {}
        for behind, last in zip((0, *audited.proved), (*audited.proved, None), strict=True):
            if last is None or any(behind < line <= last for line in lines):
                kept = await self._sent_again(missing, behind, None if last is None else last + 1, progress)
        return kept

    async def _sent_again(
        self, missing: set[tuple[str, str | None]], behind_line: int, until_line: int | None, progress: Progress
    ) -> dict[bytes, bytes]:
        """Fold from the state of a line (0: from the beginning) to a line, or to the end; the rows that stand then."""
        outbox, count = Outbox(), 0
        async with log_cursor(self._settings) as cursor:
            begin = await beginning_behind(self._settings, cursor, self._partition, behind_line)
            fold = Fold(self._partition, has_headers=True, start=begin.start)
            kept = fold.rows = {} if begin.start is None else dict(begin.start.rows)
            check = JournalCheck(self._partition, self._count, start=begin.seal)
            records = records_of(self._settings, cursor, self._partition, begin)
            async with aclosing(live_lines(records, check, until_line)) as batches:
                async for lines in batches:
                    count += self._put_missing(outbox, fold.expected(lines), missing)
                    for line in lines:
                        if not self._sealed_ms or isinstance(line.line.body, StateSealed):
                            self._sealed_ms = line.line.journal_ms
                    if count >= RECORDS_AT_ONCE:
                        await self._write(outbox)
                        outbox, count = Outbox(), 0
                    progress(self._partition, fold.state.lines)
        await self._write(outbox)
        self._journal = check.journal
        return kept

    def _put_missing(self, outbox: Outbox, expected: Expected, missing: set[tuple[str, str | None]]) -> int:
        count = 0
        for topic, events in expected.items():
            for _, event, of_line in events:
                if (topic, event.output_id) in missing:
                    name, headers = self._settings.topic(topic), [] if of_line is None else event.headed(*of_line)
                    outbox.put(name, self._partition, event.account.encode(), event.value, headers=headers)
                    self._sent[topic] += 1
                    count += 1
        return count

    async def _add_own_row(self, kept: dict[bytes, bytes], row: PartitionRow) -> None:
        """The partition's row: it goes on behind the last record of each input that is told of anywhere."""
        async for letter in self._records(DEAD_LETTER, self._partition):
            headers = texts_of(letter.headers)
            self._finished("/".join(headers.get(name, "") for name in (HEADER_TOPIC, HEADER_PARTITION, HEADER_OFFSET)))
        for partition in range(self._count):  # what was misrouted went to where its account is at home
            async for record in self._records(REPARTITION, partition):
                self._finished(texts_of(record.headers).get(HEADER_ORIGIN, ""))
        for (
            topic,
            position,
        ) in row.notes.positions.items():  # behind markers of transactions, or letters that have expired
            self._positions[topic] = max(position, self._positions.get(topic, 0))
        async with log_reader(self._settings) as reader:
            ends = await reader.ends(TopicPartition(topic, self._partition) for topic in sorted(self._inputs))
        for tp, end in ends.items():  # nothing of it was ever finished
            self._positions.setdefault(tp.topic, end.first)
        if PARTITION_KEY in kept:
            rebuilt = decode_partition(kept[PARTITION_KEY])
            is_known = (row.lines, row.notes.journal) == (rebuilt.lines, self._journal)
            every_ms = self._settings.seal_every_s * 1000
            sealed_period = self._sealed_ms // every_ms if every_ms else 0
            rebuilt.notes = msgspec.structs.replace(
                row.notes,
                positions=self._positions,
                journal=self._journal,
                sealed_period=row.notes.sealed_period if is_known else sealed_period,
            )
            kept[PARTITION_KEY] = encode_row(rebuilt)

    async def _records(self, logical: Logical, partition: int) -> AsyncIterator[Fetched]:
        async with log_cursor(self._settings) as cursor:
            await cursor.start(self._settings.topic(logical), partition)
            while records := await cursor.batch():
                for record in records:
                    yield record

    def _finished(self, told: str | None) -> None:
        origin = Origin.parse(told or "")
        if origin is not None and origin.topic in self._inputs and origin.partition == self._partition:
            self._positions[origin.topic] = max(self._positions.get(origin.topic, 0), origin.offset + 1)

    # --- to the logs -------------------------------------------------------------------------------------------------

    async def _write_rows(self, kept: dict[bytes, bytes], found: dict[bytes, bytes]) -> tuple[int, int]:
        """Write what differs, the partition's row last; how many rows were written and how many taken away."""
        changes: list[tuple[bytes, bytes | None]] = []
        for key in sorted(kept.keys() | found.keys(), key=lambda key: (key == PARTITION_KEY, key)):
            if kept.get(key) != found.get(key):
                changes.append((key, kept.get(key)))
        for start in range(0, len(changes), RECORDS_AT_ONCE):
            outbox = Outbox()
            for key, value in changes[start : start + RECORDS_AT_ONCE]:
                outbox.put(self._settings.topic(CHANGELOG), self._partition, key, value)
            await self._write(outbox)
        taken = sum(value is None for _, value in changes)
        return len(changes) - taken, taken

    async def _write(self, outbox: Outbox) -> None:
        if outbox and self._producer is not None:
            await self._producer.write(outbox)


def _newest(audited: Audited) -> int:
    """The newest line that events tell of which the journal does not call for."""
    return max((one.line or 0 for one in audited.findings if one.kind == "extra"), default=0)


def _partition_row(rows: dict[bytes, bytes]) -> PartitionRow:
    """The partition's row as it is; an empty one where there is none that can be read.

    Rows in the form of another version of the program are none: they are made anew in this one's. UserError (status 2)
    where a logic was in force that this program does not keep.
    """
    try:
        row = decode_partition(rows[PARTITION_KEY])
    except (KeyError, RowError, OtherVersionError):
        return PartitionRow()
    try:
        if row.logic:
            check_logic(row.logic)
    except OtherVersionError as error:
        raise UserError(f"Nothing was rebuilt: {error}", COULD_NOT_RUN) from None
    return row
