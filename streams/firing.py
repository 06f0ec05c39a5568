"""Firing: what a timer does when journal time has reached it (contract §1, §3, §6).

A clock's timers fire on clocks as they stand: an open clock has no ending fact, so no matter is derived again here.
"""

from __future__ import annotations

from streams import health
from streams.at_work import Matter
from streams.matters import is_unsettled
from streams.state import State
from streams.timer import CLOCK, DUE_STEP, HEALTH, MOVE_STEP, Timer


def fire(state: State, timer: Timer) -> None:
    """Carry out one timer before the line at work; what it sets takes its place in the order."""
    ledger = state.ledger
    ledger.pass_time(timer.fire_ms if timer.kind == HEALTH else timer.fire_ms - 1)
    ledger.moment.fires(timer.fire_ms)
    if timer.kind == HEALTH:
        _strike_midnight(state, timer)
        return
    matter = state.rows.known_matter(timer.row_id)
    assert matter is not None  # what is forgotten is disarmed
    ledger.open(matter.party)
    if timer.kind == CLOCK:
        _fire_clock(state, timer, matter)
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


def _fire_clock(state: State, timer: Timer, matter: Matter) -> None:
    """An escalation step, the due instant, or an `open` version that comes into force."""
    ledger, agreement = state.ledger, matter.party.agreement
    name = timer.timer_id[len(matter.party.row_id) + 1 :]
    clock = next(clock for clock in matter.row.clocks if clock.name == name)
    settling = ledger.settling(clock)
    ledger.take_out(clock)
    if timer.step == DUE_STEP:
        settling.breach()
    elif timer.step == MOVE_STEP:
        settling.move(agreement.moved(settling.binding, clock.start_ms, timer.fire_ms))
    else:
        settling.escalate(timer.step)
    ledger.put_back(matter, clock)
    ledger.close()
    ledger.arm(matter)


def _forget(state: State, timer: Timer, matter: Matter) -> None:
    """A matter is forgotten; what was still open or stood breached is said to have expired."""
    for clock in sorted(matter.row.clocks, key=lambda clock: clock.name):
        if is_unsettled(clock):
            state.ledger.settling(clock).expire(timer.fire_ms)
    state.forget(matter)
