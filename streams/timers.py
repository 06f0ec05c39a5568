"""Timers: what fires next, in the order of contract §1.

Each matter and account arms at most one entry, its own earliest; when that has fired it arms the next. Entries are
ordered by (fire_ms, class, id, step): clock timers, then forgetting, then health; ids in byte order; of one clock
escalation steps by level, before due, before re-target. A heap with lazy deletion, rebuilt when more than a fifth of it
is stale: what is settled should not be remembered twice. An index over the rows: nothing here is persisted.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Final

import msgspec

CLOCK: Final = 0
FORGET: Final = 1
HEALTH: Final = 2

DUE_STEP: Final = 1_000_000
MOVE_STEP: Final = 1_000_001
"""Steps of a clock after its escalation levels."""

SLACK: Final = 1_024


class Timer(msgspec.Struct, frozen=True, gc=False, order=True):
    """One armed entry; `row_id` is the matter or account that armed it."""

    fire_ms: int
    kind: int
    timer_id: str
    step: int
    row_id: str


class Timers:
    """The armed timers of a partition."""

    __slots__ = ("_armed", "_heap")

    def __init__(self) -> None:
        self._armed: dict[str, Timer] = {}
        self._heap: list[Timer] = []

    def __len__(self) -> int:
        return len(self._armed)

    def arm(self, timer: Timer | None, row_id: str) -> None:
        """Make `timer` the one entry of a row; None disarms it."""
        if timer is None:
            self.disarm(row_id)
        elif self._armed.get(row_id) != timer:
            self._armed[row_id] = timer
            heappush(self._heap, timer)
            if len(self._heap) > 1.25 * len(self._armed) + SLACK:
                self._heap = list(self._armed.values())
                heapify(self._heap)

    def own_id(self, row_id: str) -> str:
        """The id as the row's timer holds it: of equal texts only one is kept."""
        timer = self._armed.get(row_id)
        return row_id if timer is None else timer.row_id

    def disarm(self, row_id: str) -> None:
        """A row has no timer any more."""
        self._armed.pop(row_id, None)

    def peek(self) -> Timer | None:
        """The next timer, or None."""
        heap = self._heap
        while heap:
            timer = heap[0]
            if self._armed.get(timer.row_id) is timer:
                return timer
            heappop(heap)
        return None

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

    def pop_due(self, until_ms: int) -> Timer | None:
        """Take the next timer with fire_ms <= until_ms, disarmed, or None."""
        heap = self._heap
        if not heap or heap[0].fire_ms > until_ms:  # whether stale or not: all others come later
            return None
        timer = self.peek()
        if timer is None or timer.fire_ms > until_ms:
            return None
        heappop(self._heap)
        del self._armed[timer.row_id]
        return timer
