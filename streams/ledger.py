"""The ledger: carrying a change of one clock into its row, its account's counters, the indexes and the events.

Whatever happens to a clock happens between `Ledger.take_out` and `Ledger.put_back`, so that counters move in the step
that changes the outcome or the start (contract §6). A ledger is kept for one moment: one timer, one fact or one
activation.
"""

from __future__ import annotations

from streams import health
from streams.clock import Settling, outcome_of
from streams.duties import Duty
from streams.events import Moment, SlaEvent
from streams.matters import next_timer
from streams.policies import Agreement, Binding
from streams.rows import BREACHED, GONE, OPEN, AccountRow, Clock, MatterRow, account_of, marketplace_of
from streams.state import State
from streams.timers import HEALTH, Timer


class Ledger:
    """What one moment changes in one account: whether its counters moved, and the events said."""

    __slots__ = ("account", "agreement", "events", "has_counted", "marketplace", "moment", "state")

    def __init__(self, state: State, account: str, moment: Moment, events: list[SlaEvent]) -> None:
        assert state.book is not None  # there are no clocks before there are policies
        self.state = state
        self.account = account
        self.marketplace = marketplace_of(account)
        self.agreement: Agreement = state.book.agreement(account)
        self.moment = moment
        self.events = events
        self.has_counted = False

    def take_out(self, clock: Clock) -> None:
        """Before a clock changes: take its contribution out of the counters."""
        self._count(clock, -1)

    def put_back(self, row_id: str, clock: Clock) -> None:
        """After a clock has changed: put its contribution back."""
        self._count(clock, +1)
        self.state.mark_changed(row_id)

    def _count(self, clock: Clock, sign: int) -> None:
        if clock.outcome == OPEN:
            self.state.count_open(self.marketplace, clock, sign)
            return
        if clock.outcome == BREACHED:
            self.state.census.count_breached(self.marketplace, clock.rule, sign)
        if clock.outcome != GONE and health.is_counted(clock.rule):
            health.count(self.state.account(self.account), clock, sign, self.state.midnight_ms)
            self.has_counted = True

    def settling(self, clock: Clock, duty: Duty | None = None) -> Settling:
        """The settling of a clock as it stands."""
        return Settling(self.account, clock, self.agreement.stored(clock), duty, self.moment, self.events)

    def settle(self, row_id: str, row: MatterRow, clock: Clock | None, duty: Duty | None) -> Settling | None:
        """Bring one clock in line with what the facts call for; None where there was nothing to do."""
        agreement, now_ms = self.agreement, self.moment.now_ms
        stands = clock is not None and clock.outcome != GONE
        if clock is None or not stands or duty is None or duty.start_ms != clock.start_ms:
            binding = None if duty is None else agreement.bind(duty.rule, duty.start_ms, now_ms, duty.program)
            return self._begin_or_end(row_id, row, clock, duty, binding)
        stored = agreement.stored(clock)
        if duty.program is not None and not agreement.still_calls(stored, duty.program):
            return self._begin_or_end(row_id, row, clock, None, None)
        moved = agreement.moved(stored, clock.start_ms, now_ms)
        new = outcome_of(duty, moved, now_ms)
        if new == clock.outcome:
            return None  # what was said stays said, with the version and due of then
        settling = Settling(self.account, clock, stored, duty, self.moment, self.events)
        self.take_out(clock)
        settling.change(moved, new)
        self.put_back(row_id, clock)
        return settling

    def _begin_or_end(
        self, row_id: str, row: MatterRow, clock: Clock | None, duty: Duty | None, binding: Binding | None
    ) -> Settling | None:
        """A clock begins, comes back, moves its start, or is gone."""
        stands = clock is not None and clock.outcome != GONE
        if duty is None or binding is None:
            if clock is None or not stands:
                return None
            settling = self.settling(clock, duty)
            self.take_out(clock)
            settling.vanish()
            self.put_back(row_id, clock)
            return settling
        if clock is None:
            clock = Clock(duty.rule, duty.subject, 0, 0, 0, "", None, "", 0, outcome=GONE)
            row.clocks.append(clock)
        if stands:
            settling = self.settling(clock, duty)
            self.take_out(clock)
            settling.restart(binding, duty)
        else:
            settling = Settling(self.account, clock, binding, duty, self.moment, self.events)
            settling.begin(binding, duty)
        self.put_back(row_id, clock)
        return settling

    def close(self) -> None:
        """The moment ends: if the account's counters moved, its health is corrected and its next midnight armed."""
        if self.has_counted:
            row = self.state.account(self.account)
            corrections = health.correct(self.account, row, self.state.midnight_ms, self.moment)
            if corrections:
                self.events.extend(corrections)
                self.state.census.set_status(self.account, health.worst_status(row))
            self.state.mark_changed(self.account)
            arm_account(self.state, self.account)

    def arm(self, row_id: str, row: MatterRow) -> None:
        """Arm the next timer of a matter of the account."""
        self.state.timers.arm(next_timer(self.agreement, row_id, self.account, row), row_id)


def arm_matter(state: State, row_id: str, row: MatterRow) -> None:
    """Arm the next timer of a matter, whoever's it is."""
    assert state.book is not None  # a matter has facts, and facts come after policies
    account = account_of(row_id)
    state.timers.arm(next_timer(state.book.agreement(account), row_id, account, row), row_id)


def arm_account(state: State, account: str) -> None:
    """Arm the next midnight of an account, if it may have something to say there."""
    row: AccountRow = state.account(account)
    midnight_ms = health.next_midnight_ms(row, state.midnight_ms)
    timer = None if midnight_ms is None else Timer(midnight_ms, HEALTH, account, 0, account)
    state.timers.arm(timer, account)
