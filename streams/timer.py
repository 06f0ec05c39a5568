"""A timer: when something fires, and what (contract §1, order)."""

from __future__ import annotations

from typing import Final

import msgspec

CLOCK: Final = 0
FORGET: Final = 1
HEALTH: Final = 2
"""Kinds of timers, in the order in which they fire at one instant."""

DUE_STEP: Final = 1_000_000
MOVE_STEP: Final = 1_000_001
"""Steps of a clock after its escalation levels."""


class Timer(msgspec.Struct, frozen=True, gc=False, order=True):
    """One armed entry; `row_id` is the matter or account that armed it."""

    fire_ms: int
    kind: int
    timer_id: str
    step: int
    row_id: str
