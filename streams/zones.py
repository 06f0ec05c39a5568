"""Zones: what the names of zones mean, as an activation says it, and how the machine's data are cut to that form.

Promises: integer arithmetic; total for every instant; nothing is read here, so that no machine's data decide what an
activation has said. Before the first pair of a zone its offset holds too, after the last one the last. Meaning:
contract §5, Zones.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from hashlib import sha256
from typing import Final

from schemas.codec import DAY_MS, LAST_MS, canonical_json
from schemas.notifications import Zones
from schemas.policy_types import Policies

AFTER_COVERAGE_DAYS: Final = 400
"""How many days after the last covered date changes of offset are still said."""

# No zone changes twice within so short a time and back again: what is searched for is found.
_STEP_MS: Final = 3 * DAY_MS
# Where `datetime` ends; there a zone keeps the offset it has.
_LATEST_MS: Final = LAST_MS - 2 * DAY_MS
_FOREVER_MS: Final = 1 << 62
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()

Pairs = tuple[tuple[int, int], ...]


class Zone:
    """One zone ready for questions; days are numbered from 1970-01-01 = 0, instants are ms UTC."""

    __slots__ = ("_changes_ms", "_offsets_ms")

    def __init__(self, pairs: Pairs) -> None:
        self._changes_ms = [from_ms for from_ms, _ in pairs[1:]]
        self._offsets_ms = [offset_s * 1_000 for _, offset_s in pairs]

    def local_day(self, ms: int) -> int:
        """The number of the local date at an instant."""
        return (ms + self._offsets_ms[bisect_right(self._changes_ms, ms)]) // DAY_MS

    def begins_ms(self, day: int) -> int:
        """The local midnight with which a day begins, the first where it comes twice.

        One that does not exist is the first instant of its date or, where no instant has that date, the first after it.
        """
        midnight_ms = day * DAY_MS
        of_the_date: list[int] = []
        after_it: list[int] = []
        for from_ms, to_ms, offset_ms in self._spans(midnight_ms - DAY_MS, midnight_ms + 2 * DAY_MS):
            at_ms = midnight_ms - offset_ms
            if from_ms <= at_ms < to_ms:
                return at_ms
            if at_ms < from_ms < at_ms + DAY_MS:
                of_the_date.append(from_ms)
            if (later_ms := max(from_ms, at_ms + DAY_MS)) < to_ms:
                after_it.append(later_ms)
        return (of_the_date or after_it)[0]

    def _spans(self, from_ms: int, until_ms: int) -> Iterator[tuple[int, int, int]]:
        """The spans of one offset that meet these instants: from, to, offset. No offset is a day or more."""
        changes_ms = self._changes_ms
        first, last = bisect_right(changes_ms, from_ms), bisect_right(changes_ms, until_ms)
        for place in range(first, last + 1):
            yield (
                changes_ms[place - 1] if place else -_FOREVER_MS,
                changes_ms[place] if place < len(changes_ms) else _FOREVER_MS,
                self._offsets_ms[place],
            )


def cut_zones(policies: Policies, zone_of: Callable[[str], tzinfo]) -> Zones:
    """The machine's zones (`zone_of` gives them by name) as the table that an activation of these policies says."""
    names = sorted({calendar.timezone for calendar in policies.calendars.values()})
    if not names:
        return {}
    from_ms, until_ms = _said_span(policies)
    return {name: _cut(zone_of(name), from_ms, until_ms) for name in names}


def changed_zones(before: tuple[Policies, Zones], after: tuple[Policies, Zones]) -> list[str]:
    """The zones, said with both of these policies, that mean something else, in the time of which both tables tell."""
    names = sorted(before[1].keys() & after[1].keys())
    if not names:
        return []
    spans = [_said_span(policies) for policies, _ in (before, after)]
    from_ms, until_ms = max(span[0] for span in spans), min(span[1] for span in spans)
    return [
        name
        for name in names
        if _between(before[1][name], from_ms, until_ms) != _between(after[1][name], from_ms, until_ms)
    ]


def zones_digest(zones: Zones) -> str:
    """SHA-256 of what zones mean, hexadecimal: equal tables have equal digests."""
    return sha256(canonical_json(zones)).hexdigest()


def _said_span(policies: Policies) -> tuple[int, int]:
    """The first and last instant of which the table of these policies' zones tells; they have a calendar."""
    calendars = policies.calendars.values()
    from_ms = _midnight_ms(min(calendar.covers[0] for calendar in calendars) - timedelta(days=1))
    last_ms = _midnight_ms(max(calendar.covers[1] for calendar in calendars))
    return from_ms, min(last_ms + AFTER_COVERAGE_DAYS * DAY_MS, _LATEST_MS)


def _between(pairs: Pairs, from_ms: int, until_ms: int) -> list[tuple[int, int]]:
    """The offset at an instant, then every change up to and with another."""
    place = bisect_right([change_ms for change_ms, _ in pairs[1:]], from_ms)
    changes = (pair for pair in pairs[place + 1 :] if pair[0] <= until_ms)
    return [(from_ms, pairs[place][1]), *changes]


def _cut(zone: tzinfo, from_ms: int, until_ms: int) -> Pairs:
    """The offset at `from_ms`, then every change up to and with `until_ms`."""
    pairs = [(from_ms, _offset_s(zone, from_ms))]
    low_ms = from_ms
    while low_ms < until_ms:
        high_ms = min(low_ms + _STEP_MS, until_ms)
        if _offset_s(zone, high_ms) != pairs[-1][1]:
            change_ms = _first_change_ms(zone, low_ms, high_ms)
            pairs.append((change_ms, _offset_s(zone, change_ms)))
        low_ms = high_ms
    return tuple(pairs)


def _first_change_ms(zone: tzinfo, low_ms: int, high_ms: int) -> int:
    """The instant in (low, high] from which the offset is that at `high_ms`; zones change at whole seconds."""
    after_s = _offset_s(zone, high_ms)
    while high_ms - low_ms > 1_000:
        middle_ms = (low_ms + high_ms) // 2_000 * 1_000
        if _offset_s(zone, middle_ms) == after_s:
            high_ms = middle_ms
        else:
            low_ms = middle_ms
    return high_ms


def _offset_s(zone: tzinfo, ms: int) -> int:
    instant = _EPOCH + timedelta(milliseconds=ms)
    return (instant.astimezone(zone).replace(tzinfo=UTC) - instant) // timedelta(seconds=1)


def _midnight_ms(day: date) -> int:
    return (day.toordinal() - _EPOCH_ORDINAL) * DAY_MS
