"""What `dueclock ingest` says at the end: tables for people, JSON for scripts, the story of each entry on demand."""

from collections.abc import Sequence
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agents.sources.harvest import Harvest, Told, counted
from streams.sources.findings import REASONS


def as_json(found: Harvest, verb: str) -> dict[str, Any]:
    """For scripts."""
    left = counted(found.notifications)
    return {
        "entries": len(found.told),
        "left_out": {
            reason: {"class": REASONS[reason].kind, "count": count, "meaning": REASONS[reason].meaning}
            for reason, count in sorted(found.reasons.items())
        },
        "notifications": {kind: {"made": made, verb: left[kind]} for kind, made in sorted(found.made.items())},
        verb: len(found.notifications),
        "unrecognised": found.unrecognised,
    }


def write_summary(found: Harvest, verb: str, console: Console) -> None:
    """For people: what it became, and what became nothing."""
    left = counted(found.notifications)
    if found.made:
        table = _table("became", "made", verb)
        for kind, made in sorted(found.made.items()):
            table.add_row(kind, f"{made:,}", f"{left[kind]:,}")
        console.print(table)
    if found.reasons:
        table = _table("left out", "times", "")
        for reason, count in sorted(found.reasons.items(), key=lambda item: (REASONS[item[0]].kind, item)):
            table.add_row(REASONS[reason].meaning, f"{count:,}", REASONS[reason].kind.replace("_", " "))
        console.print(table)
    console.print(Text(f"{len(found.told):,} entries read, {len(found.notifications):,} notifications {verb}."))


def write_explained(told: Sequence[Told], console: Console) -> None:
    """For people: each entry, what it became, or why nothing."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("where", "about", "became"):
        table.add_column(heading, no_wrap=True)
    table.add_column("left out", overflow="fold")
    for one in told:
        table.add_row(
            Text(_where(one)),
            Text(one.about),
            Text(", ".join(one.became) or "–"),
            Text("; ".join(_words(reason, field) for reason, field in one.left_out)),
        )
    console.print(table)


def explained_line(one: Told) -> str:
    """For scripts: an entry as one line of JSON."""
    said = {
        "about": one.about,
        "became": one.became,
        "left_out": [{"field": field, "reason": reason} for reason, field in one.left_out],
        "where": one.where,
    }
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS).decode()


def _table(first: str, second: str, third: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(first, no_wrap=True)
    table.add_column(second, no_wrap=True, justify="right")
    table.add_column(third, no_wrap=True)
    return table


def _where(one: Told) -> str:
    return one.where[0] if len(one.where) == 1 else f"{one.where[0]} and {len(one.where) - 1} more"


def _words(reason: str, field: str) -> str:
    return f"{REASONS[reason].meaning} ({field})" if field else REASONS[reason].meaning
