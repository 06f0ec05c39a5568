"""What the facts call for: duties, their ends, violations and urgent questions. Plain records; nothing is decided here.

Matters (orders, threads, cases, evidence) derive these from scratch from their facts; `clock` settles each standing
clock against its duty. No rule keeps state of its own and no rule emits (contract §3). Nothing here is changed once it
is made. They are plain classes, and not structs, to be compiled with what makes and asks them at every line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from streams.facts import OrderMessage

Rank = Literal[0, 1, 2]
ENDS_MET: Final = 0
ENDS_SUPERSEDED: Final = 1
ENDS_EXEMPT: Final = 2
"""Ranks of ends: of ends at one instant met counts before superseded before exempt (contract §3)."""


class End:
    """A fact that ends a clock: its instant, rank and event id, in which order ends count (`earliest`)."""

    __slots__ = ("at_ms", "by", "event_id", "rank", "reason")

    def __init__(self, at_ms: int, rank: Rank, event_id: str, by: str, reason: str = "") -> None:
        self.at_ms = at_ms
        self.rank = rank
        self.event_id = event_id
        self.by = by
        self.reason = reason

    def place(self) -> tuple[int, Rank, str, str, str]:
        """Where it stands among ends; ends in one place are the same."""
        return (self.at_ms, self.rank, self.event_id, self.by, self.reason)


class Duty:
    """One clock that the facts call for.

    `end` is the earliest ending fact, `marked_ms` the instant of the mark "no response needed" that holds, `obligor`
    who has to act where the rule's policy does not say it, `program` what the version that binds the clock is asked
    for (its `programs`), where the rule asks at all.
    """

    __slots__ = ("end", "marked_ms", "obligor", "order_id", "program", "rule", "start_ms", "subject")

    def __init__(
        self,
        rule: str,
        subject: str,
        start_ms: int,
        end: End | None,
        order_id: str | None = None,
        obligor: str = "",
        marked_ms: int | None = None,
        program: str | None = None,
    ) -> None:
        self.rule = rule
        self.subject = subject
        self.start_ms = start_ms
        self.end = end
        self.order_id = order_id
        self.obligor = obligor
        self.marked_ms = marked_ms
        self.program = program

    def fields(self) -> tuple[object, ...]:
        """All that it holds, to compare two duties by."""
        return (
            self.rule,
            self.subject,
            self.start_ms,
            self.end_place(),
            self.order_id,
            self.obligor,
            self.marked_ms,
            self.program,
        )

    def end_place(self) -> tuple[int, Rank, str, str, str] | None:
        """Where its end stands, to compare two by; None where it has none."""
        return None if self.end is None else self.end.place()

    @property
    def name(self) -> str:
        """The name of the clock, as in its row: `<rule>/<subject>`."""
        return f"{self.rule}/{self.subject}"


class Violation:
    """A breach of a policy that no clock measures; ordered and emitted once by (kind, subject)."""

    __slots__ = ("at_ms", "kind", "order_id", "subject")

    def __init__(self, kind: str, subject: str, at_ms: int, order_id: str | None) -> None:
        self.kind = kind
        self.subject = subject
        self.at_ms = at_ms
        self.order_id = order_id


class Urgent:
    """A reason to escalate a clock at once, said once for each clock and `source` (a message or a claim)."""

    __slots__ = ("at_ms", "clock", "reason", "source")

    def __init__(self, clock: str, source: str, at_ms: int, reason: str) -> None:
        self.clock = clock
        self.source = source
        self.at_ms = at_ms
        self.reason = reason

    def place(self) -> tuple[str, str, int, str]:
        """Where it stands among those that are said together."""
        return (self.clock, self.source, self.at_ms, self.reason)


class Called:
    """Everything that the facts of one matter call for."""

    __slots__ = ("claims", "duties", "questions", "violations")

    def __init__(
        self,
        duties: list[Duty],
        violations: Sequence[Violation] = (),
        questions: Sequence[OrderMessage] = (),
        claims: Sequence[Urgent] = (),
    ) -> None:
        self.duties = duties
        self.violations = violations
        self.questions = questions
        self.claims = claims


def earliest(ends: list[End]) -> End | None:
    """The end that counts, or None."""
    if len(ends) > 1:
        return min(ends, key=End.place)
    return ends[0] if ends else None


def are_same(one: Duty | None, other: Duty | None) -> bool:
    """Whether two duties say the same, or there is none of both."""
    return one is other if one is None or other is None else one.fields() == other.fields()
