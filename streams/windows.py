"""The windows of an account's health: its days' counters, added up over the days before a midnight (contract §6).

The sums are kept from midnight to midnight: a day comes in, one goes out of each window, and what changes a past day
changes the windows that it is in. Law: they are what adding up the days anew would give.
"""

from __future__ import annotations

from typing import Final

from streams.rows import DayCounts

WINDOWS: Final = (7, 30, 90)
"""In days."""

_NEVER: Final = -(1 << 31)


class Window:
    """The counters of so many days, added up; `has_moved`: since they were last compared with what was said."""

    __slots__ = ("answered", "days", "elapsed_ms", "has_moved", "late", "on_time", "refunds_late", "refunds_met")

    def __init__(self, days: int) -> None:
        self.days = days
        self.has_moved = True
        self.on_time = 0
        self.late = 0
        self.answered = 0
        self.elapsed_ms = 0
        self.refunds_met = 0
        self.refunds_late = 0

    def move(self, counts: DayCounts, sign: int) -> None:
        """A day comes in (+1) or goes out (-1)."""
        self.has_moved = True
        self.on_time += sign * counts.on_time
        self.late += sign * counts.late
        self.answered += sign * counts.answered
        self.elapsed_ms += sign * counts.elapsed_ms
        self.refunds_met += sign * counts.refunds_met
        self.refunds_late += sign * counts.refunds_late


class Windows:
    """Sums over the days before that of number `last`, one for each of WINDOWS; none before the first `open`."""

    __slots__ = ("each", "last")

    def __init__(self) -> None:
        self.last = _NEVER
        self.each: list[Window] = []

    def open(self, days: dict[int, DayCounts], last: int) -> bool:
        """These are the days, and `last` that of the newest midnight; returns whether it was another before."""
        if last == self.last:
            return False
        if last == self.last + 1:
            come = days.get(last - 1)
            for window in self.each:
                gone = days.get(last - 1 - window.days)
                if come is not None:
                    window.move(come, +1)
                if gone is not None:
                    window.move(gone, -1)
        else:
            self.each = [Window(length) for length in WINDOWS]
            for day, counts in days.items():
                for window in self.each:
                    if 0 < last - day <= window.days:
                        window.move(counts, +1)
        self.last = last
        return True

    def add(self, day: int, counts: DayCounts, sign: int) -> None:
        """Take a past day out (-1) before its counters change, put it in (+1) when they have changed."""
        for window in self.each:
            if self.last - day <= window.days:
                window.move(counts, sign)
