"""Firing: what a timer does when journal time has reached it (contract §1, §3, §6).

A clock's timers fire on clocks as they stand: an open clock has no ending fact, so no matter is derived again here.
"""

from __future__ import annotations

from schemas.codec import DAY_MS
from streams import health
from streams.events import Moment, SlaEvent
from streams.ledger import Ledger, arm_account
from streams.matters import is_unsettled
from streams.rows import account_of
from streams.state import State
from streams.timers import CLOCK, DUE_STEP, FORGET, HEALTH, MOVE_STEP, Timer


def fire(state: State, timer: Timer, decided_ms: int, events: list[SlaEvent]) -> None:
    """Carry out one timer before the line with journal time `decided_ms`; what it sets takes its place in the order."""
    passed_ms = timer.fire_ms if timer.kind == HEALTH else timer.fire_ms - 1
    state.midnight_ms = max(state.midnight_ms, passed_ms // DAY_MS * DAY_MS)
    moment = Moment(decided_ms, timer.fire_ms, is_timer=True)
    if timer.kind == CLOCK:
        _fire_clock(state, timer, moment, events)
    elif timer.kind == FORGET:
        _forget(state, timer, moment, events)
    else:
        row = state.account(timer.row_id)
        events.extend(health.strike_midnight(timer.row_id, row, timer.fire_ms, moment))
        state.census.set_status(timer.row_id, health.worst_status(row))
        state.mark_changed(timer.row_id)
        arm_account(state, timer.row_id)


def _fire_clock(state: State, timer: Timer, moment: Moment, events: list[SlaEvent]) -> None:
    """An escalation step, the due instant, or an `open` version that comes into force."""
    row_id, account = timer.row_id, account_of(timer.row_id)
    row = state.matter(row_id)
    name = timer.timer_id[len(account) + 1 :]
    clock = next(clock for clock in row.clocks if clock.name == name)
    ledger = Ledger(state, account, moment, events)
    settling = ledger.settling(clock)
    ledger.take_out(clock)
    if timer.step == DUE_STEP:
        settling.breach()
    elif timer.step == MOVE_STEP:
        settling.move(ledger.agreement.moved(settling.binding, clock.start_ms, moment.now_ms))
    else:
        settling.escalate(timer.step)
    ledger.put_back(row_id, clock)
    ledger.close()
    ledger.arm(row_id, row)


def _forget(state: State, timer: Timer, moment: Moment, events: list[SlaEvent]) -> None:
    """A matter is forgotten; what was still open or stood breached is said to have expired."""
    row_id = timer.row_id
    row = state.matter(row_id)
    ledger = Ledger(state, account_of(row_id), moment, events)
    for clock in sorted(row.clocks, key=lambda clock: clock.name):
        if is_unsettled(clock):
            ledger.settling(clock).expire(timer.fire_ms)
    state.forget(row_id)
