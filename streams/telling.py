"""What a line tells its matters: each fact with the matter it belongs to, and what became of it there."""

from __future__ import annotations

from typing import Literal

from streams.facts import Fact

How = Literal["new", "repeat", "replaces"]


class Routed:
    """A fact and the matter it belongs to: kind (`order`, `thread`, `case`, `evidence`) and name."""

    __slots__ = ("fact", "kind", "name")

    def __init__(self, kind: str, name: str, fact: Fact) -> None:
        self.kind = kind
        self.name = name
        self.fact = fact


class Taken:
    """What became of a fact that a line told: `new`, `repeat` (it does not count) or `replaces`.

    `row_id` is its matter's, or the account's whose programs changed; `other` the fact that it repeats or replaces.
    """

    __slots__ = ("fact", "how", "other", "row_id")

    def __init__(self, row_id: str, fact: Fact, how: How, other: Fact | None = None) -> None:
        self.row_id = row_id
        self.fact = fact
        self.how = how
        self.other = other
