"""What duties are made of: facts, what may end a duty, what is violated.

A duty says what starts a clock and everything that may end it. When a clock is due, whether an end is in time and what
is said about it is not decided here. `orders`, `threads` and `cases` derive duties and violations from the facts of a
matter, from scratch, with no memory (rules.md; contract §3).
"""

from dataclasses import dataclass, field
from typing import Any

DAY_MS = 86_400_000
REFUND_RULES = {"sfp": "sfp-refund", "csba_jp": "csba-jp-refund", "mfn": "mfn-refund"}
RANK = {"met": 0, "superseded": 1, "exempt": 2}


@dataclass(frozen=True)
class Fact:
    type: str
    event_id: str
    at: int
    fields: dict[str, Any] = field(hash=False)

    def get(self, name: str) -> Any:
        return self.fields.get(name)

    @property
    def order(self) -> tuple[int, str]:
        return (self.at, self.event_id)


@dataclass(frozen=True)
class End:
    """A fact that ends the matter of a duty. `outcome` is what it comes to in time."""

    at: int
    outcome: str
    event_id: str
    by: str
    reason: str = ""


@dataclass(frozen=True)
class Duty:
    rule: str
    subject: str
    start: int
    order_id: str | None
    ends: tuple[End, ...]
    exempt: Fact | None = None  # the mark "no response needed" of the message, if the newest says so
    obligor: str | None = None  # instead of the rule's
    not_received: bool = False  # a claim of that kind
    program: str | None = None  # of the refund, for the rule that asks

    @property
    def end(self) -> End | None:
        """The earliest ending fact: at one instant met before superseded before exempt, then event_id."""
        return min(self.ends, key=lambda e: (e.at, RANK[e.outcome], e.event_id), default=None)


@dataclass(frozen=True)
class Violation:
    kind: str
    subject: str
    at: int
    order_id: str | None


def of_type(facts: list[Fact], *types: str) -> list[Fact]:
    return [f for f in facts if f.type in types]
