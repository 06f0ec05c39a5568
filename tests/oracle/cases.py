"""Support cases and evidence (rules.md; contract §3)."""

from .duties import DAY_MS, Duty, End, Fact, Violation, of_type


def case_duties(facts: list[Fact]) -> list[Duty]:
    opened = next(iter(of_type(facts, "case.opened")), None)
    if opened is None:
        return []
    case_id = opened.get("case_id")
    closings = of_type(facts, "case.closed")

    def closed_after(start: int) -> list[End]:
        return [End(f.at, "exempt", f.event_id, "unknown", "case_closed") for f in closings if f.at >= start]

    duties = []
    steps = sorted(of_type(facts, "case.opened", "case.activity"), key=lambda f: f.order)
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        ends = closed_after(step.at)
        if following is not None:
            ends.append(End(following.at, "met", following.event_id, following.get("actor") or "seller"))
        other_side = "seller" if step.get("actor") == "amazon" else "amazon"
        duties.append(
            Duty("case-stalled", f"{case_id}/{step.event_id}", step.at, None, tuple(ends), obligor=other_side)
        )
    if opened.get("priority") == "high":
        ends = closed_after(opened.at)
        for activity in of_type(facts, "case.activity"):
            if activity.get("actor") == "amazon" and activity.at >= opened.at:
                ends.append(End(activity.at, "met", activity.event_id, "amazon"))
        duties.append(Duty("case-first-response", case_id, opened.at, None, tuple(ends)))
    else:
        ends = [End(f.at, "met", f.event_id, "unknown") for f in closings]
        duties.append(Duty("case-resolution", case_id, opened.at, None, tuple(ends)))
    return duties


def closing_that_stands(facts: list[Fact], case_id: str, at: int) -> Fact | None:
    """As the newest of its closings and activities up to and with that instant says: closed, or (again) open."""
    said = [f for f in of_type(facts, "case.closed", "case.activity") if f.get("case_id") == case_id and f.at <= at]
    newest = max(said, key=lambda f: f.order, default=None)
    return newest if newest is not None and newest.type == "case.closed" else None


def case_violations(facts: list[Fact]) -> list[Violation]:
    """case_duplicate, else case_close_reopen; `facts` are those of all cases of the account."""
    found = []
    opened = sorted(of_type(facts, "case.opened"), key=lambda f: (f.at, f.get("case_id")))
    for place, case in enumerate(opened):
        older = [o for o in opened[:place] if o.get("subject_hash") == case.get("subject_hash")]
        closings: list[Fact] = []
        kind = None
        for each in older:
            closing = closing_that_stands(facts, each.get("case_id"), case.at)
            if closing is None:
                kind = "case_duplicate"
                break
            closings.append(closing)
        if kind is None and any(case.at - closing.at < 7 * DAY_MS for closing in closings):
            kind = "case_close_reopen"
        if kind is not None:
            found.append(Violation(kind, case.get("case_id"), case.at, None))
    return found


def evidence_violations(facts: list[Fact]) -> list[Violation]:
    """evidence_deleted_early."""
    stored = next(iter(of_type(facts, "evidence.stored")), None)
    deleted = next(iter(of_type(facts, "evidence.deleted")), None)
    if stored is None or deleted is None or deleted.at - stored.at >= 180 * DAY_MS:
        return []
    subject = deleted.get("evidence_id")
    return [Violation("evidence_deleted_early", subject, deleted.at, deleted.get("order_id"))]
