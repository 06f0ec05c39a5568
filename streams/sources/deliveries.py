"""Carrier aggregators' webhooks as `return.received`, with the exact instant of the delivery.

Source: the documents of EasyPost (Event, tracker.updated), AfterShip (tracking_update), Shippo (track_updated) and
ShipStation (TRACK_EVENT_V2), each its provider's own; that ShipStation's `events` carry `status_code` and `occurred_at`
[1]. The first delivered detail's own time counts, not the webhook's. A parcel that comes back undelivered
(`return_to_sender`) is no return. Parcels to buyers come over the same webhook: only numbers in the return book count,
and the book says whose return it is. A time without an offset is the account's local one [I: the warehouse's].
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from schemas.notifications import ReturnReceived
from streams.sources.accounts import SourceAccount
from streams.sources.documents import list_at, text_at
from streams.sources.entries import Entry
from streams.sources.findings import Mapped, Tracked
from streams.sources.texts import read_moment

PREFIX: Final = "dv"

_NOT_OF_A_NUMBER: Final = re.compile(r"[^A-Z0-9]+", re.ASCII)


class Form(NamedTuple):
    """Where a provider's document says what: paths, and the word that means delivered."""

    tracking: tuple[str, ...]
    status: tuple[str, ...]
    delivered: str
    details: tuple[str, ...]
    detail_status: str
    detail_time: str
    time: tuple[str, ...]  # where no detail says it; empty: nowhere


FORMS: Final[Mapping[str, Form]] = {
    "easypost": Form(
        ("result", "tracking_code"),
        ("result", "status"),
        "delivered",
        ("result", "tracking_details"),
        "status",
        "datetime",
        (),
    ),
    "aftership": Form(
        ("msg", "tracking_number"),
        ("msg", "tag"),
        "Delivered",
        ("msg", "checkpoints"),
        "tag",
        "checkpoint_time",
        (),
    ),
    "shippo": Form(
        ("data", "tracking_number"),
        ("data", "tracking_status", "status"),
        "DELIVERED",
        ("data", "tracking_history"),
        "status",
        "status_date",
        ("data", "tracking_status", "status_date"),
    ),
    "shipstation": Form(
        ("data", "tracking_number"),
        ("data", "status_code"),
        "DE",
        ("data", "events"),
        "status_code",
        "occurred_at",
        ("data", "actual_delivery_date"),
    ),
}


class Delivery(NamedTuple):
    """A parcel that was delivered: its number as the book has it, and the time in the provider's words."""

    tracking: str
    time: str


def book_key(tracking: str) -> str:
    """A tracking number without case, blanks and signs."""
    return _NOT_OF_A_NUMBER.sub("", tracking.upper())


def read_delivery(provider: str, document: object) -> Delivery | str:
    """The delivery that a webhook tells of; else the reason (`findings.REASONS`) why it tells of none."""
    form = FORMS[provider]
    tracking, status = book_key(text_at(document, *form.tracking)), text_at(document, *form.status)
    if not tracking or not status:
        return "shape_unknown"
    if status != form.delivered:
        return "no_delivery"
    times = [
        text_at(detail, form.detail_time)
        for detail in list_at(document, *form.details)
        if text_at(detail, form.detail_status) == form.delivered
    ]
    # The earliest in the texts' own order: a provider writes all of a document's times in one form.
    time = min(filter(None, times), default="") or (text_at(document, *form.time) if form.time else "")
    return Delivery(tracking, time) if time else "no_date"


def map_delivery(delivery: Delivery, tracked: Tracked, account: SourceAccount, *, where: str) -> Mapped:
    """The receipt of the return that the book names."""
    entry = Entry(PREFIX, account, (where,), tracked.return_id)
    moment = read_moment(delivery.time, account.calendar)
    if moment is None:
        entry.leave_out("no_date")
    else:
        fields: dict[str, Any] = {"return_id": tracked.return_id, "order_id": tracked.order_id}
        entry.say(ReturnReceived, delivery.tracking, moment.ms, **fields, program=tracked.program)
    return entry.done()
