"""The oracle's state and what all its parts need: the time, the binding of clocks, the duties, the events."""

import hashlib
from typing import Any

from .agreed import Agreed, Version, load
from .cases import case_duties
from .duties import Duty, Fact
from .orders import order_duties
from .rows import Account, Clock, Matter, canonical, instant, switches_off
from .threads import thread_duties


class World:
    def __init__(self, policies_toml: str | None) -> None:
        self._agreed = None if policies_toml is None else load(policies_toml)
        self.now: int | None = None
        self.matters: dict[str, Matter] = {}
        self.accounts: dict[str, Account] = {}
        self.events: list[bytes] = []
        self.dead_letters: list[dict[str, Any]] = []

    @property
    def time(self) -> int:
        """The journal time of the line at hand."""
        assert self.now is not None
        return self.now

    @property
    def agreed(self) -> Agreed:
        """The policies in force."""
        assert self._agreed is not None  # no line is judged before there are policies
        return self._agreed

    def _moves(self, candidate: Version, version: Version, due: int, start: int) -> bool:
        return (
            candidate.moves_open
            and candidate.version > version.version
            and start < candidate.effective_ms < version.due_timer(due)
        )

    def _moved(self, account: str, rule: str, version: Version, due: int, start: int, at: int) -> tuple[Version, int]:
        for candidate in self.agreed.versions_of(rule, account):
            if candidate.effective_ms <= at and self._moves(candidate, version, due, start):
                due = max(self.agreed.due(candidate, account, start), candidate.effective_ms)
                version = candidate
        return version, due

    def _binding(self, account: str, duty: Duty) -> Version | None:
        """The newest version in force at the start, if it calls for the duty; a version that moves it comes later."""
        in_force = [v for v in self.agreed.versions_of(duty.rule, account) if v.effective_ms <= duty.start]
        if not in_force or (in_force[-1].is_in_days and self.agreed.calendar_of(account) is None):
            return None
        return in_force[-1] if calls_for(in_force[-1], duty) else None

    def _duties(self, row: Account, matter: Matter) -> dict[str, Duty]:
        """By clock_id."""
        found: list[Duty] = []
        if matter.family == "order":
            found = order_duties(matter.facts, matter.programs)
        elif matter.family == "thread":
            found = thread_duties(matter.facts, switches_off(row))
        elif matter.family == "case":
            found = case_duties(matter.facts)
        named: dict[str, Duty] = {}
        for duty in found:
            named.setdefault(f"{row.account}/{duty.rule}/{duty.subject}", duty)
        return named

    def _emit_health(
        self,
        row: Account,
        metric: str,
        window: int,
        n: int,
        d: int,
        status: str,
        at: int,
        revision: int,
        fact: Fact | None,
    ) -> None:
        unit = "ms" if metric == "average_response_ms" else "ppm"
        scaled = n if unit == "ms" else 1_000_000 * n
        event: dict[str, Any] = {
            "type": "account.health",
            "at": instant(at),
            "metric": metric,
            "window_days": window,
            "numerator": n,
            "denominator": d,
            "unit": unit,
            "value": 0 if d == 0 else (2 * scaled + d) // (2 * d),
            "revision": revision,
        }
        if status:
            event["status"] = status
        if fact is not None:
            event["cause"] = fact.event_id
        self._emit(row.account, event)

    def _emit_clock(self, clock: Clock, type_: str, at: int, fact: Fact | None = None, **extra: Any) -> str:
        clock.seq += 1
        account = "/".join(clock.clock_id.split("/")[:2])
        event: dict[str, Any] = {
            "type": type_,
            "at": instant(at),
            "clock_id": clock.clock_id,
            "rule": clock.rule,
            "rule_version": clock.version.version,
            "subject": clock.subject,
            "started_at": instant(clock.start),
            "due_at": instant(clock.due),
            "seq": clock.seq,
            **extra,
        }
        if clock.calendar is not None:
            event["calendar"] = clock.calendar
        if clock.order_id is not None:
            event["order_id"] = clock.order_id
        if fact is not None:
            event["cause"] = fact.event_id
        return self._emit(account, event)

    def _emit(self, account: str, event: dict[str, Any]) -> str:
        event["seller_id"], event["marketplace_id"] = account.split("/")
        event["decided_at"] = instant(self.time)
        output_id = hashlib.sha256(canonical(event)).hexdigest()[:32]
        self.events.append(canonical({**event, "output_id": output_id}))
        return output_id


def calls_for(bound: Version, duty: Duty) -> bool:
    return duty.rule != "safe-t-window" or duty.program in bound.programs
