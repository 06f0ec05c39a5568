"""Applying: what a notification, or an activation of policies, changes (contract §1 order, §3, §5, rules.md).

A notification touches the matters that its facts belong to, and two things cross matters: a switch of CSBA touches the
account's threads that asked csba, and a case is compared with the account's cases on the same subject.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import cast

import msgspec

from schemas.notifications import MetricsReported, Notification, ProgramChanged
from schemas.rules import RULES
from streams import facts, health
from streams.cases import case_view, case_violation
from streams.duties import Duty, Urgent, Violation
from streams.events import Moment, SlaEvent, violation_event
from streams.ledger import Ledger
from streams.matters import Called, called_for, name_of, take_fact
from streams.policies import Binding
from streams.routing import account_key, route
from streams.rows import BREACHED, OPEN, CaseRow, Clock, MatterRow, OrderRow, account_of
from streams.state import State
from streams.threads import switched_off


class Touched(msgspec.Struct, frozen=True, gc=False):
    """A matter that is settled, and what its facts call for; only the clocks in `names` are, where names are given."""

    row_id: str
    row: MatterRow
    called: Called
    names: frozenset[str] | None = None


def _by_name(called: Called) -> dict[str, Duty]:
    return {duty.name: duty for duty in called.duties}


def apply_notification(state: State, notification: Notification, journal_ms: int, events: list[SlaEvent]) -> None:
    """Apply a valid notification at its journal time: violations, clock events, urgent escalations, corrections."""
    account = account_key(notification)
    row = state.account(account)
    if not row.first_ms:
        row.first_ms = journal_ms
        state.mark_changed(account)
    moment = Moment(journal_ms, journal_ms, notification)
    ledger = Ledger(state, account, moment, events)
    if isinstance(notification, MetricsReported):
        events.extend(health.report(account, row, notification, moment))
        state.census.set_status(account, health.worst_status(row))
        state.mark_changed(account)
    elif isinstance(notification, ProgramChanged):
        _settle(ledger, _switched_threads(state, account, notification))
    else:
        touched, violations = _take_facts(state, account, row.programs, notification)
        if violations:
            _say_violations(ledger, violations)
        opened = _settle(ledger, touched)
        if any(matter.called.questions or matter.called.claims for matter in touched):
            _urge(ledger, touched, opened)
    ledger.close()


# --- facts ---------------------------------------------------------------------------------------------------------


def _take_facts(
    state: State, account: str, programs: list[facts.ProgramChanged], notification: Notification
) -> tuple[list[Touched], list[tuple[str, MatterRow, Violation]]]:
    """Take the facts of a notification into their matters; repeats that do not count touch nothing."""
    touched: list[Touched] = []
    violations: list[tuple[str, MatterRow, Violation]] = []
    for routed in route(notification):
        fact = routed.fact
        row_id = state.own_id(f"{account}/{routed.kind}/{routed.name}")
        row = state.matter(row_id)
        taken = take_fact(row_id, row.facts, fact)
        state.taken.append(taken)
        if taken.how == "repeat":
            continue
        state.mark_changed(row_id)
        if isinstance(fact, _NAMES_A_PROGRAM):
            cast(OrderRow, row).programs.setdefault(fact.return_id, fact.program)
        subjects = () if routed.kind == "order" else _index_subject(state, row_id, row, taken.other)
        called = called_for(routed.name, row, programs)
        touched.append(Touched(row_id, row, called))
        for violation in called.violations:
            violations.append((row_id, row, violation))
        for subject in subjects:
            violations.extend(_case_violations(state, account, subject))
    return touched, violations


_NAMES_A_PROGRAM = (facts.ReturnRequested, facts.ReturnApproved, facts.ReturnReceived)


def _index_subject(state: State, row_id: str, row: MatterRow, replaced: facts.Fact | None) -> Sequence[str]:
    """Keep the indexes that cross matters; the subjects on which a case has to be compared again."""
    if isinstance(replaced, facts.CaseOpened):
        state.unindex_subject(row_id, replaced.subject_hash)
    state.index_matter(row_id, row)
    if not isinstance(row, CaseRow):
        return ()
    subjects = {fact.subject_hash for fact in (*row.facts, replaced) if isinstance(fact, facts.CaseOpened)}
    return sorted(subjects)


def _case_violations(state: State, account: str, subject: str) -> Iterator[tuple[str, MatterRow, Violation]]:
    """Compare the cases of one subject; a case has one violation at most."""
    rows = {
        row_id: cast(CaseRow, state.matter(row_id))
        for row_id in sorted(state.cases_by_subject.get((account, subject), ()))
    }
    views = {row_id: case_view(name_of(row_id), row.facts) for row_id, row in rows.items()}
    for row_id, view in views.items():
        if view.opened is not None and not rows[row_id].violations:
            others = (other for other_id, other in views.items() if other_id != row_id)
            violation = case_violation(view, view.opened, others)
            if violation is not None:
                yield row_id, rows[row_id], violation


def _say_violations(ledger: Ledger, found: Iterable[tuple[str, MatterRow, Violation]]) -> None:
    """Emit each (kind, subject) once, in that order."""
    for row_id, row, violation in sorted(found, key=lambda item: (item[2].kind, item[2].subject)):
        name = f"{violation.kind}/{violation.subject}"
        if name not in row.violations:
            row.violations.append(name)
            ledger.state.mark_changed(row_id)
            ledger.events.append(violation_event(ledger.account, violation, ledger.moment))


def _switched_threads(state: State, account: str, notification: ProgramChanged) -> list[Touched]:
    """A program changes: threads that asked csba are derived again, and of them the clocks that the switch touches."""
    row = state.account(account)
    before = list(row.programs)
    fact = facts.ProgramChanged(
        notification.occurred_ms, notification.event_id, notification.program, notification.active
    )
    state.taken.append(take_fact(account, row.programs, fact))
    state.mark_changed(account)
    changes = set(switched_off(row.programs)) ^ set(switched_off(before))
    if not changes:
        return []
    first_ms = min(changes)[0]
    touched = []
    for row_id, answered_ms in sorted(state.csba_threads.get(account, {}).items()):
        if answered_ms is not None and answered_ms <= first_ms:
            continue
        thread = state.matter(row_id)
        called = called_for(name_of(row_id), thread, row.programs)
        stood, stands = _by_name(called_for(name_of(row_id), thread, before)), _by_name(called)
        changed = frozenset(name for name in stood.keys() | stands.keys() if stood.get(name) != stands.get(name))
        touched.append(Touched(row_id, thread, called, changed))
    return touched


# --- clocks --------------------------------------------------------------------------------------------------------


def _settle(ledger: Ledger, touched: list[Touched]) -> list[tuple[str, Clock]]:
    """Settle every clock of the touched matters, in the order of their ids. Returns those opened just now and open."""
    work: list[tuple[str, Touched, Clock | None, Duty | None]] = []
    for matter in touched:
        duties, names = _by_name(matter.called), matter.names
        for clock in matter.row.clocks:
            name = f"{clock.rule}/{clock.subject}"
            if names is None or name in names:
                work.append((name, matter, clock, duties.pop(name, None)))
        for name, duty in duties.items():
            if names is None or name in names:
                work.append((name, matter, None, duty))
    if len(work) > 1:
        work.sort(key=itemgetter(0))
    opened = []
    for name, matter, stood, stands in work:
        settling = ledger.settle(matter.row_id, matter.row, stood, stands)
        if settling is not None and settling.was_opened and settling.clock.outcome == OPEN:
            opened.append((name, settling.clock))
    for matter in touched:
        ledger.arm(matter.row_id, matter.row)
    return opened


def _urge(ledger: Ledger, touched: list[Touched], opened: list[tuple[str, Clock]]) -> None:
    """Urgent escalations, by (clock, message or claim), each once (rules.md: SFP 1, PLAN)."""
    just_opened = dict(opened)
    for matter in touched:
        urgents: list[tuple[Urgent, Clock]] = []
        for clock in matter.row.clocks:
            if RULES[clock.rule].receipt_of and clock.outcome in (OPEN, BREACHED):
                urgents.extend(
                    (Urgent(clock.name, asked.message_id, asked.at_ms, "refund_question_after_receipt"), clock)
                    for asked in matter.called.questions
                    if asked.at_ms >= clock.start_ms
                )
        urgents.extend(
            (claim, just_opened[claim.clock]) for claim in matter.called.claims if claim.clock in just_opened
        )
        for urgent, clock in sorted(urgents, key=lambda item: item[0]):
            if urgent.source not in clock.urgent:
                ledger.settling(clock).urge(urgent)
                ledger.state.mark_changed(matter.row_id)


# --- activation ----------------------------------------------------------------------------------------------------


def move_open_clocks(state: State, moment: Moment, events: list[SlaEvent]) -> None:
    """`open` versions already in force move open clocks at once, by account and clock id (contract §5)."""
    open_ids = [row_id for row_id, row in state.matters() if any(clock.outcome == OPEN for clock in row.clocks)]
    rows = [(row_id, state.matter(row_id)) for row_id in open_ids]
    ledgers = {
        account: Ledger(state, account, moment, events) for account in {account_of(row_id) for row_id, _ in rows}
    }
    moves: list[tuple[str, str, str, Clock, Binding]] = []
    for row_id, row in rows:
        ledger = ledgers[account_of(row_id)]
        for clock in row.clocks:
            if clock.outcome == OPEN:
                stored = ledger.agreement.stored(clock)
                moved = ledger.agreement.moved(stored, clock.start_ms, moment.now_ms)
                if moved is not stored:
                    moves.append((ledger.account, clock.name, row_id, clock, moved))
    for account, _, row_id, clock, moved in sorted(moves, key=lambda move: move[:2]):
        ledger = ledgers[account]
        settling = ledger.settling(clock)
        ledger.take_out(clock)
        settling.move(moved)
        ledger.put_back(row_id, clock)
    for account in sorted(ledgers):
        ledgers[account].close()
    for row_id, row in rows:
        ledgers[account_of(row_id)].arm(row_id, row)
