"""Histories that fill a matter, an account's programs or a subject of cases to the brim and beyond (contract §2).

They are long, but most of their facts call for nothing: so they are cheap to judge. `crowded_case(seed)` always tells
the same.
"""

import random
from datetime import UTC, datetime
from typing import Any

from . import instants
from .histories import ACCOUNTS, Case, Teller

BRIM = 256
# What is crowded, and what the history is about once it is.
CROWDS: dict[str, dict[str, int]] = {
    "thread": {"received": 6, "sent": 3, "mark": 2, "undelivered": 1, "refund": 1, "receipt": 1},
    "order": {"cancel_refund": 6, "refund": 2, "receipt": 2, "received": 2, "claim": 1},
    "programs": {"switch": 6, "csba": 2},
    "subject": {"case": 6, "activity": 2, "close": 2},
    "case": {"activity": 6, "case": 1, "close": 3},
    "marks": {"mark": 6, "received": 2, "undelivered": 2},
}
SILENT_RULES = ("case-stalled", "case-first-response", "case-resolution")


def crowded_case(seed: int, lines: int = 30, members: int | None = None) -> Case:
    """So many members, or almost to the brim, or over it; and so many lines more."""
    rng = random.Random(seed)
    many = members or rng.choice([BRIM - 6, BRIM - 1, BRIM, BRIM, BRIM + 2])
    return CrowdTeller(rng, sorted(CROWDS)[seed % len(CROWDS)]).tell_crowded(many, lines)


class CrowdTeller(Teller):
    def __init__(self, rng: random.Random, crowd: str) -> None:
        super().__init__(rng, plain=True)
        self.crowd = crowd
        self.theme = CROWDS[crowd]
        self.accounts = [rng.choice(ACCOUNTS)]
        self.agreement.retention["settled_days"] = rng.choice([45, 12, 5])
        if crowd == "subject":
            for rule in SILENT_RULES:
                self.agreement.versions[rule][0]["effective_from"] = datetime(2028, 12, 1, tzinfo=UTC)
        self.policies = self.agreement.toml()
        self.activations = 0.0
        self.pace = min(self.pace, 0.06)

    def tell_crowded(self, members: int, lines: int) -> Case:
        crowd = [self.one_of_many(number) for number in range(members)]
        case = self.tell(lines)
        return Case(case.policies, [*crowd, *case.lines], case.until_ms)

    def one_of_many(self, number: int) -> dict[str, Any]:
        seller, marketplace = self.accounts[0]
        self.now += 1000
        is_beyond = number >= BRIM - 1
        line = {
            "event_id": f"e{number:03d}",
            **self.member(number),
            "seller_id": seller,
            "marketplace_id": marketplace,
            "occurred_at": instants.text(self.rng, self.now),
        }
        self.told.append(dict(line))
        return {**line, "journaled_at": line["occurred_at"]} if is_beyond else line

    def member(self, number: int) -> dict[str, Any]:
        order_id = self.orders[0]
        message = {"message_id": f"M-{number}", "thread_id": "T-1"}
        members: dict[str, dict[str, Any]] = {
            "thread": {"type": "message.received", **message, "from_role": "buyer", "program": "fba"},
            "order": {"type": "refund.cancelled", "refund_id": f"F-{number}", "order_id": order_id},
            "programs": {
                "type": "program.changed",
                "program": "csba_jp" if number % 9 == 0 else "sfp",
                "active": False,
            },
            "subject": {"type": "case.opened", "case_id": f"C-{number}", "priority": "normal", "subject_hash": "h"},
            "case": {"type": "case.activity", "case_id": "C-1", "actor": "amazon"},
            "marks": {"type": "message.marked", **message},
        }
        members["thread"]["order_id"] = order_id
        return members[self.crowd]

    def _message_key(self) -> dict[str, Any]:
        return {"message_id": f"M-{self.rng.randrange(300)}", "thread_id": self._one("T-1", "T-1", "T-1", "T-2")}

    def _cancel_refund(self) -> dict[str, Any]:
        return {**super()._cancel_refund(), "refund_id": f"F-{self.rng.randrange(300)}"}

    def _case(self) -> dict[str, Any]:
        return {**super()._case(), **self._maybe(0.7, subject_hash="h")}

    def _case_key(self) -> dict[str, Any]:
        return {"case_id": f"C-{self.rng.randrange(200, 330) if self.crowd == 'subject' else 1}"}
