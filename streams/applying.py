"""Applying: what a notification, or an activation of policies, changes (contract §1 order, §3, §5, rules.md).

A notification touches the matters that its facts belong to, and two things cross matters: a switch of CSBA touches the
account's threads that asked csba, and a case is compared with the account's cases on the same subject.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from operator import itemgetter
from typing import cast

import msgspec

from schemas.notifications import MetricsReported, Notification, ProgramChanged
from schemas.rules import RULES
from streams import facts, health
from streams.cases import case_violation
from streams.duties import Duty, Urgent, Violation
from streams.events import Moment, SlaEvent, violation_event
from streams.ledger import Ledger
from streams.matters import Called, called_for, name_of, take_fact
from streams.policies import Binding
from streams.routing import account_key, route
from streams.rows import BREACHED, OPEN, CaseRow, Clock, MatterRow, OrderRow, ThreadRow, account_of
from streams.state import State
from streams.threads import NEVER_MS, switched_off


class Touched(msgspec.Struct, frozen=True, gc=False):
    """A matter that is settled, and what its facts call for; only the clocks in `names` are, where names are given."""

    row_id: str
    row: MatterRow
    called: Called
    names: frozenset[str] | None = None


def _by_name(called: Called) -> dict[str, Duty]:
    return {duty.name: duty for duty in called.duties}


def apply_notification(
    state: State, notification: Notification, journal_ms: int, events: list[SlaEvent]
) -> Iterator[None]:
    """Apply a valid notification at its journal time: violations, clock events, urgent escalations, corrections.

    Done in pieces: between two of them whoever asks may do something else, but nothing with this state.
    """
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
        yield from _settle(ledger, (yield from _switched_threads(state, account, notification)))
    else:
        touched, violations = _take_facts(state, account, row.programs, notification)
        if violations:
            _say_violations(ledger, violations)
        opened = yield from _settle(ledger, touched)
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
        state.note_size(row_id, row)
        if isinstance(fact, _NAMES_A_PROGRAM):
            cast(OrderRow, row).programs.setdefault(fact.return_id, fact.program)
        if routed.kind != "order":
            _index(state, row_id, row, taken.other)
        called = called_for(routed.name, row, programs)
        touched.append(Touched(row_id, row, called))
        for violation in called.violations:
            violations.append((row_id, row, violation))
        if isinstance(row, CaseRow):
            violations.extend(_case_violations(state, account, row_id, row, is_opening=type(fact) is facts.CaseOpened))
    return touched, violations


_NAMES_A_PROGRAM = (facts.ReturnRequested, facts.ReturnApproved, facts.ReturnReceived)


def _index(state: State, row_id: str, row: MatterRow, replaced: facts.Fact | None) -> None:
    """Keep the indexes that cross matters."""
    if isinstance(replaced, facts.CaseOpened):
        state.unindex_subject(row_id, replaced.subject_hash)
    state.index_matter(row_id, row)


def _case_violations(
    state: State, account: str, row_id: str, row: CaseRow, *, is_opening: bool
) -> Iterator[tuple[str, MatterRow, Violation]]:
    """Compare a case that has changed with those of its subject: itself with all, and the younger ones with it.

    All others stand as they did, and had no violation then: only what has changed can give one.
    """
    subject = next((fact.subject_hash for fact in row.facts if isinstance(fact, facts.CaseOpened)), None)
    if subject is None:
        return
    cases = state.case_summaries(account, subject)
    mine = cases.pop(row_id)
    if is_opening and (violation := case_violation(mine, cases.values())) is not None:
        yield row_id, row, violation
    for other_id, other in cases.items():
        if (violation := case_violation(other, (mine,))) is not None:
            yield other_id, state.matter(other_id), violation


def _say_violations(ledger: Ledger, found: Iterable[tuple[str, MatterRow, Violation]]) -> None:
    """Emit each (kind, subject) once, in that order."""
    for row_id, row, violation in sorted(found, key=lambda item: (item[2].kind, item[2].subject)):
        name = f"{violation.kind}/{violation.subject}"
        if name not in row.violations:
            row.violations.append(name)
            ledger.state.mark_changed(row_id)
            if isinstance(row, CaseRow):
                ledger.state.index_matter(row_id, row)
            ledger.events.append(violation_event(ledger.account, violation, ledger.moment))


def _switched_threads(state: State, account: str, notification: ProgramChanged) -> Generator[None, None, list[Touched]]:
    """A program changes: threads that asked csba are derived again, and of them the clocks that the switch touches."""
    row = state.account(account)
    before = list(row.programs)
    fact = facts.ProgramChanged(
        notification.occurred_ms, notification.event_id, notification.program, notification.active
    )
    state.taken.append(take_fact(account, row.programs, fact))
    state.mark_changed(account)
    rows = [(row_id, cast(ThreadRow, state.matter(row_id))) for row_id in _waiting_threads(state, account, before)]
    touched = []
    for row_id, thread in rows:
        yield
        called = called_for(name_of(row_id), thread, row.programs)
        stood, stands = _by_name(called_for(name_of(row_id), thread, before)), _by_name(called)
        changed = frozenset(name for name in stood.keys() | stands.keys() if stood.get(name) != stands.get(name))
        touched.append(Touched(row_id, thread, called, changed))
    return touched


def _waiting_threads(state: State, account: str, before: list[facts.ProgramChanged]) -> list[str]:
    """The threads whose duties a change of programs touches: the first switch after a question is another than before.

    Of a switch that came or went these are the questions since the switch before it, not answered by then.
    """
    were, are = switched_off(before), switched_off(state.account(account).programs)
    found: set[str] = set()
    for switches, others in ((are, were), (were, are)):
        earlier_ms = -NEVER_MS
        for switch in switches:
            if switch not in others:
                found.update(state.questions.waiting(account, earlier_ms, switch[0]))
            earlier_ms = switch[0]
    return sorted(found)


# --- clocks --------------------------------------------------------------------------------------------------------


def _settle(ledger: Ledger, touched: list[Touched]) -> Generator[None, None, list[tuple[str, Clock]]]:
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
        yield
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
        if not isinstance(matter.row, OrderRow):
            continue
        places = {source: place for place, source in enumerate(matter.row.urged)}
        urgents = sorted(_urgents(matter, just_opened, places), key=itemgetter(0))
        for urgent, clock in urgents:
            place = places.setdefault(urgent.source, len(places))
            if place == len(matter.row.urged):
                matter.row.urged.append(urgent.source)
            ledger.settling(clock).urge(urgent, place)
            ledger.state.mark_changed(matter.row_id)


def _urgents(matter: Touched, just_opened: dict[str, Clock], places: dict[str, int]) -> Iterator[tuple[Urgent, Clock]]:
    """What is urgent and was not said yet; `places` are those of the messages and claims that were."""
    for clock in matter.row.clocks:
        if RULES[clock.rule].receipt_of and clock.outcome in (OPEN, BREACHED):
            said = set(clock.urgent)
            for asked in matter.called.questions:
                if asked.at_ms >= clock.start_ms and places.get(asked.message_id) not in said:
                    yield Urgent(clock.name, asked.message_id, asked.at_ms, "refund_question_after_receipt"), clock
    for claim in matter.called.claims:
        clock_or_none = just_opened.get(claim.clock)
        if clock_or_none is not None and places.get(claim.source) not in clock_or_none.urgent:
            yield claim, clock_or_none


# --- activation ----------------------------------------------------------------------------------------------------


def move_open_clocks(state: State, moment: Moment, events: list[SlaEvent]) -> Iterator[None]:
    """`open` versions already in force move open clocks at once, by account and clock id (contract §5). In pieces."""
    assert state.book is not None  # it was put in force just now
    if not state.book.may_move:
        return
    rows = []
    for row_id, row in state.matters():
        yield
        if any(clock.outcome == OPEN for clock in row.clocks):
            rows.append((row_id, state.matter(row_id)))
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
        yield
        ledger = ledgers[account]
        settling = ledger.settling(clock)
        ledger.take_out(clock)
        settling.move(moved)
        ledger.put_back(row_id, clock)
    for account in sorted(ledgers):
        ledgers[account].close()
    for row_id, row in rows:
        yield
        ledgers[account_of(row_id)].arm(row_id, row)
