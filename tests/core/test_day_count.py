"""Days counted one by one come to the due that the calendar gives, with a reason for each (contract §3)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import parse_instant
from schemas.policy_types import CalendarSpec
from streams.calendar import Calendar
from streams.day_count import count_days
from tests.zones import calendar_of

FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)


def calendar(
    zone: str = "America/Los_Angeles", closed: tuple[date, ...] = (), opened: tuple[date, ...] = ()
) -> Calendar:
    spec = CalendarSpec("c", zone, frozenset({5, 6}), frozenset(closed), frozenset(opened), (FIRST, LAST))
    return calendar_of(spec)


def told(one: Calendar, start: str, n: int, *, business: bool = True) -> list[str]:
    days = count_days(one, parse_instant(start), n, business=business)
    return [f"{day.on:%a %d} {day.number} {day.why}" for day in days]


def test_each_reason_is_told() -> None:
    one = calendar(closed=(date(2026, 2, 16),), opened=(date(2026, 2, 15),))
    assert told(one, "2026-02-13T12:00:00-08:00", 3) == [
        "Fri 13 0 start",
        "Sat 14 0 weekend",
        "Sun 15 1 open",
        "Mon 16 0 closed",
        "Tue 17 2 business",
        "Wed 18 3 business",
    ]


def test_calendar_days_all_count() -> None:
    assert told(calendar(), "2026-02-13T23:59:59.999-08:00", 2, business=False) == [
        "Fri 13 0 start",
        "Sat 14 1 calendar",
        "Sun 15 2 calendar",
    ]


def made_up(*pairs: tuple[int, int]) -> Calendar:
    """A calendar in a zone that an activation says so: instants in ms, hours east of UTC."""
    spec = CalendarSpec("c", "X", frozenset({5, 6}), frozenset(), frozenset(), (FIRST, LAST))
    return Calendar(spec, tuple((from_ms, hours * 3_600) for from_ms, hours in pairs))


def test_days_begin_and_end_as_the_zones_say_that_were_said() -> None:
    noon = parse_instant("2026-02-11T12:00:00Z")
    start, wednesday = count_days(made_up((0, 0), (noon, -11)), noon, 1, business=False)  # 12:00 is 01:00 again
    assert (start.on, wednesday.on) == (date(2026, 2, 11), date(2026, 2, 12))
    assert start.begins_ms == parse_instant("2026-02-11T00:00:00Z")
    assert start.ends_ms == wednesday.begins_ms == parse_instant("2026-02-12T11:00:00Z")
    assert wednesday.ends_ms == parse_instant("2026-02-13T11:00:00Z")


def test_a_business_day_that_a_zone_left_out_is_counted_and_takes_no_time() -> None:
    over = parse_instant("2026-02-12T12:00:00Z")
    one = made_up((0, -12), (over, 12))  # from the end of Wednesday the 11th to the beginning of Friday the 13th
    days = count_days(one, over - 1, 2, business=True)
    assert [(f"{day.on:%a}", day.number, day.ends_ms - day.begins_ms) for day in days] == [
        ("Wed", 0, 86_400_000),
        ("Thu", 1, 0),
        ("Fri", 2, 86_400_000),
    ]
    assert days[-1].ends_ms == one.business_days_due(over - 1, 2)


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Asia/Tokyo", "Africa/Cairo", "America/Santiago"])
@given(
    start_ms=st.integers(
        int(datetime(2025, 11, 1, tzinfo=UTC).timestamp() * 1000),
        int(datetime(2027, 2, 1, tzinfo=UTC).timestamp() * 1000),
    ),
    n=st.integers(1, 40),
    closed=st.sets(st.dates(FIRST, LAST), max_size=20),
    opened=st.sets(st.dates(FIRST, LAST), max_size=20),
)
def test_the_count_ends_where_the_calendar_says(
    zone: str, start_ms: int, n: int, closed: set[date], opened: set[date]
) -> None:
    one = calendar(zone, tuple(closed - opened), tuple(opened))
    days = count_days(one, start_ms, n, business=True)
    assert days[-1].ends_ms == one.business_days_due(start_ms, n)
    assert days[0].begins_ms <= start_ms < days[0].ends_ms
    assert [day.number for day in days if day.number] == list(range(1, n + 1))
    assert all(day.ends_ms == following.begins_ms for day, following in pairwise(days))
    every = count_days(one, start_ms, n, business=False)
    assert every[-1].ends_ms == one.calendar_days_due(start_ms, n)
