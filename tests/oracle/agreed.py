"""The policy file as the oracle reads it, local dates, and when a clock falls due (contract §3 targets, §5).

`load` refuses what does not parse, what `load_errors` lists, and what lacks something needed; of values that are of
another type than they should be the product is the better judge. Days are numbers, counted from 1970-01-01.
"""

import tomllib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from .load_errors import check
from .zones import DAY_MS, EPOCH, Zone, machine_zone, said_zone

HOUR_MS = 3_600_000
WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
UNITS = {"s": 1000, "m": 60_000, "h": HOUR_MS, "d": DAY_MS}


class PolicyRefused(ValueError):
    """The policies do not load, or may not follow those in force; the run ends with exit status 2."""


@dataclass(frozen=True)
class Version:
    rule: str
    version: int
    effective_ms: int
    marketplaces: tuple[str, ...] | None
    unit: str
    count: int
    confirm_ms: int
    before_ms: tuple[int, ...]
    after_ms: tuple[int, ...]
    obligor: str
    on_due: str
    consequences: tuple[str, ...]
    moves_open: bool
    programs: tuple[str, ...] = ("sfp",)  # asked of safe-t-window alone

    @property
    def is_in_days(self) -> bool:
        return self.unit in ("business_days", "calendar_days")

    def due_timer(self, due_ms: int) -> int:
        return due_ms + self.confirm_ms + (0 if self.is_in_days else 1)

    def is_in_time(self, stop_ms: int, due_ms: int) -> bool:
        return stop_ms < due_ms if self.is_in_days else stop_ms <= due_ms


@dataclass(frozen=True)
class CalendarOf:
    name: str
    zone: Zone
    weekend: frozenset[int]
    closed: frozenset[int]
    opened: frozenset[int]
    first: int
    last: int

    def covers(self, ms: int) -> bool:
        return self.first <= self.zone.local_day(ms) <= self.last - 30

    def is_business_day(self, day: int) -> bool:
        weekday = (day + 3) % 7  # 1970-01-01 was a Thursday
        return day in self.opened or (weekday not in self.weekend and day not in self.closed)


@dataclass(frozen=True)
class Agreed:
    settled_ms: int
    unsettled_ms: int
    evidence_ms: int
    calendars: dict[str, CalendarOf]
    marketplaces: dict[str, str]
    accounts: dict[str, str]
    versions: dict[str, list[Version]]

    def calendar_of(self, account: str) -> CalendarOf | None:
        name = self.accounts.get(account) or self.marketplaces.get(account.split("/")[1])
        return None if name is None else self.calendars[name]

    def versions_of(self, rule: str, account: str) -> list[Version]:
        """Those of the account's marketplace, oldest first."""
        marketplace = account.split("/")[1]
        return [v for v in self.versions.get(rule, []) if v.marketplaces is None or marketplace in v.marketplaces]

    def due(self, version: Version, account: str, start_ms: int) -> int:
        if not version.is_in_days:
            return start_ms + version.count * {"hours": HOUR_MS, "minutes": 60_000, "seconds": 1000}[version.unit]
        calendar = self.calendar_of(account)
        assert calendar is not None
        day = calendar.zone.local_day(start_ms)
        left = version.count
        while left > 0:
            day += 1
            if version.unit == "calendar_days" or calendar.is_business_day(day):
                left -= 1
        return calendar.zone.midnight(day + 1)


def load(toml: str, zones: dict[str, list[list[int]]] | None = None) -> Agreed:
    """With the zones that an activation says; where it says none, with the machine's."""
    try:
        table = tomllib.loads(toml)
        check(table)
        return _load(table, zones)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise PolicyRefused(str(error)) from error


def _load(table: dict[str, Any], zones: dict[str, list[list[int]]] | None) -> Agreed:
    retention = table.get("retention", {})
    first = min(day_number(each["covers"][0]) for each in table["calendars"].values())
    last = max(day_number(each["covers"][1]) for each in table["calendars"].values())

    def zone_of(name: str) -> Zone:
        return machine_zone(name, first, last) if zones is None else said_zone(zones[name])

    calendars = {name: _calendar(name, each, zone_of(each["timezone"])) for name, each in table["calendars"].items()}
    agreed = Agreed(
        settled_ms=retention.get("settled_days", 120) * DAY_MS,
        unsettled_ms=retention.get("unsettled_days", 200) * DAY_MS,
        evidence_ms=retention.get("evidence_days", 225) * DAY_MS,
        calendars=calendars,
        marketplaces={name: each["calendar"] for name, each in table.get("marketplaces", {}).items()},
        accounts={name: each["calendar"] for name, each in table.get("accounts", {}).items()},
        versions={rule: [_version(rule, v) for v in each] for rule, each in table["rules"].items()},
    )
    for name in [*agreed.marketplaces.values(), *agreed.accounts.values()]:
        _ = calendars[name]
    return agreed


def _calendar(name: str, table: dict[str, Any], zone: Zone) -> CalendarOf:
    return CalendarOf(
        name=name,
        zone=zone,
        weekend=frozenset(WEEKDAYS.index(day) for day in table["weekend"]),
        closed=frozenset(day_number(day) for day in table.get("closed", [])),
        opened=frozenset(day_number(day) for day in table.get("open", [])),
        first=day_number(table["covers"][0]),
        last=day_number(table["covers"][1]),
    )


def day_number(day: date) -> int:
    return (day - EPOCH.date()).days


def _version(rule: str, table: dict[str, Any]) -> Version:
    ((unit, count),) = table["target"].items()
    if unit not in ("seconds", "minutes", "hours", "business_days", "calendar_days"):
        raise ValueError(unit)
    effective: datetime = table["effective_from"]
    return Version(
        rule=rule,
        version=table["version"],
        effective_ms=(effective - EPOCH) // timedelta(milliseconds=1),
        marketplaces=tuple(table["marketplaces"]) if "marketplaces" in table else None,
        unit=unit,
        count=count,
        confirm_ms=_duration(table.get("confirm_after", "0s")),
        before_ms=tuple(_duration(text) for text in table.get("escalate_before", [])),
        after_ms=tuple(_duration(text) for text in table.get("escalate_after", [])),
        obligor=table["obligor"],
        on_due=table.get("on_due", "clock.breached"),
        consequences=tuple(table.get("consequences", [])),
        moves_open=table.get("applies_to", "new") == "open",
        programs=tuple(table.get("programs", ["sfp"])),
    )


def _duration(text: str) -> int:
    return int(text[:-1]) * UNITS[text[-1]]


def check_successor(old: Agreed, new: Agreed) -> None:
    """A version once activated may not change, nor may coverage shrink."""
    for rule, versions in old.versions.items():
        by_number = {v.version: v for v in new.versions.get(rule, [])}
        if any(by_number.get(v.version) != v for v in versions):
            raise PolicyRefused(f"a version of {rule} has changed")
    for name, calendar in old.calendars.items():
        after = new.calendars.get(name)
        if after is None or after.first > calendar.first or after.last < calendar.last:
            raise PolicyRefused(f"the coverage of {name} has shrunk")
