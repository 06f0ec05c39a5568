"""Claims and chargebacks: the evidence, the answer and the appeal that they leave the seller to (PLAN, Amazon help)."""

from __future__ import annotations

import pytest

from tests.core.instants import (
    DAY,
    HOUR,
    friday_9am,
    local,
    monday_9am,
    monday_noon,
    next_monday_9am,
    text,
    thursday_9am,
    tuesday_9am,
    tuesday_noon,
)
from tests.core.stories import JP, ORDER, US, Event, Story

APPEAL_ENDS = local(4, 2)
"""The midnight that ends the thirtieth day after Monday."""
ANSWER_ENDS = local(3, 10)
"""The midnight that ends the seventh day after Monday; on the sixth the clocks were set forward."""


def escalations(story: Story) -> list[Event]:
    return [event for event in story.events if event["type"] == "clock.escalated"]


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


# --- a-to-z-appeal ---------------------------------------------------------------------------------------------------


def granted() -> Story:
    """A claim was decided against the seller on Monday."""
    story = Story()
    story.tell("claim.decided", monday_9am, outcome="granted")
    assert story.news() == ["opened a-to-z-appeal"]
    return story


def test_the_right_to_an_appeal_lapses_after_thirty_calendar_days() -> None:
    story = granted()
    assert story.last("clock.opened")["due_at"] == text(APPEAL_ENDS)
    assert story.last("clock.opened")["subject"] == f"{ORDER}/CL-1"
    story.until(APPEAL_ENDS)
    assert story.news() == [
        "escalated a-to-z-appeal level 1",
        "escalated a-to-z-appeal level 2",
        "lapsed a-to-z-appeal",
    ]
    assert [event["at"] for event in escalations(story)] == [
        text(APPEAL_ENDS - 7 * DAY),
        text(APPEAL_ENDS - 72 * HOUR),
    ]
    lapsed = story.last("clock.lapsed")
    assert lapsed["obligor"] == "seller"
    assert "consequences" not in lapsed
    assert story.forgotten() == []


def test_an_appeal_in_time_meets_the_clock_and_one_at_the_midnight_itself_is_late() -> None:
    in_time, late = granted(), granted()
    in_time.tell("claim.appealed", APPEAL_ENDS - 1)
    late.tell("claim.appealed", APPEAL_ENDS)
    assert in_time.news()[-1] == "met a-to-z-appeal"
    assert late.news()[-2:] == ["lapsed a-to-z-appeal", "closed_late a-to-z-appeal by seller"]
    assert in_time.forgotten() == late.forgotten() == []


def test_an_appeal_known_to_precede_the_decision_stops_it_before_it_started() -> None:
    story = Story()
    story.tell("claim.appealed", monday_9am)
    story.tell("claim.decided", monday_noon, outcome="granted")
    assert story.news() == ["opened a-to-z-appeal", "met a-to-z-appeal"]
    assert story.last("clock.met")["stopped_before_start"] is True


def test_the_appeal_of_another_claim_is_none_of_this_one() -> None:
    story = granted()
    story.tell("claim.appealed", monday_noon, claim_id="CL-2")
    assert story.news() == []


def test_a_claim_decided_for_the_seller_leaves_nothing_to_appeal() -> None:
    story = Story()
    story.tell("claim.decided", monday_9am, outcome="denied")
    story.tell("claim.appealed", monday_noon)
    assert story.news() == []
    assert story.forgotten() == []


def test_the_decision_asks_for_no_more_evidence_and_begins_the_appeal() -> None:
    story = Story()
    story.tell("claim.opened", monday_9am)
    story.tell("claim.decided", monday_noon, outcome="granted")
    assert story.news() == [
        "opened a-to-z-evidence",
        "opened a-to-z-appeal",
        "exempt a-to-z-evidence claim_closed",
    ]
    story.tell("claim.appealed", tuesday_9am)
    assert story.news() == ["met a-to-z-appeal"]


def test_neither_evidence_nor_withdrawal_ends_the_appeal() -> None:
    story = granted()
    story.tell("claim.evidence_submitted", monday_noon)
    story.tell("claim.withdrawn", monday_noon)
    assert story.news() == []


def test_of_two_decisions_of_one_claim_the_earlier_counts_and_may_take_the_clock_away() -> None:
    story = granted()
    story.tell("claim.decided", monday_9am - 1, known=monday_noon, outcome="denied")
    assert story.news() == ["retracted a-to-z-appeal opened: reassigned"]
    story.tell("claim.decided", monday_9am - 2, known=monday_noon, outcome="granted")
    assert story.news() == ["opened a-to-z-appeal again, revision 2"]


# --- chargeback-answer -----------------------------------------------------------------------------------------------


def charged_back() -> Story:
    story = Story()
    story.tell("chargeback.opened", monday_9am)
    assert story.news() == ["opened chargeback-answer"]
    return story


def test_a_chargeback_without_an_answer_is_breached_after_seven_calendar_days() -> None:
    story = charged_back()
    opened = story.last("clock.opened")
    assert (opened["due_at"], opened["subject"], opened["order_id"]) == (text(ANSWER_ENDS), f"{ORDER}/CB-1", ORDER)
    story.until(ANSWER_ENDS)
    assert story.news() == [
        "escalated chargeback-answer level 1",
        "escalated chargeback-answer level 2",
        "breached chargeback-answer",
    ]
    assert [event["at"] for event in escalations(story)] == [
        text(ANSWER_ENDS - 72 * HOUR),
        text(ANSWER_ENDS - 24 * HOUR),
    ]
    breached = story.last("clock.breached")
    assert (breached["obligor"], breached["consequences"]) == ("seller", ["chargeback_likely_lost", "odr"])
    assert story.forgotten() == ["expired chargeback-answer"]


def test_an_answer_in_time_meets_the_clock_and_one_at_the_midnight_itself_is_late() -> None:
    in_time, late = charged_back(), charged_back()
    in_time.tell("chargeback.answered", ANSWER_ENDS - 1)
    late.tell("chargeback.answered", ANSWER_ENDS)
    assert in_time.news()[-1] == "met chargeback-answer"
    assert late.news()[-2:] == ["breached chargeback-answer", "closed_late chargeback-answer by seller"]
    assert in_time.forgotten() == late.forgotten() == []


def test_a_chargeback_that_is_decided_asks_for_no_answer() -> None:
    story = charged_back()
    story.tell("chargeback.decided", tuesday_9am)
    assert story.news() == ["exempt chargeback-answer chargeback_closed"]
    assert story.last("clock.exempt")["at"] == text(tuesday_9am)
    assert story.forgotten() == []


def test_decided_after_due_it_is_closed_late_by_amazon() -> None:
    story = charged_back()
    story.tell("chargeback.decided", ANSWER_ENDS)
    assert story.news()[-1] == "closed_late chargeback-answer by amazon_cs"


def test_answered_and_decided_at_one_instant_it_is_met() -> None:
    story = charged_back()
    story.tell("chargeback.decided", tuesday_9am)
    story.tell("chargeback.answered", tuesday_9am)
    assert story.news()[1:] == ["retracted chargeback-answer exempt: late_arrival", "met chargeback-answer"]


def test_decided_before_it_is_known_to_have_been_opened_it_begins_exempt() -> None:
    story = Story()
    story.tell("chargeback.decided", monday_9am)
    story.tell("chargeback.opened", monday_noon)
    assert story.news() == ["opened chargeback-answer", "exempt chargeback-answer chargeback_closed"]


@pytest.mark.parametrize("type_", ["chargeback.answered", "chargeback.decided"])
def test_another_chargeback_is_none_of_its_business(type_: str) -> None:
    story = charged_back()
    story.tell(type_, monday_noon, chargeback_id="CB-2")
    assert story.news() == []


def test_an_earlier_opening_moves_the_start() -> None:
    story = Story()
    story.tell("chargeback.opened", next_monday_9am)
    story.tell("chargeback.opened", monday_9am, known=next_monday_9am)
    assert story.news() == [
        "opened chargeback-answer",
        "opened chargeback-answer again, revision 2",
        "escalated chargeback-answer level 2 collapsed",
    ]


@pytest.mark.parametrize("marketplace", [US, JP])
def test_both_rules_hold_in_every_marketplace(marketplace: str) -> None:
    story = Story(marketplace=marketplace)
    story.tell("chargeback.opened", monday_9am)
    story.tell("claim.decided", monday_9am, outcome="granted")
    assert story.news() == ["opened chargeback-answer", "opened a-to-z-appeal"]
