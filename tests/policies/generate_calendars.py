"""Writes the `closed` dates of the shipped calendars: `python -m tests.policies.generate_calendars`.

Promises: nothing in `schemas/shipped/policies.toml` changes but the lists named `closed`, which then hold every date
that the `holidays` library (a development dependency, pinned in the lock file) has for the calendar's country within
its `covers`, a line for each year. Run by people only; the dates are reviewed before they are committed, and
`test_shipped_calendars.py` says when a newer library would give others. Who keeps which days is said in that file.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import holidays

from schemas.policies import load_policies
from schemas.policy_types import CalendarSpec

SHIPPED = Path(__file__).parents[2] / "schemas" / "shipped" / "policies.toml"


@dataclass(frozen=True)
class Source:
    """Where the `holidays` library keeps a calendar's days."""

    country: str
    subdivision: str | None = None
    category: str = "public"


SOURCES = {
    "us-federal-pacific": Source("US"),
    "ca-federal-pacific": Source("CA", category="government"),
    "mx-federal-pacific": Source("MX"),
    "uk-england-wales": Source("GB", subdivision="ENG"),
    "de-national": Source("DE"),
    "fr-national": Source("FR"),
    "it-national": Source("IT"),
    "es-national": Source("ES"),
    "nl-national": Source("NL"),
    "be-national": Source("BE"),
    "pl-national": Source("PL"),
    "se-national": Source("SE"),
    "ie-national": Source("IE"),
    "tr-national": Source("TR"),
    "jp-public": Source("JP"),
}


def closed_dates(calendar: CalendarSpec) -> list[date]:
    """The holidays within a calendar's coverage, observed days included, in order."""
    source = SOURCES[calendar.name]
    first_on, last_on = calendar.covers
    found = holidays.country_holidays(
        source.country,
        subdiv=source.subdivision,
        # One year more on each side: a holiday may be observed across New Year.
        years=range(first_on.year - 1, last_on.year + 2),
        categories=(source.category,),
        observed=True,
    )
    return sorted(day for day in found if first_on <= day <= last_on)


def with_closed_dates(text: str) -> str:
    """The policy file's text with every `closed` list written anew."""
    for calendar in load_policies(text).calendars.values():
        head, header, rest = text.partition(f"[calendars.{calendar.name}]\n")
        keys, opening, rest = rest.partition("closed = [\n")
        _, closing, rest = rest.partition("]\n")
        if not closing or "[calendars." in keys:
            raise SystemExit(f"[calendars.{calendar.name}] needs a list 'closed' with brackets on lines of their own.")
        text = "".join((head, header, keys, opening, *_lines(calendar), closing, rest))
    return text


def _lines(calendar: CalendarSpec) -> Iterator[str]:
    dates = closed_dates(calendar)
    for year in range(calendar.covers[0].year, calendar.covers[1].year + 1):
        yield "  " + ", ".join(day.isoformat() for day in dates if day.year == year) + ",\n"


def main() -> int:
    """Rewrite the shipped file and say so."""
    old = SHIPPED.read_text("utf-8")
    new = with_closed_dates(old)
    SHIPPED.write_text(new, "utf-8", newline="\n")
    print(f"{SHIPPED.name}: {'written, review the dates' if new != old else 'unchanged'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
