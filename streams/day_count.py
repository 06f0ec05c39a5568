"""Days counted one by one: the same due as `Calendar` gives, with the calendar's reason for each local date.

For people who check a due by hand (`dueclock explain`). It asks the calendar that decides which days count and when
they begin; only the words are of its own. Meaning: contract §3 (targets), §5 (calendars).
"""

from __future__ import annotations

from datetime import date
from typing import Final, Literal, NamedTuple

from streams.calendar import Calendar

Why = Literal["start", "open", "closed", "weekend", "business", "calendar"]

_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()


class CountedDay(NamedTuple):
    """A local date on the way to a due. `number` is its place in the count from 1, 0 where it does not count.

    `begins_ms` and `ends_ms` are its first instant and that of the next day, in ms UTC. `why`: `start` is the date of
    the start fact, which never counts; `open` a date that counts in spite of weekend or closed; `closed` and `weekend`
    do not count; `business` counts; `calendar` counts because every day does.
    """

    on: date
    number: int
    why: Why
    begins_ms: int
    ends_ms: int


def count_days(calendar: Calendar, start_ms: int, n: int, *, business: bool) -> list[CountedDay]:
    """The local dates from that of `start_ms` to the n-th (from 1) that counts; the due is the end of the last."""
    day = calendar.local_day(start_ms)
    counted = [_counted(calendar, day, 0, "start")]
    number = 0
    while number < n:
        day += 1
        counts = not business or calendar.is_business(day)
        number += counts
        counted.append(
            _counted(calendar, day, number if counts else 0, _why(calendar, day) if business else "calendar")
        )
    return counted


def _counted(calendar: Calendar, day: int, number: int, why: Why) -> CountedDay:
    begins_ms, ends_ms = calendar.begins_ms(day), calendar.begins_ms(day + 1)
    return CountedDay(date.fromordinal(_EPOCH_ORDINAL + day), number, why, begins_ms, ends_ms)


def _why(calendar: Calendar, day: int) -> Why:
    """The first reason that holds: a date that is listed as open would not count otherwise."""
    is_open, is_closed, is_weekend = calendar.listed(day)
    if is_open:
        return "open"
    if is_closed:
        return "closed"
    return "weekend" if is_weekend else "business"
