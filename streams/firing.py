"""Firing: what a timer does when journal time has reached it (contract §1, §3, §6).

A clock's timers fire on clocks as they stand: an open clock has no ending fact, so no matter is derived again here.
"""

from __future__ import annotations

from heapq import heapify, heappop, heapreplace

from streams import health
from streams.at_work import Matter
from streams.matters import FEW_CLOCKS, clock_timer, is_unsettled, next_of_clock
from streams.policies import Agreement
from streams.rows import Clock, MatterRow
from streams.state import State
from streams.timer import CLOCK, DUE_STEP, HEALTH, MOVE_STEP, Timer


class _Crowd:
    """A crowded matter while a line fires its timers: its clocks by name, and what each of them has next.

    A timer changes its own clock alone, so that the others need not be asked again after each. A queue of (instant,
    clock, step): its first is what `next_timer` would find among the clocks.
    """

    __slots__ = ("_agreement", "_clocks", "_queue", "_safe_until_ms")

    def __init__(self, agreement: Agreement, row: MatterRow) -> None:
        self._agreement = agreement
        self._clocks = {clock.name: clock for clock in row.clocks}
        self._queue = [entry for clock in row.clocks if (entry := self._entry(clock)) is not None]
        heapify(self._queue)
        retention = agreement.retention
        shortest_ms = min(retention.settled_ms, retention.unsettled_ms, retention.evidence_ms)
        self._safe_until_ms = max(fact.at_ms for fact in row.facts) + shortest_ms  # it is forgotten later than that

    def clock(self, name: str) -> Clock:
        return self._clocks[name]

    def fired(self, clock: Clock) -> tuple[int, str, int] | None:
        """The first of the queue was the clock's, and has fired: the earliest now, None where that has to be asked."""
        entry = self._entry(clock)
        if entry is None:
            heappop(self._queue)
        else:
            heapreplace(self._queue, entry)
        return self._queue[0] if self._queue and self._queue[0][0] <= self._safe_until_ms else None

    def _entry(self, clock: Clock) -> tuple[int, str, int] | None:
        found = next_of_clock(self._agreement, clock)
        return None if found is None else (found[0], clock.name, found[1])


class Crowds:
    """The crowded matters whose timers one line fires; nothing else may change a clock meanwhile."""

    __slots__ = ("_crowds",)

    def __init__(self) -> None:
        self._crowds: dict[str, _Crowd] = {}

    def of(self, row_id: str, row: MatterRow, agreement: Agreement) -> _Crowd | None:
        """The crowd of a matter, if it is crowded."""
        crowd = self._crowds.get(row_id)
        if crowd is None and len(row.clocks) > FEW_CLOCKS:
            crowd = self._crowds[row_id] = _Crowd(agreement, row)
        return crowd


def fire(state: State, timer: Timer, crowds: Crowds) -> None:
    """Carry out one timer before the line at work; what it sets takes its place in the order."""
    ledger = state.ledger
    ledger.fires(timer)
    if timer.kind == HEALTH:
        _strike_midnight(state, timer)
        return
    matter = state.rows.known_matter(timer.row_id)
    assert matter is not None  # what is forgotten is disarmed
    ledger.open(matter.party)
    if timer.kind == CLOCK:
        _fire_clock(state, timer, matter, crowds)
    else:
        _forget(state, timer, matter)


def _strike_midnight(state: State, timer: Timer) -> None:
    """A UTC midnight of an account."""
    party, ledger = state.rows.party(timer.row_id), state.ledger
    ledger.open(party)
    if health.strike_midnight(party, timer.fire_ms, ledger.moment):
        state.census.set_status(party.row_id, health.worst_status(party.row))
    state.rows.mark_changed(party)
    ledger.arm_midnight(party)


def _fire_clock(state: State, timer: Timer, matter: Matter, crowds: Crowds) -> None:
    """An escalation step, the due instant, or an `open` version that comes into force."""
    ledger, agreement = state.ledger, matter.party.agreement
    name = timer.timer_id[len(matter.party.row_id) + 1 :]
    crowd = crowds.of(matter.row_id, matter.row, agreement)
    clock = next(clock for clock in matter.row.clocks if clock.name == name) if crowd is None else crowd.clock(name)
    settling = ledger.settling(clock)
    ledger.count(clock, -1)
    if timer.step == DUE_STEP:
        settling.breach()
    elif timer.step == MOVE_STEP:
        settling.move(agreement.moved(settling.binding, clock.start_ms, timer.fire_ms))
    else:
        settling.escalate(timer.step)
    ledger.put_back(matter, clock)
    ledger.close()
    following = None if crowd is None else crowd.fired(clock)
    if following is None:
        ledger.arm(matter)
    else:
        state.timers.put(clock_timer(matter, *following))


def _forget(state: State, timer: Timer, matter: Matter) -> None:
    """A matter is forgotten; what was still open or stood breached is said to have expired."""
    for clock in sorted(matter.row.clocks, key=lambda clock: clock.name):
        if is_unsettled(clock):
            state.ledger.settling(clock).expire(timer.fire_ms)
    state.forget(matter)
