"""Zones as tables of changes: what an activation says, or what the machine's data are cut to (contract §5, Zones).

Days are numbers, counted from 1970-01-01. An instant's local day and a day's local midnight come from the table alone.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

DAY_MS = 86_400_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FOREVER_MS = 10**18
LOOK_EVERY_MS = 6 * 3_600_000  # no zone of the machine changes its offset and takes that back within six hours
DAYS_BEHIND = 400


@dataclass(frozen=True)
class Zone:
    """`pairs`: since when (ms UTC), how far east of UTC (ms); the first holds for all time before it too."""

    pairs: tuple[tuple[int, int], ...]

    def stretches(self) -> list[tuple[int, int, int]]:
        """(begin, end, offset), oldest first."""
        begins = [-FOREVER_MS, *(since for since, _ in self.pairs[1:])]
        ends = [*begins[1:], FOREVER_MS]
        return [(begin, end, offset) for begin, end, (_, offset) in zip(begins, ends, self.pairs, strict=True)]

    def offset(self, ms: int) -> int:
        return next(offset for begin, end, offset in self.stretches() if begin <= ms < end)

    def local_day(self, ms: int) -> int:
        return (ms + self.offset(ms)) // DAY_MS

    def midnight(self, day: int) -> int:
        """When that day begins."""
        stretches = self.stretches()
        said = [day * DAY_MS - offset for begin, end, offset in stretches if begin <= day * DAY_MS - offset < end]
        if said:
            return min(said)
        inside = [begin for begin, _, offset in stretches if (begin + offset) // DAY_MS == day]
        if inside:
            return min(inside)
        later = [max(begin, (day + 1) * DAY_MS - offset) for begin, _, offset in stretches]
        return min(ms for ms, (_, end, _) in zip(later, stretches, strict=True) if ms < end)


def said_zone(pairs: list[list[int]]) -> Zone:
    """As an activation has it: offsets in seconds."""
    return Zone(tuple((since, seconds * 1000) for since, seconds in pairs))


@cache
def machine_zone(name: str, first_day: int, last_day: int) -> Zone:
    """The machine's data, cut for calendars that cover these days."""
    zone = _tzdata(name)
    since, until = (first_day - 1) * DAY_MS, (last_day + DAYS_BEHIND) * DAY_MS
    pairs = [(since, _offset(zone, since))]
    for at in range(since, until, LOOK_EVERY_MS):
        before, after = at, at + LOOK_EVERY_MS
        if _offset(zone, before) != _offset(zone, after):
            while after - before > 1:
                middle = (before + after) // 2
                if _offset(zone, middle) == pairs[-1][1]:
                    before = middle
                else:
                    after = middle
            pairs.append((after, _offset(zone, after)))
    return Zone(tuple(pairs))


def _offset(zone: ZoneInfo, ms: int) -> int:
    offset = (EPOCH + timedelta(milliseconds=ms)).astimezone(zone).utcoffset()
    assert offset is not None
    return offset // timedelta(milliseconds=1)


def _tzdata(name: str) -> ZoneInfo:
    """From the tzdata package where it is installed, so that the machine's own zone files do not matter."""
    package, _, resource = ("tzdata.zoneinfo/" + name).replace("/", ".").rpartition(".")
    try:
        with resources.files(package).joinpath(resource).open("rb") as file:
            return ZoneInfo.from_file(file, key=name)
    except (ModuleNotFoundError, FileNotFoundError):
        return ZoneInfo(name)
