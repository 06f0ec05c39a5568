"""What `dueclock ingest` says at the end: tables for people, JSON for scripts, the story of each entry on demand."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from rich.console import Console
from rich.text import Text

from agents.sources.harvest import Harvest, SortedOut, counted
from agents.terminal import table
from schemas.answers.sources import Entry, Ingested, LeftOutFor, MadeOfType, Refused
from streams.sources.findings import REASONS

Verb: TypeAlias = Literal["sent", "written", "new"]
"""What became of the notifications that are left."""


def as_json(found: Harvest, verb: Verb) -> Ingested:
    """For scripts."""
    left = counted(found.notifications)

    def went_on(count: int) -> dict[Verb, int]:
        return {verb: count}

    return Ingested(
        entries=len(found.told),
        notifications={kind: MadeOfType(made=made, **went_on(left[kind])) for kind, made in found.made.items()},
        left_out={
            reason: LeftOutFor(kind=REASONS[reason].kind, count=count, meaning=REASONS[reason].meaning)
            for reason, count in found.reasons.items()
        },
        unrecognised=found.unrecognised,
        **went_on(len(found.notifications)),
    )


def write_summary(found: Harvest, verb: Verb, console: Console) -> None:
    """For people: what it became, and what became nothing."""
    left = counted(found.notifications)
    if found.made:
        rows = table("became", "made", verb, right=("made", verb), whole=("became",))
        for kind, made in sorted(found.made.items()):
            rows.add_row(kind, f"{made:,}", f"{left[kind]:,}")
        console.print(rows)
    if found.reasons:
        rows = table("left out", "times", "class", right=("times",), whole=("left out",))
        for reason, count in sorted(found.reasons.items(), key=lambda item: (REASONS[item[0]].kind, item)):
            rows.add_row(REASONS[reason].meaning, f"{count:,}", REASONS[reason].kind.replace("_", " "))
        console.print(rows)
    console.print(Text(f"{len(found.told):,} entries read, {len(found.notifications):,} notifications {verb}."))


def write_explained(told: Sequence[SortedOut], console: Console) -> None:
    """For people: each entry, what it became, or why nothing."""
    rows = table("where", "about", "became", "left out", whole=("where", "about", "became"))
    for one in told:
        rows.add_row(
            Text(_where(one)),
            Text(one.about),
            Text(", ".join(one.became) or "–"),
            Text("; ".join(_words(reason, field) for reason, field in one.left_out)),
        )
    console.print(rows)


def entry_of(one: SortedOut) -> Entry:
    """For scripts: what became of an entry."""
    return Entry(list(one.where), one.about, list(one.became), [Refused(*left) for left in one.left_out])


def _where(one: SortedOut) -> str:
    return one.where[0] if len(one.where) == 1 else f"{one.where[0]} and {len(one.where) - 1} more"


def _words(reason: str, field: str) -> str:
    return f"{REASONS[reason].meaning} ({field})" if field else REASONS[reason].meaning
