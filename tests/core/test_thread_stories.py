"""Threads: who owes whom an answer (BSM, SFP 2, CSBA), and what is no answer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.instants import (
    HOUR,
    MINUTE,
    friday_9am,
    local,
    monday_9am,
    monday_noon,
    saturday_9am,
    text,
    thursday_midnight,
    tuesday_9am,
    tuesday_noon,
    wednesday_9am,
)
from tests.core.stories import ORDER, Story

REPLY = "buyer-message-reply"


# --- buyer-message-reply ---------------------------------------------------------------------------------------------


def test_a_buyers_message_asks_for_an_answer_within_24_hours_weekend_or_not() -> None:
    story = Story()
    story.tell("message.received", saturday_9am, order_id=ORDER)
    opened = story.last("clock.opened")
    assert opened["due_at"] == text(saturday_9am + 24 * HOUR)
    assert opened["order_id"] == ORDER
    assert "calendar" not in opened
    story.tell("message.sent", saturday_9am + 24 * HOUR)
    assert story.news() == [
        f"opened {REPLY}",
        f"escalated {REPLY} level 1",
        f"escalated {REPLY} level 2",
        f"met {REPLY}",
    ]
    assert story.last("clock.met")["elapsed_ms"] == 24 * HOUR
    assert story.forgotten() == []


def test_vacation_changes_nothing() -> None:
    story = Story()
    story.tell("seller.vacation_set", monday_9am)
    story.tell("message.received", monday_9am)
    story.until(tuesday_9am + 1)
    assert story.news()[-1] == f"breached {REPLY}"
    assert story.forgotten() == [f"expired {REPLY}"]


def test_one_reply_stops_every_open_message_that_it_covers() -> None:
    story = Story()
    story.tell("message.received", monday_9am)
    story.tell("message.received", monday_noon, message_id="M-2")
    story.tell("message.received", tuesday_noon, message_id="M-3", event_id="z")
    story.tell("message.sent", monday_noon, known=tuesday_noon)
    assert [event["subject"] for event in story.events if event["type"] == "clock.met"] == ["T-1/M-1", "T-1/M-2"]


@pytest.mark.parametrize(
    "no_answer",
    [
        {"auto_reply": True},
        {"from_role": "csba"},
        {"to_roles": ["amazon_cs", "csba"]},
        {"to_roles": []},
        {"thread_id": "T-2"},
    ],
    ids=str,
)
def test_what_is_no_answer_to_the_buyer(no_answer: dict[str, Any]) -> None:
    story = Story()
    story.tell("message.received", monday_9am)
    story.tell("message.sent", monday_noon, **no_answer)
    assert story.news() == [f"opened {REPLY}"]


def test_a_message_sent_before_the_buyers_is_no_answer_to_it() -> None:
    story = Story()
    story.tell("message.sent", monday_9am - 1)
    story.tell("message.received", monday_9am)
    assert story.news() == [f"opened {REPLY}"]
    story.tell("message.sent", monday_9am, known=monday_noon, message_id="S-2")
    assert story.news() == [f"met {REPLY}"]


@pytest.mark.parametrize(
    ("says", "is_owed"),
    [
        ({"program": "fba"}, False),
        ({"program": "fba", "topic": "refund"}, False),
        ({"program": "fba", "topic": "product"}, True),
        ({"program": "sfp", "topic": "delivery"}, True),
    ],
    ids=str,
)
def test_fba_buyers_ask_the_seller_only_about_the_product(says: dict[str, Any], is_owed: bool) -> None:
    story = Story()
    story.tell("message.received", monday_9am, **says)
    assert story.news() == ([f"opened {REPLY}"] if is_owed else [])


# --- no response needed ----------------------------------------------------------------------------------------------


def test_marked_before_due_the_message_is_exempt() -> None:
    story = Story()
    story.tell("message.received", monday_9am)
    story.tell("message.marked", monday_noon)
    assert story.news() == [f"opened {REPLY}", f"exempt {REPLY} no_response_needed"]
    assert story.last("clock.exempt")["at"] == text(monday_noon)
    assert story.forgotten() == []


def test_marked_after_the_breach_it_is_exempt_whenever_it_was_marked() -> None:
    story = Story()
    story.tell("message.received", monday_9am)
    story.tell("message.marked", wednesday_9am)
    assert story.news()[-3:] == [
        f"breached {REPLY}",
        f"retracted {REPLY} breached: no_response_needed",
        f"exempt {REPLY} no_response_needed",
    ]


def test_marked_before_the_message_is_known_it_begins_exempt() -> None:
    story = Story()
    story.tell("message.marked", monday_noon)
    story.tell("message.received", monday_9am, known=tuesday_9am)
    assert story.news() == [f"opened {REPLY}", f"exempt {REPLY} no_response_needed"]


def test_unmarked_it_runs_on_and_the_newest_of_marks_counts() -> None:
    story = Story()
    story.tell("message.received", monday_9am)
    story.tell("message.marked", monday_noon)
    story.tell("message.unmarked", monday_noon + HOUR)
    assert story.news()[-1] == f"retracted {REPLY} exempt: unmarked"
    story.tell("message.marked", monday_noon + 30 * MINUTE, known=monday_noon + 2 * HOUR)
    assert story.news() == []
    story.tell("message.marked", monday_noon + 2 * HOUR)
    assert story.news() == [f"exempt {REPLY} no_response_needed"]


def test_unmarked_after_the_answer_it_is_met() -> None:
    story = Story()
    story.tell("message.received", monday_9am)
    story.tell("message.marked", monday_noon)
    story.tell("message.sent", monday_noon + HOUR)
    assert story.news() == [f"opened {REPLY}", f"exempt {REPLY} no_response_needed"]
    story.tell("message.unmarked", monday_noon + 2 * HOUR)
    assert story.news() == [f"retracted {REPLY} exempt: unmarked", f"met {REPLY}"]


# --- cs-contact-reply ------------------------------------------------------------------------------------------------


def test_customer_service_is_answered_with_the_buyer_in_two_business_days() -> None:
    story = Story()
    story.tell("message.received", monday_9am, from_role="amazon_cs")
    assert story.last("clock.opened")["due_at"] == text(thursday_midnight)
    story.tell("message.sent", tuesday_noon, to_roles=["buyer", "amazon_cs"])
    assert story.news() == ["opened cs-contact-reply", "met cs-contact-reply"]
    assert story.forgotten() == []


def test_customer_service_left_without_an_answer() -> None:
    story = Story()
    story.tell("message.received", monday_9am, from_role="amazon_cs")
    story.until(thursday_midnight)
    assert story.news()[-1] == "breached cs-contact-reply"
    assert story.last("clock.breached")["consequences"] == ["performance_risk"]


# --- csba-inquiry-reply, csba-answer ---------------------------------------------------------------------------------


def test_an_inquiry_of_csba_is_answered_within_24_hours_holidays_included() -> None:
    christmas = local(12, 25, 9)
    story = Story()
    story.tell("message.received", christmas, from_role="csba")
    assert story.last("clock.opened")["due_at"] == text(christmas + 24 * HOUR)
    story.tell("message.sent", christmas + HOUR, to_roles=["buyer"])
    assert story.news() == ["opened csba-inquiry-reply"]
    story.tell("message.sent", christmas + 2 * HOUR, to_roles=["csba"], message_id="S-2")
    assert story.news() == ["met csba-inquiry-reply"]


def test_an_inquiry_of_csba_left_unanswered() -> None:
    story = Story()
    story.tell("message.received", monday_9am, from_role="csba")
    story.until(tuesday_noon)
    assert story.news()[-1] == "breached csba-inquiry-reply"
    assert story.last("clock.breached")["consequences"] == ["csba_may_stop"]


def test_the_sellers_own_question_waits_48_hours_for_csba() -> None:
    story = Story()
    story.tell("message.sent", monday_9am, to_roles=["csba"], order_id=ORDER)
    opened = story.last("clock.opened")
    assert (opened["due_at"], opened["subject"], opened["order_id"]) == (text(wednesday_9am), "T-1/S-1", ORDER)
    story.tell("message.received", wednesday_9am, from_role="csba")
    assert story.news() == ["opened csba-answer", "met csba-answer"]
    assert story.forgotten() == []


def test_csba_lets_the_question_lie_and_the_seller_is_reminded() -> None:
    story = Story()
    story.tell("message.sent", monday_9am, to_roles=["csba"])
    story.until(wednesday_9am + 1)
    assert story.news() == ["opened csba-answer", "reminder_due csba-answer"]
    reminder = story.last("clock.reminder_due")
    assert reminder["obligor"] == "csba"
    assert "consequences" not in reminder
    story.tell("message.received", friday_9am, from_role="csba")
    assert story.news() == ["closed_late csba-answer by csba"]
    assert story.forgotten() == []


@pytest.mark.parametrize(
    "first",
    [{"auto_reply": True}, {"from_role": "csba"}, {"to_roles": ["buyer"]}],
    ids=str,
)
def test_a_first_message_that_asks_csba_nothing_opens_no_clock(first: dict[str, Any]) -> None:
    story = Story()
    story.tell("message.sent", monday_9am, **{"to_roles": ["csba"], **first})
    assert story.news() == []
    story.tell("message.received", monday_noon, from_role="csba")
    assert story.news() == ["opened csba-inquiry-reply"]


def test_a_question_to_csba_marked_as_needing_no_response_is_exempt() -> None:
    story = Story()
    story.tell("message.sent", monday_9am, to_roles=["csba"])
    story.tell("message.marked", monday_noon, message_id="S-1")
    assert story.news() == ["opened csba-answer", "exempt csba-answer no_response_needed"]


def test_an_older_message_that_comes_late_shows_that_the_question_was_not_the_first() -> None:
    story = Story()
    story.tell("message.sent", monday_noon, to_roles=["csba"])
    story.tell("message.received", monday_9am, known=tuesday_9am, from_role="csba")
    assert story.news() == [
        "opened csba-answer",
        "retracted csba-answer opened: reassigned",
        "opened csba-inquiry-reply",
        "met csba-inquiry-reply",
    ]
