"""What the board knows: the SLA events seen so far, folded into counts. Pure: events in, numbers out.

Events of one clock come over several topics in any order; `seq` puts them right: the one with the largest says how the
clock stands. Nothing here decides anything: the board only repeats what the events say.
"""

import heapq
from collections import Counter, deque
from typing import Any, NamedTuple

import orjson

from agents.topic_roles import DEAD_LETTER
from schemas.codec import parse_instant
from schemas.policy_types import DUE_TYPES

# How a clock stands after an event; `due` is not done in time: breached, a reminder, or a right that lapsed.
_OUTCOME_OF = {
    "clock.opened": "open",
    "clock.met": "met",
    "clock.superseded": "superseded",
    "clock.exempt": "exempt",
    "clock.breached": "due",
    "clock.reminder_due": "due",
    "clock.lapsed": "due",
    "clock.closed_late": "closed late",
}
_NEWEST = 200
_LAGS = 2000


class Clock(NamedTuple):
    """A clock as its newest event leaves it."""

    seq: int
    rule: str
    outcome: str
    due_ms: int
    subject: str
    marketplace_id: str


class Seen(NamedTuple):
    """An event or dead letter as it is shown in a line."""

    at_ms: int
    topic: str
    type: str
    rule: str
    subject: str
    note: str


class Board:
    """Counts by rule and outcome, what is due next, the newest events."""

    def __init__(self) -> None:
        self.clocks: dict[str, Clock] = {}
        self.standing: Counter[tuple[str, str]] = Counter()
        self.kinds: Counter[tuple[str, str]] = Counter()
        self.reasons: Counter[tuple[str, str, str]] = Counter()
        """By rule, type and the reason that an event gives: of an exemption, a retraction, an urgent escalation."""
        self.dead_letters: Counter[str] = Counter()
        self.newest: deque[Seen] = deque(maxlen=_NEWEST)
        self.breach_lags_ms: deque[int] = deque(maxlen=_LAGS)
        self.events = 0

    def see_event(self, topic: str, value: bytes, appended_ms: int) -> Seen:
        """Take in one record of an SLA topic (logical name)."""
        event: dict[str, Any] = orjson.loads(value)
        kind = event["type"]
        rule = event.get("rule", "")
        self.events += 1
        self.kinds[rule or event.get("metric") or event["kind"], kind] += 1
        if "reason" in event:
            self.reasons[rule, kind, event["reason"]] += 1
        if "clock_id" in event:
            self._follow(event)
        if kind in DUE_TYPES:
            self.breach_lags_ms.append(appended_ms - parse_instant(event["due_at"]))
        seen = Seen(parse_instant(event["decided_at"]), topic, kind, rule, _subject(event), _note(event))
        self.newest.append(seen)
        return seen

    def see_dead_letter(self, reason: str, field: str, topic: str, appended_ms: int) -> Seen:
        """Take in one dead letter."""
        self.dead_letters[reason] += 1
        note = f"{reason} ({field})" if field else reason
        seen = Seen(appended_ms, DEAD_LETTER, "dead letter", "", topic, note)
        self.newest.append(seen)
        return seen

    def count(self, kind: str, rule: str | None = None) -> int:
        """Events of a type, of one rule or of all."""
        return sum(number for (of, one), number in self.kinds.items() if one == kind and rule in (None, of))

    @property
    def shown(self) -> set[tuple[str, str]]:
        """What was seen at least once: (rule, metric or kind of violation; type), also with each reason that it gave,
        and each reason of dead letters.
        """
        reasoned = {(rule, f"{kind}: {reason}") for rule, kind, reason in self.reasons}
        return set(self.kinds) | reasoned | {(DEAD_LETTER, reason) for reason in self.dead_letters}

    def counted_reasons(self, kind: str) -> Counter[str]:
        """The reasons that events of a type gave, over all rules."""
        counted: Counter[str] = Counter()
        for (_, of, reason), number in self.reasons.items():
            if of == kind:
                counted[reason] += number
        return counted

    @property
    def violations(self) -> Counter[str]:
        """Violations by kind."""
        return Counter({of: number for (of, one), number in self.kinds.items() if one == "policy.violation"})

    def due_next(self, number: int) -> list[Clock]:
        """The open clocks that fall due first."""
        opened = (clock for clock in self.clocks.values() if clock.outcome == "open")
        return heapq.nsmallest(number, opened, key=lambda clock: (clock.due_ms, clock.rule, clock.subject))

    def breach_lag_ms(self, share: float) -> int | None:
        """How long after the due instant the event stood on its topic: the median for 0.5."""
        lags = sorted(self.breach_lags_ms)
        return lags[min(len(lags) - 1, int(len(lags) * share))] if lags else None

    def _follow(self, event: dict[str, Any]) -> None:
        clock_id, kind, rule = event["clock_id"], event["type"], event["rule"]
        before = self.clocks.get(clock_id)
        outcome = _OUTCOME_OF.get(kind) if kind != "clock.retracted" else _after_retraction(event["of"])
        if outcome is None or (before is not None and before.seq > event["seq"]):
            return
        if before is not None:
            self.standing[rule, before.outcome] -= 1
        due_ms = parse_instant(event["due_at"])
        self.clocks[clock_id] = Clock(event["seq"], rule, outcome, due_ms, event["subject"], event["marketplace_id"])
        self.standing[rule, outcome] += 1


def _after_retraction(of: str) -> str:
    """How a clock stands when an event is taken back and nothing said in its place."""
    if of == "clock.opened":
        return "gone"
    return "due" if of == "clock.closed_late" else "open"


def _subject(event: dict[str, Any]) -> str:
    return str(event.get("subject") or f"{event['seller_id']}/{event['marketplace_id']}")


def _note(event: dict[str, Any]) -> str:
    """The one thing about this event that a person wants to know."""
    kind = event["type"]
    if kind == "policy.violation":
        return str(event["kind"])
    if kind == "account.health":
        status = event.get("status", "")
        return f"{event['metric']} {event['numerator']}/{event['denominator']} {status}".strip()
    if kind == "clock.retracted":
        return f"{event['of'].removeprefix('clock.')}: {event['reason']}"
    if kind == "clock.escalated":
        return f"urgent: {event['reason']}" if event.get("urgent") else f"level {event['level']}"
    if kind in DUE_TYPES:
        return f"{event['obligor']} owed it"
    if kind == "clock.closed_late":
        return f"{event['late_by_ms'] / 1000:.1f} s late, by {event['by']}"
    if kind == "clock.opened":
        lasts_s = (parse_instant(event["due_at"]) - parse_instant(event["started_at"])) / 1000
        version = f", version {event['rule_version']}" if event["rule_version"] > 1 else ""
        return f"for {lasts_s:g} s{version}{', opened again' if event['revision'] > 1 else ''}"
    if kind in ("clock.met", "clock.superseded"):
        by = f", by {event['by']}" if "by" in event else ""
        return f"after {event['elapsed_ms'] / 1000:.1f} s{by}"
    return str(event.get("reason", ""))
