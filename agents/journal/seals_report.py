"""The seals of the journal, for people."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from agents.terminal import short_instant, table
from schemas.answers.findings import Seal


def write_seals(seals: Sequence[Seal], console: Console) -> None:
    """For people."""
    if not seals:
        console.print(Text("There is no seal yet: one is written when journal time enters a new period."))
        return
    headings = ("partition", "offset", "journal time", "seals line", "state", "journal")
    rows = table(*headings, right=("partition", "offset", "seals line"), whole=headings)
    for one in seals:
        rows.add_row(
            str(one.partition),
            f"{one.offset:,}",
            short_instant(one.at),
            f"{one.line:,}",
            one.state[:12],
            one.journal[:12],
        )
    console.print(rows)
