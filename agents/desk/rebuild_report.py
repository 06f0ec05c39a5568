"""What a rebuild has done, or would do, for people and for scripts."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from agents.auditing.audit_report import in_words
from agents.desk.rebuild import Rebuilt
from agents.terminal import table
from schemas.answers.findings import Rebuild, RebuiltPartition


def as_json(rebuilt: Sequence[Rebuilt], *, is_dry: bool) -> Rebuild:
    """For scripts."""
    partitions = [
        RebuiltPartition(
            partition=one.partition,
            lines=one.lines,
            sent=one.sent,
            rows=one.rows,
            tombstones=one.tombstones,
            ended=one.ended,
            left=len(one.left),
        )
        for one in rebuilt
    ]
    return Rebuild(
        dry_run=is_dry,
        clean=not any(one.left for one in rebuilt),
        changed=any(one.is_changed for one in rebuilt),
        partitions=partitions,
        findings=[finding for one in rebuilt for finding in one.left],
    )


def write_report(rebuilt: Sequence[Rebuilt], console: Console, *, is_dry: bool, most: int = 20) -> None:
    """For people: a row for each partition, what could not be mended, and one sentence."""
    headings = ("partition", "lines", "events sent", "rows written", "rows taken away", "differences left")
    rows = table(*headings, right=headings)
    for one in rebuilt:
        numbers = (one.lines, sum(one.sent.values()), one.rows, one.tombstones, len(one.left))
        rows.add_row(str(one.partition), *(f"{number:,}" for number in numbers))
    console.print(rows)
    for one in rebuilt:
        if one.ended:
            console.print(f"partition {one.partition}: a transaction that a broker never ended was ended.")
        for finding in one.left[:most]:
            console.print(Text(in_words(finding)), soft_wrap=True)
        if len(one.left) > most:
            console.print(Text(f"partition {one.partition}: {len(one.left) - most:,} more; --json tells more."))
    if any(one.left for one in rebuilt):
        verdict = "Differences remain that the journal cannot mend."
    elif not any(one.is_changed for one in rebuilt):
        verdict = "There was nothing to do: rows and outputs are those of the journal."
    elif is_dry:
        verdict = "Nothing was written: this is what would be."
    else:
        verdict = "Rows and outputs are those of the journal again; the workers can be started."
    console.print(Text(verdict), soft_wrap=True)
