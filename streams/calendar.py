"""A calendar at work: which local date an instant has, and where the n-th day after it ends.

Promises: pure integer arithmetic after construction; total for every instant (outside the covered dates only the
weekend is known); zone data comes from the pinned `tzdata` package alone, so neither the system's zone files nor TZ
nor PYTHONTZPATH can change a due. A local date begins at the first instant that bears it, also where a clock that is
set forward skips midnight or one that is set back repeats it. Meaning: contract §3 (targets), §2 (coverage).
"""

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

from schemas.codec import DAY_MS
from schemas.policies import CalendarSpec

# No zone is this far from UTC; the window it makes around a midnight holds at most one change of offset.
_FARTHEST_MS = 26 * 3_600_000
# A fact is accepted until 30 days before the end of the coverage (contract §2), so that its due is covered.
_RESERVE_DAYS = 30
# The table reaches this far beyond the coverage, so that almost every due of a covered instant is in it; what a
# coverage of centuries leaves out of it is computed when asked for.
_MARGIN_DAYS = 100
_CENTURY = (10_957, 47_481)  # 2000-01-01 and 2099-12-31
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
# Beyond these, where `datetime` ends, a zone keeps the offset it has there.
_EARLIEST_S = (datetime(2, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(seconds=1)
_LATEST_S = (datetime(9999, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(seconds=1)


class Calendar:
    """A `CalendarSpec` made ready for questions; days are numbered from 1970-01-01 = 0."""

    __slots__ = (
        "_begins",
        "_business_ends",
        "_business_until",
        "_closed",
        "_covered_from_ms",
        "_covered_until_ms",
        "_open",
        "_weekend",
        "_zone",
        "name",
    )

    def __init__(self, spec: CalendarSpec) -> None:
        self.name = spec.name
        self._zone = _zone(spec.timezone)
        self._weekend = spec.weekend
        self._closed = frozenset(map(_day_number, spec.closed))
        self._open = frozenset(map(_day_number, spec.open))
        first, last = map(_day_number, spec.covers)
        self._covered_from_ms = self.begins_ms(first)
        self._covered_until_ms = self.begins_ms(last - _RESERVE_DAYS + 1)
        days = _table_days(first, last)
        # _begins[i]: first instant of day days[i], one more at the end; _business_ends: the midnights that end business
        # days, in order; _business_until[i]: how many of them end days up to and including days[i].
        self._begins = self._begin_table(days)
        self._business_ends: list[int] = []
        self._business_until: list[int] = []
        for index, day in enumerate(days):
            if self.is_business(day):
                self._business_ends.append(self._begins[index + 1])
            self._business_until.append(len(self._business_ends))

    def is_covered(self, ms: int) -> bool:
        """The local date at `ms` is within the coverage, its last 30 days left out."""
        return self._covered_from_ms <= ms < self._covered_until_ms

    def business_days_due(self, start_ms: int, n: int) -> int:
        """The local midnight, in ms, that ends the n-th (from 1) business day after the local date of `start_ms`."""
        index = bisect_right(self._begins, start_ms) - 1
        if 0 <= index < len(self._business_until):
            position = self._business_until[index] + n - 1
            if position < len(self._business_ends):
                return self._business_ends[position]
        day = self.local_day(start_ms)
        while n:
            day += 1
            n -= self.is_business(day)
        return self.begins_ms(day + 1)

    def calendar_days_due(self, start_ms: int, n: int) -> int:
        """The local midnight, in ms, that ends the n-th day after the local date of `start_ms`."""
        index = bisect_right(self._begins, start_ms) - 1
        if index >= 0 and index + n + 1 < len(self._begins):
            return self._begins[index + n + 1]
        return self.begins_ms(self.local_day(start_ms) + n + 1)

    def local_day(self, ms: int) -> int:
        """The number of the local date at `ms`; 1970-01-01 is 0."""
        day = (ms + _offset_ms(self._zone, ms)) // DAY_MS
        return day + (self.begins_ms(day + 1) <= ms)

    def begins_ms(self, day: int) -> int:
        """The first instant, in ms UTC, of a local day."""
        return _begin_ms(self._zone, day)

    def is_business(self, day: int) -> bool:
        """Whether the local day counts as a business day."""
        return day in self._open or (day not in self._closed and (day + 3) % 7 not in self._weekend)

    def listed(self, day: int) -> tuple[bool, bool, bool]:
        """What the calendar says of a local day: listed as open, listed as closed, of the weekend."""
        return day in self._open, day in self._closed, (day + 3) % 7 in self._weekend

    def _begin_table(self, days: range) -> list[int]:
        """`begins_ms` of each of these days and of the next, with one look at the zone for a day that has no change."""
        offsets = [_offset_ms(self._zone, day * DAY_MS) for day in range(days.start - 2, days.stop + 3)]
        return [
            day * DAY_MS - before_ms if before_ms == after_ms else self.begins_ms(day)
            for day, before_ms, after_ms in zip(
                range(days.start, days.stop + 1), offsets[:-4], offsets[4:], strict=True
            )
        ]


def coverage_ends_ms(spec: CalendarSpec) -> int:
    """The first instant, in ms UTC, after the last day that a calendar's lists are complete for."""
    return _begin_ms(_zone(spec.timezone), _day_number(spec.covers[1]) + 1)


def _begin_ms(zone: ZoneInfo, day: int) -> int:
    """First instant of a local day."""
    low_ms, high_ms = day * DAY_MS - _FARTHEST_MS, day * DAY_MS + _FARTHEST_MS
    before_ms, after_ms = _offset_ms(zone, low_ms), _offset_ms(zone, high_ms)
    if before_ms == after_ms:
        return day * DAY_MS - before_ms
    while high_ms - low_ms > 1_000:  # zones change at whole seconds
        middle_ms = (low_ms + high_ms) // 2_000 * 1_000
        if _offset_ms(zone, middle_ms) == before_ms:
            low_ms = middle_ms
        else:
            high_ms = middle_ms
    if day * DAY_MS - before_ms < high_ms:
        return day * DAY_MS - before_ms
    return max(high_ms, day * DAY_MS - after_ms)


def _offset_ms(zone: ZoneInfo, ms: int) -> int:
    seconds = min(max(ms // 1_000, _EARLIEST_S), _LATEST_S)
    instant = _EPOCH + timedelta(seconds=seconds)
    return (instant.astimezone(zone).replace(tzinfo=UTC) - instant) // timedelta(milliseconds=1)


def _table_days(first: int, last: int) -> range:
    """The days worth a table: the covered ones of this century, and a margin."""
    low = max(first, _CENTURY[0])
    return range(low - _MARGIN_DAYS, max(low, min(last, _CENTURY[1])) + _MARGIN_DAYS + 1)


def _day_number(day: date) -> int:
    return day.toordinal() - _EPOCH_ORDINAL


@cache
def _zone(name: str) -> ZoneInfo:
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)
