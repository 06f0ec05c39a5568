"""Local dates, business days and the midnights that end them, against a count day by day (contract §3)."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.policy_types import CalendarSpec
from streams.calendar import Calendar, coverage_ends_ms
from tests.zones import calendar_of, pairs_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)

# Zones that skip or repeat midnight within the years tried, and plain ones.
ZONES = [
    "America/Los_Angeles",
    "America/Asuncion",
    "America/Havana",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/Scoresbysund",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Tehran",
    "Asia/Tokyo",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Europe/London",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "UTC",
]


# Zones change their minds, and a newer `tzdata` says so: what is said by hand of their changes is said of past years.
IN_2024 = (date(2024, 1, 1), date(2024, 12, 31))


def calendar_in(
    zone: str,
    *,
    weekend: frozenset[int] = frozenset({5, 6}),
    closed: frozenset[date] = frozenset(),
    opened: frozenset[date] = frozenset(),
    covers: tuple[date, date] = (date(2026, 1, 1), date(2026, 12, 31)),
) -> Calendar:
    return calendar_of(CalendarSpec("c", zone, weekend, closed, opened, covers))


def ms(text: str) -> int:
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(milliseconds=1)


# Said by hand

FRIDAY_NOON = ms("2026-01-30T12:00:00-08:00")
SUNDAY_NOON = ms("2026-02-01T12:00:00-08:00")


def test_two_business_days_from_a_friday_end_with_tuesday() -> None:
    pacific = calendar_in("America/Los_Angeles")
    assert pacific.business_days_due(FRIDAY_NOON, 2) == ms("2026-02-04T00:00:00-08:00")


def test_a_start_on_a_weekend_counts_from_monday() -> None:
    pacific = calendar_in("America/Los_Angeles")
    assert pacific.business_days_due(SUNDAY_NOON, 1) == ms("2026-02-03T00:00:00-08:00")


def test_the_local_date_of_the_start_is_that_of_the_zone() -> None:
    last_of_thursday, first_of_friday = ms("2026-01-29T23:59:59.999-08:00"), ms("2026-01-30T00:00:00-08:00")
    pacific = calendar_in("America/Los_Angeles")
    assert pacific.business_days_due(last_of_thursday, 1) == ms("2026-01-31T00:00:00-08:00")
    assert pacific.business_days_due(first_of_friday, 1) == ms("2026-02-03T00:00:00-08:00")
    assert pacific.calendar_days_due(last_of_thursday, 1) == ms("2026-01-31T00:00:00-08:00")
    assert pacific.calendar_days_due(first_of_friday, 1) == ms("2026-02-01T00:00:00-08:00")


def test_a_closed_day_is_no_business_day() -> None:
    pacific = calendar_in("America/Los_Angeles", closed=frozenset({date(2026, 2, 2)}))
    assert pacific.business_days_due(FRIDAY_NOON, 1) == ms("2026-02-04T00:00:00-08:00")


def test_business_days_are_counted_on_beyond_the_years_of_the_table() -> None:
    pacific = calendar_in("America/Los_Angeles")
    noon = ms("2026-12-30T12:00:00-08:00")  # a Wednesday: five business days a week from here on
    assert pacific.business_days_due(noon, 5_000) == ms("2046-03-01T00:00:00-08:00")
    assert pacific.calendar_days_due(noon, 7_000) == ms("2046-03-01T00:00:00-08:00")


def test_coverage_ends_with_the_local_midnight_after_its_last_day() -> None:
    covers = (date(2026, 1, 1), date(2026, 12, 31))
    spec = CalendarSpec("c", "America/Los_Angeles", frozenset(), frozenset(), frozenset(), covers)
    assert coverage_ends_ms(spec, pairs_of(spec)) == ms("2027-01-01T00:00:00-08:00")


def test_an_open_day_is_a_business_day_in_spite_of_weekend_and_closed() -> None:
    saturday = frozenset({date(2026, 1, 31)})
    for closed in (frozenset[date](), saturday):
        pacific = calendar_in("America/Los_Angeles", closed=closed, opened=saturday)
        assert pacific.business_days_due(FRIDAY_NOON, 1) == ms("2026-02-01T00:00:00-08:00")


def test_days_of_23_and_25_hours_end_at_their_midnight() -> None:
    pacific = calendar_in("America/Los_Angeles", covers=IN_2024)
    assert pacific.calendar_days_due(ms("2024-03-09T12:00:00-08:00"), 1) == ms("2024-03-11T00:00:00-07:00")
    assert pacific.calendar_days_due(ms("2024-11-02T12:00:00-07:00"), 1) == ms("2024-11-04T00:00:00-08:00")


def test_a_day_whose_midnight_is_skipped_begins_at_one_o_clock() -> None:
    cairo = calendar_in("Africa/Cairo", covers=IN_2024)  # 2024-04-26 begins at 01:00+03:00, which is 00:00+02:00
    assert cairo.calendar_days_due(ms("2024-04-24T12:00:00+02:00"), 1) == ms("2024-04-26T01:00:00+03:00")


def test_a_day_whose_midnight_comes_twice_begins_with_the_first() -> None:
    havana = calendar_in("America/Havana", covers=IN_2024)  # 2024-11-03: 01:00-04:00 is 00:00-05:00 again
    assert havana.calendar_days_due(ms("2024-11-01T12:00:00-04:00"), 1) == ms("2024-11-03T00:00:00-04:00")
    assert havana.calendar_days_due(ms("2024-11-03T00:30:00-04:00"), 1) == ms("2024-11-05T00:00:00-05:00")


def test_an_evening_that_comes_twice_belongs_to_its_day() -> None:
    beirut = calendar_in("Asia/Beirut", covers=IN_2024)  # 2024-10-27 00:00+03:00 is 2024-10-26 23:00+02:00
    second_evening = ms("2024-10-26T23:30:00+02:00")
    assert beirut.calendar_days_due(second_evening, 1) == ms("2024-10-28T00:00:00+02:00")


def test_a_date_that_a_zone_left_out_ends_as_it_begins() -> None:
    apia = calendar_in("Pacific/Apia", covers=(date(2011, 1, 1), date(2012, 12, 31)))  # no 2011-12-30
    new_years_eve = ms("2011-12-31T00:00:00+14:00")
    assert apia.calendar_days_due(ms("2011-12-28T12:00:00-10:00"), 1) == new_years_eve
    assert apia.calendar_days_due(ms("2011-12-29T12:00:00-10:00"), 1) == new_years_eve
    assert apia.calendar_days_due(ms("2011-12-29T12:00:00-10:00"), 2) == ms("2012-01-01T00:00:00+14:00")


def test_a_midnight_repeated_after_one_minute_begins_its_day_once() -> None:
    # Until 2011 Newfoundland set its clocks back at 00:01: 7 November 2010 began, and 6 November came once more.
    st_johns = calendar_in("America/St_Johns", covers=(date(2010, 1, 1), date(2010, 12, 31)))
    begin = ms("2010-11-07T00:00:00-02:30")
    assert st_johns.calendar_days_due(ms("2010-11-05T12:00:00-02:30"), 1) == begin
    for of_the_7th in (begin, ms("2010-11-07T00:30:00-03:30")):
        assert st_johns.calendar_days_due(of_the_7th, 1) == ms("2010-11-09T00:00:00-03:30")
    for of_the_6th in (ms("2010-11-06T23:30:00-02:30"), ms("2010-11-06T23:30:00-03:30")):
        assert st_johns.calendar_days_due(of_the_6th, 1) == ms("2010-11-08T00:00:00-03:30")


def test_before_the_first_day_covered_a_zone_keeps_the_offset_it_begins_with() -> None:
    st_johns = calendar_in("America/St_Johns")  # covered from 2026 on: nothing is said of the summer of 2010
    assert st_johns.calendar_days_due(ms("2010-07-06T12:00:00-03:30"), 1) == ms("2010-07-08T00:00:00-03:30")


def test_400_days_after_the_last_day_covered_a_zone_keeps_the_offset_it_has() -> None:
    pacific = calendar_in("America/Los_Angeles")  # covered until 2026-12-31: changes are said until 2028-02-05
    assert pacific.calendar_days_due(ms("2027-07-06T12:00:00-07:00"), 1) == ms("2027-07-08T00:00:00-07:00")
    assert pacific.calendar_days_due(ms("2028-07-06T12:00:00-07:00"), 1) == ms("2028-07-08T00:00:00-08:00")


def test_the_coverage_ends_thirty_days_before_its_last_date() -> None:
    pacific = calendar_in("America/Los_Angeles")
    assert not pacific.is_covered(ms("2025-12-31T23:59:59.999-08:00"))
    assert pacific.is_covered(ms("2026-01-01T00:00:00-08:00"))
    assert pacific.is_covered(ms("2026-12-01T23:59:59.999-08:00"))
    assert not pacific.is_covered(ms("2026-12-02T00:00:00-08:00"))


def test_a_coverage_of_thirty_days_covers_nothing_and_one_day_more_covers_a_day() -> None:
    noon = ms("2026-01-01T12:00:00+00:00")
    assert not calendar_in("UTC", covers=(date(2026, 1, 1), date(2026, 1, 30))).is_covered(noon)
    assert calendar_in("UTC", covers=(date(2026, 1, 1), date(2026, 1, 31))).is_covered(noon)


def test_outside_the_coverage_only_the_weekend_is_known() -> None:
    pacific = calendar_in("America/Los_Angeles")
    assert pacific.business_days_due(ms("2031-01-31T12:00:00-08:00"), 1) == ms("2031-02-04T00:00:00-08:00")
    assert pacific.business_days_due(ms("1999-12-31T12:00:00-08:00"), 2) == ms("2000-01-05T00:00:00-08:00")


def test_a_coverage_of_centuries_is_as_quick_and_as_right() -> None:
    pacific = calendar_in("America/Los_Angeles", covers=(date(1970, 1, 2), date(2200, 12, 31)))
    assert len(pacific._begins) < 40_000
    for year in (1980, 2026, 2150):
        noon = ms(f"{year}-06-30T20:00:00+00:00")
        assert pacific.calendar_days_due(noon, 1) == naive_due("America/Los_Angeles", noon, 1, lambda day: True)


@pytest.mark.parametrize("instant_ms", [-62_135_596_800_000, 253_402_300_799_999, -(10**17), 10**17])
def test_every_instant_has_a_due_even_beyond_the_calendar_of_years(instant_ms: int) -> None:
    tokyo = calendar_in("Asia/Tokyo")
    assert not tokyo.is_covered(instant_ms)
    assert instant_ms + DAY // timedelta(milliseconds=1) < tokyo.calendar_days_due(instant_ms, 1)
    assert tokyo.calendar_days_due(instant_ms, 1) <= tokyo.business_days_due(instant_ms, 1)


# Counted day by day


def zone_of(name: str) -> ZoneInfo:
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def naive_begin(zone: str, day: date) -> datetime:
    """The first whole minute that has the date or a later one, tried minute by minute."""
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) - 15 * timedelta(hours=1)
    info = zone_of(zone)
    while at.astimezone(info).date() < day:
        at += MINUTE
    return at


def naive_due(zone: str, start_ms: int, n: int, is_business: Callable[[date], bool]) -> int:
    """The midnight that ends the n-th business day after the local date, counted on a calendar's leaves."""
    day = (EPOCH + timedelta(milliseconds=start_ms)).astimezone(zone_of(zone)).date()
    while n:
        day += DAY
        n -= is_business(day)
    return (naive_begin(zone, day + DAY) - EPOCH) // timedelta(milliseconds=1)


# From the day before the coverage on, until dues fall 400 days after it: so far a zone's changes are said.
YEARS = st.datetimes(datetime(2014, 12, 31), datetime(2033, 6, 1), timezones=st.just(UTC))  # noqa: DTZ001 - Hypothesis adds the zone
COVERED = (date(2015, 1, 1), date(2032, 12, 31))
CALENDARS = {zone: calendar_in(zone, covers=COVERED) for zone in ZONES}


@given(st.sampled_from(ZONES), YEARS, st.integers(1, 70))
@example("America/Sao_Paulo", datetime(2018, 11, 3, 12, tzinfo=UTC), 1)
@example("America/Sao_Paulo", datetime(2018, 2, 18, 2, 30, tzinfo=UTC), 1)
@example("Asia/Beirut", datetime(2024, 3, 30, 22, tzinfo=UTC), 1)
@example("Africa/Cairo", datetime(2024, 10, 31, 21, 30, tzinfo=UTC), 1)
def test_calendar_days_are_as_counted_day_by_day(zone: str, start: datetime, n: int) -> None:
    start_ms = (start - EPOCH) // timedelta(milliseconds=1)
    assert CALENDARS[zone].calendar_days_due(start_ms, n) == naive_due(zone, start_ms, n, lambda day: True)


# Six days of rest a week and seventy days to count: what the zones say has to reach that far.
SAID = (date(2026, 1, 1), date(2029, 12, 31))
DATES = st.dates(date(2026, 1, 1), date(2026, 12, 31))


@given(
    zone=st.sampled_from(ZONES),
    start=st.datetimes(datetime(2025, 12, 31), datetime(2027, 6, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - Hypothesis adds the zone
    n=st.integers(1, 70),
    weekend=st.frozensets(st.integers(0, 6), max_size=6),
    closed=st.frozensets(DATES, max_size=40),
    opened=st.frozensets(DATES, max_size=10),
)
def test_business_days_are_as_counted_day_by_day(
    zone: str, start: datetime, n: int, weekend: frozenset[int], closed: frozenset[date], opened: frozenset[date]
) -> None:
    start_ms = (start - EPOCH) // timedelta(milliseconds=1)
    calendar = calendar_in(zone, weekend=weekend, closed=closed, opened=opened, covers=SAID)
    due_ms = naive_due(
        zone, start_ms, n, lambda day: day in opened or (day.weekday() not in weekend and day not in closed)
    )
    assert calendar.business_days_due(start_ms, n) == due_ms


@given(st.sampled_from(ZONES), YEARS)
def test_an_instant_is_covered_as_its_local_date_is(zone: str, at: datetime) -> None:
    local_on = at.astimezone(zone_of(zone)).date()
    is_covered = COVERED[0] <= local_on <= COVERED[1] - 30 * DAY
    assert CALENDARS[zone].is_covered((at - EPOCH) // timedelta(milliseconds=1)) == is_covered


# Nothing of the machine's


def test_neither_tz_nor_the_systems_zone_files_change_a_due(tmp_path: Path) -> None:
    impostor = tmp_path / "America" / "Los_Angeles"
    impostor.parent.mkdir()
    impostor.write_bytes(resources.files("tzdata").joinpath("zoneinfo", "Asia", "Tokyo").read_bytes())
    script = (
        "from datetime import datetime, UTC\nfrom zoneinfo import ZoneInfo\n"
        "from tests.policies.test_calendar import FRIDAY_NOON, calendar_in\n"
        "print(datetime(2026, 1, 1, tzinfo=UTC).astimezone(ZoneInfo('America/Los_Angeles')).hour)\n"
        "print(calendar_in('America/Los_Angeles').business_days_due(FRIDAY_NOON, 2))\n"
    )
    environment = {**os.environ, "PYTHONTZPATH": str(tmp_path), "TZ": "Asia/Kolkata"}
    printed = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert printed == ["9", str(ms("2026-02-04T00:00:00-08:00"))], "the impostor says Tokyo's hour, the due stays"
