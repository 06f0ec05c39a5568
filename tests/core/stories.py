"""How a story is told: notifications at named instants, through the same replay as any file, and what came of them.

`Story.tell` adds one line, `Story.until` moves time, `Story.news` gives all clock events and violations since it was
last asked, in short words, so that an assertion on it says what came out and that nothing else did. Health has its own
words (`Story.health`), since every midnight may have some. Each line is printed: what a failing story prints can be
replayed.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

import msgspec

from agents.zones import machine_zones
from schemas.codec import HOUR_MS
from schemas.dead_letters import Rejected
from schemas.events import decode_event
from streams.engine import next_fire_ms
from streams.replay import Replay
from streams.row_codec import marketplace_of
from streams.rows import OPEN, PARTITION_KEY, POLICIES_KEY
from streams.state import State
from tests.core.instants import a_year_later, text
from tests.core.policy_texts import PLAIN

Event = dict[str, Any]

US: Final = "ATVPDKIKX0DER"
JP: Final = "A1VC38T7YXB528"
SELLER: Final = "SELLER-1"
ORDER: Final = "111-0000001-0000001"
OTHER_ORDER: Final = "111-0000002-0000002"

_RETURN: Final = {"return_id": "R-1", "order_id": ORDER}
_CLAIM: Final = {"claim_id": "CL-1", "order_id": ORDER}
_CHARGEBACK: Final = {"chargeback_id": "CB-1", "order_id": ORDER}
_MESSAGE: Final = {"message_id": "M-1", "thread_id": "T-1"}
_CASE: Final = {"case_id": "C-1"}
_EVIDENCE: Final = {"evidence_id": "E-1", "kind": "chat_log", "order_id": ORDER}

USUAL: Final[dict[str, dict[str, Any]]] = {
    "return.requested": {**_RETURN, "program": "mfn"},
    "return.approved": {**_RETURN, "program": "mfn", "approved_by": "seller"},
    "return.responded": {**_RETURN, "response": "label"},
    "return.refused": _RETURN,
    "return.cancelled": _RETURN,
    "return.received": {**_RETURN, "program": "sfp"},
    "refund.issued": {
        "refund_id": "F-1",
        "order_id": ORDER,
        "issued_by": "seller",
        "amount": "100.00",
        "currency": "USD",
    },
    "refund.cancelled": {"refund_id": "F-1", "order_id": ORDER},
    "replacement.sent": {"replacement_id": "X-1", **_RETURN},
    "message.received": {**_MESSAGE, "from_role": "buyer"},
    "message.sent": {"message_id": "S-1", "thread_id": "T-1", "to_roles": ["buyer"]},
    "message.undelivered": {"message_id": "S-1", "thread_id": "T-1"},
    "message.marked": _MESSAGE,
    "message.unmarked": _MESSAGE,
    "claim.opened": {**_CLAIM, "kind": "a_to_z"},
    "claim.evidence_submitted": _CLAIM,
    "claim.withdrawn": _CLAIM,
    "claim.decided": {**_CLAIM, "outcome": "denied"},
    "claim.appealed": _CLAIM,
    "safet.filed": {"claim_id": "ST-1", "order_id": ORDER},
    "chargeback.opened": _CHARGEBACK,
    "chargeback.answered": _CHARGEBACK,
    "chargeback.decided": _CHARGEBACK,
    "case.opened": {**_CASE, "priority": "normal", "subject_hash": "late-parcel"},
    "case.activity": {**_CASE, "actor": "amazon"},
    "case.closed": _CASE,
    "seller.vacation_set": {"on": True},
    "program.changed": {"program": "csba_jp", "active": False},
    "evidence.stored": _EVIDENCE,
    "evidence.deleted": _EVIDENCE,
    "account.metrics_reported": {"order_count": 1000, "orders_with_defects": 2, "window_days": 60},
}
"""What a notification says where its story does not say otherwise."""


def due_counts(state: State) -> dict[tuple[str, str, int], int]:
    """The number of open clocks by (rule, marketplace, due hour in ms), counted anew from the rows."""
    counts: dict[tuple[str, str, int], int] = {}
    for row_id, row in state.matters():
        for clock in row.clocks:
            if clock.outcome == OPEN:
                key = (clock.rule, marketplace_of(row_id), clock.due_ms // HOUR_MS * HOUR_MS)
                counts[key] = counts.get(key, 0) + 1
    return counts


class Story:
    """One history being told."""

    def __init__(self, policies: str | None = PLAIN, *, seller: str = SELLER, marketplace: str = US) -> None:
        self.seller, self.marketplace = seller, marketplace
        self.events: list[Event] = []
        self.dead_letters: list[tuple[int, str, str | None]] = []
        self.rows: dict[bytes, bytes] = {}
        self._heard = 0
        self._told = 0
        self._replay = Replay(policies, self._on_dead_letter, machine_zones)
        self.state = self._replay.state

    def _on_dead_letter(self, line: int, raw: bytes, rejected: Rejected) -> None:
        self.dead_letters.append((line, rejected.reason, rejected.field))

    # --- telling -----------------------------------------------------------------------------------------------------

    def tell(self, type_: str, happened: int, /, *, known: int | None = None, **fields: Any) -> list[Event]:
        """One notification, known when it happened unless `known` says later. Returns what it brought."""
        return self.feed(self.line(type_, happened, known=known, **fields))

    def line(self, type_: str, happened: int, /, *, known: int | None = None, **fields: Any) -> bytes:
        """The line of a notification that is told, or fed otherwise."""
        self._told += 1
        line: dict[str, Any] = {
            "event_id": f"e{self._told}",
            "type": type_,
            "seller_id": self.seller,
            "marketplace_id": self.marketplace,
            "occurred_at": text(happened),
            **USUAL[type_],
            **fields,
        }
        if known is not None:
            line["arrived_at"] = text(known)
        return json.dumps(line).encode()

    def until(self, instant: int) -> list[Event]:
        """Time moves, nothing else happens."""
        return self.feed(json.dumps({"type": "time.tick", "arrived_at": text(instant)}).encode())

    def activate(self, policies: str, instant: int, **says: Any) -> list[Event]:
        """Other policies come into the journal; `says` are the zones and the logic, where the line names them."""
        return self.feed(activation(policies, instant, **says))

    def feed(self, raw: bytes) -> list[Event]:
        print(raw.decode(errors="backslashreplace"))
        brought: list[Event] = []
        for event in self._replay.feed(raw):
            decode_event(event.value)  # strictly: a field too many or too few is an error
            brought.append(msgspec.json.decode(event.value))
        self.events += brought
        return brought

    # --- what came of it ---------------------------------------------------------------------------------------------

    def news(self) -> list[str]:
        """All clock events and violations since it was last asked, in short words."""
        unheard, self._heard = self.events[self._heard :], len(self.events)
        return [brief(event) for event in unheard if event["type"] != "account.health"]

    def last(self, kind: str) -> Event:
        """The newest event of a type."""
        return next(event for event in reversed(self.events) if event["type"] == kind)

    def health(self, metric: str | None = None, window: int | None = None) -> list[Event]:
        """The health events, of one metric and window where named."""
        return [
            event
            for event in self.events
            if event["type"] == "account.health"
            and metric in (None, event["metric"])
            and window in (None, event["window_days"])
        ]

    def open_clocks(self) -> int:
        return sum(due_counts(self.state).values())

    def forgotten(self, instant: int = a_year_later) -> list[str]:
        """Time passes until all is forgotten: the news of that; no matter's row and no timer may be left."""
        self.until(instant)
        for key, value in self.state.take_changes():
            if value is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = value
        account = f"{self.seller}/{self.marketplace}".encode()
        assert set(self.rows) <= {PARTITION_KEY, POLICIES_KEY, account}
        assert due_counts(self.state) == {}
        assert next_fire_ms(self.state) is None
        assert len(self.state.timers) == 0
        return self.news()


def activation(policies: str, instant: int, **says: Any) -> bytes:
    """The line that puts policies in force."""
    digest = hashlib.sha256(policies.encode()).hexdigest()
    line = {"type": "policy.activated", "arrived_at": text(instant), "digest": digest, "toml": policies, **says}
    return json.dumps(line).encode()


def brief(event: Event) -> str:
    """An event in short words, with what tells it from others of its type."""
    kind = event["type"].removeprefix("clock.")
    if kind == "policy.violation":
        return f"violation {event['kind']} {event['subject']}"
    words = [kind, event["rule"]]
    if kind == "opened" and event["revision"] > 1:
        words.append(f"again, revision {event['revision']}")
    elif kind == "escalated":
        words.append("urgently" if event.get("urgent") else f"level {event['level']}")
        words += ["collapsed"] if event.get("collapsed") else []
    elif kind == "retracted":
        words.append(f"{event['of'].removeprefix('clock.')}: {event['reason']}")
    elif kind == "exempt":
        words.append(event["reason"])
    elif "by" in event:
        words.append(f"by {event['by']}")
    return " ".join(words)
