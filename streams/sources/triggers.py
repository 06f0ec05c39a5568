"""Messages of Amazon's notification queue as triggers: what to read now. None of them is a fact by itself.

Source: `amzn/selling-partner-api-models`, `schemas/notifications/*.json` [A], through SQS as they are or wrapped by
EventBridge (`detail`) [A]. Names are compared without case, since older types write `NotificationType` and newer ones
`notificationType` [A]. `TransactionType` `Refund` of TRANSACTION_UPDATE is [I]: the schema's example says `Shipment`.
Its amount is net of fees [A], so the order's transactions are read instead. A queue gives a message more than once and
in no order; what a trigger reads is the same facts whenever it is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from schemas.codec import parse_instant
from streams.sources.documents import list_at, text_at
from streams.sources.naming import ORDER
from streams.sources.texts import column_key
from streams.sources.transactions import OTHER_TYPES, REFUNDS

RETURNS: Final = frozenset({"GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE", "GET_XML_RETURNS_DATA_BY_RETURN_DATE"})
PERFORMANCE: Final = frozenset({"GET_V2_SELLER_PERFORMANCE_REPORT"})
REPORT, TRANSACTION = "REPORT_PROCESSING_FINISHED", "TRANSACTION_UPDATE"
WITHOUT_A_READING: Final = frozenset(
    {
        "ACCOUNT_HEALTH_CHANGED", "ACCOUNT_STATUS_CHANGED", "ANY_OFFER_CHANGED", "B2B_ANY_OFFER_CHANGED",
        "BRANDED_ITEM_CONTENT_CHANGE", "DATA_KIOSK_QUERY_PROCESSING_FINISHED", "DETAIL_PAGE_TRAFFIC_EVENT",
        "EXTERNAL_FULFILLMENT_SHIPMENT_STATUS_CHANGE", "FBA_INVENTORY_AVAILABILITY_CHANGES",
        "FBA_OUTBOUND_SHIPMENT_STATUS", "FEED_PROCESSING_FINISHED", "FEE_PROMOTION", "FULFILLMENT_ORDER_STATUS",
        "ITEM_INVENTORY_EVENT_CHANGE", "ITEM_PRODUCT_TYPE_CHANGE", "ITEM_SALES_EVENT_CHANGE",
        "LISTINGS_ITEM_ISSUES_CHANGE", "LISTINGS_ITEM_MFN_QUANTITY_CHANGE", "LISTINGS_ITEM_STATUS_CHANGE",
        "MFN_ORDER_STATUS_CHANGE", "ORDER_CHANGE", "ORDER_STATUS_CHANGE", "PRICING_HEALTH",
        "PRODUCT_TYPE_DEFINITIONS_CHANGE", "SHIPMENT_TRACKING_MILESTONE_CHANGED",
    }
)  # fmt: skip
"""Types that Amazon names and from which no duty follows."""


class Trigger(NamedTuple):
    """What to read: a report, or the transactions of an order. `name` is the notification's own."""

    name: str
    event_time: str
    report_type: str = ""
    report_id: str = ""
    order_id: str = ""
    posted_ms: int = 0


class NoTrigger(NamedTuple):
    """Why nothing is to be read: a reason of `findings.REASONS`, and the field that is to blame."""

    reason: str
    field: str
    event_time: str = ""


def read_trigger(document: object, seller_id: str) -> Trigger | NoTrigger:
    """What a message asks to be read for this seller, or why nothing."""
    envelope = _lowered(document)
    detail = envelope.get("detail")
    if isinstance(detail, Mapping):  # by EventBridge
        envelope = _lowered(detail)
    kind, event_time = text_at(envelope, "notificationtype"), text_at(envelope, "eventtime")
    payload = _lowered(envelope.get("payload"))
    metadata = _lowered(envelope.get("notificationmetadata"))
    name = text_at(metadata, "notificationid")
    if not kind or not payload or not name:
        return NoTrigger("shape_unknown", "NotificationType", event_time)
    if kind == REPORT:
        found = _of_report(_lowered(payload.get("reportprocessingfinishednotification")), seller_id)
    elif kind == TRANSACTION:
        found = _of_transaction(_lowered(payload.get("transactionupdatenotification")), seller_id)
    else:
        is_known = kind in WITHOUT_A_READING
        found = NoTrigger("no_type_of_ours" if is_known else "type_unknown", "NotificationType")
    if isinstance(found, NoTrigger):
        return found._replace(event_time=event_time)
    return found._replace(name=name, event_time=event_time)


def _of_report(document: Mapping[str, Any], seller_id: str) -> Trigger | NoTrigger:
    kind, status, report_id = (text_at(document, name) for name in ("reporttype", "processingstatus", "reportid"))
    if not kind:
        return NoTrigger("shape_unknown", "reportType")
    if text_at(document, "sellerid") not in ("", seller_id):
        return NoTrigger("other_seller", "sellerId")
    if kind not in RETURNS | PERFORMANCE:
        return NoTrigger("no_type_of_ours", "reportType")
    if status == "CANCELLED":
        return NoTrigger("no_rows", "processingStatus")
    if status == "FATAL":
        return NoTrigger("report_failed", "processingStatus")
    if status != "DONE":
        return NoTrigger("status_unknown", "processingStatus")
    if not report_id:
        return NoTrigger("no_id", "reportId")
    return Trigger("", "", report_type=kind, report_id=report_id)


def _of_transaction(document: Mapping[str, Any], seller_id: str) -> Trigger | NoTrigger:
    kind = column_key(text_at(document, "transactiontype"))
    if not kind:
        return NoTrigger("shape_unknown", "TransactionType")
    if text_at(_lowered(document.get("sellingpartnermetadata")), "sellingpartnerid") not in ("", seller_id):
        return NoTrigger("other_seller", "SellingPartnerId")
    if kind not in REFUNDS:
        return NoTrigger("not_a_refund" if kind in OTHER_TYPES else "type_unknown", "TransactionType")
    for one in list_at(document, "relatedidentifiers"):
        related = _lowered(one)
        if column_key(text_at(related, "relatedidentifiername")) == "orderid":
            order_id = text_at(related, "relatedidentifiervalue")
            if ORDER.fullmatch(order_id):
                return Trigger("", "", order_id=order_id, posted_ms=_ms_of(text_at(document, "posteddate")) or 0)
    return NoTrigger("no_order", "OrderId")


def is_shown(trigger: Trigger, transactions: Iterable[object]) -> bool:
    """Whether the refund that a trigger tells of is among an order's transactions: one posted then or later [I].

    The finances may not show it for two days, while an earlier refund of the order stands there.
    """
    return any(
        column_key(text_at(one, "transactionType")) in REFUNDS
        and (_ms_of(text_at(one, "postedDate")) or 0) >= trigger.posted_ms
        for one in transactions
    )


def age_ms(found: Trigger | NoTrigger, now_ms: int) -> int | None:
    """How long ago it happened, as Amazon says; None where it does not say."""
    at_ms = _ms_of(found.event_time)
    return None if at_ms is None else now_ms - at_ms


def _ms_of(text: str) -> int | None:
    try:
        return parse_instant(text)
    except ValueError:
        return None


def _lowered(document: object) -> dict[str, Any]:
    """An object with its names in small letters; empty where it is none."""
    return {name.lower(): value for name, value in document.items()} if isinstance(document, Mapping) else {}
