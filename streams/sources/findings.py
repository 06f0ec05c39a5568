"""What became of one entry of a source: notifications, what it says of parcels, and why the rest became nothing.

Every reason has a class. `ignored` is as it should be. `held_back` would be a fact, but the source does not know all of
it, and half of it would accuse somebody wrongly. `unrecognised` is a form that we do not know: the mapping may have to
learn it, and `--strict` fails on it.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

from schemas.fields import Program
from schemas.notifications import Notification

ReasonClass: TypeAlias = Literal["ignored", "held_back", "unrecognised"]


class Reason(NamedTuple):
    """What a reason is, and in words."""

    kind: ReasonClass
    meaning: str


REASONS: Final[dict[str, Reason]] = {
    # As it should be.
    "not_a_refund": Reason("ignored", "no refund"),
    "other_marketplace": Reason("ignored", "of another marketplace"),
    "other_seller": Reason("ignored", "of another seller"),
    "no_type_of_ours": Reason("ignored", "known, but no duty follows from it"),
    "no_delivery": Reason("ignored", "no delivery"),
    "outbound": Reason("ignored", "a parcel that is no known return"),
    "sent_before": Reason("ignored", "sent before, and unchanged"),
    "told_before": Reason("ignored", "a message of the queue that came before"),
    "no_rows": Reason("ignored", "a report without rows"),
    "other_refund_source": Reason("ignored", "the account's refunds are taken from another source"),
    "returns_from_report": Reason("ignored", "the account's returns are taken from the report"),
    "no_duty": Reason("ignored", "nothing is asked of the seller"),
    "too_large": Reason("ignored", "larger than any mail of Amazon's"),
    "too_old": Reason("ignored", "too old to be kept"),
    # Half a fact.
    "refunded_when_unknown": Reason("held_back", "refunded, when unknown"),
    "replaced_when_unknown": Reason("held_back", "replaced, when unknown"),
    "ended_when_unknown": Reason("held_back", "refused, cancelled or closed, when unknown"),
    "replies_unwatched": Reason("held_back", "a message, but the replies are not watched"),
    "unauthenticated": Reason("held_back", "nobody vouches for the sender"),
    "refund_not_shown": Reason("held_back", "a refund that was told of and that the finances do not show"),
    "report_failed": Reason("held_back", "a report that Amazon could not make"),
    "future": Reason("held_back", "its time has not come"),
    "no_calendar": Reason("held_back", "the policies name no calendar for the account"),
    "calendar_not_covered": Reason("held_back", "outside the dates that the calendar covers"),
    # Unknown forms.
    "no_order": Reason("unrecognised", "no order id"),
    "no_date": Reason("unrecognised", "no date, or one in an unknown form"),
    "status_unknown": Reason("unrecognised", "a status that we do not know"),
    "flag_unknown": Reason("unrecognised", "neither yes nor no"),
    "amount_unknown": Reason("unrecognised", "no amount, or one in an unknown form"),
    "currency_unknown": Reason("unrecognised", "no currency, or one in an unknown form"),
    "type_unknown": Reason("unrecognised", "a type that we do not know"),
    "part_unknown": Reason("unrecognised", "a part of the amount that we do not know: not counted"),
    "marketplace_unknown": Reason("unrecognised", "a marketplace that we do not know"),
    "figures_unknown": Reason("unrecognised", "figures missing, or of different days"),
    "phrase_unknown": Reason("unrecognised", "a phrase that we do not know"),
    "no_id": Reason("unrecognised", "no id, or one in an unknown form"),
    "no_thread": Reason("unrecognised", "a reply of which no message is known"),
    "shape_unknown": Reason("unrecognised", "not of the form that this source has"),
    "invalid": Reason("unrecognised", "a value that no notification may hold"),
}


class LeftOut(NamedTuple):
    """Why something of an entry became nothing; `field` is the source's own, where one is to blame."""

    reason: str
    field: str = ""


class Tracked(NamedTuple):
    """An entry of the return book: the parcel that brings a return back."""

    tracking: str
    carrier: str
    seller_id: str
    marketplace_id: str
    return_id: str
    order_id: str
    program: Program


class Mapped(NamedTuple):
    """One entry. `where` says where a person finds it, `about` what it is about; neither goes into a notification.

    `dated_by_reader` holds the event ids of what is dated by when it was read, since the source has no date for it.
    """

    where: tuple[str, ...]
    about: str
    notifications: tuple[Notification, ...]
    left_out: tuple[LeftOut, ...]
    tracked: tuple[Tracked, ...] = ()
    dated_by_reader: frozenset[str] = frozenset()
