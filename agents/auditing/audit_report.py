"""What an audit found, for people and for scripts. The same differences give the same bytes of JSON."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn
from rich.text import Text

from agents.auditing.comparison import KINDS
from agents.auditing.partition_audit import Audited
from agents.journal.lines import Progress
from agents.terminal import table, telling
from schemas.answers.findings import Audit, AuditedPartition, Finding, LostInput
from schemas.codec import format_instant
from streams.rows import Lost

MOST_SHOWN = 1_000


def is_clean(audited: Sequence[Audited]) -> bool:
    """No finding at all."""
    return not any(one.findings for one in audited)


def as_json(audited: Sequence[Audited], most: int = MOST_SHOWN) -> Audit:
    """For scripts: counts of everything, and the first findings of each partition."""
    partitions = [
        AuditedPartition(
            partition=one.partition,
            lines=one.lines,
            from_line=one.from_line,
            seals=one.seals,
            events=one.events,
            policies=list(one.policies),
            logics=list(one.logics),
            later=one.later,
            gone=one.gone,
            lost_records=one.lost_records,
            lost=[_lost(range_) for range_ in one.lost],
            findings=_counts(one.findings),
        )
        for one in audited
    ]
    return Audit(
        clean=is_clean(audited),
        lines=sum(one.lines for one in audited),
        events=sum(sum(one.events.values()) for one in audited),
        partitions=partitions,
        findings=[finding for one in audited for finding in one.findings[:most]],
    )


def _lost(lost: Lost) -> LostInput:
    return LostInput(lost.topic, lost.first, lost.last, format_instant(lost.found_ms))


def _counts(findings: Sequence[Finding]) -> dict[str, int]:
    counted = Counter(finding.kind for finding in findings)
    return {kind: counted[kind] for kind in KINDS if counted[kind]}


def write_report(audited: Sequence[Audited], console: Console, *, seconds: float, most: int = 20) -> None:
    """For people: a row for each partition, the first findings of each, and one sentence."""
    numbers = ("partition", "lines", "seals", "events", "later", "gone")
    rows = table(
        "partition", "lines", "seals", "events", "policies", "logic", "later", "gone", "findings", right=numbers
    )
    for one in audited:
        policies = " ".join(digest[:12] for digest in one.policies)
        found = ", ".join(f"{count:,} {kind}" for kind, count in _counts(one.findings).items()) or "none"
        events = sum(one.events.values())
        rows.add_row(
            str(one.partition),
            f"{one.lines:,}" if one.from_line == 1 else f"{one.from_line:,} to {one.lines:,}",
            f"{one.seals:,}",
            f"{events:,}",
            policies,
            " ".join(map(str, one.logics)),
            f"{one.later:,}",
            f"{one.gone:,}",
            found,
        )
    console.print(rows)
    for one in audited:
        for finding in one.findings[:most]:
            console.print(Text(in_words(finding)), soft_wrap=True)
        if len(one.findings) > most:
            console.print(Text(f"partition {one.partition}: {len(one.findings) - most:,} more; --json tells more."))
    for one in audited:
        for lost in one.lost[-most:]:
            console.print(Text(_lost_in_words(one.partition, lost)), soft_wrap=True)
    lines = sum(one.lines for one in audited)
    speed = f"{lines:,} journal lines in {seconds:.1f} s ({lines / max(seconds, 0.001):,.0f} a second)"
    verdict = "What was sent is what the journal calls for." if is_clean(audited) else "There are differences."
    console.print(Text(f"{verdict} {speed}"), soft_wrap=True)


def _lost_in_words(partition: int, lost: Lost) -> str:
    return (
        f"lost input: partition {partition}, {lost.topic}: offsets {lost.first} to {lost.last} were gone before they "
        f"were read (found {format_instant(lost.found_ms)}); no line of the journal tells of them"
    )


def in_words(finding: Finding) -> str:
    """A finding as one line."""
    where = f"partition {finding.partition}, {finding.topic}"
    where += "" if finding.offset is None else f", offset {finding.offset}"
    where += "" if finding.line is None else f", journal line {finding.line}"
    name = "" if finding.output_id is None else f" ({finding.output_id})"
    return f"{finding.kind}: {where}: {finding.sentence}{name}"


@contextmanager
def progress(*, is_shown: bool, doing: str = "auditing") -> Iterator[Progress]:
    """A line on standard error that says how far the audit is, where a person watches it."""
    with telling(doing, BarColumn(), is_shown=is_shown) as tell:
        yield lambda partition, lines: tell(f"partition {partition}: {lines:,} lines")
