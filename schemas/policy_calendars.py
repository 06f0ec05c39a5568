"""The calendars of a policy file: explicit dates, and the name of the zone whose midnights count.

Promises: no date is looked up or worked out, and none lies outside its calendar's coverage. A zone is known by its name
alone: one that an activation says, or, where none are said, one of the pinned `tzdata` package. What a zone means is
the core's business. Meaning: contract §5.
"""

from collections.abc import Collection
from datetime import date
from functools import cache
from importlib import resources

from schemas.policy_tables import Table, as_date, nearest
from schemas.policy_types import CalendarSpec, PolicyError

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FIRST_COVERED = date(1970, 1, 2)  # a day later than the epoch, so that no zone has facts before it
_DATES_EXPECTED = "a list of local dates, such as [2026-01-01]"


def read_calendars(root: Table, zone_names: Collection[str] | None) -> dict[str, CalendarSpec]:
    """The calendars by name; `zone_names` are the zones that they may name, None: those of the machine."""
    tables = Table(root.value_or("calendars", {}), "[calendars]", None)
    return {name: _calendar(name, tables.value(name), zone_names) for name in tables.names()}


def _calendar(name: str, raw: object, zone_names: Collection[str] | None) -> CalendarSpec:
    place = f"[calendars.{name}]"
    table = Table(raw, place, ("timezone", "weekend", "closed", "open", "covers"))
    zone = _zone(table, zone_names)
    first_on, last_on = _covers(table)
    closed = frozenset(table.items("closed", as_date, _DATES_EXPECTED))
    opened = frozenset(table.items("open", as_date, _DATES_EXPECTED))
    for day in sorted(closed | opened):
        if not first_on <= day <= last_on:
            raise PolicyError(f"{place} lists {day}, which its 'covers' ({first_on} to {last_on}) leaves out.")
    for day in sorted(closed & opened):
        raise PolicyError(f"{place} lists {day} as closed and as open; take it out of one of the two.")
    return CalendarSpec(name, zone, _weekend(table), closed, opened, (first_on, last_on))


def _zone(table: Table, zone_names: Collection[str] | None) -> str:
    zone = table.text("timezone")
    if zone_names is None:
        if zone not in _machine_zone_names():
            raise PolicyError(
                f"{table.place} names the unknown time zone {zone!r}; {nearest(zone, _machine_zone_names())}"
            )
    elif zone not in zone_names:
        raise PolicyError(
            f"{table.place} names the time zone {zone!r}, which the activation's 'zones' lack; add it to them."
        )
    return zone


def _covers(table: Table) -> tuple[date, date]:
    table.value("covers")
    covers = table.items("covers", as_date, "a list of two local dates, the first and the last one covered")
    if len(covers) != 2:
        raise table.wrong("covers", "a list of two local dates, the first and the last one covered")
    first_on, last_on = covers
    if first_on > last_on:
        raise PolicyError(f"'covers' in {table.place} ends ({last_on}) before it begins ({first_on}); swap the dates.")
    if first_on < _FIRST_COVERED:
        raise PolicyError(f"'covers' in {table.place} begins before {_FIRST_COVERED}; journal time begins with 1970.")
    return first_on, last_on


def _weekend(table: Table) -> frozenset[int]:
    expected = "a list of at most six of " + ", ".join(f'"{day}"' for day in WEEKDAYS)
    table.value("weekend")
    days = table.items("weekend", lambda day: WEEKDAYS.index(day) if day in WEEKDAYS else None, expected)
    if len(set(days)) == len(WEEKDAYS):
        raise table.wrong("weekend", expected)
    return frozenset(days)


@cache
def _machine_zone_names() -> frozenset[str]:
    return frozenset(resources.files("tzdata").joinpath("zones").read_text("ascii").split())
