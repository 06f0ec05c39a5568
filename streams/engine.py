"""The engine: `step(state, line)` decides everything (architecture.md), live, in replay and in audit alike.

Promises: the same state and line give the same events and rows on any machine; time is what lines say; the cost of a
line depends on its matter and on the timers that it makes due, not on what else is open. No I/O, no wall clock.
Order of what one line brings (contract §1): first the timers, each followed by the health correction of its account;
then for the fact violations, clock events, urgent escalations, health corrections.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from schemas.codec import DAY_MS
from schemas.notifications import Notification, PolicyActivated, ProgramChanged, StateSealed
from schemas.policies import load_policies
from schemas.policy_succession import check_successor
from schemas.policy_types import Policies, PolicyError
from streams.applying import apply_notification, move_open_clocks, switch_program
from streams.at_rest import Parking, RowsAtRest
from streams.firing import Crowds, fire
from streams.health import worst_status
from streams.line import Line
from streams.logic import BEFORE_LOGIC, FIRST, OtherVersionError, check_logic
from streams.sla_event import SlaEvent
from streams.state import State, new_state

__all__ = ["Line", "State", "new_state", "next_fire_ms", "restore_state", "restoring", "step", "unfold"]


def step(state: State, line: Line) -> list[SlaEvent]:
    """Apply one journal line: `state` is changed in place, the events are returned in order.

    What became of the facts that it told, and which matters were forgotten before it, stands in `state.taken` and
    `state.gone` until the next line. Raises ValueError for a line out of its order (number or journal time), or a
    notification before any policies; PolicyError for an activation that does not load or may not follow the policies in
    force; OtherVersionError for a line that this program cannot judge. Nothing is changed then.
    """
    events: list[SlaEvent] = []
    for _ in unfold(state, line, events):
        pass
    return events


def unfold(state: State, line: Line, events: list[SlaEvent]) -> Iterable[None]:
    """`step` in pieces of one timer, clock or row each, for whoever has other things to do between them.

    A line may make a hundred thousand timers due, or an activation visit every row. Most make none due and touch their
    own matter alone: they are applied at once, and no piece is left to ask for but those of urgent questions. Nothing
    else may be done with the state before the last piece; what is left of it half way is worth nothing.
    """
    row, body = state.row, line.body
    if line.number != row.lines + 1:
        raise ValueError(f"line {line.number} does not follow line {row.lines}")
    if line.journal_ms < row.journal_ms:
        raise ValueError(f"line {line.number} has journal time {line.journal_ms}, before that of the line before it")
    if isinstance(body, Notification):
        if state.rows.book is None:
            raise ValueError(f"line {line.number} comes before any policies")
        if type(body) is not ProgramChanged and not state.timers.may_be_due(line.journal_ms):
            state.taken, state.gone = [], []
            _let_stand(state, line, events)
            return apply_notification(state, body)
    policies = None
    if isinstance(body, PolicyActivated):
        policies = _checked_policies(state, body, line.number)
    elif isinstance(body, StateSealed):
        check_logic(body.logic)
    return _in_pieces(state, line, policies, events)


def _let_stand(state: State, line: Line, events: list[SlaEvent]) -> None:
    """The line's time stands from here on."""
    row, ledger, journal_ms = state.row, state.ledger, line.journal_ms
    row.lines = line.number
    row.journal_ms = journal_ms
    ledger.midnight_ms = journal_ms // DAY_MS * DAY_MS
    ledger.moment.begin_line(journal_ms, events)


def _in_pieces(state: State, line: Line, policies: Policies | None, events: list[SlaEvent]) -> Iterator[None]:
    """Fire every timer that the line's journal time has reached, let its time stand, then apply what it says."""
    body, timers = line.body, state.timers
    state.taken, state.gone = [], []
    state.ledger.moment.begin_line(line.journal_ms, events)
    crowds = Crowds()
    while (timer := timers.pop_due(line.journal_ms)) is not None:
        fire(state, timer, crowds)
        yield
    _let_stand(state, line, events)
    if isinstance(body, ProgramChanged):
        yield from switch_program(state, body)
    elif isinstance(body, Notification):
        yield from apply_notification(state, body)
    elif isinstance(body, PolicyActivated) and policies is not None:
        yield from _activate(state, policies, body)


def _checked_policies(state: State, activation: PolicyActivated, number: int) -> Policies:
    """The policies of an activation that may be put in force. PolicyError for any other."""
    check_logic(activation.logic or FIRST)
    if activation.zones is None:
        raise OtherVersionError(
            f"Line {number} activates policies without saying what their zones mean: it was written by {BEFORE_LOGIC}"
        )
    policies = load_policies(activation.toml, zone_names=activation.zones)
    if policies.digest != activation.digest.lower():
        raise PolicyError(f"the policies of line {number} do not have the digest {activation.digest} that it names")
    if state.book is not None:
        check_successor(state.book.policies, policies)
    return policies


def _activate(state: State, policies: Policies, activation: PolicyActivated) -> Iterator[None]:
    """Put policies in force: open clocks move at once where an `open` version says so, retention counts anew."""
    before = None if state.book is None else state.book.policies.retention
    state.activate(policies, activation.zones or {}, activation.logic or FIRST)
    yield from move_open_clocks(state)
    if before != policies.retention:
        for matter in state.rows.matters_as_they_lie():
            state.ledger.arm(matter)
            yield


def next_fire_ms(state: State) -> int | None:
    """When the next timer fires (ms UTC), or None: all that a ticker has to know."""
    timer = state.timers.peek()
    return None if timer is None else timer.fire_ms


def restore_state(
    partition: int,
    rows: Iterable[tuple[bytes, bytes]],
    at_rest: RowsAtRest | None = None,
    parked: Parking | None = None,
) -> State:
    """The state whose rows these are, tombstones left out, as `take_changes` wrote them.

    Each row is visited once. Where `at_rest` is given, the rows that rest there already belong to it; what waits to be
    forgotten is parked in `parked`, which has to be empty.
    Raises RowError for a row of another form, OtherVersionError for what another version of the program has written,
    ValueError for rows without policies.
    """
    state = new_state(partition, at_rest, parked)
    for _ in restoring(state, rows):
        pass
    return state


def restoring(state: State, rows: Iterable[tuple[bytes, bytes]]) -> Iterator[None]:
    """`restore_state` into a new state, in pieces of one row each, for whoever has other things to do between them.

    Nothing else may be done with the state before the last piece; what is left of it half way is worth nothing.
    """
    for key, value in rows:
        state.rest(key, value)
        yield
    census, store = state.census, state.rows
    for row_id, value in store.at_rest.as_they_lie():  # no index depends on their order, and sorting them costs as much
        matter = store.visited(row_id, value)
        if matter is None:
            census.count_row("account", +1)
            party = store.party(row_id)
            state.ledger.arm_midnight(party)
            census.set_status(row_id, worst_status(party.row))
        else:
            census.count_row(matter.kind, +1)
            state.index_matter(matter)
            state.ledger.arm(matter)
            census.count_clocks(matter.party.marketplace, matter.row.clocks, +1)
        yield
    store.rest()
