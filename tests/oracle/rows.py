"""What the oracle remembers, and small questions about it that need nothing else (contract §2, §3, §6)."""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

from . import duties as rules
from .agreed import Version
from .duties import Duty, Fact
from .zones import DAY_MS, EPOCH

REFUND_RULES = set(rules.REFUND_RULES.values())

BUSINESS_KEYS: dict[str, list[str]] = {
    "return.requested": ["return_id"],
    "return.approved": ["return_id"],
    "return.responded": ["return_id", "response"],
    "return.refused": ["return_id"],
    "return.cancelled": ["return_id"],
    "return.received": ["return_id", "receipt_id"],
    "refund.issued": ["refund_id"],
    "refund.cancelled": ["refund_id"],
    "replacement.sent": ["replacement_id"],
    "message.received": ["message_id"],
    "message.sent": ["message_id"],
    "message.undelivered": ["message_id"],
    "claim.opened": ["claim_id"],
    "claim.evidence_submitted": ["claim_id"],
    "claim.withdrawn": ["claim_id"],
    "claim.decided": ["claim_id"],
    "claim.appealed": ["claim_id"],
    "safet.filed": ["claim_id"],
    "chargeback.opened": ["chargeback_id"],
    "chargeback.answered": ["chargeback_id"],
    "chargeback.decided": ["chargeback_id"],
    "case.opened": ["case_id"],
    "evidence.stored": ["evidence_id"],
    "evidence.deleted": ["evidence_id"],
}


class Outcome(NamedTuple):
    kind: str  # open, breached, closed_late, met, superseded, exempt
    at: int = 0
    by: str = ""
    reason: str = ""


OPEN = Outcome("open")
BREACHED = Outcome("breached")


@dataclass
class Clock:
    clock_id: str
    rule: str
    subject: str
    # the binding
    start: int
    version: Version
    due: int
    bound: Version  # before any version that applies to open clocks
    calendar: str | None = None
    order_id: str | None = None
    obligor: str | None = None
    # what stands
    is_gone: bool = False
    kind: str = "open"
    standing: list[tuple[str, str]] = field(default_factory=list)  # (type, output_id), oldest first
    elapsed: int = 0
    opened_id: str = ""
    opened_binding: tuple[int, int] = (0, 0)  # version and due of the last clock.opened
    revision: int = 0
    seq: int = 0
    levels: set[int] = field(default_factory=set)  # emitted for this revision
    since: int = 0  # escalation steps at or before this instant are passed
    urgent: set[str] = field(default_factory=set)  # messages or claims


@dataclass
class Matter:
    matter_id: str
    account: str
    facts: list[Fact] = field(default_factory=list)
    programs: dict[str, str] = field(default_factory=dict)  # of each return, the first one named
    clocks: dict[str, Clock] = field(default_factory=dict)
    violations: set[tuple[str, str]] = field(default_factory=set)

    @property
    def family(self) -> str:
        return self.matter_id[len(self.account) + 1 :].split("/")[0]

    def running(self) -> list[Clock]:
        return [clock for clock in self.clocks.values() if not clock.is_gone]


class Count(NamedTuple):
    """What one clock adds to the counters of its day."""

    day: int
    on_time: int = 0
    late: int = 0
    answered: int = 0
    elapsed: int = 0
    r_met: int = 0
    r_late: int = 0


@dataclass
class Account:
    account: str
    next_midnight: int
    midnight: int | None = None  # the newest passed
    streak_before: int = 0  # streak(M - 1 day)
    streak: int = 0  # streak(M)
    last: dict[tuple[str, int], tuple[int, int, str]] = field(default_factory=dict)
    emitted_at_midnight: int = 0  # late_response_rate over 30 days
    forgotten_counts: list[Count] = field(default_factory=list)
    program_changes: list[Fact] = field(default_factory=list)
    reports: dict[int, tuple[int, str]] = field(default_factory=dict)


class Timer(NamedTuple):
    fire_at: int
    group: int  # 0 clock, 1 forgetting, 2 health
    id: str
    order: tuple[int, int]  # escalation (0, level), due (1, 0), re-target (2, 0)


def canonical(obj: dict[str, Any]) -> bytes:
    return json.dumps(obj, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def instant(ms: int) -> str:
    moment = EPOCH + timedelta(milliseconds=ms)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z".rjust(24, "0")


def switches_off(row: Account) -> list[Fact]:
    return [f for f in row.program_changes if f.get("program") == "csba_jp" and f.get("active") is False]


def keep_smaller(facts: list[Fact], fact: Fact) -> list[Fact] | None:
    """The facts with this one among them; None if it is a repeat that does not count."""
    same = [f for f in facts if key_of(f) == key_of(fact)]
    if any(f.order <= fact.order for f in same):
        return None
    return [f for f in facts if f not in same] + [fact]


def key_of(fact: Fact) -> tuple[Any, ...]:
    names = BUSINESS_KEYS.get(fact.type)
    return (fact.type, fact.event_id) if names is None else (fact.type, *(fact.get(name) for name in names))


def is_unsettled_clock(clock: Clock) -> bool:
    """Open, or stands breached with clock.breached."""
    return clock.kind == "open" or (clock.kind == "breached" and clock.standing[0][0] == "clock.breached")


def outcome_of(duty: Duty, version: Version, due: int, at: int) -> Outcome:
    """A function of the facts and the time."""
    if duty.exempt is not None:
        return Outcome("exempt", duty.exempt.at, reason="no_response_needed")
    end = duty.end
    if end is not None:
        is_in_time = version.is_in_time(end.at, due)
        return Outcome(end.outcome if is_in_time else "closed_late", end.at, end.by, end.reason)
    return BREACHED if at >= version.due_timer(due) else OPEN


def retraction_reason(before: str, is_gone: bool, fact: Fact) -> str:
    """The first that holds, where the start has not moved."""
    named = {
        "refund.cancelled": "refund_cancelled",
        "message.undelivered": "message_undelivered",
        "message.marked": "no_response_needed",
        "message.unmarked": "unmarked",
    }
    if fact.type in named:
        return named[fact.type]
    return "reassigned" if before in ("met", "superseded") or is_gone else "late_arrival"


def count_of(clock: Clock) -> Count:
    day = clock.start // DAY_MS
    late = int(clock.kind in ("breached", "closed_late"))
    met = int(clock.kind == "met")
    if clock.rule == "buyer-message-reply":
        answered = int(clock.kind in ("met", "closed_late"))
        return Count(day, met, late, answered, clock.elapsed if answered else 0)
    if clock.rule in REFUND_RULES:
        return Count(day, r_met=met, r_late=late)
    return Count(day)


def judged(n: int, d: int, streak_before: int) -> tuple[int, str]:
    """The streak at this midnight and the status of the late response rate over 30 days."""
    if 10 * n <= d:
        return 0, "good"
    streak = streak_before + 1
    return streak, "review_risk" if streak >= 30 else "warn"
