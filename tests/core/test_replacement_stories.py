"""What owes no refund, or no more: an item replaced, nothing refundable; and a refund of nothing (PLAN, rules.md)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.instants import (
    HOUR,
    TOKYO,
    local,
    monday_3pm,
    monday_9am,
    monday_noon,
    next_monday_9am,
    text,
    tuesday_9am,
    tuesday_noon,
    wednesday_9am,
    wednesday_noon,
)
from tests.core.stories import JP, ORDER, US, Story

MFN: dict[str, Any] = {"program": "mfn"}
SATURDAY_MIDNIGHT = local(3, 7)
"""Due of what a seller received on Monday, by the four calendar days of the notice."""


def received(**says: Any) -> Story:
    """An item came back on Monday and is owed a refund."""
    story = Story()
    story.tell("return.received", monday_9am, **{**MFN, **says})
    assert story.news() == [f"opened {says.get('program', 'mfn')}-refund"]
    return story


# --- replaced --------------------------------------------------------------------------------------------------------


def test_an_item_replaced_is_owed_no_refund() -> None:
    story = received()
    story.tell("replacement.sent", tuesday_9am)
    assert story.news() == ["exempt mfn-refund replaced"]
    exempt = story.last("clock.exempt")
    assert (exempt["at"], exempt["cause"], exempt["subject"]) == (text(tuesday_9am), "e2", f"{ORDER}/R-1")
    assert "elapsed_ms" not in exempt
    assert story.forgotten() == []


def test_replaced_at_the_last_moment_it_is_exempt_and_at_due_it_is_closed_late_by_the_seller() -> None:
    in_time, late = received(), received()
    in_time.tell("replacement.sent", SATURDAY_MIDNIGHT - 1)
    late.tell("replacement.sent", SATURDAY_MIDNIGHT)
    assert in_time.news()[-1] == "exempt mfn-refund replaced"
    assert late.news()[-2:] == ["breached mfn-refund", "closed_late mfn-refund by seller"]
    assert late.last("clock.closed_late")["late_by_ms"] == 0
    assert late.forgotten() == []


@pytest.mark.parametrize(("program", "marketplace"), [("sfp", US), ("csba_jp", JP)])
def test_where_a_refund_is_asked_for_a_replacement_ends_nothing(program: str, marketplace: str) -> None:
    story = Story(marketplace=marketplace)
    noon = local(3, 2, 12, zone=TOKYO)
    story.tell("return.received", noon, program=program)
    story.news()
    story.tell("replacement.sent", noon + HOUR)
    assert story.news() == []
    assert story.open_clocks() == 1


@pytest.mark.parametrize(
    ("receipt", "replacement", "is_ended"),
    [
        ({}, {}, True),
        ({}, {"return_id": "R-2"}, False),
        ({}, {"receipt_id": "RC-1"}, False),
        ({"receipt_id": "RC-1"}, {}, True),
        ({"receipt_id": "RC-1"}, {"receipt_id": "RC-1"}, True),
        ({"receipt_id": "RC-1"}, {"receipt_id": "RC-2"}, False),
        ({"receipt_id": "RC-1"}, {"receipt_id": "RC-1", "return_id": "R-2"}, False),
    ],
    ids=str,
)
def test_a_replacement_ends_the_receipts_that_it_names(
    receipt: dict[str, Any], replacement: dict[str, Any], is_ended: bool
) -> None:
    story = received(**receipt)
    story.tell("replacement.sent", tuesday_9am, **replacement)
    assert story.news() == (["exempt mfn-refund replaced"] if is_ended else [])


def test_one_that_names_no_receipt_ends_all_of_its_return() -> None:
    story = received(receipt_id="RC-1")
    story.tell("return.received", monday_noon, receipt_id="RC-2", **MFN)
    story.tell("replacement.sent", tuesday_9am)
    assert story.news() == ["opened mfn-refund", "exempt mfn-refund replaced", "exempt mfn-refund replaced"]


def test_the_earliest_of_several_replacements_counts() -> None:
    story = received()
    story.tell("replacement.sent", next_monday_9am, replacement_id="X-2")
    assert story.news()[-1] == "closed_late mfn-refund by seller"
    story.tell("replacement.sent", tuesday_9am, known=next_monday_9am)
    assert story.news() == [
        "retracted mfn-refund closed_late: late_arrival",
        "retracted mfn-refund breached: late_arrival",
        "exempt mfn-refund replaced",
    ]
    assert story.last("clock.exempt")["at"] == text(tuesday_9am)


def test_sent_before_the_item_came_back_it_ends_the_clock_as_it_begins() -> None:
    story = Story()
    story.tell("replacement.sent", monday_9am)
    story.tell("return.received", tuesday_9am, **MFN)
    assert story.news() == ["opened mfn-refund", "exempt mfn-refund replaced"]
    assert story.last("clock.exempt")["at"] == text(monday_9am)


def test_of_refund_and_replacement_the_earlier_ends_the_clock_whichever_was_known_first() -> None:
    story = received()
    story.tell("refund.issued", tuesday_noon)
    story.tell("replacement.sent", wednesday_9am)
    assert story.news() == ["met mfn-refund"]
    story.tell("replacement.sent", tuesday_9am, known=wednesday_noon, replacement_id="X-2")
    assert story.news() == ["retracted mfn-refund met: reassigned", "exempt mfn-refund replaced"]


def test_refunded_at_the_very_instant_it_is_met() -> None:
    story = received()
    story.tell("replacement.sent", tuesday_noon)
    story.tell("refund.issued", tuesday_noon)
    assert story.news() == [
        "exempt mfn-refund replaced",
        "retracted mfn-refund exempt: late_arrival",
        "met mfn-refund",
    ]


def test_refunds_are_dealt_out_as_if_there_were_no_replacement() -> None:
    story = received()
    story.tell("return.received", monday_noon, return_id="R-2", **MFN)
    story.tell("replacement.sent", monday_3pm)
    story.news()
    story.tell("refund.issued", tuesday_9am)
    assert story.news() == []
    story.tell("refund.issued", tuesday_noon, refund_id="F-2")
    assert story.news() == ["met mfn-refund"]
    assert story.last("clock.met")["subject"] == f"{ORDER}/R-2"


def test_a_question_about_the_refund_makes_no_replaced_item_urgent() -> None:
    story = received()
    story.tell("replacement.sent", monday_noon)
    story.tell("message.received", tuesday_9am, order_id=ORDER, topic="refund")
    assert story.news() == ["exempt mfn-refund replaced", "opened buyer-message-reply"]


def test_a_replacement_is_no_answer_to_the_return_request() -> None:
    story = Story()
    story.tell("return.requested", monday_9am)
    story.tell("replacement.sent", monday_noon)
    assert story.news() == ["opened return-response"]


def test_the_same_replacement_told_again_says_nothing_and_at_an_earlier_instant_it_counts_from_then() -> None:
    story = received()
    story.tell("replacement.sent", next_monday_9am)
    story.news()
    story.tell("replacement.sent", next_monday_9am + 1)
    assert story.news() == []
    story.tell("replacement.sent", tuesday_9am, known=next_monday_9am + 1)
    assert story.news()[-1] == "exempt mfn-refund replaced"


# --- nothing refundable ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", ["0", "0.0", "0.00"])
@pytest.mark.parametrize(("program", "marketplace"), [("sfp", US), ("mfn", US), ("fba", US), ("csba_jp", JP)])
def test_a_receipt_with_nothing_refundable_is_owed_nothing(program: str, marketplace: str, amount: str) -> None:
    story = Story(marketplace=marketplace)
    story.tell("return.received", monday_9am, program=program, refundable_amount=amount)
    assert story.news() == []
    assert story.forgotten() == []


def test_a_hundredth_is_owed() -> None:
    assert received(refundable_amount="0.01").open_clocks() == 1


def test_it_takes_no_refund_from_a_later_receipt() -> None:
    story = Story()
    story.tell("return.received", monday_9am, refundable_amount="0.00")
    story.tell("return.received", monday_noon, return_id="R-2")
    story.tell("refund.issued", tuesday_9am)
    assert story.news() == ["opened sfp-refund", "met sfp-refund"]
    assert story.last("clock.met")["subject"] == f"{ORDER}/R-2"


def test_a_refund_that_names_it_goes_to_no_other() -> None:
    story = Story()
    story.tell("return.received", monday_9am, refundable_amount="0.00")
    story.tell("return.received", monday_noon, return_id="R-2")
    story.tell("refund.issued", tuesday_9am, return_id="R-1")
    assert story.news() == ["opened sfp-refund"]


def test_it_replaces_the_returns_receipt_without_an_id_like_any_other() -> None:
    story = received()
    story.tell("return.received", monday_noon, receipt_id="RC-1", refundable_amount="0", **MFN)
    assert story.news() == ["retracted mfn-refund opened: reassigned"]
    assert story.forgotten() == []


def test_told_at_an_earlier_instant_that_nothing_is_refundable_the_clock_is_gone() -> None:
    story = received(refundable_amount="100")
    story.tell("return.received", monday_9am - 1, known=monday_noon, refundable_amount="0", **MFN)
    assert story.news() == ["retracted mfn-refund opened: reassigned"]


def test_a_question_about_its_refund_makes_nothing_urgent() -> None:
    story = Story()
    story.tell("return.received", monday_9am, refundable_amount="0")
    story.tell("message.received", tuesday_9am, order_id=ORDER, topic="refund")
    assert story.news() == ["opened buyer-message-reply"]


# --- a refund of nothing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("receipt", "refund", "is_met"),
    [
        ({}, {}, False),
        ({}, {"full": False}, False),
        ({}, {"full": True}, True),
        ({"refundable_amount": "100", "currency": "USD"}, {"full": True}, True),
        ({"currency": "EUR"}, {"full": True}, False),
        ({}, {"full": True, "kind": "goodwill"}, False),
        ({"program": "mfn"}, {"deduction_reason": "damaged"}, False),
        ({"program": "mfn"}, {"deduction_reason": "damaged", "full": True}, True),
    ],
    ids=str,
)
@pytest.mark.parametrize("amount", ["0", "0.00"])
def test_a_refund_of_nothing_completes_a_receipt_only_if_it_is_said_to_be_full(
    amount: str, receipt: dict[str, Any], refund: dict[str, Any], is_met: bool
) -> None:
    story = received(**{"program": "sfp", **receipt})
    story.tell("refund.issued", tuesday_noon, amount=amount, **refund)
    assert story.news() == ([f"met {receipt.get('program', 'sfp')}-refund"] if is_met else [])


def test_it_does_not_complete_what_the_sum_of_the_others_has_reached() -> None:
    story = received(program="sfp", refundable_amount="100")
    story.tell("refund.issued", monday_noon, full=False)
    story.tell("refund.issued", monday_3pm, refund_id="F-2", amount="0.00")
    assert story.news() == []
    story.tell("refund.issued", tuesday_9am, refund_id="F-3", amount="0.01")
    assert story.news() == ["met sfp-refund"]


def test_for_the_other_rules_a_refund_of_nothing_counts() -> None:
    story = Story()
    story.tell("return.requested", monday_9am)
    story.tell("refund.issued", monday_noon, return_id="R-1", amount="0.00", issued_by="amazon_cs")
    assert story.news() == [
        "opened return-response",
        "superseded return-response by amazon_cs",
        "opened safe-t-window",
    ]
