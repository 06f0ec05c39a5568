"""The contract's meaning once more, plainly: what `run` gives, the product must give, byte for byte.

All facts of a matter are kept in a list and everything is derived from them on each line; the next timer is found by
looking at all there are. What is remembered is only what the contract makes depend on the past: for each clock its
binding, its counts and what stands; which violations were sent; the last health values; a return's first program.
"""

from collections.abc import Iterable
from typing import Any

from .admission import DeadLetter, Said, read_line
from .agreed import Agreed, PolicyRefused, check_successor, load
from .cases import case_violations, evidence_violations
from .clocks import Clocks
from .duties import Fact, Violation, of_type
from .health import Health
from .orders import order_violations
from .rows import (
    BREACHED,
    Account,
    Clock,
    Matter,
    Timer,
    count_of,
    instant,
    is_unsettled_clock,
    keep_smaller,
    key_of,
    switches_off,
)
from .threads import thread_violations
from .zones import DAY_MS

FUTURE_MS = 5 * 60_000
FULL = 256
LOGIC = 1


def run(
    lines: Iterable[bytes], policies_toml: str | None, until_ms: int | None = None
) -> tuple[list[bytes], list[dict[str, Any]]]:
    """The SLA events and the dead letters of a file. PolicyRefused where the product would end with exit status 2.

    Without policies the file begins with an activation.
    """
    reference = Reference(policies_toml)
    for number, line in enumerate(lines, 1):
        reference.feed(number, line)
    if until_ms is not None:
        reference.bring_time(until_ms)
    return reference.events, reference.dead_letters


class Reference(Clocks, Health):
    def __init__(self, policies_toml: str | None, shipped_toml: str = "") -> None:
        """Without policies the first line is an activation, or else the shipped ones act before it."""
        super().__init__(policies_toml)
        self.shipped_toml = shipped_toml

    def feed(self, number: int, line: bytes) -> None:
        raw = line.rstrip(b"\r\n")
        if not raw.strip(b" \t\r\n"):
            return
        said = read_line(raw)
        if self._agreed is None and not (isinstance(said, Said) and said.type == "policy.activated"):
            self._agreed = load(self.shipped_toml)
        if isinstance(said, Said):
            refusal = self._refusal(said)
            if refusal is None:
                self._apply(said)
                return
            said = refusal
        self.dead_letters.append({"line": number, "reason": said.reason, "field": said.field})

    def _own_time(self, said: Said) -> int:
        for name in ("journaled_at", "arrived_at", "occurred_at"):
            if name in said.fields:
                return int(said.fields[name])
        raise AssertionError(said)

    def _journal_time(self, said: Said) -> int:
        own = self._own_time(said)
        return own if self.now is None else max(self.now, own)

    def _refusal(self, said: Said) -> DeadLetter | None:
        if said.type in ("time.tick", "policy.activated") or "journaled_at" in said.fields:
            return None
        occurred = said.fields["occurred_at"]
        if "arrived_at" in said.fields and occurred > said.fields["arrived_at"] + FUTURE_MS:
            return DeadLetter("future", "occurred_at")
        calendar = self.agreed.calendar_of(account_of(said))
        if calendar is None:
            return DeadLetter("no_calendar")
        if not calendar.covers(occurred):
            return DeadLetter("calendar_not_covered", "occurred_at")
        if occurred + self.agreed.settled_ms <= self._journal_time(said):
            return DeadLetter("too_old", "occurred_at")
        return DeadLetter("matter_full") if self._is_full(said) else None

    def _is_full(self, said: Said) -> bool:
        """The fact would be the 257th of where it belongs, as things stand before the line brings its time."""
        account, fact = account_of(said), fact_of(said)
        among = [self.matters[m].facts for m in self._matters_named(account, fact) if m in self.matters]
        if fact.type == "program.changed" and account in self.accounts:
            among.append(self.accounts[account].program_changes)
        if any(len(facts) >= FULL and not is_known(fact, facts) for facts in among):
            return True
        if fact.type != "case.opened" or any(is_known(fact, facts) for facts in among):
            return False
        cases = [f for m in self.matters.values() if m.account == account for f in of_type(m.facts, "case.opened")]
        return len([f for f in cases if f.get("subject_hash") == fact.get("subject_hash")]) >= FULL

    def _apply(self, said: Said) -> None:
        if said.type == "policy.activated":
            if said.fields.get("logic", LOGIC) > LOGIC:
                raise PolicyRefused(f"logic {said.fields['logic']} is not known")
            activated = load(said.fields["toml"], said.fields.get("zones"))
            if self._agreed is not None:
                check_successor(self._agreed, activated)
            self.bring_time(self._own_time(said))
            self._activate(activated)
            return
        self.bring_time(self._own_time(said))
        if said.type != "time.tick":
            self._apply_fact(said)

    def bring_time(self, ms: int) -> None:
        self.now = ms if self.now is None else max(self.now, ms)
        while True:
            timer = min(self._timers(), default=None)
            if timer is None or timer.fire_at > self.now:
                return
            self._fire(timer)

    def _timers(self) -> list[Timer]:
        timers = []
        for matter in self.matters.values():
            for clock in matter.running():
                timers += self._timers_of(clock, matter.account)
            timers.append(Timer(self._forget_at(matter), 1, matter.matter_id, (0, 0)))
        for account in self.accounts.values():
            timers.append(Timer(account.next_midnight, 2, account.account, (0, 0)))
        return timers

    def _timers_of(self, clock: Clock, account: str) -> list[Timer]:
        timers = []
        for level, at in self._pending_steps(clock):
            timers.append(Timer(at, 0, clock.clock_id, (0, level)))
        if clock.kind == "open":
            timers.append(Timer(clock.version.due_timer(clock.due), 0, clock.clock_id, (1, 0)))
            for version in self.agreed.versions_of(clock.rule, account):
                if self._moves(version, clock.version, clock.due, clock.start):
                    timers.append(Timer(version.effective_ms, 0, clock.clock_id, (2, 0)))
        return timers

    def _pending_steps(self, clock: Clock) -> list[tuple[int, int]]:
        before, after = clock.version.before_ms, clock.version.after_ms
        if clock.kind == "open":
            steps = [(i, clock.due - offset) for i, offset in enumerate(before, 1)]
        elif clock.kind == "breached":
            steps = [(len(before) + j, clock.due + offset) for j, offset in enumerate(after, 1)]
        else:
            steps = []
        return [(level, at) for level, at in steps if level not in clock.levels and at > clock.since]

    def _forget_at(self, matter: Matter) -> int:
        newest_fact = max(fact.at for fact in matter.facts)
        if matter.family == "evidence":
            return newest_fact + self.agreed.evidence_ms
        base = max([newest_fact, *(clock.due for clock in matter.running())])
        is_unsettled = any(is_unsettled_clock(clock) for clock in matter.running())
        return base + (self.agreed.unsettled_ms if is_unsettled else self.agreed.settled_ms)

    def _fire(self, timer: Timer) -> None:
        if timer.group == 0:
            matter = next(m for m in self.matters.values() if timer.id in m.clocks)
            self._fire_clock(matter.account, matter.clocks[timer.id], timer)
            self._correct(self.accounts[matter.account], None)
        elif timer.group == 1:
            matter = self.matters[timer.id]
            self._forget(matter, timer.fire_at)
            self._correct(self.accounts[matter.account], None)
        else:
            self._pass_midnight(self.accounts[timer.id])
            self._correct(self.accounts[timer.id], None)

    def _fire_clock(self, account: str, clock: Clock, timer: Timer) -> None:
        kind, level = timer.order
        if kind == 0:
            clock.levels.add(level)
            self._emit_clock(clock, "clock.escalated", timer.fire_at, level=level)
        elif kind == 1:
            self._from_open(clock, BREACHED, timer.fire_at, None)
        else:
            self._move_running(account, clock, timer.fire_at)

    def _forget(self, matter: Matter, at: int) -> None:
        for clock in sorted(matter.running(), key=lambda c: c.clock_id):
            if is_unsettled_clock(clock):
                self._emit_clock(clock, "clock.expired", at)
        self.accounts[matter.account].forgotten_counts += [count_of(clock) for clock in matter.running()]
        del self.matters[matter.matter_id]

    def _activate(self, agreed: Agreed) -> None:
        self._agreed = agreed
        running = [(m.account, c.clock_id, c) for m in self.matters.values() for c in m.running()]
        for account, _, clock in sorted(running, key=lambda each: each[:2]):
            if clock.kind == "open":
                self._move_running(account, clock, self.time)
        for _, row in sorted(self.accounts.items()):
            self._correct(row, None)

    def _apply_fact(self, said: Said) -> None:
        account = account_of(said)
        if account not in self.accounts:
            self.accounts[account] = Account(account, (self.time // DAY_MS + 1) * DAY_MS)
        row = self.accounts[account]
        fact = fact_of(said)
        if fact.type == "program.changed":
            self._apply_program_change(row, fact)
        elif fact.type == "account.metrics_reported":
            self._apply_report(row, fact)
        else:
            touched = [m for m in self._matters_named(account, fact) if self._keep(m, fact)]
            self._violations(row, touched, fact)
            settled = [(m, clock_id) for m in touched for clock_id in self._clock_ids(row, m)]
            self._settle_all(row, settled, fact)
        self._correct(row, fact)

    def _matters_named(self, account: str, fact: Fact) -> list[str]:
        names = []
        family = fact.type.split(".")[0]
        if family in ("return", "refund", "replacement", "claim", "safet", "chargeback"):
            names.append(f"order/{fact.get('order_id')}")
        elif family == "message":
            names.append(f"thread/{fact.get('thread_id')}")
            if fact.type == "message.received" and fact.get("order_id") is not None:
                names.append(f"order/{fact.get('order_id')}")
        elif family == "case":
            names.append(f"case/{fact.get('case_id')}")
        elif family == "evidence":
            names.append(f"evidence/{fact.get('evidence_id')}")
        return [f"{account}/{name}" for name in names]

    def _keep(self, matter_id: str, fact: Fact) -> bool:
        """Whether the fact counts in this matter: of two with the same key, the smaller (occurred_at, event_id)."""
        account = "/".join(matter_id.split("/")[:2])
        facts = self.matters[matter_id].facts if matter_id in self.matters else []
        kept = keep_smaller(facts, fact)
        if kept is None:
            return False
        matter = self.matters.setdefault(matter_id, Matter(matter_id, account))
        matter.facts = kept
        if fact.type.startswith("return.") and fact.get("program") is not None:
            matter.programs.setdefault(fact.get("return_id"), fact.get("program"))
        return True

    def _apply_program_change(self, row: Account, fact: Fact) -> None:
        threads = [m for m in self.matters.values() if m.account == row.account and m.family == "thread"]
        before = {m.matter_id: self._duties(row, m) for m in threads}
        row.program_changes = keep_smaller(row.program_changes, fact) or row.program_changes
        changed = []
        for matter in threads:
            old, new = before[matter.matter_id], self._duties(row, matter)
            changed += [(matter.matter_id, c) for c in set(old) | set(new) if old.get(c) != new.get(c)]
        self._settle_all(row, changed, fact)

    def _violations(self, row: Account, touched: list[str], fact: Fact) -> None:
        found: list[tuple[Matter, Violation]] = []
        for matter_id in touched:
            matter = self.matters[matter_id]
            if matter.family == "order":
                found += [(matter, v) for v in order_violations(matter.facts)]
            elif matter.family == "thread":
                found += [(matter, v) for v in thread_violations(matter.facts, switches_off(row))]
            elif matter.family == "evidence":
                found += [(matter, v) for v in evidence_violations(matter.facts)]
            else:
                cases = [m for m in self.matters.values() if m.account == row.account and m.family == "case"]
                all_facts = [f for m in cases for f in m.facts]
                by_id = {f"{row.account}/case/{v.subject}": v for v in case_violations(all_facts)}
                # a case has one violation at most
                found += [(m, by_id[m.matter_id]) for m in cases if m.matter_id in by_id and not m.violations]
        for matter, violation in sorted(found, key=lambda each: (each[1].kind, each[1].subject)):
            if (violation.kind, violation.subject) in matter.violations:
                continue
            matter.violations.add((violation.kind, violation.subject))
            event = {
                "type": "policy.violation",
                "at": instant(violation.at),
                "kind": violation.kind,
                "subject": violation.subject,
                "cause": fact.event_id,
            }
            if violation.order_id is not None:
                event["order_id"] = violation.order_id
            self._emit(row.account, event)


def account_of(said: Said) -> str:
    return f"{said.fields['seller_id']}/{said.fields['marketplace_id']}"


def fact_of(said: Said) -> Fact:
    return Fact(said.type, said.fields["event_id"], said.fields["occurred_at"], said.fields)


def is_known(fact: Fact, among: list[Fact]) -> bool:
    return any(key_of(each) == key_of(fact) for each in among)
