"""A line of the journal, as the engine takes it."""

from __future__ import annotations

from schemas.notifications import Body


class Line:
    """One line of the journal: its running number from 1, its journal time (ms UTC), what it says. Never changed."""

    __slots__ = ("body", "journal_ms", "number")

    def __init__(self, number: int, journal_ms: int, body: Body) -> None:
        self.number = number
        self.journal_ms = journal_ms
        self.body = body
