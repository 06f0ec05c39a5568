"""What a line tells its matters: each fact with the matter it belongs to, and what became of it there."""

from __future__ import annotations

from typing import Literal

import msgspec

from streams.facts import Fact


class Routed(msgspec.Struct, frozen=True, gc=False):
    """A fact and the matter it belongs to: kind (`order`, `thread`, `case`, `evidence`) and name."""

    kind: str
    name: str
    fact: Fact


class Taken(msgspec.Struct, frozen=True, gc=False):
    """What became of a fact that a line told: `new`, `repeat` (it does not count) or `replaces`.

    `row_id` is its matter's, or the account's whose programs changed; `other` the fact that it repeats or replaces.
    """

    row_id: str
    fact: Fact
    how: Literal["new", "repeat", "replaces"]
    other: Fact | None = None
