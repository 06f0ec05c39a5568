"""Carriers' webhooks: which tell of a delivery, when it was, and what the return book makes of it."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.codec import format_instant
from streams.sources.deliveries import Delivery, book_key, map_delivery, read_delivery
from streams.sources.findings import Tracked
from tests.sources.samples import SELLER, US, account, reasons_in, said_in

ORDER = "111-0000001-0000001"
TRACKED = Tracked("9400 0001", "USPS", SELLER, US, f"{ORDER}.2026-10-09", ORDER, "sfp")

EASYPOST = {
    "id": "evt_1", "object": "Event", "description": "tracker.updated",
    "result": {
        "tracking_code": "9400-0001", "status": "delivered", "updated_at": "2026-10-16T17:20:00Z",
        "tracking_details": [
            {"status": "in_transit", "datetime": "2026-10-15T17:05:00Z"},
            {"status": "delivered", "datetime": "2026-10-16T17:05:00Z"},
            {"status": "delivered", "datetime": "2026-10-16T18:05:00Z"},
        ],
    },
}  # fmt: skip
AFTERSHIP = {
    "event": "tracking_update", "ts": 1792170300,
    "msg": {
        "tracking_number": "94000001", "tag": "Delivered",
        "checkpoints": [{"checkpoint_time": "2026-10-16T10:05:00", "tag": "Delivered"}],
    },
}  # fmt: skip
SHIPPO = {
    "event": "track_updated",
    "data": {
        "tracking_number": "94000001",
        "tracking_status": {"status": "DELIVERED", "status_date": "2026-10-16T17:05:00Z"},
        "tracking_history": [],
    },
}  # fmt: skip
SHIPSTATION = {
    "resource_type": "TRACK_EVENT_V2",
    "data": {"tracking_number": "94000001", "status_code": "DE", "actual_delivery_date": "2026-10-16T17:05:00Z",
    "events": 5},
}  # fmt: skip
DELIVERED: dict[str, Any] = {"easypost": EASYPOST, "aftership": AFTERSHIP, "shippo": SHIPPO, "shipstation": SHIPSTATION}


@pytest.mark.parametrize("provider", DELIVERED)
def test_a_delivery_is_the_receipt_of_the_return_that_the_book_names(provider: str) -> None:
    delivery = read_delivery(provider, DELIVERED[provider])
    assert isinstance(delivery, Delivery)
    assert delivery.tracking == book_key(TRACKED.tracking)
    (said,) = said_in([map_delivery(delivery, TRACKED, account(), where="x")])
    assert format_instant(said.occurred_ms) == "2026-10-16T17:05:00.000Z"
    assert (said.return_id, said.order_id, said.program) == (TRACKED.return_id, ORDER, "sfp")


def changed(name: str, value: Any) -> Any:
    return {**EASYPOST, "result": {**EASYPOST["result"], name: value}}  # type: ignore[dict-item]  # the sample is known


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({}, "shape_unknown"),
        ([], "shape_unknown"),
        (changed("status", "return_to_sender"), "no_delivery"),
        (changed("status", None), "shape_unknown"),
        (changed("tracking_code", "--"), "shape_unknown"),
        (changed("tracking_details", []), "no_date"),
    ],
)
def test_what_tells_of_no_delivery_says_why(document: Any, reason: str) -> None:
    assert read_delivery("easypost", document) == reason


def test_a_time_in_an_unknown_form_is_counted() -> None:
    assert reasons_in([map_delivery(Delivery("1", "soon"), TRACKED, account(), where="x")]) == [("no_date", "")]
