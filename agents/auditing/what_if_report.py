"""What other policies would have changed, for people: counts of each rule, the first clocks, one sentence."""

from itertools import islice

from msgspec.structs import astuple
from rich.console import Console
from rich.text import Text

from agents.auditing.what_if import WhatIf
from agents.terminal import table
from schemas.answers.findings import OutcomeCounts, Verdict

MOST_SHOWN = 20


def write_what_if(what_if: WhatIf, console: Console, most: int = MOST_SHOWN) -> None:
    """A row for each rule, `before` or `before → after` where they differ; then the first clocks that differ."""
    outcomes = OutcomeCounts.__struct_fields__
    rows = table("rule", *outcomes, right=outcomes, is_ruled=True)
    for rule, counts in what_if.rules().items():
        pairs = zip(astuple(counts.before), astuple(counts.after), strict=True)
        rows.add_row(rule, *(_count(before, after) for before, after in pairs))
    console.print(rows)
    changed = list(what_if.changed())
    for one in islice(changed, most):
        console.print(Text(f"{one.clock_id}: {_verdict(one.before)} → {_verdict(one.after)}"), soft_wrap=True)
    if len(changed) > most:
        console.print(Text(f"{len(changed) - most:,} more; --json tells all."))
    clocks = len(what_if.before.clocks.keys() | what_if.after.clocks.keys())
    verdict = (
        f"{len(changed):,} of {clocks:,} clocks would have differed" if changed else "No clock would have differed"
    )
    console.print(
        Text(f"{verdict} under {what_if.policies.digest[:12]}, over {what_if.lines:,} lines."), soft_wrap=True
    )


def _count(before: int, after: int) -> str:
    return f"{before:,}" if before == after else f"{before:,} → {after:,}"


def _verdict(verdict: Verdict | None) -> str:
    return "no clock" if verdict is None else f"{verdict.outcome} (v{verdict.version}, due {verdict.due_at})"
