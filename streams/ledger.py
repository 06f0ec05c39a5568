"""The ledger: carrying a change of one clock into its row, its account's counters, the indexes and the events.

Whatever happens to a clock happens between `Ledger.count(clock, -1)` and `Ledger.put_back`, so that counters move in
the step that changes the outcome or the start (contract §6). There is one for each partition; it is opened for each
moment (one timer, one fact or one activation in one account), and `close` ends it.
"""

from __future__ import annotations

from schemas.codec import DAY_MS
from schemas.notifications import Notification
from schemas.rules import RULES
from streams import health
from streams.at_work import Matter, Party
from streams.census import Census
from streams.clock import Settling, outcome_of
from streams.duties import Duty
from streams.events import Moment
from streams.matters import clock_timer, next_fire
from streams.row_store import RowStore
from streams.rows import BREACHED, GONE, OPEN, Clock
from streams.terms import Binding
from streams.timer import HEALTH, Timer
from streams.timers import Timers


class Ledger:
    """What one moment changes in one account: whether its counters moved, and the events said.

    `midnight_ms` is the newest midnight that has passed by the moment.
    """

    __slots__ = ("_census", "_settling", "_timers", "has_counted", "midnight_ms", "moment", "party", "rows")

    party: Party

    def __init__(self, rows: RowStore, census: Census, timers: Timers) -> None:
        self.rows = rows
        self.moment = Moment()
        self.midnight_ms = 0
        self._census = census
        self._timers = timers
        self._settling = Settling(self.moment)
        self.has_counted = False

    def fires(self, timer: Timer) -> None:
        """A timer decides, before the line; of midnights the one that it strikes has passed, else those before it."""
        fire_ms = timer.fire_ms
        self.moment.now_ms = self.moment.fired_ms = fire_ms
        until_ms = fire_ms if timer.kind == HEALTH else fire_ms - 1
        self.midnight_ms = max(self.midnight_ms, until_ms // DAY_MS * DAY_MS)

    def open(self, party: Party, notification: Notification | None = None) -> None:
        """What follows is about this account; where a notification decides it, its line's time stands by now."""
        self.party = self.moment.party = party
        self.has_counted = False
        if notification is not None:
            self.moment.notification = notification
            self.moment.cause_json = f'"cause":"{notification.event_id}",'

    def put_back(self, matter: Matter, clock: Clock) -> None:
        """After a clock has changed: put its contribution back."""
        self.count(clock, +1)
        self.rows.mark_changed(matter)

    def count(self, clock: Clock, sign: int) -> None:
        """Before a clock changes take its contribution out of the counters (-1); `put_back` adds it again (+1)."""
        outcome = clock.outcome
        if outcome == OPEN:
            self._census.count_open(self.party.marketplace, clock, sign)
            return
        if outcome == BREACHED:
            self._census.count_breached(self.party.marketplace, clock.rule, sign)
        if outcome != GONE and RULES[clock.rule].counts_for is not None:
            health.count(self.party, clock, sign, self.midnight_ms)
            self.has_counted = True

    def settling(self, clock: Clock, duty: Duty | None = None) -> Settling:
        """The settling of a clock as it stands."""
        return self._settling.of(clock, self.party.agreement.stored(clock), duty)

    def settle(self, matter: Matter, clock: Clock | None, duty: Duty | None) -> Settling | None:
        """Bring one clock in line with what the facts call for; None where there was nothing to do."""
        agreement, now_ms = self.party.agreement, self.moment.now_ms
        if clock is None or clock.outcome == GONE or duty is None or duty.start_ms != clock.start_ms:
            binding = None if duty is None else agreement.bind(duty.rule, duty.start_ms, now_ms, duty.program)
            return self._begin_or_end(matter, clock, duty, binding)
        stored = agreement.stored(clock)
        if duty.program is not None and not agreement.still_calls(stored, duty.program):
            return self._begin_or_end(matter, clock, None, None)
        moved = agreement.moved(stored, clock.start_ms, now_ms) if stored.terms.may_be_moved else stored
        new = outcome_of(duty, moved, now_ms)
        if new == clock.outcome:
            return None  # what was said stays said, with the version and due of then
        settling = self._settling.of(clock, stored, duty)
        self.count(clock, -1)
        settling.change(moved, new)
        self.put_back(matter, clock)
        return settling

    def _begin_or_end(
        self, matter: Matter, clock: Clock | None, duty: Duty | None, binding: Binding | None
    ) -> Settling | None:
        """A clock begins, comes back, moves its start, or is gone."""
        stands = clock is not None and clock.outcome != GONE
        if duty is None or binding is None:
            if clock is None or not stands:
                return None
            settling = self.settling(clock, duty)
            self.count(clock, -1)
            settling.vanish()
            self.put_back(matter, clock)
            return settling
        if clock is None:
            clock = Clock(duty.rule, duty.subject, 0, 0, 0, "", None, "", 0, outcome=GONE)
            matter.row.clocks.append(clock)
        if stands:
            settling = self.settling(clock, duty)
            self.count(clock, -1)
            settling.restart(binding, duty)
        else:
            settling = self._settling.of(clock, binding, duty)
            settling.begin(binding, duty)
        self.put_back(matter, clock)
        return settling

    def close(self) -> None:
        """The moment ends: if the account's counters moved, what follows from them is said."""
        if self.has_counted:
            self.correct()

    def correct(self) -> None:
        """The account's counters have moved: its health is corrected and its next midnight armed."""
        party = self.party
        if health.correct(party, self.midnight_ms, self.moment):
            self._census.set_status(party.row_id, health.worst_status(party.row))
        self.rows.mark_changed(party)
        self.arm_midnight(party)

    # --- timers ------------------------------------------------------------------------------------------------------

    def arm(self, matter: Matter) -> None:
        """Arm the next timer of a matter."""
        fire_ms, name, step = next_fire(matter)
        if step:
            self._timers.put(clock_timer(matter, fire_ms, name, step))
        else:
            self._timers.park(fire_ms, matter.row_id)

    def arm_midnight(self, party: Party) -> None:
        """Arm the next midnight of an account, if it may have something to say there and is not armed for it."""
        midnight_ms = health.next_midnight_ms(party.row, self.midnight_ms)
        if midnight_ms != party.armed_ms:
            party.armed_ms = midnight_ms
            account = party.row_id
            timer = None if midnight_ms is None else Timer(midnight_ms, HEALTH, account, 0, account)
            self._timers.arm(timer, account)
