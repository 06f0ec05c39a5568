"""Matters: what the facts of one row call for, and when the row's next timer fires.

The one place that knows which functions derive a matter of which kind. Pure functions of a row, the account's program
changes and the policies.
"""

from __future__ import annotations

from typing import Any, Final, cast

from streams.at_work import Matter
from streams.cases import case_duties, case_view, evidence_violations
from streams.duties import Called
from streams.facts import Fact, ProgramChanged
from streams.orders import order_called
from streams.policies import Agreement
from streams.rows import BREACHED, GONE, OPEN, STANDING, CaseRow, Clock, EvidenceRow, MatterRow, OrderRow, ThreadRow
from streams.telling import Taken
from streams.threads import ThreadView, switched_off, thread_duties, thread_violations
from streams.timer import CLOCK, DUE_STEP, FORGET, MOVE_STEP, Timer

FULL: Final = 256
"""Facts of a matter, program changes of an account, cases of an account on one subject: at most so many (contract §2).

A line costs what its matter holds, and a row has to fit a record: what is bounded here bounds both.
"""


def name_of(row_id: str) -> str:
    """The name of a matter: its order, thread, case or evidence id."""
    return row_id.split("/", 3)[3]


def called_for(name: str, row: MatterRow, programs: list[ProgramChanged]) -> Called:
    """Derive the matter of this name from scratch. Violations of cases compare several and are not here."""
    if type(row) is OrderRow:
        return order_called(name, row.facts, row.programs)
    if type(row) is ThreadRow:
        thread = ThreadView(name, row.facts, switched_off(programs) if programs else ())
        return Called(thread_duties(thread), thread_violations(thread) if thread.sent else ())
    if type(row) is CaseRow:
        return Called(case_duties(case_view(name, row.facts)))
    return Called([], evidence_violations(name, cast(EvidenceRow, row).facts))


def take_fact(row_id: str, facts: list[Any], fact: Fact) -> Taken:
    """Take a fact among those of a row: of two with one key the smaller counts, whichever came first (contract §2)."""
    kind = type(fact)
    for index, known in enumerate(facts):
        if type(known) is kind and known.key == fact.key:
            if fact.when >= known.when:
                return Taken(row_id, fact, "repeat", known)
            facts[index] = fact
            return Taken(row_id, fact, "replaces", known)
    facts.append(fact)
    return Taken(row_id, fact, "new")


def knows(matter: Matter, fact: Fact) -> bool:
    """Whether a matter has a fact with the key of this one."""
    kind, key = type(fact), fact.key
    return any(type(known) is kind and known.key == key for known in matter.row.facts)


def next_timer(matter: Matter) -> Timer:
    """The matter's earliest timer: of one of its clocks, or the one that forgets it."""
    fire_ms, name, step = next_fire(matter)
    if step:
        return clock_timer(matter, fire_ms, name, step)
    return Timer(fire_ms, FORGET, matter.row_id, 0, matter.row_id)


def clock_timer(matter: Matter, fire_ms: int, name: str, step: int) -> Timer:
    """The timer of one of the matter's clocks, by the clock's name."""
    return Timer(fire_ms, CLOCK, f"{matter.party.row_id}/{name}", step, matter.row_id)


def next_fire(matter: Matter) -> tuple[int, str, int]:
    """When the matter's earliest timer fires (ms UTC), its clock's name and its step; step 0 where it is forgotten."""
    row, agreement = matter.row, matter.party.agreement
    newest_ms, is_kept_longer = row.facts[0].at_ms, False
    best: tuple[int, str, int] | None = None
    for fact in row.facts:
        at_ms = fact.at_ms
        if at_ms > newest_ms:  # noqa: PLR1730 - a call of max costs more, and this is asked at each line
            newest_ms = at_ms
    clocks = row.clocks
    if len(clocks) > FEW_CLOCKS and not agreement.may_move:
        newest_ms = max([newest_ms, *(clock.due_ms for clock in clocks if clock.outcome != GONE)])
        is_kept_longer = any(map(is_unsettled, clocks))
        clocks = _foremost(clocks)
    for clock in clocks:
        outcome = clock.outcome
        if outcome == GONE:
            continue
        due_ms = clock.due_ms
        if due_ms > newest_ms:  # noqa: PLR1730 - as above
            newest_ms = due_ms
        if outcome in (OPEN, BREACHED):
            is_kept_longer = is_kept_longer or outcome == OPEN or is_unsettled(clock)
            fire_ms, step = _clock_timer(agreement, clock)
            if step:
                found = (fire_ms, f"{clock.rule}/{clock.subject}", step)
                if best is None or found < best:
                    best = found
    retention = agreement.retention
    if matter.kind == "evidence":
        forget_ms = newest_ms + retention.evidence_ms
    else:
        forget_ms = newest_ms + (retention.unsettled_ms if is_kept_longer else retention.settled_ms)
    if best is not None and best[0] <= forget_ms:
        return best
    return (forget_ms, "", 0)


FEW_CLOCKS: Final = 8
"""A matter with more of them is crowded."""


def _foremost(clocks: list[Clock]) -> list[Clock]:
    """Those of a crowd one of which has the earliest timer, where no version moves any.

    Of clocks that are bound alike and have passed the same steps, that is the one due first.
    """
    found: dict[tuple[str, int, int, int], Clock] = {}
    for clock in clocks:
        outcome = clock.outcome
        if outcome in (OPEN, BREACHED):
            alike = (clock.rule, clock.version, outcome, clock.passed)
            first = found.get(alike)
            if first is None or (clock.due_ms, clock.subject) < (first.due_ms, first.subject):
                found[alike] = clock
    return list(found.values())


def _clock_timer(agreement: Agreement, clock: Clock) -> tuple[int, int]:
    """The earliest timer of an open or breached clock: when it fires, and its step; step 0 where there is none."""
    terms, passed, due_ms = agreement.terms[clock.rule, clock.version], clock.passed, clock.due_ms
    best = _NO_TIMER
    steps = terms.steps_after
    if clock.outcome == OPEN:
        steps = terms.steps_before
        best = (due_ms + terms.grace_ms, DUE_STEP)
        if terms.may_be_moved:
            move_ms = agreement.next_move_ms(agreement.stored(clock), clock.start_ms)
            if move_ms is not None and move_ms < best[0]:
                best = (move_ms, MOVE_STEP)
    for level, offset_ms in steps:
        if not passed >> level & 1 and (not best[1] or (due_ms + offset_ms, level) < best):
            best = (due_ms + offset_ms, level)
    return best


_NO_TIMER: Final = (0, 0)


def next_of_clock(agreement: Agreement, clock: Clock) -> tuple[int, int] | None:
    """When a clock's own next timer fires (ms UTC) and its step (`streams.timers`), or None where it has none."""
    found = _clock_timer(agreement, clock) if clock.outcome in (OPEN, BREACHED) else _NO_TIMER
    return None if found == _NO_TIMER else found


def is_unsettled(clock: Clock) -> bool:
    """Whether a clock is open or stands breached with `clock.breached` (contract §3, "what is kept")."""
    if clock.outcome == BREACHED:
        return STANDING[clock.standing[0][0]] == "clock.breached"
    return clock.outcome == OPEN
