"""Applying: what a notification, or an activation of policies, changes (contract §1 order, §3, §5, rules.md).

A notification touches the matters that its facts belong to, and two things cross matters: a switch of CSBA touches the
account's threads that asked csba, and a case is compared with the account's cases on the same subject.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from operator import itemgetter
from typing import cast

from schemas.notifications import MetricsReported, Notification, ProgramChanged
from schemas.rules import RULES
from streams import facts, health
from streams.at_work import Matter, Party
from streams.cases import case_violation
from streams.duties import Called, Duty, Urgent, Violation, are_same
from streams.events import violation_event
from streams.facts import ReturnApproved, ReturnReceived, ReturnRequested
from streams.ledger import Ledger
from streams.matters import FULL, called_for, take_fact
from streams.pieces import in_order, let_go
from streams.routing import account_key, route
from streams.rows import BREACHED, OPEN, Clock, OrderRow, ThreadRow
from streams.state import State
from streams.terms import Binding
from streams.threads import NEVER_MS, QUESTIONS_RULES, Switches, switched_duties, switched_off

Touched = tuple[Matter, Called]
"""A matter that is settled, and what its facts call for."""

Found = list[tuple[Matter, Violation]]
"""Violations, each with the matter that keeps it."""


def apply_notification(state: State, notification: Notification) -> Iterable[None]:
    """Apply a valid notification at its journal time: violations, clock events, urgent escalations, corrections.

    Urgent escalations may be many: they, and what comes behind them, are left as pieces. A change of programs is not
    for here: it may touch as many threads as the account has (`switch_program`).
    """
    ledger, party = _opened(state, notification)
    if type(notification) is MetricsReported:
        health.report(party, notification, ledger.moment)
        state.census.set_status(party.row_id, health.worst_status(party.row))
        state.rows.mark_changed(party)
    else:
        touched, violations = _take_facts(state, party, notification)
        if violations:
            _say_violations(state, violations)
        opened = _settle(ledger, touched)
        for matter, called in touched:  # an order: no other has them
            if called.questions or called.claims:
                return _urge(ledger, matter, called, opened)
    ledger.close()
    return ()


def _opened(state: State, notification: Notification) -> tuple[Ledger, Party]:
    """The ledger, open for the notification's account, whose first line this may be."""
    ledger, party = state.ledger, state.rows.party(account_key(notification))
    ledger.open(party, notification)
    if not party.row.first_ms:
        party.row.first_ms = ledger.moment.decided_ms
        state.rows.mark_changed(party)
    return ledger, party


# --- facts ---------------------------------------------------------------------------------------------------------


def _take_facts(state: State, party: Party, notification: Notification) -> tuple[list[Touched], Found]:
    """Take the facts of a notification into their matters; repeats that do not count touch nothing."""
    touched: list[Touched] = []
    violations: Found = []
    for routed in route(notification):
        fact = routed.fact
        matter = state.rows.matter(party, routed.kind, routed.name)
        row = matter.row
        taken = take_fact(matter.row_id, row.facts, fact)
        state.taken.append(taken)
        if taken.how == "repeat":
            continue
        state.rows.mark_changed(matter)
        if type(row) is OrderRow:
            if len(row.facts) >= FULL:
                state.full.add(matter.row_id)
            if type(fact) is ReturnRequested or type(fact) is ReturnApproved or type(fact) is ReturnReceived:
                row.programs.setdefault(fact.return_id, fact.program)
        else:
            if type(taken.other) is facts.CaseOpened:
                state.unindex_subject(matter, taken.other.subject_hash)
            state.index_matter(matter)
        called = called_for(matter.name, row, party.row.programs)
        touched.append((matter, called))
        for violation in called.violations:
            violations.append((matter, violation))
        if matter.kind == "case":
            violations.extend(_case_violations(state, matter, is_opening=type(fact) is facts.CaseOpened))
    return touched, violations


def _case_violations(state: State, matter: Matter, *, is_opening: bool) -> Iterator[tuple[Matter, Violation]]:
    """Compare a case that has changed with those of its subject: itself with all, and the younger ones with it.

    All others stand as they did, and had no violation then: only what has changed can give one.
    """
    subject = next((fact.subject_hash for fact in matter.row.facts if isinstance(fact, facts.CaseOpened)), None)
    if subject is None:
        return
    cases = state.case_summaries(matter.party.row_id, subject)
    mine = cases.pop(matter.row_id)
    if is_opening and (violation := case_violation(mine, cases.values())) is not None:
        yield matter, violation
    for other_id, other in cases.items():
        if (violation := case_violation(other, (mine,))) is not None:
            found = state.rows.known_matter(other_id)
            assert found is not None  # the index has no other
            yield found, violation


def _say_violations(state: State, found: Found) -> None:
    """Emit each (kind, subject) once, in that order."""
    for matter, violation in sorted(found, key=lambda item: (item[1].kind, item[1].subject)):
        name = f"{violation.kind}/{violation.subject}"
        if name not in matter.row.violations:
            matter.row.violations.append(name)
            state.rows.mark_changed(matter)
            if matter.kind == "case":
                state.index_matter(matter)
            violation_event(state.ledger.moment, violation)


# --- a change of programs ------------------------------------------------------------------------------------------


def switch_program(state: State, notification: ProgramChanged) -> Iterator[None]:
    """Apply a change of programs in pieces of one thread each; nothing else may be done with the state between them."""
    ledger, party = _opened(state, notification)
    row = party.row
    before = list(row.programs)
    fact = facts.ProgramChanged(
        notification.occurred_ms, notification.event_id, notification.program, notification.active
    )
    state.taken.append(take_fact(party.row_id, row.programs, fact))
    state.rows.mark_changed(party)
    were, are = switched_off(before), switched_off(row.programs)
    pairs: list[_Pair] = []
    matters: list[Matter] = []
    for row_id in (yield from _waiting_threads(state, party, were, are)):
        yield
        matter = state.rows.known_matter(row_id)
        assert matter is not None  # the index has no other
        stood, stands = switched_duties(matter.name, cast(ThreadRow, matter.row).facts, were, are)
        _pair_up_changed(matter, _by_name(stood), _by_name(stands), pairs)
        matters.append(matter)
    ordered = yield from in_order(pairs, itemgetter(0))
    pairs.clear()
    for _, touched, clock, duty in let_go(ordered):
        yield
        ledger.settle(touched, clock, duty)
    for matter in let_go(matters):
        yield
        ledger.arm(matter)
    ledger.close()


def _waiting_threads(state: State, party: Party, were: Switches, are: Switches) -> Generator[None, None, list[str]]:
    """The threads whose duties a change of programs touches: the first switch after a question is another than before.

    Of a switch that came or went these are the questions since the switch before it, not answered by then.
    """
    found: dict[str, None] = {}
    for switches, others in ((are, were), (were, are)):
        earlier_ms = -NEVER_MS
        for switch in switches:
            if switch not in others:
                for row_id in state.questions.waiting(party.row_id, earlier_ms, switch[0]):
                    yield
                    found[row_id] = None
            earlier_ms = switch[0]
    return list(found)


# --- clocks --------------------------------------------------------------------------------------------------------

_Pair = tuple[str, Matter, Clock | None, Duty | None]
"""A clock by its name within the account, its matter, what stands and what the facts call for."""


def _pair_up_changed(matter: Matter, stood: dict[str, Duty], stands: dict[str, Duty], pairs: list[_Pair]) -> None:
    """The pairs of one matter whose duties are other than they stood; a full matter has few of them."""
    names = stood.keys() | stands.keys()
    changed = {name: stands.get(name) for name in names if not are_same(stood.get(name), stands.get(name))}
    for clock in matter.row.clocks:
        if clock.rule in QUESTIONS_RULES:
            name = f"{clock.rule}/{clock.subject}"
            if name in changed:
                pairs.append((name, matter, clock, changed.pop(name)))
    for name, duty in changed.items():
        pairs.append((name, matter, None, duty))


def _by_name(duties: Iterable[Duty]) -> dict[str, Duty]:
    return {f"{duty.rule}/{duty.subject}": duty for duty in duties}


def _settle(ledger: Ledger, touched: list[Touched]) -> dict[str, Clock]:
    """Settle every clock of the touched matters, in the order of their ids: what stands beside what is called for.

    Returns those opened just now and open, by their names.
    """
    opened: dict[str, Clock] = {}
    pairs: list[_Pair] = []
    for matter, called in touched:
        duties = {f"{duty.rule}/{duty.subject}": duty for duty in called.duties}
        for clock in matter.row.clocks:
            name = f"{clock.rule}/{clock.subject}"
            pairs.append((name, matter, clock, duties.pop(name, None)))
        for name, duty in duties.items():
            pairs.append((name, matter, None, duty))
    if len(pairs) > 1:
        pairs.sort(key=itemgetter(0))
    for name, matter, stood, stands in pairs:
        settling = ledger.settle(matter, stood, stands)
        if settling is not None and settling.was_opened and settling.clock.outcome == OPEN:
            opened[name] = settling.clock
    for matter, _ in touched:
        ledger.arm(matter)
    return opened


def _urge(ledger: Ledger, matter: Matter, called: Called, opened: dict[str, Clock]) -> Iterator[None]:
    """Urgent escalations, by (clock, message or claim), each once (rules.md: SFP 1, PLAN); then the fact is applied."""
    row = cast(OrderRow, matter.row)
    places = {source: place for place, source in enumerate(row.urged)}
    urgents = sorted(_urgents(row, called, opened, places), key=lambda pair: pair[0].place())
    for urgent, clock in urgents:
        yield
        place = places.setdefault(urgent.source, len(places))
        if place == len(row.urged):
            row.urged.append(urgent.source)
        ledger.settling(clock).urge(urgent, place)
        ledger.rows.mark_changed(matter)
    ledger.close()


def _urgents(
    row: OrderRow, called: Called, opened: dict[str, Clock], places: dict[str, int]
) -> Iterator[tuple[Urgent, Clock]]:
    """What is urgent and was not said yet; `places` are those of the messages and claims that were."""
    for clock in row.clocks:
        if RULES[clock.rule].receipt_of and clock.outcome in (OPEN, BREACHED):
            urged = set(clock.urgent)
            for asked in called.questions:
                if asked.at_ms >= clock.start_ms and places.get(asked.message_id) not in urged:
                    yield Urgent(clock.name, asked.message_id, asked.at_ms, "refund_question_after_receipt"), clock
    for claim in called.claims:
        clock_or_none = opened.get(claim.clock)
        if clock_or_none is not None and places.get(claim.source) not in clock_or_none.urgent:
            yield claim, clock_or_none


# --- activation ----------------------------------------------------------------------------------------------------


def move_open_clocks(state: State) -> Iterator[None]:
    """`open` versions already in force move open clocks at once, by account and clock id (contract §5). In pieces."""
    assert state.book is not None  # it was put in force just now
    if not state.book.may_move:
        return
    ledger, now_ms = state.ledger, state.ledger.moment.now_ms
    moves: list[tuple[str, str, Matter, Clock, Binding]] = []
    matters: list[Matter] = []
    counted: dict[str, Party] = {}
    for visited in state.rows.matters_as_they_lie():
        yield
        if any(clock.outcome == OPEN for clock in visited.row.clocks):
            matter = state.rows.known_matter(visited.row_id)
            assert matter is not None  # it was visited just now
            matters.append(matter)
            agreement = matter.party.agreement
            for clock in matter.row.clocks:
                if clock.outcome == OPEN:
                    stored = agreement.stored(clock)
                    moved = agreement.moved(stored, clock.start_ms, now_ms)
                    if moved is not stored:
                        moves.append((matter.party.row_id, clock.name, matter, clock, moved))
    for _, _, matter, clock, moved in (yield from in_order(moves, itemgetter(0, 1))):
        yield
        ledger.open(matter.party)
        ledger.count(clock, -1)
        ledger.settling(clock).move(moved)
        ledger.put_back(matter, clock)
        if ledger.has_counted:
            counted[matter.party.row_id] = matter.party
    for _, party in (yield from in_order(list(counted.items()), itemgetter(0))):
        yield
        ledger.open(party)
        ledger.correct()
    for matter in matters:
        yield
        ledger.arm(matter)
