"""Admission: the checks of a notification that need the policies and journal time (contract §2, dead letters).

`schemas` has checked what the bytes alone can say; here, in the contract's order: `future`, `no_calendar`,
`calendar_not_covered`, `too_old`. A line once journaled is never invalid and is not asked again.
"""

from __future__ import annotations

from typing import Final

from schemas.notifications import Notification, Rejected
from streams.policies import PolicyBook
from streams.routing import account_key

FUTURE_MS: Final = 5 * 60_000


def admit(book: PolicyBook, said: Notification, journal_ms: int, arrival_ms: int | None) -> Rejected | None:
    """Why a notification may not be journaled at `journal_ms`, or None.

    `arrival_ms` is the record's own broker timestamp, in a file the line's own `arrived_at`; None where it is unknown.
    """
    occurred_ms = said.occurred_ms
    if arrival_ms is not None and occurred_ms > arrival_ms + FUTURE_MS:
        return Rejected("future", "occurred_at")
    agreement = book.agreement(account_key(said))
    calendar = agreement.calendar
    if calendar is None:
        return Rejected("no_calendar", "marketplace_id")
    if not calendar.is_covered(occurred_ms):
        return Rejected("calendar_not_covered", "occurred_at")
    if journal_ms - occurred_ms >= agreement.retention.settled_ms:
        return Rejected("too_old", "occurred_at")
    return None
