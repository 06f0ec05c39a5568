"""The policy file as the oracle reads it, local dates, and when a clock falls due (contract §3 targets, §5).

`load` refuses what does not parse or lacks something needed; it is not the judge of policy files that the product is.
"""

import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
    zone: ZoneInfo
    weekend: frozenset[int]
    closed: frozenset[date]
    opened: frozenset[date]
    first: date
    last: date

    def local_date(self, ms: int) -> date:
        try:
            return (EPOCH + timedelta(milliseconds=ms)).astimezone(self.zone).date()
        except OverflowError:
            return date.min if ms < 0 else date.max

    def covers(self, ms: int) -> bool:
        return self.first <= self.local_date(ms) <= self.last - timedelta(days=30)

    def is_business_day(self, day: date) -> bool:
        return day in self.opened or (day.weekday() not in self.weekend and day not in self.closed)

    def midnight_that_ends(self, day: date) -> int:
        after = day + timedelta(days=1)
        local = datetime(after.year, after.month, after.day, tzinfo=self.zone)
        return (local.astimezone(UTC) - EPOCH) // timedelta(milliseconds=1)


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
        day = calendar.local_date(start_ms)
        left = version.count
        while left > 0:
            day += timedelta(days=1)
            if version.unit == "calendar_days" or calendar.is_business_day(day):
                left -= 1
        return calendar.midnight_that_ends(day)


def load(toml: str) -> Agreed:
    try:
        return _load(tomllib.loads(toml))
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise PolicyRefused(str(error)) from error


def _load(table: dict[str, Any]) -> Agreed:
    retention = table.get("retention", {})
    calendars = {name: _calendar(name, each) for name, each in table["calendars"].items()}
    agreed = Agreed(
        settled_ms=retention.get("settled_days", 45) * DAY_MS,
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


def _calendar(name: str, table: dict[str, Any]) -> CalendarOf:
    return CalendarOf(
        name=name,
        zone=_zone(table["timezone"]),
        weekend=frozenset(WEEKDAYS.index(day) for day in table["weekend"]),
        closed=frozenset(table.get("closed", [])),
        opened=frozenset(table.get("open", [])),
        first=table["covers"][0],
        last=table["covers"][1],
    )


def _zone(name: str) -> ZoneInfo:
    """From the tzdata package where it is installed, so that the machine's own zone files do not matter."""
    package, _, resource = ("tzdata.zoneinfo/" + name).replace("/", ".").rpartition(".")
    try:
        with resources.files(package).joinpath(resource).open("rb") as file:
            return ZoneInfo.from_file(file, key=name)
    except (ModuleNotFoundError, FileNotFoundError):
        return ZoneInfo(name)


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
