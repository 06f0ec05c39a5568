"""What binds a clock: a version of its rule made ready, and the instant at which the clock is due under it.

This is the one place that compares a stop with a due instant (`Binding.is_in_time`) and the one place that knows when a
due timer fires (`Binding.due_timer_ms`).
"""

from __future__ import annotations

from schemas.policy_types import RuleVersion


class Terms:
    """A version made ready: what a binding asks of it again and again. Nothing here is changed once it is made.

    Steps are escalation steps as (level, offset from due in ms). `grace_ms` is the time from due to the due timer.
    `may_be_moved` says that a later version of the rule moves running clocks: in most policies none does.
    `consequences_json` is the field as its events have it, empty where they have none.
    """

    __slots__ = (
        "consequences_json",
        "elapsed_ms",
        "grace_ms",
        "is_days",
        "may_be_moved",
        "number",
        "steps_after",
        "steps_before",
        "version",
    )

    def __init__(self, version: RuleVersion, consequences_json: str, *, may_be_moved: bool) -> None:
        self.version = version
        self.number = version.version
        self.is_days = version.target.is_days
        self.elapsed_ms = version.target.elapsed_ms
        self.grace_ms = version.confirm_after_ms + (0 if self.is_days else 1)
        before = tuple((level, -offset_ms) for level, offset_ms in enumerate(version.escalate_before_ms, start=1))
        self.steps_before: tuple[tuple[int, int], ...] = before
        self.steps_after: tuple[tuple[int, int], ...] = tuple(
            enumerate(version.escalate_after_ms, start=len(before) + 1)
        )
        self.may_be_moved = may_be_moved
        self.consequences_json = consequences_json


class Binding:
    """What a clock is measured by: the version, the due instant (ms UTC), and the calendar of day targets.

    `origin` is the number of the version that was in force at the clock's start; one that moves running clocks may have
    taken its place since.
    """

    __slots__ = ("calendar", "due_ms", "origin", "terms")

    def __init__(self, terms: Terms, due_ms: int, calendar: str, origin: int) -> None:
        self.terms = terms
        self.due_ms = due_ms
        self.calendar = calendar
        self.origin = origin

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
