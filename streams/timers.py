"""Timers: what fires next, in the order of contract §1.

Each matter and account arms at most one entry, its own earliest; when that has fired it arms the next. Entries are
ordered by (fire_ms, class, id, step): clock timers, then forgetting, then health; ids in byte order; of one clock
escalation steps by level, before due, before re-target. A heap with lazy deletion, rebuilt when more than a fifth of it
is stale: what is settled should not be remembered twice. An index over the rows: nothing here is persisted.

Most rows are settled matters that only wait to be forgotten, for months. Those are parked: an instant and an id among
those of an hour, and nothing more (streams/at_rest.py). An hour is opened when no other timer comes before it. Whether
an entry still says what its row does is asked when its turn comes: then its row is looked at in any case. There are
never more entries than times at which a row was armed.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Final

from schemas.codec import HOUR_MS
from streams.at_rest import ParkedInMemory, Parking
from streams.timer import CLOCK, FORGET, Timer

SLACK: Final = 1_024
_NEVER_MS: Final = 1 << 62


class Timers:
    """The armed timers of a partition; `timer_of` gives the timer of a parked row as it stands, None if it is gone."""

    __slots__ = (
        "_armed",
        "_counts",
        "_doubtful",
        "_heap",
        "_hours",
        "_opened",
        "_parked",
        "_parked_from_ms",
        "_timer_of",
    )

    def __init__(self, timer_of: Callable[[str], Timer | None], parked: Parking | None = None) -> None:
        self._timer_of = timer_of
        self._parked = ParkedInMemory() if parked is None else parked
        self._armed: dict[str, Timer] = {}
        self._heap: list[Timer] = []
        self._doubtful: set[str] = set()  # armed rows whose timer is that of an hour that was opened, not asked yet
        self._counts: dict[int, int] = {}  # how often something was parked in each hour that is still to come
        self._hours: list[int] = []
        self._parked_from_ms = _NEVER_MS
        self._opened = -1

    def __len__(self) -> int:
        return len(self._armed) + sum(self._counts.values())

    def arm(self, timer: Timer | None, row_id: str) -> None:
        """Make `timer` the one entry of a row; None disarms it."""
        if timer is None:
            self.disarm(row_id)
        elif timer.kind == FORGET:
            self.park(timer.fire_ms, row_id)
        else:
            self.put(timer)

    def park(self, fire_ms: int, row_id: str) -> None:
        """Let the one entry of a row be that it is forgotten then."""
        number = fire_ms // HOUR_MS
        if number == self._opened:
            self.put(Timer(fire_ms, FORGET, row_id, 0, row_id))
            return
        if row_id in self._armed:
            self.disarm(row_id)
        count = self._counts.get(number, 0)
        if not count:
            heappush(self._hours, number)
            self._parked_from_ms = self._hours[0] * HOUR_MS
        self._counts[number] = count + 1
        self._parked.park(number, fire_ms, row_id)

    def put(self, timer: Timer) -> None:
        """Make a timer that is not parked the one entry of its row."""
        row_id, armed = timer.row_id, self._armed
        if armed.get(row_id) == timer:
            return
        armed[row_id] = timer
        self._doubtful.discard(row_id)
        heappush(self._heap, timer)
        if 4 * len(self._heap) > 5 * len(armed) + 4 * SLACK:
            self._heap = list(self._armed.values())
            heapify(self._heap)

    def disarm(self, row_id: str) -> None:
        """A row has no timer any more."""
        self._armed.pop(row_id, None)
        self._doubtful.discard(row_id)

    def peek(self) -> Timer | None:
        """The next timer, or None."""
        while True:
            timer = self._heap[0] if self._heap else None
            if timer is not None and self._armed.get(timer.row_id) is not timer:
                heappop(self._heap)
            elif timer is not None and timer.row_id in self._doubtful:
                self._doubtful.discard(timer.row_id)
                self.arm(self._timer_of(timer.row_id), timer.row_id)
            elif not self._hours or (timer is not None and timer.fire_ms < self._parked_from_ms):
                return timer
            else:
                self._open_hour()

    def _open_hour(self) -> None:
        """Arm what is parked in the first hour; until another is opened, nothing is parked in it again."""
        number = self._opened = heappop(self._hours)
        del self._counts[number]
        self._parked_from_ms = self._hours[0] * HOUR_MS if self._hours else _NEVER_MS
        for fire_ms, row_id in self._parked.take(number):
            armed = self._armed.get(row_id)
            if armed is None or (row_id in self._doubtful and fire_ms < armed.fire_ms):
                timer = self._armed[row_id] = Timer(fire_ms, FORGET, row_id, 0, row_id)
                self._doubtful.add(row_id)
                self._heap.append(timer)
        heapify(self._heap)

    def overdue(self, until_ms: int, most: int) -> int:
        """How many clocks' timers stand at or before an instant, counted up to `most`; later ones cost nothing."""
        heap, armed, found, places = self._heap, self._armed, 0, [0]
        while places and found < most:
            place = places.pop()
            if place < len(heap) and heap[place].fire_ms <= until_ms:
                timer = heap[place]
                found += timer.kind == CLOCK and armed.get(timer.row_id) is timer
                places += (2 * place + 1, 2 * place + 2)
        return found

    def may_be_due(self, until_ms: int) -> bool:
        """Whether a timer may have fire_ms <= until_ms; False is certain, whether the first entry is stale or not."""
        heap = self._heap
        return (bool(heap) and heap[0].fire_ms <= until_ms) or self._parked_from_ms <= until_ms

    def pop_due(self, until_ms: int) -> Timer | None:
        """Take the next timer with fire_ms <= until_ms, disarmed, or None."""
        heap = self._heap
        if not ((heap and heap[0].fire_ms <= until_ms) or self._parked_from_ms <= until_ms):
            return None
        timer = self.peek()
        if timer is None or timer.fire_ms > until_ms:
            return None
        heappop(self._heap)
        del self._armed[timer.row_id]
        return timer
