"""What the facts call for: duties, their ends, violations and urgent questions. Plain records; nothing is decided here.

Matters (orders, threads, cases, evidence) derive these from scratch from their facts; `clock` settles each standing
clock against its duty. No rule keeps state of its own and no rule emits (contract §3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NewType

import msgspec

from streams.facts import OrderMessage

Rank = NewType("Rank", int)
ENDS_MET: Final = Rank(0)
ENDS_SUPERSEDED: Final = Rank(1)
ENDS_EXEMPT: Final = Rank(2)
"""Ranks of ends: of ends at one instant met counts before superseded before exempt (contract §3)."""


class End(msgspec.Struct, frozen=True, gc=False, order=True):
    """A fact that ends a clock, in the order in which ends count: instant, rank, event id."""

    at_ms: int
    rank: Rank
    event_id: str
    by: str
    reason: str = ""


class Duty(msgspec.Struct, frozen=True, gc=False):
    """One clock that the facts call for.

    `end` is the earliest ending fact, `marked_ms` the instant of the mark "no response needed" that holds, `obligor`
    who has to act where the rule's policy does not say it, `program` what the version that binds the clock is asked
    for (its `programs`), where the rule asks at all.
    """

    rule: str
    subject: str
    start_ms: int
    end: End | None
    order_id: str | None = None
    obligor: str = ""
    marked_ms: int | None = None
    program: str | None = None

    @property
    def name(self) -> str:
        """The name of the clock, as in its row: `<rule>/<subject>`."""
        return f"{self.rule}/{self.subject}"


class Violation(msgspec.Struct, frozen=True, gc=False):
    """A breach of a policy that no clock measures; ordered and emitted once by (kind, subject)."""

    kind: str
    subject: str
    at_ms: int
    order_id: str | None


class Urgent(msgspec.Struct, frozen=True, gc=False, order=True):
    """A reason to escalate a clock at once, said once for each clock and `source` (a message or a claim)."""

    clock: str
    source: str
    at_ms: int
    reason: str


class Called(msgspec.Struct, frozen=True, gc=False):
    """Everything that the facts of one matter call for."""

    duties: Sequence[Duty]
    violations: Sequence[Violation] = ()
    questions: Sequence[OrderMessage] = ()
    claims: Sequence[Urgent] = ()


def earliest(ends: list[End]) -> End | None:
    """The end that counts, or None."""
    return min(ends) if ends else None
