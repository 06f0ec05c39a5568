"""What binds a clock: a version of its rule made ready, and the instant at which the clock is due under it.

This is the one place that compares a stop with a due instant (`Binding.is_in_time`) and the one place that knows when a
due timer fires (`Binding.due_timer_ms`).
"""

from __future__ import annotations

import msgspec

from schemas.policy_types import RuleVersion


class Terms(msgspec.Struct, frozen=True, gc=False):
    """A version made ready: what a binding asks of it again and again.

    Steps are escalation steps as (level, offset from due in ms). `grace_ms` is the time from due to the due timer.
    `may_be_moved` says that a later version of the rule moves running clocks: in most policies none does.
    `consequences_json` is the field as its events have it, empty where they have none.
    """

    version: RuleVersion
    number: int
    is_days: bool
    elapsed_ms: int
    grace_ms: int
    steps_before: tuple[tuple[int, int], ...]
    steps_after: tuple[tuple[int, int], ...]
    may_be_moved: bool
    consequences_json: str


class Binding(msgspec.Struct, frozen=True, gc=False):
    """What a clock is measured by: the version, the due instant (ms UTC), and the calendar of day targets.

    `origin` is the number of the version that was in force at the clock's start; one that moves running clocks may have
    taken its place since.
    """

    terms: Terms
    due_ms: int
    calendar: str
    origin: int

    @property
    def version(self) -> RuleVersion:
        """The version that binds."""
        return self.terms.version

    @property
    def due_timer_ms(self) -> int:
        """When the due timer fires: a target in hours is in time up to and including its due instant."""
        return self.due_ms + self.terms.grace_ms

    def is_in_time(self, stop_ms: int) -> bool:
        """Stop < due for targets that end at a local midnight, stop <= due for elapsed ones (contract §3)."""
        return stop_ms < self.due_ms or (stop_ms == self.due_ms and not self.terms.is_days)

    def step_ms(self, level: int) -> int:
        """When escalation step `level` (from 1) falls."""
        return self.due_ms + (*self.terms.steps_before, *self.terms.steps_after)[level - 1][1]
