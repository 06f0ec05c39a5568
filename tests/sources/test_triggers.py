"""Messages of the notification queue: what is to be read, and what is counted instead."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import parse_instant
from streams.sources.findings import REASONS
from streams.sources.triggers import NoTrigger, Trigger, age_ms, is_shown, read_trigger
from tests.sources.fake_api import PERFORMANCE, RETURNS
from tests.sources.queue_messages import by_eventbridge, refund_posted, report_ready
from tests.sources.samples import SELLER, transaction

ORDER = "111-0000001-0000001"
POSTED_MS = parse_instant("2026-10-02T08:58:40Z")
REFUND = Trigger("refund-1", "2026-10-02T09:00:00Z", order_id=ORDER, posted_ms=POSTED_MS)


@pytest.mark.parametrize("kind", [RETURNS, "GET_XML_RETURNS_DATA_BY_RETURN_DATE", PERFORMANCE])
def test_a_report_that_is_ready_is_to_be_read(kind: str) -> None:
    wanted = Trigger("report-1", "2026-10-02T08:15:11.422Z", report_type=kind, report_id=kind)
    assert read_trigger(report_ready(kind), SELLER) == wanted
    assert read_trigger(by_eventbridge(report_ready(kind)), SELLER) == wanted


def test_a_refund_asks_for_the_transactions_of_its_order_and_tells_no_amount() -> None:
    assert read_trigger(refund_posted(), SELLER) == REFUND
    assert read_trigger(by_eventbridge(refund_posted()), SELLER) == REFUND
    undated = read_trigger(refund_posted(PostedDate="yesterday"), SELLER)
    assert undated == REFUND._replace(posted_ms=0)


def other_type(kind: str) -> dict[str, Any]:
    return {**report_ready(RETURNS), "notificationType": kind}


@pytest.mark.parametrize(
    ("document", "reason", "field"),
    [
        (None, "shape_unknown", "NotificationType"),
        ([], "shape_unknown", "NotificationType"),
        ({"notificationType": "ORDER_CHANGE"}, "shape_unknown", "NotificationType"),
        ({**report_ready(RETURNS), "notificationMetadata": {}}, "shape_unknown", "NotificationType"),
        (other_type("ORDER_CHANGE"), "no_type_of_ours", "NotificationType"),
        (other_type("SOMETHING_NEW"), "type_unknown", "NotificationType"),
        (other_type("TRANSACTION_UPDATE"), "shape_unknown", "TransactionType"),
        (report_ready(""), "shape_unknown", "reportType"),
        (report_ready("GET_MERCHANT_LISTINGS_ALL_DATA"), "no_type_of_ours", "reportType"),
        (report_ready(RETURNS, sellerId="A2OTHER"), "other_seller", "sellerId"),
        (report_ready(RETURNS, processingStatus="CANCELLED"), "no_rows", "processingStatus"),
        (report_ready(RETURNS, processingStatus="FATAL"), "report_failed", "processingStatus"),
        (report_ready(RETURNS, processingStatus="SOON"), "status_unknown", "processingStatus"),
        (report_ready(RETURNS, reportId=None), "no_id", "reportId"),
        (refund_posted(TransactionType="Shipment"), "not_a_refund", "TransactionType"),
        (refund_posted(TransactionType="Something"), "type_unknown", "TransactionType"),
        (refund_posted("none"), "no_order", "OrderId"),
        (refund_posted(RelatedIdentifiers=[]), "no_order", "OrderId"),
        (
            refund_posted(SellingPartnerMetadata={"SellingPartnerId": "A2OTHER"}),
            "other_seller",
            "SellingPartnerId",
        ),
    ],
)
def test_what_asks_for_nothing_has_its_reason(document: Any, reason: str, field: str) -> None:
    found = read_trigger(document, SELLER)
    assert isinstance(found, NoTrigger)
    assert (found.reason, found.field) == (reason, field)
    assert reason in REASONS


def test_a_refund_is_shown_when_one_posted_then_or_later_is_there() -> None:
    earlier = transaction(postedDate="2026-10-01T08:58:40Z")
    shipment = transaction(transactionType="Shipment", postedDate="2026-10-03T08:58:40Z")
    assert not is_shown(REFUND, [])
    assert not is_shown(REFUND, [earlier, shipment, transaction(postedDate="?"), None])
    assert is_shown(REFUND, [earlier, transaction(postedDate="2026-10-02T08:58:40Z")])
    assert is_shown(REFUND._replace(posted_ms=0), [earlier])


def test_how_old_it_is_is_known_where_amazon_says_when() -> None:
    assert age_ms(REFUND, parse_instant("2026-10-02T09:00:01Z")) == 1_000
    assert age_ms(NoTrigger("no_rows", ""), 0) is None


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["Payload", "detail", "notificationMetadata", "TransactionType"]), inner)
    ),
    max_leaves=8,
)


@given(JSON, st.sampled_from(["payload", "notificationMetadata", "notificationType", "detail"]))
def test_whatever_comes_by_the_queue_has_an_answer(document: Any, name: str) -> None:
    for said in (document, {**report_ready(RETURNS), name: document}, {**refund_posted(), name.title(): document}):
        found = read_trigger(said, SELLER)
        assert isinstance(found, Trigger) or found.reason in REASONS
