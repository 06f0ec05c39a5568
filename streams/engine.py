"""The engine: `step(state, line)` decides everything (architecture.md), live, in replay and in audit alike.

Promises: the same state and line give the same events and rows on any machine; time is what lines say; the cost of a
line depends on its matter and on the timers that it makes due, not on what else is open. No I/O, no wall clock.
Order of what one line brings (contract §1): first the timers, each followed by the health correction of its account;
then for the fact violations, clock events, urgent escalations, health corrections.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator

import msgspec

from schemas.codec import DAY_MS
from schemas.notifications import Body, Notification, PolicyActivated, StateSealed
from schemas.policies import Policies, PolicyError, check_successor, load_policies
from streams.applying import apply_notification, move_open_clocks
from streams.events import Moment, SlaEvent
from streams.firing import fire
from streams.health import worst_status
from streams.ledger import arm_account, arm_matter
from streams.logic import BEFORE_LOGIC, FIRST, OtherVersionError, check_logic
from streams.rows import OPEN, AccountRow, kind_of, marketplace_of
from streams.state import State, load_rows, new_state

__all__ = ["Line", "State", "new_state", "next_fire_ms", "restore_state", "step", "unfold"]


class Line(msgspec.Struct, frozen=True, gc=False):
    """One line of the journal: its running number from 1, its journal time (ms UTC), what it says."""

    number: int
    journal_ms: int
    body: Body


def step(state: State, line: Line) -> list[SlaEvent]:
    """Apply one journal line: `state` is changed in place, the events are returned in order.

    What became of the facts that it told, and which matters were forgotten before it, stands in `state.taken` and
    `state.gone` until the next line. Raises ValueError for a line out of its order (number or journal time), or a
    notification before any policies; PolicyError for an activation that does not load or may not follow the policies in
    force; OtherVersionError for a line that this program cannot judge. Nothing is changed then.
    """
    pieces = unfold(state, line)
    while True:
        try:
            next(pieces)
        except StopIteration as done:
            events: list[SlaEvent] = done.value
            return events


def unfold(state: State, line: Line) -> Generator[None, None, list[SlaEvent]]:
    """`step` in pieces of one clock or row each, for whoever has other things to do between them.

    A line may make a hundred thousand timers due, or an activation visit every row. Nothing else may be done with the
    state before the last piece, which returns the events; what is left of it half way is worth nothing.
    """
    row = state.row
    if line.number != row.lines + 1:
        raise ValueError(f"line {line.number} does not follow line {row.lines}")
    if line.journal_ms < row.journal_ms:
        raise ValueError(f"line {line.number} has journal time {line.journal_ms}, before that of the line before it")
    body = line.body
    policies = None
    if isinstance(body, PolicyActivated):
        policies = _checked_policies(state, body, line.number)
    elif isinstance(body, StateSealed):
        check_logic(body.logic)
    elif isinstance(body, Notification) and state.book is None:
        raise ValueError(f"line {line.number} comes before any policies")
    events: list[SlaEvent] = []
    yield from _advance(state, line, events)
    if policies is not None and isinstance(body, PolicyActivated):
        yield from _activate(state, policies, body, line, events)
    elif isinstance(body, Notification):
        yield from apply_notification(state, body, line.journal_ms, events)
    return events


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


def _advance(state: State, line: Line, events: list[SlaEvent]) -> Iterator[None]:
    """Fire every timer that the line's journal time has reached, then let its time stand."""
    state.taken, state.gone = [], []
    journal_ms, timers = line.journal_ms, state.timers
    while (timer := timers.pop_due(journal_ms)) is not None:
        fire(state, timer, journal_ms, events)
        yield
    state.row.lines = line.number
    state.row.journal_ms = journal_ms
    state.midnight_ms = journal_ms // DAY_MS * DAY_MS


def _activate(
    state: State, policies: Policies, activation: PolicyActivated, line: Line, events: list[SlaEvent]
) -> Iterator[None]:
    """Put policies in force: open clocks move at once where an `open` version says so, retention counts anew."""
    before = None if state.book is None else state.book.policies.retention
    state.activate(policies, activation.zones or {}, activation.logic or FIRST)
    yield from move_open_clocks(state, Moment(line.journal_ms, line.journal_ms), events)
    if before != policies.retention:
        for row_id, row in state.matters():
            arm_matter(state, row_id, row)
            yield


def next_fire_ms(state: State) -> int | None:
    """When the next timer fires (ms UTC), or None: all that a ticker has to know."""
    timer = state.timers.peek()
    return None if timer is None else timer.fire_ms


def restore_state(partition: int, rows: Iterable[tuple[bytes, bytes]]) -> State:
    """The state whose rows these are, tombstones left out, as `take_changes` wrote them.

    Each row is visited once. All open clocks are in the first `take_due_changes` that follows.
    Raises RowError for a row of another form, OtherVersionError for what another version of the program has written,
    ValueError for rows without policies.
    """
    state = load_rows(partition, rows)
    census = state.census
    for row_id, row in state.every_row():
        census.count_row(kind_of(row_id), +1)
        if isinstance(row, AccountRow):
            arm_account(state, row_id)
            census.set_status(row_id, worst_status(row))
        else:
            marketplace = marketplace_of(row_id)
            state.index_matter(row_id, row)
            arm_matter(state, row_id, row)
            census.count_clocks(marketplace, row.clocks, +1)
            for clock in row.clocks:
                if clock.outcome == OPEN:
                    state.count_open(marketplace, clock, +1)
    state.rest_all()
    return state
