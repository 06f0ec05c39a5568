"""The difference between what stands for a clock and what its duty calls for now, said in events (contract §3)."""

from typing import Any

from .agreed import Version
from .duties import Duty, Fact, of_type
from .rows import BREACHED, OPEN, REFUND_RULES, Account, Clock, Matter, Outcome, outcome_of, retraction_reason
from .world import World, calls_for


class Clocks(World):
    def _clock_ids(self, row: Account, matter_id: str) -> set[str]:
        matter = self.matters[matter_id]
        return {clock.clock_id for clock in matter.running()} | set(self._duties(row, matter))

    def _settle_all(self, row: Account, settled: list[tuple[str, str]], fact: Fact) -> None:
        claims: list[Clock] = []
        for matter_id, clock_id in sorted(settled, key=lambda pair: pair[1]):
            matter = self.matters[matter_id]
            duty = self._duties(row, matter).get(clock_id)
            if self._settle(matter, clock_id, duty, fact) and duty is not None and duty.not_received:
                claims.append(matter.clocks[clock_id])
        self._urgent({matter_id for matter_id, _ in settled}, claims, fact)

    def _settle(self, matter: Matter, clock_id: str, duty: Duty | None, fact: Fact) -> bool:
        """Emit the difference between what stands and what holds now; whether the clock began or its start moved."""
        account, clock = matter.account, matter.clocks.get(clock_id)
        if clock is None or clock.is_gone:
            return duty is not None and self._begin(matter, clock_id, duty, fact)
        if duty is None or (duty.start == clock.start and not calls_for(clock.bound, duty)):
            self._take_away(clock, retraction_reason(clock.kind, True, fact), fact)
            return False
        if duty.start != clock.start:
            if self._binding(account, duty) is None:
                self._take_away(clock, "earlier_start", fact)
                return False
            self._retract_all(clock, "earlier_start", fact)
            return self._begin(matter, clock_id, duty, fact)
        clock.obligor = duty.obligor
        binding = self._moved(account, clock.rule, clock.version, clock.due, clock.start, self.time)
        self._change(account, clock, binding, outcome_of(duty, *binding, self.time), fact)
        return False

    def _begin(self, matter: Matter, clock_id: str, duty: Duty, fact: Fact) -> bool:
        """The clock begins, moves to another start, or is called for again."""
        account, bound = matter.account, self._binding(matter.account, duty)
        if bound is None:
            return False
        due = self.agreed.due(bound, account, duty.start)
        binding = self._moved(account, duty.rule, bound, due, duty.start, self.time)
        if clock_id not in matter.clocks:
            matter.clocks[clock_id] = Clock(clock_id, duty.rule, duty.subject, duty.start, *binding, bound)
        clock = matter.clocks[clock_id]
        clock.is_gone, clock.bound = False, bound
        clock.start, clock.order_id, clock.obligor = duty.start, duty.order_id, duty.obligor
        self._rebind(account, clock, *binding, self.time)
        self._open(clock, fact)
        self._from_open(clock, outcome_of(duty, *binding, self.time), self.time, fact)
        return True

    def _take_away(self, clock: Clock, reason: str, fact: Fact) -> None:
        self._retract_all(clock, reason, fact)
        self._retract(clock, ("clock.opened", clock.opened_id), reason, fact)
        clock.is_gone = True

    def _change(self, account: str, clock: Clock, binding: tuple[Version, int], outcome: Outcome, fact: Fact) -> None:
        """The start is the same; the outcome, the version or the due may have changed."""
        before, after = clock.kind, outcome.kind
        if before == after:
            return  # what was said stays said, with the version and the due of then
        if before == "open":
            self._from_open(clock, outcome, self.time, fact)
        elif (before, after) == ("breached", "closed_late"):
            self._rebind_if_changed(account, clock, binding)
            self._close(clock, outcome, fact)
        elif (before, after) == ("closed_late", "breached"):
            self._retract(clock, clock.standing.pop(), retraction_reason(before, False, fact), fact)
            self._rebind_if_changed(account, clock, binding)
            clock.kind = "breached"
            clock.since = self.time
        else:
            self._retract_all(clock, retraction_reason(before, False, fact), fact)
            self._rebind_if_changed(account, clock, binding)
            if clock.opened_binding != (clock.version.version, clock.due):
                self._open(clock, fact)
            self._from_open(clock, outcome, self.time, fact)

    def _move_running(self, account: str, clock: Clock, at: int) -> None:
        """A version that applies to open clocks takes this one over: by its timer, or when it is activated."""
        version, due = self._moved(account, clock.rule, clock.version, clock.due, clock.start, at)
        if (version, due) == (clock.version, clock.due):
            return
        self._rebind(account, clock, version, due, at)
        self._open(clock, None)
        is_due = at >= version.due_timer(due)
        self._from_open(clock, BREACHED if is_due else OPEN, at, None)

    def _rebind_if_changed(self, account: str, clock: Clock, binding: tuple[Version, int]) -> None:
        if binding != (clock.version, clock.due):
            self._rebind(account, clock, *binding, self.time)

    def _rebind(self, account: str, clock: Clock, version: Version, due: int, at: int) -> None:
        calendar = self.agreed.calendar_of(account)
        clock.version, clock.due, clock.since = version, due, at
        clock.calendar = calendar.name if version.is_in_days and calendar is not None else None

    def _open(self, clock: Clock, fact: Fact | None) -> None:
        clock.revision += 1
        clock.levels = set()
        clock.opened_binding = (clock.version.version, clock.due)
        clock.opened_id = self._emit_clock(clock, "clock.opened", clock.start, fact, revision=clock.revision)

    def _from_open(self, clock: Clock, outcome: Outcome, at: int, fact: Fact | None) -> None:
        """As from open: to `outcome`, at the journal time or at the instant of the timer."""
        clock.kind, clock.since = outcome.kind, at
        if outcome.kind == "open":
            self._escalate_passed(clock, at)
        elif outcome.kind == "exempt":
            extra = {"reason": outcome.reason}
            self._stand(clock, "clock.exempt", self._emit_clock(clock, "clock.exempt", outcome.at, fact, **extra))
        elif outcome.kind in ("met", "superseded"):
            self._close(clock, outcome, fact)
        else:
            self._breach(clock)
            if outcome.kind == "closed_late":
                self._close(clock, outcome, fact)

    def _escalate_passed(self, clock: Clock, at: int) -> None:
        passed = [i for i, offset in enumerate(clock.version.before_ms, 1) if clock.due - offset <= at]
        if at < clock.due and passed and max(passed) not in clock.levels:
            level = max(passed)
            clock.levels.add(level)
            step = clock.due - clock.version.before_ms[level - 1]
            self._emit_clock(clock, "clock.escalated", step, level=level, collapsed=True)

    def _breach(self, clock: Clock) -> None:
        type_ = clock.version.on_due
        extra: dict[str, Any] = {"obligor": clock.obligor or clock.version.obligor}
        if type_ == "clock.breached" and clock.version.consequences:
            extra["consequences"] = list(clock.version.consequences)
        self._stand(clock, type_, self._emit_clock(clock, type_, clock.due, **extra))

    def _close(self, clock: Clock, outcome: Outcome, fact: Fact | None) -> None:
        """met, superseded or closed_late."""
        clock.kind = outcome.kind
        extra: dict[str, Any] = {"elapsed_ms": max(0, outcome.at - clock.start)}
        if outcome.at < clock.start:
            extra["stopped_before_start"] = True
        if outcome.kind == "closed_late":
            extra["late_by_ms"] = outcome.at - clock.due
        if outcome.kind != "met":
            extra["by"] = outcome.by
        clock.elapsed = extra["elapsed_ms"]
        type_ = "clock." + outcome.kind
        self._stand(clock, type_, self._emit_clock(clock, type_, outcome.at, fact, **extra))

    def _stand(self, clock: Clock, type_: str, output_id: str) -> None:
        clock.standing.append((type_, output_id))

    def _retract_all(self, clock: Clock, reason: str, fact: Fact) -> None:
        while clock.standing:
            self._retract(clock, clock.standing.pop(), reason, fact)

    def _retract(self, clock: Clock, event: tuple[str, str], reason: str, fact: Fact) -> None:
        type_, output_id = event
        extra = {"retracts": output_id, "of": type_, "reason": reason}
        self._emit_clock(clock, "clock.retracted", self.time, fact, **extra)

    def _urgent(self, touched: set[str], claims: list[Clock], fact: Fact) -> None:
        wanted: list[tuple[str, str, int, str, Clock]] = []
        for clock in [c for c in claims if c.kind == "open"]:
            claim_id = clock.subject.split("/")[1]
            wanted.append((clock.clock_id, claim_id, clock.start, "claim_not_received", clock))
        for matter_id in touched:
            matter = self.matters[matter_id]
            if matter.family != "order":
                continue
            questions = [
                f
                for f in of_type(matter.facts, "message.received")
                if f.get("from_role") == "buyer" and f.get("topic") == "refund"
            ]
            for clock in matter.running():
                if clock.rule not in REFUND_RULES or clock.kind not in ("open", "breached"):
                    continue
                for question in questions:
                    if clock.start <= question.at:
                        message_id = question.get("message_id")
                        reason = "refund_question_after_receipt"
                        wanted.append((clock.clock_id, message_id, question.at, reason, clock))
        for _, subject_id, at, reason, clock in sorted(wanted, key=lambda each: each[:2]):
            if subject_id not in clock.urgent:
                clock.urgent.add(subject_id)
                self._emit_clock(clock, "clock.escalated", at, fact, level=0, urgent=True, reason=reason)
