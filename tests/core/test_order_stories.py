"""Return requests, claims, SAFE-T windows, evidence: what an order calls for besides a refund (PLAN, SFP 3, 11, 14)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.instants import (
    DAY,
    HOUR,
    friday_9am,
    local,
    monday_3pm,
    monday_9am,
    monday_noon,
    text,
    thursday_9am,
    tuesday_9am,
    tuesday_noon,
    wednesday_9am,
    wednesday_noon,
)
from tests.core.stories import JP, ORDER, Story

# --- return-response -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("response", ["label", "authorized", "offer", "refund", "closed", "declined"])
def test_any_response_answers_a_return_request(response: str) -> None:
    story = Story()
    story.tell("return.requested", monday_9am)
    story.tell("return.responded", tuesday_9am, response=response)
    assert story.news() == ["opened return-response", "escalated return-response level 1", "met return-response"]
    assert story.last("clock.opened")["due_at"] == text(wednesday_9am)
    assert story.last("clock.met")["elapsed_ms"] == 24 * HOUR
    assert story.forgotten() == []


def test_an_answer_at_exactly_48_hours_is_in_time_for_a_target_in_hours_includes_its_due() -> None:
    story = Story()
    story.tell("return.requested", monday_9am)
    story.tell("return.responded", wednesday_9am)
    assert story.news()[-1] == "met return-response"


def test_an_answer_a_millisecond_after_48_hours_is_late() -> None:
    story = Story()
    story.tell("return.requested", monday_9am)
    story.tell("return.responded", wednesday_9am + 1)
    assert story.news()[-2:] == ["breached return-response", "closed_late return-response by seller"]
    assert story.last("clock.closed_late")["late_by_ms"] == 1


def test_nobody_answers_a_return_request() -> None:
    story = Story()
    story.tell("return.requested", monday_9am)
    story.until(wednesday_9am)
    assert story.news()[-1] == "escalated return-response level 2"
    story.until(wednesday_9am + 1)
    assert story.news() == ["breached return-response"]
    assert story.last("clock.breached")["at"] == text(wednesday_9am)
    assert story.last("clock.breached")["consequences"] == ["return_dissatisfaction"]
    assert story.forgotten() == ["expired return-response"]


def test_the_sellers_own_approval_answers_the_request() -> None:
    story = Story()
    story.tell("return.requested", monday_9am)
    story.tell("return.approved", monday_noon)
    assert story.news() == ["opened return-response", "met return-response"]


@pytest.mark.parametrize("approver", ["auto_policy", "amazon_cs"])
def test_an_approval_by_amazon_exempts_the_seller(approver: str) -> None:
    story = Story()
    story.tell("return.requested", monday_9am)
    story.tell("return.approved", monday_noon, approved_by=approver)
    assert story.news() == ["opened return-response", "exempt return-response auto_authorized"]
    assert story.last("clock.exempt")["at"] == text(monday_noon)
    assert story.forgotten() == []


def test_an_approval_by_amazon_after_due_closes_the_clock_late_by_amazon() -> None:
    story = Story()
    story.tell("return.requested", monday_9am)
    story.tell("return.approved", thursday_9am, approved_by="auto_policy")
    assert story.news()[-1] == "closed_late return-response by amazon_cs"


def test_a_cancelled_return_asks_for_no_answer() -> None:
    story = Story()
    story.tell("return.requested", monday_9am)
    story.tell("return.cancelled", monday_noon)
    assert story.news() == ["opened return-response", "exempt return-response return_cancelled"]


def test_a_return_cancelled_after_due_was_closed_late_by_the_buyer() -> None:
    story = Story()
    story.tell("return.requested", monday_9am)
    story.tell("return.cancelled", thursday_9am)
    assert story.news()[-1] == "closed_late return-response by buyer"


def test_only_a_refund_that_names_the_return_answers_its_request() -> None:
    story = Story()
    story.tell("return.requested", monday_9am)
    story.tell("refund.issued", monday_noon, return_id="R-2")
    story.tell("refund.issued", monday_noon, refund_id="F-2")
    assert story.news() == ["opened return-response"]
    story.tell("refund.issued", monday_noon, refund_id="F-3", return_id="R-1", kind="goodwill", full=False)
    assert story.news() == ["met return-response"]


def test_a_refund_of_amazons_that_names_the_return_supersedes_the_request() -> None:
    story = Story()
    story.tell("return.requested", monday_9am)
    story.tell("refund.issued", monday_noon, return_id="R-1", issued_by="amazon_auto")
    assert story.news() == ["opened return-response", "superseded return-response by amazon_auto"]


def test_of_ends_at_one_instant_met_counts_before_superseded_before_exempt() -> None:
    story = Story()
    story.tell("return.requested", monday_9am)
    story.tell("return.cancelled", monday_noon)
    story.tell("refund.issued", monday_noon, return_id="R-1", issued_by="amazon_cs")
    story.tell("return.responded", monday_noon, return_id="R-2")
    story.tell("return.responded", monday_noon)
    assert story.news() == [
        "opened return-response",
        "exempt return-response return_cancelled",
        "retracted return-response exempt: late_arrival",
        "superseded return-response by amazon_cs",
        "retracted return-response superseded: reassigned",
        "met return-response",
    ]


@pytest.mark.parametrize("program", ["sfp", "fba", "csba_jp"])
def test_a_request_of_another_program_opens_no_clock(program: str) -> None:
    story = Story()
    story.tell("return.requested", monday_9am, program=program)
    assert story.news() == []
    assert story.forgotten() == []


# --- a-to-z-evidence -------------------------------------------------------------------------------------------------


def test_evidence_within_72_hours_meets_the_claims_clock() -> None:
    story = Story()
    story.tell("claim.opened", monday_9am)
    story.tell("claim.evidence_submitted", thursday_9am)
    assert story.news() == [
        "opened a-to-z-evidence",
        "escalated a-to-z-evidence level 1",
        "escalated a-to-z-evidence level 2",
        "met a-to-z-evidence",
    ]
    assert story.last("clock.met")["subject"] == f"{ORDER}/CL-1"
    assert story.forgotten() == []


def test_a_claim_without_evidence_is_breached() -> None:
    story = Story()
    story.tell("claim.opened", monday_9am)
    story.tell("claim.evidence_submitted", friday_9am, claim_id="CL-2")
    assert story.news()[-1] == "breached a-to-z-evidence"
    assert story.last("clock.breached")["consequences"] == ["claim_likely_lost", "odr"]


@pytest.mark.parametrize(("kind", "by"), [("claim.withdrawn", "buyer"), ("claim.decided", "amazon_cs")])
def test_a_claim_withdrawn_or_decided_asks_for_no_evidence(kind: str, by: str) -> None:
    story = Story()
    story.tell("claim.opened", monday_9am)
    story.tell(kind, tuesday_9am)
    assert story.news() == ["opened a-to-z-evidence", "exempt a-to-z-evidence claim_closed"]
    late = Story()
    late.tell("claim.opened", monday_9am)
    late.tell(kind, friday_9am)
    assert late.news()[-1] == f"closed_late a-to-z-evidence by {by}"


def test_a_claim_for_a_parcel_not_received_is_urgent_at_once_and_once() -> None:
    story = Story()
    story.tell("claim.opened", monday_9am, kind="not_received")
    assert story.news() == ["opened a-to-z-evidence", "escalated a-to-z-evidence urgently"]
    urgent = story.last("clock.escalated")
    assert (urgent["reason"], urgent["at"], urgent["cause"]) == ("claim_not_received", text(monday_9am), "e1")
    story.tell("claim.opened", monday_noon, kind="not_received")
    story.tell("claim.evidence_submitted", tuesday_9am)
    assert story.news() == ["met a-to-z-evidence"]


def test_a_claim_already_answered_is_not_urgent() -> None:
    story = Story()
    story.tell("claim.evidence_submitted", monday_9am)
    story.tell("claim.opened", monday_noon, kind="not_received")
    assert story.news() == ["opened a-to-z-evidence", "met a-to-z-evidence"]


def test_a_claim_that_turns_out_not_received_when_it_moves_is_urgent_then() -> None:
    story = Story()
    story.tell("claim.opened", tuesday_9am)
    story.tell("claim.opened", monday_9am, known=tuesday_noon, kind="not_received")
    assert story.news() == [
        "opened a-to-z-evidence",
        "opened a-to-z-evidence again, revision 2",
        "escalated a-to-z-evidence urgently",
    ]


# --- safe-t-window ---------------------------------------------------------------------------------------------------


def test_the_right_to_a_safe_t_claim_lapses_after_thirty_days_in_the_us() -> None:
    story = Story()
    story.tell("refund.issued", monday_9am, issued_by="amazon_cs", program="sfp")
    opened = story.last("clock.opened")
    assert (opened["rule_version"], opened["due_at"]) == (2, text(local(4, 2)))
    story.until(local(4, 2))
    assert story.news() == [
        "opened safe-t-window",
        "escalated safe-t-window level 1",
        "lapsed safe-t-window",
    ]
    lapsed = story.last("clock.lapsed")
    assert lapsed["obligor"] == "seller"
    assert "consequences" not in lapsed
    assert story.forgotten() == []


def test_sixty_days_before_the_notice_and_outside_the_us() -> None:
    before = Story()
    before.tell("refund.issued", local(2, 15, 12), issued_by="amazon_cs", program="sfp")
    assert (before.last("clock.opened")["rule_version"], before.last("clock.opened")["due_at"]) == (
        1,
        text(local(4, 17)),
    )
    japan = Story(marketplace=JP)
    japan.tell("refund.issued", monday_9am, issued_by="amazon_cs", program="sfp")
    assert japan.last("clock.opened")["rule_version"] == 1


def test_a_safe_t_claim_filed_stops_the_window() -> None:
    story = Story()
    story.tell("refund.issued", monday_9am, issued_by="amazon_cs", program="sfp")
    story.tell("safet.filed", tuesday_9am, refund_id="F-2")
    assert story.news() == ["opened safe-t-window"]
    story.tell("safet.filed", tuesday_9am, claim_id="ST-2")
    assert story.news() == ["met safe-t-window"]
    assert story.forgotten() == []


def test_a_safe_t_claim_filed_too_late_is_closed_late_and_the_lapse_stands() -> None:
    story = Story()
    story.tell("refund.issued", monday_9am, issued_by="amazon_cs", program="sfp")
    story.tell("safet.filed", local(4, 2, 9), refund_id="F-1")
    assert story.news()[-2:] == ["lapsed safe-t-window", "closed_late safe-t-window by seller"]


@pytest.mark.parametrize("issuer", ["seller", "amazon_auto", "unknown"])
def test_only_a_refund_by_customer_service_opens_the_window(issuer: str) -> None:
    story = Story()
    story.tell("refund.issued", monday_9am, issued_by=issuer, program="sfp")
    assert story.news() == []


def test_a_refund_without_any_program_known_opens_no_window_until_its_program_is_known() -> None:
    story = Story()
    story.tell("refund.issued", monday_9am, issued_by="amazon_cs", return_id="R-1")
    assert story.news() == []
    story.tell("return.requested", monday_noon, program="sfp")
    assert story.news() == ["opened safe-t-window"]
    assert story.last("clock.opened")["started_at"] == text(monday_9am)


def test_the_newest_program_known_for_the_order_counts_where_refund_and_return_name_none() -> None:
    story = Story()
    story.tell("refund.issued", monday_noon, issued_by="amazon_cs")
    story.tell("message.received", monday_9am, order_id=ORDER, program="sfp")
    assert story.news() == ["opened buyer-message-reply", "opened safe-t-window"]
    story.tell("return.approved", monday_3pm, program="mfn")
    assert story.news() == ["retracted safe-t-window opened: reassigned"]
    story.tell("refund.issued", monday_3pm + HOUR, refund_id="F-2", program="sfp")
    assert story.news() == ["opened safe-t-window again, revision 2"]


def test_a_cancelled_refund_closes_its_window() -> None:
    story = Story()
    story.tell("refund.issued", monday_9am, issued_by="amazon_cs", program="sfp")
    story.tell("refund.cancelled", tuesday_9am)
    assert story.news() == ["opened safe-t-window", "retracted safe-t-window opened: refund_cancelled"]
    assert story.forgotten() == []


# --- refused_return --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "owed"),
    [
        ("return.approved", {"approved_by": "auto_policy"}),
        ("return.approved", {"approved_by": "amazon_cs"}),
        ("return.approved", {"approved_by": "seller", "in_policy": True}),
        ("return.requested", {"in_policy": True}),
    ],
)
@pytest.mark.parametrize(("refusal", "says"), [("return.refused", {}), ("return.responded", {"response": "declined"})])
def test_refusing_a_return_that_has_to_be_accepted_is_a_violation(
    kind: str, owed: dict[str, Any], refusal: str, says: dict[str, Any]
) -> None:
    story = Story()
    story.tell(kind, monday_9am, program="sfp", **owed)
    story.tell(refusal, monday_noon, **says)
    assert story.news() == [f"violation refused_return {ORDER}/R-1"]
    violation = story.last("policy.violation")
    assert (violation["at"], violation["cause"], violation["order_id"]) == (text(monday_noon), "e2", ORDER)
    assert story.forgotten() == []


@pytest.mark.parametrize("says", [{}, {"in_policy": False}])
def test_refusing_any_other_return_is_none(says: dict[str, Any]) -> None:
    story = Story()
    story.tell("return.requested", monday_9am, program="sfp", **says)
    story.tell("return.approved", monday_9am, program="sfp", return_id="R-2", approved_by="auto_policy")
    story.tell("return.refused", monday_noon)
    story.tell("return.responded", monday_noon, return_id="R-2", response="offer")
    assert story.news() == []


def test_the_violation_is_told_once_even_if_an_earlier_refusal_comes_to_light() -> None:
    story = Story()
    story.tell("return.refused", tuesday_9am)
    story.tell("return.responded", tuesday_noon, response="declined")
    story.tell("return.approved", wednesday_9am, program="sfp", approved_by="auto_policy")
    assert story.news() == [f"violation refused_return {ORDER}/R-1"]
    assert story.last("policy.violation")["at"] == text(tuesday_9am)
    story.tell("return.refused", monday_9am, known=wednesday_noon)
    assert story.news() == []


# --- evidence --------------------------------------------------------------------------------------------------------


def test_evidence_deleted_before_180_days_is_a_violation_and_after_them_none() -> None:
    early, kept = Story(), Story()
    for story, gap in ((early, 180 * DAY - 1), (kept, 180 * DAY)):
        story.tell("evidence.stored", monday_9am)
        story.tell("evidence.deleted", monday_9am + gap)
    assert early.news() == ["violation evidence_deleted_early E-1"]
    assert early.last("policy.violation")["order_id"] == ORDER
    assert kept.news() == []
    assert early.forgotten(local(3, 2, year=2028)) == kept.forgotten(local(3, 2, year=2028)) == []


def test_a_deletion_that_is_known_first_counts_once_the_storing_is_known() -> None:
    story = Story()
    story.tell("evidence.deleted", monday_9am)
    assert story.news() == []
    story.tell("evidence.stored", monday_noon)
    assert story.news() == ["violation evidence_deleted_early E-1"]
    assert (story.last("policy.violation")["at"], story.last("policy.violation")["cause"]) == (text(monday_9am), "e2")
