"""Return requests, claims, SAFE-T windows, evidence: what an order calls for besides a refund (PLAN, SFP 3, 11, 14)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.instants import (
    DAY,
    HOUR,
    local,
    monday_9am,
    monday_noon,
    text,
    thursday_9am,
    tuesday_9am,
    tuesday_noon,
    wednesday_9am,
    wednesday_noon,
)
from tests.core.stories import ORDER, Story

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
    story.tell("refund.issued", monday_noon, return_id="R-1", issued_by="amazon_auto")
    story.tell("return.responded", monday_noon, return_id="R-2")
    story.tell("return.responded", monday_noon)
    assert story.news() == [
        "opened return-response",
        "exempt return-response return_cancelled",
        "retracted return-response exempt: late_arrival",
        "superseded return-response by amazon_auto",
        "retracted return-response superseded: reassigned",
        "met return-response",
    ]


@pytest.mark.parametrize("program", ["sfp", "fba", "csba_jp"])
def test_a_request_of_another_program_opens_no_clock(program: str) -> None:
    story = Story()
    story.tell("return.requested", monday_9am, program=program)
    assert story.news() == []
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
