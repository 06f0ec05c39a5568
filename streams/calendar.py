"""A calendar at work: which local date an instant has, and where the n-th day after it ends.

Promises: pure integer arithmetic; total for every instant (outside the covered dates only the weekend is known). What
the calendar's zone means is said from outside (`streams.zones`), so neither the machine's zone files nor TZ can change
a due. Meaning: contract §3 (targets), §2 (coverage), §5 (zones).
"""

from datetime import date

from schemas.codec import DAY_MS
from schemas.policy_types import CalendarSpec
from streams.zones import Pairs, Zone

# A fact is accepted until 30 days before the end of the coverage (contract §2), so that its due is covered.
_RESERVE_DAYS = 30
# The table reaches this far beyond the coverage, so that almost every due of a covered instant is in it; what a
# coverage of centuries leaves out of it is computed when asked for.
_MARGIN_DAYS = 100
_CENTURY = (10_957, 47_481)  # 2000-01-01 and 2099-12-31
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


class Calendar:
    """A `CalendarSpec` made ready for questions; days are numbered from 1970-01-01 = 0."""

    __slots__ = (
        "_begins",
        "_business_ends",
        "_business_until",
        "_closed",
        "_covered",
        "_first",
        "_open",
        "_surely_from_ms",
        "_surely_until_ms",
        "_weekend",
        "_zone",
        "name",
    )

    def __init__(self, spec: CalendarSpec, pairs: Pairs) -> None:
        """`pairs` say what the calendar's zone means."""
        self.name = spec.name
        self._zone = Zone(pairs)
        self._weekend = spec.weekend
        self._closed = frozenset(map(_day_number, spec.closed))
        self._open = frozenset(map(_day_number, spec.open))
        first, last = map(_day_number, spec.covers)
        self._covered = range(first, last - _RESERVE_DAYS + 1)
        # No zone is two days from UTC: between these an instant is covered whatever its offset.
        self._surely_from_ms = (self._covered.start + 2) * DAY_MS
        self._surely_until_ms = (self._covered.stop - 2) * DAY_MS
        days = _table_days(first, last)
        # By day, from day `_first` on: `_begins` has the first instant of each day, and one more at the end;
        # `_business_until` how many of the days up to and with this one are business days, whose ends, midnights in
        # order, are `_business_ends`.
        self._first = days.start
        self._begins = [self._zone.begins_ms(day) for day in range(days.start, days.stop + 1)]
        self._business_ends: list[int] = []
        self._business_until: list[int] = []
        for index, day in enumerate(days):
            if self.is_business(day):
                self._business_ends.append(self._begins[index + 1])
            self._business_until.append(len(self._business_ends))

    def is_covered(self, ms: int) -> bool:
        """The local date at `ms` is within the coverage, its last 30 days left out."""
        return self._surely_from_ms < ms < self._surely_until_ms or self._zone.local_day(ms) in self._covered

    def business_days_due(self, start_ms: int, n: int) -> int:
        """The local midnight, in ms, that ends the n-th (from 1) business day after the local date of `start_ms`."""
        day = self._zone.local_day(start_ms)
        index = day - self._first
        if 0 <= index < len(self._business_until):
            position = self._business_until[index] + n - 1
            if position < len(self._business_ends):
                return self._business_ends[position]
        while n:
            day += 1
            n -= self.is_business(day)
        return self.begins_ms(day + 1)

    def calendar_days_due(self, start_ms: int, n: int) -> int:
        """The local midnight, in ms, that ends the n-th day after the local date of `start_ms`."""
        return self.begins_ms(self._zone.local_day(start_ms) + n + 1)

    def local_day(self, ms: int) -> int:
        """The number of the local date at `ms`; 1970-01-01 is 0."""
        return self._zone.local_day(ms)

    def begins_ms(self, day: int) -> int:
        """The first instant, in ms UTC, of a local day."""
        index = day - self._first
        return self._begins[index] if 0 <= index < len(self._begins) else self._zone.begins_ms(day)

    def is_business(self, day: int) -> bool:
        """Whether the local day counts as a business day."""
        return day in self._open or (day not in self._closed and (day + 3) % 7 not in self._weekend)

    def listed(self, day: int) -> tuple[bool, bool, bool]:
        """What the calendar says of a local day: listed as open, listed as closed, of the weekend."""
        return day in self._open, day in self._closed, (day + 3) % 7 in self._weekend


def coverage_ends_ms(spec: CalendarSpec, pairs: Pairs) -> int:
    """The first instant, in ms UTC, after the last day that a calendar's lists are complete for."""
    return Zone(pairs).begins_ms(_day_number(spec.covers[1]) + 1)


def _table_days(first: int, last: int) -> range:
    """The days worth a table: the covered ones of this century, and a margin."""
    low = max(first, _CENTURY[0])
    return range(low - _MARGIN_DAYS, max(low, min(last, _CENTURY[1])) + _MARGIN_DAYS + 1)


def _day_number(day: date) -> int:
    return day.toordinal() - _EPOCH_ORDINAL
