"""Zones as tables (contract §5): local dates and midnights by what is said, and the machine's data cut to such."""

from __future__ import annotations

import struct
from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta, tzinfo
from importlib import resources
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.notifications import Zones
from schemas.policies import load_policies
from schemas.policy_types import CalendarSpec, Policies
from streams.zones import AFTER_COVERAGE_DAYS, Zone, changed_zones, cut_zones, zones_digest
from tests.core.instants import DAY, HOUR, MINUTE, SECOND
from tests.core.policy_texts import PLAIN

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Days and hours of the made-up tables: day 0 is 1970-01-01, and nothing depends on that.
MIDNIGHT = 10 * DAY
"""Midnight of day 10 where local time is UTC."""


def zone(*pairs: tuple[int, float]) -> Zone:
    """Changes at an instant in ms to so many hours east of UTC."""
    return Zone(tuple((from_ms, int(hours * 3600)) for from_ms, hours in pairs))


# --- a table at work: said by hand -----------------------------------------------------------------------------------


def test_the_first_offset_holds_for_all_time_before_it_and_the_last_for_all_time_after() -> None:
    table = zone((MIDNIGHT, -1), (MIDNIGHT + DAY, 2))
    assert table.local_day(MIDNIGHT - 100 * DAY) == -91
    assert table.begins_ms(-90) == -90 * DAY + HOUR
    assert table.local_day(MIDNIGHT + 100 * DAY - 2 * HOUR) == 110
    assert table.begins_ms(110) == 110 * DAY - 2 * HOUR


def test_an_offset_holds_from_its_instant_on() -> None:
    table = zone((0, 0), (MIDNIGHT - HOUR, 1))
    assert table.local_day(MIDNIGHT - HOUR - 1) == 9
    assert table.local_day(MIDNIGHT - HOUR) == 10


def test_a_midnight_that_is_skipped_is_the_first_instant_of_its_date() -> None:
    table = zone((0, 0), (MIDNIGHT - HOUR // 2, 1))  # 23:30 is 00:30
    assert table.begins_ms(10) == MIDNIGHT - HOUR // 2
    assert table.begins_ms(11) == MIDNIGHT + DAY - HOUR


def test_a_midnight_that_the_change_itself_brings_exists() -> None:
    table = zone((0, 0), (MIDNIGHT - HOUR, 1))  # 23:00 is 00:00
    assert table.begins_ms(10) == MIDNIGHT - HOUR


def test_of_a_midnight_that_comes_twice_the_first_begins_the_day() -> None:
    table = zone((0, 0), (MIDNIGHT + HOUR, -1))  # 01:00 is 00:00 again
    assert table.begins_ms(10) == MIDNIGHT
    assert table.local_day(MIDNIGHT + HOUR) == 10
    assert table.begins_ms(11) == MIDNIGHT + DAY + HOUR


def test_an_evening_that_comes_twice_lets_its_day_go_on() -> None:
    table = zone((0, 0), (MIDNIGHT, -1))  # 00:00 is 23:00 again, so the first midnight is none
    assert table.local_day(MIDNIGHT) == 9
    assert table.begins_ms(10) == MIDNIGHT + HOUR


def test_a_date_that_is_skipped_begins_with_the_first_instant_after_it() -> None:
    table = zone((0, -12), (MIDNIGHT + 12 * HOUR, 12))  # from the end of day 9 to the beginning of day 11
    assert table.begins_ms(9) == 9 * DAY + 12 * HOUR
    assert table.begins_ms(10) == table.begins_ms(11) == MIDNIGHT + 12 * HOUR
    assert table.local_day(MIDNIGHT + 12 * HOUR - 1) == 9
    assert table.local_day(MIDNIGHT + 12 * HOUR) == 11


def test_a_date_skipped_in_the_afternoon_is_followed_by_the_morning_of_another() -> None:
    table = zone((0, -12), (MIDNIGHT + 6 * HOUR, 23))  # 18:00 of day 9 is 05:00 of day 11
    assert table.begins_ms(10) == table.begins_ms(11) == MIDNIGHT + 6 * HOUR


def test_a_date_that_begins_gives_way_and_comes_again_begins_with_its_midnight() -> None:
    begins, gives_way = MIDNIGHT - 2 * HOUR, MIDNIGHT - HOUR
    table = zone((0, 0), (begins, 3), (gives_way, 0))  # 22:00 is 01:00 of day 10, 02:00 is 23:00 of day 9 again
    assert [table.local_day(instant) for instant in (begins - 1, begins, gives_way, MIDNIGHT)] == [9, 10, 9, 10]
    assert table.begins_ms(10) == MIDNIGHT


def test_a_date_entered_twice_after_its_midnight_begins_when_it_is_entered_first() -> None:
    table = zone((0, 0), (MIDNIGHT - 2 * HOUR, 3), (MIDNIGHT - HOUR, 0), (MIDNIGHT - HOUR + MINUTE, 2))
    assert table.begins_ms(10) == MIDNIGHT - 2 * HOUR


def test_a_date_jumped_over_and_entered_later_from_behind_begins_there() -> None:
    over, back = MIDNIGHT + 8 * HOUR, MIDNIGHT + 10 * HOUR
    table = zone((0, -12), (over, 23), (back, 8))  # 20:00 of day 9 is 07:00 of day 11, 09:00 of that 18:00 of day 10
    assert [table.local_day(instant) for instant in (over - 1, over, back)] == [9, 11, 10]
    assert table.begins_ms(10) == back
    assert table.begins_ms(11) == MIDNIGHT + 16 * HOUR


def test_a_date_jumped_over_for_good_begins_with_the_first_instant_after_it_and_not_with_the_next_midnight() -> None:
    over, back = MIDNIGHT + 8 * HOUR, MIDNIGHT + 10 * HOUR
    table = zone((0, -12), (over, 23), (back, 14))  # 20:00 of day 9 is 07:00 of day 11, 09:00 of that its midnight
    assert table.begins_ms(10) == over
    assert table.begins_ms(11) == back


def test_several_changes_a_day_each_count() -> None:
    table = zone((0, 0), *((MIDNIGHT - 3 * HOUR + step * HOUR, 1 - step % 2) for step in range(6)))
    assert [table.local_day(MIDNIGHT + half * HOUR // 2) for half in range(-4, 4)] == [9, 9, 10, 10, 10, 10, 10, 10]
    assert table.begins_ms(10) == MIDNIGHT - HOUR


def test_the_farthest_offsets_there_are_find_their_midnights() -> None:
    for seconds in (86_399, -86_399):
        table = Zone(((0, seconds),))
        assert table.begins_ms(10) == MIDNIGHT - seconds * 1_000
        assert table.local_day(MIDNIGHT - seconds * 1_000 - 1) == 9


# --- against the words of the contract, instant by instant -----------------------------------------------------------

GRID = HOUR // 2
HALF_HOURS = st.integers(-46, 46)


def by_the_words(table: Zone, pairs: list[tuple[int, int]], day: int) -> int:
    """All half hours about that day, one after another; offsets and changes are of half hours too."""
    starts = [from_ms for from_ms, _ in pairs[1:]]
    instants = range(day * DAY - 4 * DAY, day * DAY + 8 * DAY, GRID)
    local = {ms: ms + pairs[bisect_right(starts, ms)][1] * 1_000 for ms in instants}
    midnights = [ms for ms in instants if local[ms] == day * DAY]
    of_the_date = [ms for ms in instants if local[ms] // DAY == day]
    return (midnights or of_the_date or [ms for ms in instants if local[ms] // DAY > day])[0]


@given(
    offsets=st.lists(HALF_HOURS, min_size=1, max_size=8),
    gaps=st.lists(st.integers(1, 60), min_size=8, max_size=8),
    day=st.integers(5, 16),
)
@example(offsets=[-24, 24], gaps=[60] * 8, day=7)
@example(offsets=[0, 6, 0], gaps=[50, 46, 2, 1, 1, 1, 1, 1], day=10)
def test_a_local_day_begins_as_the_contract_says(offsets: list[int], gaps: list[int], day: int) -> None:
    at, pairs = 6 * DAY, []
    for offset, gap in zip(offsets, gaps, strict=False):
        pairs.append((at, offset * 1_800))
        at += gap * GRID
    table = Zone(tuple(pairs))
    assert table.begins_ms(day) == by_the_words(table, pairs, day)


# --- cutting the machine's data --------------------------------------------------------------------------------------

FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)


def ms_of(day: date) -> int:
    return (day - EPOCH.date()).days * DAY


FROM, UNTIL = ms_of(FIRST) - DAY, ms_of(LAST) + 400 * DAY


def naming(*calendars: tuple[str, date, date]) -> Policies:
    specs = {
        f"c{number}": CalendarSpec(f"c{number}", name, frozenset({6}), frozenset(), frozenset(), (first, last))
        for number, (name, first, last) in enumerate(calendars)
    }
    plain = load_policies(PLAIN)
    return Policies("", "", plain.retention, specs, {}, {}, {})


class MadeUp(tzinfo):
    """A zone of the machine with these changes: instant in ms, seconds east of UTC."""

    def __init__(self, *pairs: tuple[int, int]) -> None:
        self.pairs = pairs

    def fromutc(self, at: datetime) -> datetime:
        ms = (at.replace(tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)
        place = bisect_right([from_ms for from_ms, _ in self.pairs], ms)
        return at + timedelta(seconds=self.pairs[max(0, place - 1)][1])

    def utcoffset(self, at: datetime | None) -> None:
        """Nobody asks: nor for the other two."""

    dst = tzname = utcoffset


def cut(*pairs: tuple[int, int], first: date = FIRST, last: date = LAST) -> list[tuple[int, int]]:
    zones = cut_zones(naming(("X", first, last)), lambda name: MadeUp(*pairs))
    assert list(zones) == ["X"]
    return list(zones["X"])


def test_a_table_begins_with_the_offset_of_the_day_before_the_first_covered_date() -> None:
    assert cut((0, 3600)) == [(FROM, 3600)]
    assert cut((0, 3600), (FROM, 7200)) == [(FROM, 7200)]
    assert cut((0, 3600), (FROM + SECOND, 7200)) == [(FROM, 3600), (FROM + SECOND, 7200)]


def test_it_says_every_change_up_to_and_with_the_400th_day_after_the_last_covered_date() -> None:
    assert cut((0, 3600), (UNTIL - SECOND, 0)) == [(FROM, 3600), (UNTIL - SECOND, 0)]
    assert cut((0, 3600), (UNTIL, 0)) == [(FROM, 3600), (UNTIL, 0)]
    assert cut((0, 3600), (UNTIL + SECOND, 0)) == [(FROM, 3600)]


def test_it_says_each_change_at_its_second_and_none_twice() -> None:
    spring, autumn = ms_of(date(2026, 3, 29)) + 3_601 * SECOND, ms_of(date(2026, 10, 25)) + SECOND
    assert cut((0, 3600), (spring, 7200), (spring + 10 * DAY, 7200), (autumn, -5)) == [
        (FROM, 3600),
        (spring, 7200),
        (autumn, -5),
    ]


def test_all_calendars_together_say_from_when_until_when_and_which_zones() -> None:
    policies = naming(
        ("B", date(2026, 1, 1), date(2026, 6, 1)),
        ("A", date(2025, 1, 1), date(2025, 6, 1)),
        ("B", date(2027, 1, 1), date(2028, 2, 29)),
    )
    until = ms_of(date(2028, 2, 29)) + AFTER_COVERAGE_DAYS * DAY
    zones = cut_zones(policies, lambda name: MadeUp((0, 60), (until, ord(name))))
    first = ms_of(date(2024, 12, 31))
    assert zones == {"A": ((first, 60), (until, 65)), "B": ((first, 60), (until, 66))}


def test_policies_without_calendars_name_no_zones() -> None:
    assert cut_zones(naming(), lambda name: UTC) == {}


def test_a_coverage_until_the_last_year_there_is_ends_where_dates_do() -> None:
    assert cut((0, 86_399), first=date(9998, 1, 1), last=date(9999, 12, 31)) == [(ms_of(date(9997, 12, 31)), 86_399)]


# --- against the machine's data themselves ---------------------------------------------------------------------------


def tzdata(name: str) -> ZoneInfo:
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Africa/Cairo", date(2024, 1, 1), date(2028, 12, 31)),
        ("America/Santiago", date(2024, 1, 1), date(2028, 12, 31)),
        ("America/Havana", date(2024, 1, 1), date(2028, 12, 31)),
        ("Atlantic/Azores", date(2024, 1, 1), date(2028, 12, 31)),
        ("Pacific/Apia", date(2011, 1, 1), date(2011, 12, 31)),
        ("Australia/Lord_Howe", date(2024, 1, 1), date(2024, 12, 31)),
    ],
)
def test_the_table_says_the_same_local_dates_as_the_zone_it_was_cut_from(name: str, first: date, last: date) -> None:
    real = tzdata(name)
    pairs = cut_zones(naming((name, first, last)), tzdata)[name]
    table = Zone(pairs)
    changes = [instant for from_ms, _ in pairs[1:] for instant in (from_ms - 1, from_ms)]
    hours = range(ms_of(first) - DAY, ms_of(last) + AFTER_COVERAGE_DAYS * DAY, HOUR)
    for instant in (*changes, *hours):
        local_on = (EPOCH + timedelta(milliseconds=instant)).astimezone(real).date()
        assert table.local_day(instant) == (local_on - EPOCH.date()).days
    for from_ms, offset_s in pairs:
        assert offset_at(real, from_ms) == offset_s
    for before, change in pairwise(pairs):
        assert offset_at(real, change[0] - SECOND) == before[1] != change[1]


def offset_at(real: ZoneInfo, ms: int) -> int:
    offset = (EPOCH + timedelta(milliseconds=ms)).astimezone(real).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def test_no_zone_of_the_machines_data_changes_twice_within_the_day_in_which_a_change_is_searched() -> None:
    names = resources.files("tzdata").joinpath("zones").read_text("ascii").split()
    closest = {name: min((b - a for a, b in pairwise(changes_s(name))), default=DAY) for name in names}
    assert len(closest) > 400
    assert min(closest.values()) > DAY // SECOND, min(closest, key=lambda name: closest[name])


def changes_s(name: str) -> list[int]:
    """The instants since 1970, in s, at which a compiled zone file changes its offset (RFC 8536, version 2 and up)."""
    data = resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
    utc, standard, leaps, times, types, letters = struct.unpack_from(">6l", data, 20)
    at = 44 + times * 5 + types * 6 + letters + leaps * 8 + standard + utc
    *_, times, types, _ = struct.unpack_from(">6l", data, at + 20)
    instants = struct.unpack_from(f">{times}q", data, at + 44)
    kinds = data[at + 44 + 8 * times : at + 44 + 9 * times]
    offsets = [struct.unpack_from(">l", data, at + 44 + 9 * times + 6 * kind)[0] for kind in range(types)]
    said = [offsets[0], *(offsets[kind] for kind in kinds)]
    return [instant for instant, (a, b) in zip(instants, pairwise(said), strict=True) if a != b and instant >= 0]


# --- what changed between two tables ---------------------------------------------------------------------------------

A_WEEK = 7 * DAY
FEBRUARY = ms_of(date(2026, 2, 1))


def changed(before: Zones, after: Zones, *later: date) -> list[str]:
    """What changed for a calendar of 2026, or from `later` on."""
    first = later[0] if later else FIRST
    return changed_zones((naming(("A", FIRST, LAST)), before), (naming(("A", first, LAST)), after))


def test_a_zone_that_is_said_anew_and_means_the_same_has_not_changed() -> None:
    said: Zones = {"A": ((FROM, 0), (FEBRUARY, 3600))}
    assert changed(said, said) == []
    assert changed(said, {"A": ((0, 0), (FEBRUARY, 3600))}) == []
    assert changed(said, {"A": ((0, 60), (FROM, 0), (FEBRUARY, 3600))}) == [], "nothing is said of the time before"
    assert changed(said, {"A": ((FROM, 0), (FEBRUARY, 3600), (UNTIL + 1, 0))}) == [], "nor of the time after"


@pytest.mark.parametrize(
    "pairs",
    [
        ((FROM, 60), (FEBRUARY, 3600)),
        ((FROM, 0), (FEBRUARY, 7200)),
        ((FROM, 0), (FEBRUARY + 1, 3600)),
        ((FROM, 0), (FEBRUARY, 3600), (UNTIL, 0)),
        ((FROM, 0),),
    ],
)
def test_a_zone_with_another_offset_or_another_change_has(pairs: tuple[tuple[int, int], ...]) -> None:
    assert changed({"A": ((FROM, 0), (FEBRUARY, 3600))}, {"A": pairs}) == ["A"]


def test_only_the_time_of_which_both_tables_tell_is_compared() -> None:
    before: Zones = {"A": ((FROM, 0), (FEBRUARY, 3600), (FEBRUARY + A_WEEK, 0))}
    assert changed(before, {"A": ((FEBRUARY + A_WEEK, 0),)}, date(2026, 3, 1)) == []
    assert changed(before, {"A": ((FEBRUARY + A_WEEK, 60),)}, date(2026, 3, 1)) == ["A"]


def test_zones_that_one_of_the_two_does_not_say_have_not_changed() -> None:
    plain: Zones = {"A": ((FROM, 0),), "B": ((FROM, 0),)}
    assert changed(plain, {"A": ((FROM, 0),), "C": ((FROM, 0),)}) == []
    assert changed(plain, {}) == changed({}, plain) == []
    assert changed(plain, {"B": ((FROM, 1),), "A": ((FROM, 1),)}) == ["A", "B"]


# --- digests ---------------------------------------------------------------------------------------------------------


def test_equal_tables_have_equal_digests_in_whatever_order_they_are_said() -> None:
    one: Zones = {"A": ((0, 1), (5, 2)), "B": ((0, 0),)}
    other: Zones = {"B": ((0, 0),), "A": ((0, 1), (5, 2))}
    assert zones_digest(one) == zones_digest(other)
    assert len(zones_digest(one)) == 64


@pytest.mark.parametrize(
    "other",
    [
        {"A": ((0, 1), (5, 2))},
        {"A": ((0, 1), (5, 2)), "B": ((0, 1),)},
        {"A": ((0, 1), (6, 2)), "B": ((0, 0),)},
        {"A": ((0, 1),), "B": ((0, 0),)},
        {"A": ((0, 1), (5, 2)), "C": ((0, 0),)},
    ],
    ids=str,
)
def test_whatever_is_changed_in_a_table_changes_its_digest(other: Zones) -> None:
    assert zones_digest(other) != zones_digest({"A": ((0, 1), (5, 2)), "B": ((0, 0),)})
