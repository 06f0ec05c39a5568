"""Settlements, transactions and performance reports: what becomes a notification, and what is counted instead."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import format_instant, parse_instant
from schemas.decoding import journal_value
from schemas.notifications import MetricsReported, RefundIssued
from streams.sources import settlement
from streams.sources.findings import Mapped
from streams.sources.performance_report import map_performance
from streams.sources.settlement import map_settlement, missing_columns
from streams.sources.transactions import map_transactions, transactions_of
from tests.sources.samples import (
    FEE,
    SETTLEMENT_HEADER,
    SETTLEMENT_SUMMARY,
    account,
    fulfilment,
    pairs,
    performance,
    reasons_in,
    refund_line,
    said_in,
    settlement_line,
    transaction,
    without,
)

ORDER = settlement_line(transaction_type="Order", order_id="111-0000001-0000001", amount="39.99")


def settled(*rows: Sequence[str], **options: str) -> list[Mapped]:
    lines = (SETTLEMENT_SUMMARY, *rows)
    read = [settlement.row_of(f"line {n}", pairs(row, SETTLEMENT_HEADER)) for n, row in enumerate(lines, start=2)]
    return list(map_settlement(read, account(**options)))


def one_refund(found: list[Mapped]) -> RefundIssued:
    (said,) = said_in(found)
    assert isinstance(said, RefundIssued)
    return said


def test_a_settlements_refund_is_what_the_buyer_gets() -> None:
    found = settled(ORDER, refund_line(), refund_line(amount_description="Tax", amount="-3.20"), FEE)
    said = one_refund(found)
    assert (said.refund_id, said.order_id, said.amount, said.currency) == (
        "ADJ0000001",
        "111-0000001-0000001",
        "43.19",
        "USD",
    )
    assert (said.issued_by, said.program, said.full, said.return_id) == ("unknown", "mfn", None, None)
    assert format_instant(said.occurred_ms) == "2026-10-18T09:22:10.000Z"
    assert reasons_in(found) == [("not_a_refund", "transaction-type")]


def test_a_european_settlement_has_commas_and_points() -> None:
    row = refund_line(
        marketplace_name="Amazon.de",
        amount="-1.039,99",
        posted_date_time="18.10.2026 09:22:10 UTC",
        fulfillment_id="AFN",
    )
    said = one_refund(settled(row, marketplace="A1PA6795UKMFR9"))
    assert (said.amount, said.program) == ("1039.99", "fba")


def test_a_refund_without_an_adjustment_is_named_by_order_and_time() -> None:
    said = one_refund(settled(refund_line(adjustment_id=""), (*FEE[:9], "", *FEE[10:])))
    assert said.refund_id.startswith("st.")
    again = one_refund(settled(refund_line(adjustment_id="")))
    assert (again.refund_id, again.event_id) == (said.refund_id, said.event_id)
    by_day = one_refund(settled(refund_line(adjustment_id="", posted_date_time="")))
    assert format_instant(by_day.occurred_ms) == "2026-10-18T07:00:00.000Z"


def test_two_adjustments_are_two_refunds_and_amazons_is_amazons() -> None:
    found = settled(refund_line(), refund_line(adjustment_id="ADJ2", transaction_type="A-to-z Guarantee Refund"))
    assert {said.refund_id: said.issued_by for said in said_in(found)} == {"ADJ0000001": "unknown", "ADJ2": "amazon_cs"}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (refund_line(order_id="FBA15ABC"), ("no_order", "order-id")),
        (refund_line(marketplace_name="Amazon.co.uk"), ("other_marketplace", "marketplace-name")),
        (refund_line(marketplace_name="Non-Amazon"), ("marketplace_unknown", "marketplace-name")),
        (refund_line(posted_date_time="soon"), ("no_date", "posted-date-time")),
        (refund_line(amount="much"), ("amount_unknown", "amount")),
        (refund_line(amount="39.99"), ("amount_unknown", "amount")),
        (FEE, ("amount_unknown", "amount")),
        (refund_line(transaction_type="Erstattung"), ("type_unknown", "transaction-type")),
        (refund_line(currency="euro"), ("invalid", "currency")),
    ],
)
def test_a_settlement_row_that_cannot_be_taken_is_counted(row: Sequence[str], reason: tuple[str, str]) -> None:
    found = settled(row)
    assert said_in(found) == []
    assert reasons_in(found) == [reason]


def test_a_settlement_must_have_its_columns() -> None:
    assert missing_columns(SETTLEMENT_HEADER) == []
    assert missing_columns(["order-id", "amount"]) == ["settlement", "type"]


@given(st.permutations([refund_line(), FEE, ORDER, refund_line(adjustment_id="ADJ2"), SETTLEMENT_SUMMARY]))
def test_the_order_of_a_settlements_rows_changes_nothing(rows: list[Sequence[str]]) -> None:
    def lines(found: list[Mapped]) -> list[bytes]:
        return sorted(map(journal_value, said_in(found)))

    assert lines(settled(*rows)) == lines(settled(refund_line(), FEE, refund_line(adjustment_id="ADJ2")))


def posted(*documents: Any) -> list[Mapped]:
    return list(map_transactions(documents, account(), where="x"))


def test_a_transaction_becomes_a_refund_without_amazons_fees() -> None:
    said = one_refund(posted(transaction()))
    assert (said.refund_id, said.order_id, said.amount, said.currency) == (
        "amzn1:crow:EXAMPLE0001",
        "111-0000001-0000001",
        "39.99",
        "USD",
    )
    assert (said.issued_by, said.program) == ("unknown", "mfn")
    assert format_instant(said.occurred_ms) == "2026-10-18T09:22:10.000Z"
    claim = one_refund(posted(transaction(transactionType="GuaranteeClaim")))
    assert claim.issued_by == "amazon_cs"


def test_a_transactions_own_parts_count_where_its_items_have_none() -> None:
    part = {"breakdownType": "ProductCharges", "breakdownAmount": {"currencyAmount": Decimal("-5.5")}}
    said = one_refund(
        posted(transaction(items=[], breakdowns=[part], relatedIdentifiers=transaction()["relatedIdentifiers"][:1]))
    )
    assert (said.amount, said.refund_id, said.program) == ("5.50", "EXAMPLETXN0001", None)


def test_a_part_we_do_not_know_is_counted_and_not_added() -> None:
    items = json.loads(json.dumps(transaction()["items"]))
    items[0]["breakdowns"].append({"breakdownType": "Novelty", "breakdownAmount": {"currencyAmount": -7}})
    found = posted(transaction(items=items))
    assert one_refund(found).amount == "39.99"
    assert reasons_in(found) == [("part_unknown", "breakdownType")]
    items[0]["breakdowns"] = items[0]["breakdowns"][-1:]
    assert reasons_in(posted(transaction(items=items))) == [
        ("part_unknown", "breakdownType"),
        ("amount_unknown", "breakdowns"),
    ]


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("text", ("shape_unknown", "")),
        (transaction(transactionType="Shipment"), ("not_a_refund", "transactionType")),
        (transaction(transactionType="Gift"), ("type_unknown", "transactionType")),
        (transaction(sellingPartnerMetadata={"sellingPartnerId": "A2"}), ("other_seller", "sellingPartnerId")),
        (
            transaction(marketplaceDetails={"marketplaceId": "A1F83G8C2ARO7P"}),
            ("other_marketplace", "marketplaceDetails"),
        ),
        (transaction(marketplaceDetails={"marketplaceName": "Amazon.de"}), ("other_marketplace", "marketplaceDetails")),
        (
            transaction(marketplaceDetails=None, sellingPartnerMetadata=None),
            ("marketplace_unknown", "marketplaceDetails"),
        ),
        (transaction(relatedIdentifiers=None), ("no_order", "ORDER_ID")),
        (transaction(relatedIdentifiers=[5], transactionId=None), ("no_order", "ORDER_ID")),
        (
            transaction(relatedIdentifiers=transaction()["relatedIdentifiers"][:1], transactionId=None),
            ("no_id", "REFUND_ID"),
        ),
        (transaction(postedDate=None), ("no_date", "postedDate")),
        (transaction(items=[{"breakdowns": [{"breakdownType": "Tax"}]}]), ("amount_unknown", "breakdowns")),
        (transaction(totalAmount=None), ("invalid", "currency")),
    ],
)
def test_a_transaction_that_cannot_be_taken_is_counted(document: Any, reason: tuple[str, str]) -> None:
    found = posted(document)
    assert said_in(found) == []
    assert reasons_in(found) == [reason]


def test_a_page_of_transactions_is_known_in_each_of_its_forms() -> None:
    page = [transaction()]
    assert transactions_of({"payload": {"transactions": page}}) == page
    assert transactions_of({"transactions": page}) == page
    assert transactions_of(page) == page
    assert transactions_of({"payload": {"orders": page}}) is None


def reported(document: Any, **options: Any) -> list[Mapped]:
    return list(map_performance(document, account(), where="x", **options))


def test_the_order_defect_rate_is_that_of_both_fulfilments() -> None:
    (said,) = said_in(reported(performance(afn=fulfilment(500, 1), mfn=fulfilment(Decimal(250), 1))))
    assert isinstance(said, MetricsReported)
    assert (said.order_count, said.orders_with_defects, said.window_days) == (750, 2, 60)
    assert format_instant(said.occurred_ms) == "2026-09-30T23:59:00.000Z"
    (alone,) = said_in(reported(performance(mfn=fulfilment())))
    assert (alone.order_count, alone.event_id) == (250, said.event_id)


def test_figures_of_a_day_that_is_not_over_are_dated_by_who_reads_them() -> None:
    read_ms = parse_instant("2026-09-30T12:00:00Z")
    (found,) = reported(performance(mfn=fulfilment()), read_ms=read_ms)
    (said,) = found.notifications
    assert said.occurred_ms == read_ms
    assert found.dated_by_reader == {said.event_id}
    (later,) = reported(performance(mfn=fulfilment()), read_ms=read_ms + 86_400_000)
    assert later.dated_by_reader == frozenset()


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ([], ("shape_unknown", "performanceMetrics")),
        (without(performance(), "performanceMetrics"), ("shape_unknown", "performanceMetrics")),
        ({"performanceMetrics": [5]}, ("marketplace_unknown", "marketplaceId")),
        ({"performanceMetrics": [{"marketplaceId": "A1F83G8C2ARO7P"}]}, ("other_marketplace", "marketplaceId")),
        (performance(), ("figures_unknown", "orderDefectRate")),
        (performance(mfn=5), ("figures_unknown", "orderDefectRate")),
        (performance(mfn=fulfilment(orders=-1)), ("figures_unknown", "orderDefectRate")),
        (performance(mfn=fulfilment(orders="2.5")), ("figures_unknown", "orderDefectRate")),
        (performance(mfn=fulfilment(ends="soon")), ("figures_unknown", "orderDefectRate")),
        (
            performance(mfn=fulfilment(), afn=fulfilment(begins="2026-08-03T00:00Z")),
            ("figures_unknown", "orderDefectRate"),
        ),
        (performance(mfn=fulfilment(begins="2020-08-03T00:00Z")), ("invalid", "window_days")),
    ],
)
def test_figures_that_cannot_be_taken_are_counted(document: Any, reason: tuple[str, str]) -> None:
    found = reported(document)
    assert said_in(found) == []
    assert reasons_in(found) == [reason]
