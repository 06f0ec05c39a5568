"""Admission: the checks of a notification that need the state and journal time (contract §2, dead letters).

`schemas` has checked what the bytes alone can say; here, in the contract's order: `future`, `no_calendar`,
`calendar_not_covered`, `too_old`, `matter_full`. A line once journaled is never invalid and is not asked again.
"""

from __future__ import annotations

from typing import Final

from schemas.dead_letters import Rejected
from schemas.notifications import CaseOpened, Notification, ProgramChanged
from streams.at_work import Party
from streams.matters import FULL, knows
from streams.routing import account_key, route
from streams.state import State
from streams.telling import Routed

FUTURE_MS: Final = 5 * 60_000

_FIELD_OF_MATTER: Final = {"order": "order_id", "thread": "thread_id", "case": "case_id", "evidence": "evidence_id"}


def admit(state: State, notification: Notification, journal_ms: int, arrival_ms: int | None) -> Rejected | None:
    """Why a notification may not be journaled at `journal_ms`, or None. The state is that before its line.

    `arrival_ms` is the record's own broker timestamp, in a file the line's own `arrived_at`; None where it is unknown.
    """
    occurred_ms = notification.occurred_ms
    if arrival_ms is not None and occurred_ms > arrival_ms + FUTURE_MS:
        return Rejected("future", "occurred_at")
    account = account_key(notification)
    party = state.rows.known_party(account)
    book = state.rows.book
    assert book is not None  # nothing is admitted before there are policies
    agreement = book.agreement(account) if party is None else party.agreement
    calendar = agreement.calendar
    if calendar is None:
        return Rejected("no_calendar", "marketplace_id")
    if not calendar.is_covered(occurred_ms):
        return Rejected("calendar_not_covered", "occurred_at")
    if journal_ms - occurred_ms >= agreement.retention.settled_ms:
        return Rejected("too_old", "occurred_at")
    kind = type(notification)
    if party is None or not (state.full or kind is ProgramChanged or kind is CaseOpened):
        return None  # as nearly always: no matter is full, and of these an account may have too many though none is
    full = _full_field(state, party, notification)
    return None if full is None else Rejected("matter_full", full)


def _full_field(state: State, party: Party, notification: Notification) -> str | None:
    """The field that names what has no room for the notification's fact, or None. A repeat always has room."""
    if type(notification) is ProgramChanged:
        programs = party.row.programs
        is_known = any(change.event_id == notification.event_id for change in programs)
        return "event_id" if len(programs) >= FULL and not is_known else None
    if type(notification) is CaseOpened and _is_crowded(state, party, notification):
        return "subject_hash"
    for routed in route(notification):
        if _is_full(state, party, routed):
            return _FIELD_OF_MATTER[routed.kind]
    return None


def _is_full(state: State, party: Party, routed: Routed) -> bool:
    """Whether the fact would be the 257th of its matter."""
    row_id = f"{party.row_id}/{routed.kind}/{routed.name}"
    return row_id in state.full and not knows(state.rows.matter(party, routed.kind, routed.name), routed.fact)


def _is_crowded(state: State, party: Party, opened: CaseOpened) -> bool:
    """Whether the case would be the 257th known of the account with its subject."""
    if state.cases.count(party.row_id, opened.subject_hash) < FULL:
        return False
    (routed,) = route(opened)
    matter = state.rows.known_matter(f"{party.row_id}/{routed.kind}/{routed.name}")
    return matter is None or not knows(matter, routed.fact)
