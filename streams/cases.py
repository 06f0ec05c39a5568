"""Support cases and evidence items, each derived from scratch from its facts (contract §3, rules.md).

Rules here: case-stalled, case-first-response, case-resolution. Violations here: case_duplicate and case_close_reopen,
which compare a case with the account's older cases of the same `subject_hash`, and evidence_deleted_early.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from schemas.codec import DAY_MS
from streams.duties import ENDS_EXEMPT, ENDS_MET, Duty, End, Violation, earliest
from streams.facts import (
    CaseActivity,
    CaseClosed,
    CaseFact,
    CaseOpened,
    EvidenceDeleted,
    EvidenceFact,
    EvidenceStored,
)

REOPEN_MS: Final = 7 * DAY_MS
"""How soon after a closure a new case on the same subject counts as a reopening (*ours*, rules.md)."""
EVIDENCE_MS: Final = 180 * DAY_MS
"""How long evidence has to be kept (PLAN)."""


class CaseView:
    """The facts of one support case, by kind; those of which there may be several by (instant, event id)."""

    __slots__ = ("activities", "case_id", "closings", "opened")

    def __init__(
        self, case_id: str, opened: CaseOpened | None, closings: list[CaseClosed], activities: list[CaseActivity]
    ) -> None:
        self.case_id = case_id
        self.opened = opened
        self.closings = closings
        self.activities = activities


def case_view(case_id: str, facts: list[CaseFact]) -> CaseView:
    """Sort the facts of a case into what the rules ask for."""
    opened: CaseOpened | None = None
    closings: list[CaseClosed] = []
    activities: list[CaseActivity] = []
    for fact in facts:
        if isinstance(fact, CaseActivity):
            activities.append(fact)
        elif isinstance(fact, CaseOpened):
            opened = fact
        else:
            closings.append(fact)
    return CaseView(case_id, opened, sorted(closings, key=_when), sorted(activities, key=_when))


def case_duties(view: CaseView) -> list[Duty]:
    """Every clock that a case calls for; a case whose opening is not known calls for none."""
    if view.opened is None:
        return []
    duties = list(_stalled(view, view.opened))
    is_urgent = view.opened.priority == "high"
    duties.append(_first_response(view, view.opened) if is_urgent else _resolution(view, view.opened))
    return duties


def _closing(view: CaseView, start_ms: int) -> End | None:
    """The earliest `case.closed` not before the start ends the matter without the duty being done."""
    closed = next((fact for fact in view.closings if fact.at_ms >= start_ms), None)
    return None if closed is None else End(closed.at_ms, ENDS_EXEMPT, closed.event_id, "unknown", "case_closed")


def _stalled(view: CaseView, opened: CaseOpened) -> Iterator[Duty]:
    """SUP: no progress for 72 hours calls for a polite reminder; the side that did not act last has to move."""
    steps: list[CaseOpened | CaseActivity] = sorted([opened, *view.activities], key=lambda fact: fact.when)
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        ends = []
        if following is not None:
            ends.append(End(following.at_ms, ENDS_MET, following.event_id, _actor(following)))
        closing = _closing(view, step.at_ms)
        if closing is not None:
            ends.append(closing)
        obligor = "amazon" if _actor(step) == "seller" else "seller"
        yield Duty("case-stalled", f"{view.case_id}/{step.event_id}", step.at_ms, earliest(ends), obligor=obligor)


def _actor(step: CaseOpened | CaseActivity) -> str:
    return step.actor if isinstance(step, CaseActivity) else "seller"


def _first_response(view: CaseView, opened: CaseOpened) -> Duty:
    """SUP: a case of high priority gets its first answer within 12 hours on average."""
    ends = [
        End(fact.at_ms, ENDS_MET, fact.event_id, "amazon")
        for fact in view.activities
        if fact.actor == "amazon" and fact.at_ms >= opened.at_ms
    ]
    closing = _closing(view, opened.at_ms)
    if closing is not None:
        ends.append(closing)
    return Duty("case-first-response", view.case_id, opened.at_ms, earliest(ends))


def _resolution(view: CaseView, opened: CaseOpened) -> Duty:
    """SUP: an ordinary case is closed within 48 hours."""
    end = None
    if view.closings:
        end = End(view.closings[0].at_ms, ENDS_MET, view.closings[0].event_id, "unknown")
    return Duty("case-resolution", view.case_id, opened.at_ms, end)


class CaseSummary:
    """What of a case bears on others with its subject: when it was opened, and its closings and activities in order.

    An entry of `timeline` is instant, event id, and whether it is a closing. `is_violation`: it has one, and no second.
    """

    __slots__ = ("case_id", "is_violation", "opened", "timeline")

    def __init__(
        self, case_id: str, opened: CaseOpened | None, timeline: list[tuple[int, str, bool]], *, is_violation: bool
    ) -> None:
        self.case_id = case_id
        self.opened = opened
        self.timeline = timeline
        self.is_violation = is_violation

    def closed_ms(self, at_ms: int) -> int | None:
        """Since when a case stands closed at an instant; None where it is open, for the first time or again.

        The newest of its closings and activities up to and with that instant says which (contract §3).
        """
        known = bisect_left(self.timeline, (at_ms + 1,))
        since_ms, _, is_closed = self.timeline[known - 1] if known else (0, "", False)
        return since_ms if is_closed else None


def case_summary(case_id: str, facts: list[CaseFact], violations: Sequence[str]) -> CaseSummary:
    """How a case stands, derived from its facts."""
    opened = next((fact for fact in facts if isinstance(fact, CaseOpened)), None)
    steps = [(fact.at_ms, fact.event_id, isinstance(fact, CaseClosed)) for fact in facts if fact is not opened]
    return CaseSummary(case_id, opened, sorted(steps), is_violation=bool(violations))


def _when(fact: CaseFact) -> tuple[int, str]:
    return fact.when


def case_violation(case: CaseSummary, others: Iterable[CaseSummary]) -> Violation | None:
    """SUP: do not submit the same case twice, never close and reopen. `others` share the account and subject_hash."""
    if case.opened is None or case.is_violation:
        return None
    opened_ms, was_closed_lately = case.opened.at_ms, False
    for other in others:
        if other.opened is None or (other.opened.at_ms, other.case_id) >= (opened_ms, case.case_id):
            continue
        closed_ms = other.closed_ms(opened_ms)
        if closed_ms is None:
            return Violation("case_duplicate", case.case_id, opened_ms, None)
        was_closed_lately |= opened_ms - closed_ms < REOPEN_MS
    return Violation("case_close_reopen", case.case_id, opened_ms, None) if was_closed_lately else None


def evidence_violations(evidence_id: str, facts: Sequence[EvidenceFact]) -> list[Violation]:
    """PLAN: evidence is kept for at least 180 days."""
    stored = next((fact for fact in facts if isinstance(fact, EvidenceStored)), None)
    deleted = next((fact for fact in facts if isinstance(fact, EvidenceDeleted)), None)
    if stored is None or deleted is None or deleted.at_ms - stored.at_ms >= EVIDENCE_MS:
        return []
    return [Violation("evidence_deleted_early", evidence_id, deleted.at_ms, deleted.order_id)]
