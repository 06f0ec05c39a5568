"""A line of the journal, as the engine takes it."""

from __future__ import annotations

import msgspec

from schemas.notifications import Body


class Line(msgspec.Struct, frozen=True, gc=False):
    """One line of the journal: its running number from 1, its journal time (ms UTC), what it says."""

    number: int
    journal_ms: int
    body: Body
