"""What a reading brought: notifications in the order in which they happened, and a count of all that became nothing.

Before Kafka each is asked what the worker would ask of it now (`streams.admission`, of a state that knows policies and
nothing else), and what was sent before as it is is left out; a file of JSON lines is asked as a replay would ask it.
The rest is counting.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from agents.sources.cursor import Cursor
from schemas.decoding import journal_value
from schemas.notifications import Notification, RefundIssued, type_name
from streams.admission import admit
from streams.sources.findings import REASONS, LeftOut, Mapped
from streams.state import State

UNRECOGNISED = "unrecognised"


class SortedOut(NamedTuple):
    """An entry for people: where it stands, what it is about, what it became, why the rest became nothing."""

    where: tuple[str, ...]
    about: str
    became: tuple[str, ...]
    left_out: tuple[LeftOut, ...]


class Harvest(NamedTuple):
    """All of a reading. `made` counts notifications by type before, `notifications` are those left to be sent."""

    notifications: list[Notification]
    told: list[SortedOut]
    made: Counter[str]
    reasons: Counter[str]

    @property
    def unrecognised(self) -> int:
        """How many entries had a form that we do not know."""
        return sum(count for reason, count in self.reasons.items() if REASONS[reason].kind == UNRECOGNISED)


def harvest(
    mapped: Iterable[Mapped], state: State, *, now_ms: int | None, cursor: Cursor, takes_refunds: bool = True
) -> Harvest:
    """Sort out what may go; `now_ms` is None for a file, whose lines bring their own time."""
    kept: dict[bytes, Notification] = {}
    told: list[SortedOut] = []
    made: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for entry in mapped:
        left_out = list(entry.left_out)
        became: list[str] = []
        for notification in entry.notifications:
            made[type_name(notification)] += 1
            reason = _why_not(
                notification, state, now_ms, cursor, is_dated_by_reader=notification.event_id in entry.dated_by_reader
            )
            if isinstance(notification, RefundIssued) and not takes_refunds:
                reason = "other_refund_source"
            if reason is None:
                became.append(type_name(notification))
                kept.setdefault(journal_value(notification), notification)
            else:
                left_out.append(LeftOut(reason, type_name(notification)))
        reasons.update(one.reason for one in left_out)
        told.append(SortedOut(entry.where, entry.about, tuple(became), tuple(left_out)))
    in_order = sorted(kept.values(), key=lambda notification: (notification.occurred_ms, notification.event_id))
    return Harvest(in_order, told, made, reasons)


def _why_not(
    notification: Notification, state: State, now_ms: int | None, cursor: Cursor, *, is_dated_by_reader: bool
) -> str | None:
    journal_ms = notification.occurred_ms if now_ms is None else now_ms
    rejected = admit(state, notification, journal_ms, journal_ms)
    if rejected is not None:
        return rejected.reason
    return "sent_before" if cursor.knows(notification, is_dated_by_reader=is_dated_by_reader) else None


def counted(notifications: Sequence[Notification]) -> Counter[str]:
    """How many there are of each type."""
    return Counter(map(type_name, notifications))
