"""A returns report: which row becomes what, what is held back, and that order, spelling and repeats change nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import format_instant
from schemas.decoding import journal_value
from schemas.notifications import (
    ReturnApproved,
    ReturnCancelled,
    ReturnReceived,
    ReturnRequested,
    SafetFiled,
    type_name,
)
from streams.sources.findings import Mapped, Tracked
from streams.sources.returns_report import map_returns, missing_columns, row_of
from tests.sources.samples import (
    HEADER,
    LAMP,
    ROWS,
    RUG,
    SELLER,
    US,
    account,
    changed,
    pairs,
    reasons_in,
    said_in,
)

LAMP_ID = "111-0000001-0000001.2026-10-09"
SEEN_MS = 1_793_000_000_000


def mapped(*rows: Sequence[str], header: Sequence[str] = HEADER, **options: Any) -> list[Mapped]:
    read = [row_of(f"line {number}", pairs(row, header)) for number, row in enumerate(rows, start=2)]
    return list(map_returns(read, account(), **{"refunded_orders": (), **options}))


def kinds(found: list[Mapped]) -> list[str]:
    return [type_name(said) for said in said_in(found)]


def test_the_sample_becomes_what_it_says() -> None:
    found = mapped(*ROWS)
    lamp, chair, rug = found
    assert kinds([lamp]) == ["return.requested", "return.approved", "return.received"]
    assert kinds([chair]) == ["return.requested", "return.approved", "safet.filed"]
    assert kinds([rug]) == ["return.requested"]
    assert reasons_in(found) == []
    requested, approved, received = lamp.notifications
    assert isinstance(requested, ReturnRequested)
    assert (requested.return_id, requested.program, requested.in_policy) == (LAMP_ID, "mfn", True)
    assert requested.reason == "CR-UNWANTED_ITEM"
    assert format_instant(requested.occurred_ms) == "2026-10-09T07:00:00.000Z"
    assert isinstance(approved, ReturnApproved)
    assert (approved.approved_by, approved.rma_id) == ("auto_policy", "DEXAMPLERRMA")
    assert isinstance(received, ReturnReceived)
    assert format_instant(received.occurred_ms) == "2026-10-16T07:00:00.000Z"
    assert received.refundable_amount is None
    claim = chair.notifications[-1]
    assert isinstance(claim, SafetFiled)
    assert (claim.claim_id, format_instant(claim.occurred_ms)) == ("12345-12345-1234567", "2026-10-20T18:02:13.000Z")
    assert lamp.tracked == (
        Tracked("9400000000000000000001", "USPS", SELLER, US, LAMP_ID, "111-0000001-0000001", "mfn"),
    )


def test_a_refund_of_unknown_time_holds_the_receipt_back_unless_the_refund_is_known_elsewhere() -> None:
    refunded = changed(LAMP, Refunded_Amount="39.99")
    held = mapped(refunded)
    assert "return.received" not in kinds(held)
    assert reasons_in(held) == [("refunded_when_unknown", "Refunded Amount")]
    assert "return.received" in kinds(mapped(refunded, refunded_orders={"111-0000001-0000001"}))
    assert "return.received" not in kinds(mapped(refunded, refunded_orders={"111-0000009-0000009"}))
    assert "return.received" in kinds(mapped(refunded, refunded_orders=None))
    assert "return.received" in kinds(mapped(changed(LAMP, Refunded_Amount="0,00")))
    unreadable = mapped(changed(LAMP, Refunded_Amount="about 40"))
    assert "return.received" not in kinds(unreadable)
    assert reasons_in(unreadable) == [("amount_unknown", "Refunded Amount")]


def test_an_item_that_was_replaced_is_owed_no_refund_of_ours() -> None:
    for resolution in ("Replacement", "ReplacementIssued"):
        found = mapped(changed(LAMP, Resolution=resolution))
        assert "return.received" not in kinds(found)
        assert reasons_in(found) == [("replaced_when_unknown", "Resolution")]


@pytest.mark.parametrize("status", ["Rejected", "Denied", "Declined", "Closed", "Cancelled", "Canceled"])
def test_what_ended_at_an_unknown_time_starts_no_clock(status: str) -> None:
    found = mapped(changed(RUG, Return_request_status=status))
    assert kinds(found) == []
    assert reasons_in(found) == [("ended_when_unknown", "Return request status")]
    arrived = mapped(changed(RUG, Return_request_status=status, Return_delivery_date="20-Oct-2026"))
    assert kinds(arrived) == ["return.received"]


def test_a_cancellation_is_dated_by_who_reads_it() -> None:
    (found,) = mapped(changed(RUG, Return_request_status="Cancelled"), seen_ms=SEEN_MS)
    assert kinds([found]) == ["return.requested", "return.cancelled"]
    cancelled = found.notifications[-1]
    assert isinstance(cancelled, ReturnCancelled)
    assert cancelled.occurred_ms == SEEN_MS
    assert found.dated_by_reader == {cancelled.event_id}


def test_a_status_we_do_not_know_is_counted_and_the_request_stands() -> None:
    found = mapped(changed(RUG, Return_request_status="Genehmigt"))
    assert reasons_in(found) == [("status_unknown", "Return request status")]
    assert kinds(found) == []
    assert kinds(mapped(changed(RUG, Return_request_status=" "))) == []


def test_an_approval_is_the_sellers_unless_amazons_label_came_of_itself() -> None:
    def approver(**cells: str) -> str:
        approved = said_in(mapped(changed(LAMP, **cells)))[1]
        assert isinstance(approved, ReturnApproved)
        return approved.approved_by

    assert approver() == "auto_policy"
    assert approver(In_policy="N") == "seller"
    assert approver(In_policy="N", Is_prime="Y") == "auto_policy"
    assert approver(Label_type="MerchantLabel") == "seller"


def test_one_return_of_several_rows_is_one_return() -> None:
    second = changed(
        LAMP, Merchant_SKU="SKU-2", In_policy="N", Return_Reason="CR-DEFECTIVE", Return_delivery_date="15-Oct-2026"
    )
    (found,) = mapped(LAMP, second)
    requested, approved, received = found.notifications
    assert isinstance(requested, ReturnRequested)
    assert (requested.in_policy, requested.reason) == (False, "CR-DEFECTIVE")
    assert isinstance(approved, ReturnApproved)
    assert approved.approved_by == "seller"
    assert format_instant(received.occurred_ms) == "2026-10-15T07:00:00.000Z"
    assert found.where == ("line 2", "line 3")


def test_the_exact_time_of_the_request_counts_where_one_report_knows_it() -> None:
    exact = changed(RUG, Return_request_date="2026-10-11T14:03:22Z")
    for rows in ([RUG, exact], [exact, RUG]):
        (requested,) = said_in(mapped(*rows))
        assert format_instant(requested.occurred_ms) == "2026-10-11T14:03:22.000Z"
        assert requested.return_id == "111-0000003-0000003.2026-10-11"


def test_the_day_of_an_instant_is_the_marketplaces() -> None:
    (requested,) = said_in(mapped(changed(RUG, Return_request_date="2026-10-12T03:00:00Z")))
    assert requested.return_id == "111-0000003-0000003.2026-10-11"


def test_a_blank_request_date_leaves_the_rma_as_the_name_and_no_request() -> None:
    (found,) = mapped(changed(LAMP, Return_request_date=" "))
    assert kinds([found]) == ["return.received"]
    assert said_in([found])[0].return_id == "DEXAMPLERRMA"
    assert reasons_in([found]) == [("no_date", "Return request date")]
    (one,) = mapped(changed(LAMP, Return_request_date=" "), changed(LAMP, Return_request_date=" "))
    assert one.where == ("line 2", "line 3")
    assert reasons_in(mapped(changed(LAMP, Return_request_date=" ", Amazon_RMA_ID=" "))) == [
        ("no_date", "Return request date")
    ]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"Order_ID": " "}, ("no_order", "Order ID")),
        ({"Order_ID": "none"}, ("no_order", "Order ID")),
        ({"Return_request_date": "soon"}, ("no_date", "Return request date")),
        ({"Is_prime": "Oui"}, ("flag_unknown", "Is prime")),
        ({"In_policy": "Oui"}, ("flag_unknown", "In policy")),
        ({"Return_delivery_date": "soon"}, ("no_date", "Return delivery date")),
        ({"SafeT_claim_id": "12345-1", "SafeT_claim_creation_time": " "}, ("no_date", "SafeT claim creation time")),
        ({"SafeT_claim_id": "a b", "SafeT_claim_creation_time": "20-Oct-2026"}, ("no_id", "SafeT claim id")),
    ],
)
def test_what_cannot_be_read_is_counted_with_its_column(cells: dict[str, str], reason: tuple[str, str]) -> None:
    assert reasons_in(mapped(changed(LAMP, **cells))) == [reason]


def test_a_reason_is_told_once_for_each_return() -> None:
    rows = [changed(LAMP, SafeT_claim_id=claim, SafeT_claim_creation_time="soon") for claim in ("12345-1", "12345-2")]
    assert reasons_in(mapped(*rows)) == [("no_date", "SafeT claim creation time")]


def test_a_program_is_never_guessed() -> None:
    assert kinds(mapped(changed(LAMP, Is_prime="Oui"))) == []
    assert {said.program for said in said_in(mapped(changed(LAMP, Is_prime="Y")))} == {"sfp"}


def test_a_value_that_no_notification_may_hold_is_left_out_with_the_field() -> None:
    found = mapped(changed(LAMP, Return_request_date="01-Jan-0001", Return_delivery_date=" "))
    assert kinds(found) == ["return.requested", "return.approved"]
    early = list(
        map_returns(
            [row_of("x", pairs(changed(LAMP, Return_request_date="01-Jan-0001")))],
            account("A1VC38T7YXB528"),
            refunded_orders=None,
        )
    )
    assert ("invalid", "return.requested") in reasons_in(early)


def test_a_reason_in_free_text_becomes_other() -> None:
    (requested, *_) = said_in(mapped(changed(LAMP, Return_Reason="Jo Example did not like it")))
    assert requested.reason == "other"
    (requested, *_) = said_in(mapped(changed(LAMP, Return_Reason=" ")))
    assert requested.reason is None


def test_a_parcel_number_that_is_none_is_not_booked() -> None:
    (found,) = mapped(changed(LAMP, Tracking_ID="ask Jo"))
    assert found.tracked == ()
    (found,) = mapped(changed(LAMP, Return_carrier=" "))
    assert found.tracked[0].carrier == ""


def test_a_report_must_have_its_two_columns() -> None:
    assert missing_columns(HEADER) == []
    assert missing_columns(["order_id", "return_request_date"]) == []
    assert missing_columns(["Order ID", "SKU"]) == ["requested"]


@given(order=st.permutations(range(len(HEADER))), rows=st.permutations([*ROWS, changed(LAMP, Merchant_SKU="SKU-2")]))
def test_the_order_of_columns_and_rows_changes_nothing(order: list[int], rows: list[tuple[str, ...]]) -> None:
    header = [HEADER[index].upper() for index in order]
    found = mapped(*([row[index] for index in order] for row in rows), header=header)
    assert list(map(journal_value, said_in(found))) == list(map(journal_value, said_in(mapped(*ROWS))))


def test_a_changed_row_keeps_its_names() -> None:
    before = {type_name(said): said.event_id for said in said_in(mapped(changed(LAMP, Return_delivery_date=" ")))}
    after = {type_name(said): said.event_id for said in said_in(mapped(LAMP))}
    assert before.items() < after.items()
    assert set(after) - set(before) == {"return.received"}
