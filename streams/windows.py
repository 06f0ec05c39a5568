"""The windows of an account's health: its days' counters, added up over the days before a midnight (contract §6).

The sums are kept from midnight to midnight: a day comes in, one goes out of each window, and what changes a past day
changes the windows that it is in. Law: they are what adding up the days anew would give.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from streams.rows import DayCounts

WINDOWS: Final = (7, 30, 90)
"""In days."""
ON_TIME, LATE, ANSWERED, ELAPSED_MS, REFUNDS_MET, REFUNDS_LATE = range(6)
"""The counters of a day, as places in the sums of a window."""

_NEVER: Final = -(1 << 31)


class Windows:
    """Sums over the days before that of number `last`, for each of WINDOWS; nothing before the first `open`."""

    __slots__ = ("has_moved", "last", "sums")

    def __init__(self) -> None:
        self.last = _NEVER
        self.sums: list[list[int]] = []
        self.has_moved: list[bool] = []
        """Of each window, whether its sums may be others than when they were last compared with what was said."""

    def open(self, days: Mapping[int, DayCounts], last: int) -> bool:
        """These are the days, and `last` that of the newest midnight; returns whether it was another before."""
        if last == self.last:
            return False
        if last == self.last + 1:
            self.last = last
            come = days.get(last - 1)
            for place, window in enumerate(WINDOWS):
                gone = days.get(last - 1 - window)
                if come is not None:
                    self._move(place, come, +1)
                if gone is not None:
                    self._move(place, gone, -1)
        else:
            self.last = last
            self.sums = [[0] * 6 for _ in WINDOWS]
            self.has_moved = [True] * len(WINDOWS)
            for day, counts in days.items():
                for place, window in enumerate(WINDOWS):
                    if 0 < last - day <= window:
                        self._move(place, counts, +1)
        return True

    def add(self, day: int, counts: DayCounts, sign: int) -> None:
        """Take a past day out (-1) before its counters change, put it in (+1) when they have changed."""
        for place, window in enumerate(WINDOWS):
            if self.last - day <= window:
                self._move(place, counts, sign)

    def _move(self, place: int, counts: DayCounts, sign: int) -> None:
        sums = self.sums[place]
        self.has_moved[place] = True
        sums[ON_TIME] += sign * counts.on_time
        sums[LATE] += sign * counts.late
        sums[ANSWERED] += sign * counts.answered
        sums[ELAPSED_MS] += sign * counts.elapsed_ms
        sums[REFUNDS_MET] += sign * counts.refunds_met
        sums[REFUNDS_LATE] += sign * counts.refunds_late
