"""Refund after receipt (SFP 4, CSBA, PLAN): one story for each sentence on the three refund rules and on matching."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.instants import (
    HOUR,
    TOKYO,
    friday_9am,
    local,
    monday_3pm,
    monday_9am,
    monday_noon,
    saturday_9am,
    text,
    the_last_moment_of_wednesday,
    thursday_9am,
    thursday_midnight,
    tuesday_9am,
    tuesday_noon,
    wednesday_noon,
)
from tests.core.stories import JP, ORDER, Story

REMINDED = ["escalated sfp-refund level 1", "escalated sfp-refund level 2"]


def test_a_receipt_opens_a_clock_of_two_business_days_and_a_refund_in_time_meets_it() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.tell("refund.issued", tuesday_noon)
    assert story.news() == ["opened sfp-refund", "met sfp-refund"]
    opened, met = story.last("clock.opened"), story.last("clock.met")
    assert (opened["due_at"], opened["calendar"]) == (text(thursday_midnight), "us-federal-pacific")
    assert (met["at"], met["elapsed_ms"]) == (text(tuesday_noon), tuesday_noon - monday_9am)
    assert "by" not in met
    assert story.forgotten() == []


def test_a_refund_at_the_last_moment_of_the_last_day_is_in_time() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.tell("refund.issued", the_last_moment_of_wednesday)
    assert story.news() == ["opened sfp-refund", *REMINDED, "met sfp-refund"]


def test_a_refund_at_the_midnight_itself_is_late_for_a_target_in_days_is_in_time_only_before_due() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.tell("refund.issued", thursday_midnight)
    assert story.news() == ["opened sfp-refund", *REMINDED, "breached sfp-refund", "closed_late sfp-refund by seller"]
    assert story.last("clock.closed_late")["late_by_ms"] == 0


def test_nobody_refunds_and_the_breach_names_the_seller_and_what_may_follow() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.until(the_last_moment_of_wednesday)
    assert story.news() == ["opened sfp-refund", *REMINDED]
    story.until(thursday_midnight)
    assert story.news() == ["breached sfp-refund"]
    breached = story.last("clock.breached")
    assert (breached["at"], breached["obligor"]) == (text(thursday_midnight), "seller")
    assert breached["consequences"] == ["amazon_may_refund", "prime_suspension_risk"]
    assert story.forgotten() == ["expired sfp-refund"]


def test_a_late_refund_closes_the_clock_late_and_the_breach_stands() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.tell("refund.issued", friday_9am)
    assert story.news() == ["opened sfp-refund", *REMINDED, "breached sfp-refund", "closed_late sfp-refund by seller"]
    assert story.last("clock.closed_late")["late_by_ms"] == friday_9am - thursday_midnight
    assert story.forgotten() == []


@pytest.mark.parametrize("issuer", ["amazon_cs", "amazon_auto"])
def test_amazon_refunds_in_the_sellers_place_and_supersedes_the_clock(issuer: str) -> None:
    story = Story(marketplace=JP)
    story.tell("return.received", monday_9am, program="csba_jp")
    story.tell("refund.issued", monday_noon, issued_by=issuer)
    assert story.news() == ["opened csba-jp-refund", f"superseded csba-jp-refund by {issuer}"]
    assert story.forgotten() == []


def test_amazon_refunds_after_due_and_the_clock_is_closed_late_by_amazon() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.tell("refund.issued", friday_9am, issued_by="amazon_auto")
    assert story.news()[-2:] == ["breached sfp-refund", "closed_late sfp-refund by amazon_auto"]


def test_a_refund_of_an_unknown_issuer_meets_the_clock() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.tell("refund.issued", tuesday_noon, issued_by="unknown")
    assert story.news() == ["opened sfp-refund", "met sfp-refund"]


def test_refund_known_late_takes_the_breach_back() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.until(thursday_9am)
    breached = story.last("clock.breached")["output_id"]
    story.news()
    story.tell("refund.issued", tuesday_noon, known=friday_9am)
    assert story.news() == ["retracted sfp-refund breached: late_arrival", "met sfp-refund"]
    assert story.last("clock.retracted")["retracts"] == breached
    assert story.last("clock.retracted")["at"] == text(friday_9am)
    assert story.forgotten() == []


def test_a_cancelled_refund_leaves_the_facts() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.tell("refund.issued", monday_3pm)
    story.tell("refund.cancelled", tuesday_9am)
    assert story.news() == ["opened sfp-refund", "met sfp-refund", "retracted sfp-refund met: refund_cancelled"]
    assert story.open_clocks() == 1


def test_a_refund_cancelled_before_it_was_known_never_counts() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.tell("refund.cancelled", monday_3pm)
    story.tell("refund.issued", monday_noon, known=tuesday_9am)
    assert story.news() == ["opened sfp-refund"]


def test_a_refund_before_the_receipt_stops_it_before_it_started() -> None:
    story = Story()
    story.tell("refund.issued", monday_9am)
    story.tell("return.received", tuesday_9am)
    assert story.news() == ["opened sfp-refund", "met sfp-refund"]
    met = story.last("clock.met")
    assert (met["elapsed_ms"], met["stopped_before_start"], met["at"]) == (0, True, text(monday_9am))


def test_japan_counts_its_own_days() -> None:
    story = Story(marketplace=JP)
    friday_before_golden_week = local(5, 1, 10, zone=TOKYO)
    story.tell("return.received", friday_before_golden_week, program="csba_jp")
    assert story.news() == ["opened csba-jp-refund"]
    opened = story.last("clock.opened")
    assert (opened["due_at"], opened["calendar"]) == (text(local(5, 9, zone=TOKYO)), "jp-public")


def test_a_return_to_fba_owes_nothing_but_takes_its_refund() -> None:
    story = Story()
    story.tell("return.received", monday_9am, program="fba")
    story.tell("return.received", monday_noon, return_id="R-2")
    story.tell("refund.issued", tuesday_9am)
    assert story.news() == ["opened sfp-refund"]
    story.tell("refund.issued", tuesday_noon, refund_id="F-2")
    assert story.news() == ["met sfp-refund"]
    assert story.forgotten() == []


def test_four_calendar_days_for_a_us_mfn_return_since_the_notice() -> None:
    story = Story()
    story.tell("return.received", monday_9am, program="mfn")
    assert story.last("clock.opened")["due_at"] == text(local(3, 7))
    assert story.last("clock.opened")["rule_version"] == 2


# --- which refund completes which receipt ---------------------------------------------------------------------------

MATCHING: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "no amounts known": ({}, {}, True),
    "full": ({"refundable_amount": "100"}, {"full": True, "amount": "1"}, True),
    "not full, though the amount is reached": ({"refundable_amount": "100"}, {"full": False}, False),
    "the amount is reached": ({"refundable_amount": "100"}, {"amount": "100.00"}, True),
    "the amount is not reached": ({"refundable_amount": "100.01"}, {"amount": "100"}, False),
    "a shipping refund": ({}, {"kind": "shipping"}, False),
    "a goodwill refund": ({}, {"kind": "goodwill"}, False),
    "another currency": ({"currency": "EUR"}, {}, False),
    "its currency": ({"currency": "USD"}, {}, True),
    "another return": ({}, {"return_id": "R-2"}, False),
    "its return": ({}, {"return_id": "R-1"}, True),
    "a receipt without an id, where one is named": ({}, {"receipt_id": "RC-1"}, False),
    "its receipt": ({"receipt_id": "RC-1"}, {"receipt_id": "RC-1"}, True),
    "another receipt": ({"receipt_id": "RC-1"}, {"receipt_id": "RC-2"}, False),
    "its receipt but another return": ({"receipt_id": "RC-1"}, {"receipt_id": "RC-1", "return_id": "R-2"}, False),
    "a deduction with a reason, mfn": (
        {"program": "mfn", "refundable_amount": "100"},
        {"amount": "60", "deduction_reason": "used"},
        True,
    ),
    "a deduction with a reason that is no code, mfn": (
        {"program": "mfn", "refundable_amount": "100"},
        {"full": False, "amount": "60", "deduction_reason": "came back used, 有划痕"},
        True,
    ),
    "a deduction with an empty reason, which is none, mfn": (
        {"program": "mfn", "refundable_amount": "100"},
        {"amount": "60", "deduction_reason": ""},
        False,
    ),
    "a deduction with a reason, sfp": (
        {"refundable_amount": "100"},
        {"amount": "60", "deduction_reason": "used"},
        False,
    ),
}


@pytest.mark.parametrize("case", MATCHING)
def test_a_refund_completes_a_receipt_or_does_not(case: str) -> None:
    receipt, refund, is_met = MATCHING[case]
    story = Story()
    story.tell("return.received", monday_9am, **receipt)
    story.news()
    story.tell("refund.issued", tuesday_noon, **refund)
    rule = f"{receipt.get('program', 'sfp')}-refund"
    assert story.news() == ([f"met {rule}"] if is_met else [])


def test_partial_refunds_add_up_and_the_one_that_reaches_the_amount_is_the_stop() -> None:
    story = Story()
    story.tell("return.received", monday_9am, refundable_amount="100")
    story.tell("refund.issued", monday_noon, amount="40.5")
    story.tell("refund.issued", tuesday_noon, amount="59.50", refund_id="F-2")
    assert story.news() == ["opened sfp-refund", "met sfp-refund"]
    assert story.last("clock.met")["at"] == text(tuesday_noon)


def test_a_refund_before_its_return_was_asked_for_belongs_to_another_return() -> None:
    story = Story()
    story.tell("refund.issued", monday_9am)
    story.tell("return.approved", monday_noon, program="sfp", approved_by="auto_policy")
    story.tell("return.requested", monday_3pm, program="sfp")
    story.tell("return.received", tuesday_9am)
    assert story.news() == ["opened sfp-refund"]
    story.tell("refund.issued", monday_noon, known=tuesday_noon, refund_id="F-2")
    assert story.news() == ["met sfp-refund"]


def test_refunds_go_to_the_earliest_receipt_first() -> None:
    story = Story()
    story.tell("return.received", tuesday_9am, return_id="R-2")
    story.tell("return.received", monday_9am, known=tuesday_9am)
    story.tell("refund.issued", tuesday_noon)
    assert [event["subject"] for event in story.events] == [f"{ORDER}/R-2", f"{ORDER}/R-1", f"{ORDER}/R-1"]
    assert story.news() == ["opened sfp-refund", "opened sfp-refund", "met sfp-refund"]


def test_of_two_receipts_at_one_instant_the_smaller_subject_is_refunded_first() -> None:
    story = Story()
    story.tell("return.received", monday_9am, return_id="R-2")
    story.tell("return.received", monday_9am, return_id="R-1")
    story.tell("refund.issued", monday_noon)
    assert story.last("clock.met")["subject"] == f"{ORDER}/R-1"


def test_an_earlier_receipt_that_comes_late_takes_the_refund_away() -> None:
    story = Story()
    story.tell("return.received", tuesday_9am)
    story.tell("refund.issued", tuesday_noon)
    story.news()
    story.tell("return.received", monday_9am, known=wednesday_noon, return_id="R-0")
    assert story.news() == ["opened sfp-refund", "met sfp-refund", "retracted sfp-refund met: reassigned"]


def test_a_receipt_with_an_id_replaces_the_one_without() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.tell("return.received", monday_noon, receipt_id="RC-1")
    assert story.news() == ["opened sfp-refund", "retracted sfp-refund opened: reassigned", "opened sfp-refund"]
    assert story.last("clock.opened")["subject"] == f"{ORDER}/R-1/RC-1"
    story.tell("return.received", monday_9am, known=monday_3pm, receipt_id="RC-2")
    assert story.news() == ["opened sfp-refund"]
    assert story.open_clocks() == 2


def test_the_first_program_named_stays_whatever_comes_later() -> None:
    story = Story()
    story.tell("return.approved", monday_noon, program="mfn")
    story.tell("return.received", tuesday_9am, program="sfp")
    assert story.news() == ["opened mfn-refund"]


def test_a_cancelled_return_that_arrives_all_the_same_is_owed_a_refund() -> None:
    story = Story()
    story.tell("return.cancelled", monday_9am)
    story.tell("return.received", tuesday_9am)
    assert story.news() == ["opened sfp-refund"]


def test_an_earlier_receipt_of_the_same_return_moves_the_start() -> None:
    story = Story()
    story.tell("return.received", tuesday_9am, event_id="late")
    story.tell("return.received", monday_9am, known=tuesday_noon, event_id="early")
    assert story.news() == [
        "opened sfp-refund",
        "opened sfp-refund again, revision 2",
    ]
    assert story.last("clock.opened")["due_at"] == text(thursday_midnight)
    story.until(saturday_9am)
    assert story.news() == [*REMINDED, "breached sfp-refund"]


def test_an_earlier_start_takes_back_what_stands_newest_first_and_says_why() -> None:
    story = Story()
    story.tell("return.received", tuesday_9am)
    story.tell("refund.issued", saturday_9am)
    assert story.news()[-2:] == ["breached sfp-refund", "closed_late sfp-refund by seller"]
    story.tell("return.received", monday_9am, known=saturday_9am + HOUR)
    assert story.news() == [
        "retracted sfp-refund closed_late: earlier_start",
        "retracted sfp-refund breached: earlier_start",
        "opened sfp-refund again, revision 2",
        "breached sfp-refund",
        "closed_late sfp-refund by seller",
    ]
    assert story.forgotten() == []


def test_a_repeat_says_nothing() -> None:
    story = Story()
    story.tell("return.received", monday_9am, event_id="e")
    story.tell("return.received", monday_noon, event_id="a")
    story.tell("return.received", monday_9am, known=monday_3pm, event_id="f")
    story.tell("return.received", monday_9am, known=monday_3pm, event_id="e")
    assert story.news() == ["opened sfp-refund"]
    assert story.last("clock.opened")["cause"] == "e"
