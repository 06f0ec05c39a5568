"""Replies: one to all who have to be answered, or one to each; and replies that never reached anybody (rules.md)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.instants import (
    HOUR,
    friday_9am,
    monday_3pm,
    monday_9am,
    monday_noon,
    text,
    thursday_9am,
    thursday_midnight,
    tuesday_9am,
    tuesday_noon,
    wednesday_9am,
    wednesday_noon,
)
from tests.core.stories import ORDER, Story

REPLY, CONTACT = "buyer-message-reply", "cs-contact-reply"
REMINDED = [f"escalated {CONTACT} level 1", f"escalated {CONTACT} level 2"]
TO_CS: dict[str, Any] = {"to_roles": ["amazon_cs"]}
TO_BOTH: dict[str, Any] = {"to_roles": ["csba", "buyer", "amazon_cs"], "message_id": "S-3"}


def contacted(instant: int = monday_9am, **says: Any) -> Story:
    """Amazon's customer service has written: it and the buyer wait for an answer until Wednesday ends."""
    story = Story()
    story.tell("message.received", instant, from_role="amazon_cs", **says)
    assert story.news() == [f"opened {CONTACT}"]
    return story


# --- one to each -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["amazon_cs", "buyer"])
def test_one_reply_to_each_answers_both_and_the_later_of_the_two_is_the_stop(first: str) -> None:
    then = {"amazon_cs": "buyer", "buyer": "amazon_cs"}[first]
    story = contacted()
    story.tell("message.sent", monday_noon, to_roles=[first])
    assert story.news() == []
    story.tell("message.sent", tuesday_noon, to_roles=[then], message_id="S-2")
    assert story.news() == [f"met {CONTACT}"]
    met = story.last("clock.met")
    assert (met["at"], met["elapsed_ms"]) == (text(tuesday_noon), tuesday_noon - monday_9am)
    assert story.forgotten() == []


def test_one_of_them_left_without_an_answer_breaches_the_clock() -> None:
    story = contacted()
    story.tell("message.sent", monday_noon)
    story.until(thursday_midnight)
    assert story.news() == [*REMINDED, f"breached {CONTACT}"]


def test_the_second_reply_after_due_closes_the_clock_late_though_the_first_was_in_time() -> None:
    story = contacted()
    story.tell("message.sent", monday_noon)
    story.tell("message.sent", friday_9am, message_id="S-2", **TO_CS)
    assert story.news() == [*REMINDED, f"breached {CONTACT}", f"closed_late {CONTACT} by seller"]
    assert story.last("clock.closed_late")["late_by_ms"] == friday_9am - thursday_midnight


def test_the_second_reply_at_the_midnight_itself_is_late() -> None:
    story = contacted()
    story.tell("message.sent", monday_noon)
    story.tell("message.sent", thursday_midnight, message_id="S-2", **TO_CS)
    assert story.news()[-1] == f"closed_late {CONTACT} by seller"


def test_a_second_reply_known_after_the_breach_takes_it_back() -> None:
    story = contacted()
    story.tell("message.sent", monday_noon, **TO_CS)
    story.until(thursday_9am)
    story.news()
    story.tell("message.sent", tuesday_9am, known=friday_9am, message_id="S-2")
    assert story.news() == [f"retracted {CONTACT} breached: late_arrival", f"met {CONTACT}"]
    assert story.last("clock.met")["at"] == text(tuesday_9am)


def test_of_several_replies_to_one_the_earliest_counts() -> None:
    story = contacted()
    story.tell("message.sent", wednesday_noon, **TO_CS)
    story.tell("message.sent", monday_noon, known=wednesday_noon, message_id="S-2", **TO_CS)
    story.news()
    story.tell("message.sent", tuesday_9am, known=wednesday_noon, message_id="S-4")
    assert story.last("clock.met")["at"] == text(tuesday_9am)


def test_one_to_both_after_one_to_each_changes_nothing_and_neither_does_one_before_them() -> None:
    story = contacted()
    story.tell("message.sent", monday_3pm, **TO_CS)
    story.tell("message.sent", tuesday_9am, message_id="S-2")
    story.news()
    story.tell("message.sent", tuesday_noon, **TO_BOTH)
    story.tell("message.sent", monday_noon, known=tuesday_noon, **{**TO_BOTH, "message_id": "S-4"})
    assert story.news() == []


def test_a_reply_before_the_message_is_not_one_of_the_two_but_one_at_its_very_instant_is() -> None:
    story = Story()
    story.tell("message.sent", monday_9am - 1)
    story.tell("message.received", monday_9am, from_role="amazon_cs")
    story.tell("message.sent", monday_noon, message_id="S-2", **TO_CS)
    assert story.news() == [f"opened {CONTACT}"]
    story.tell("message.sent", monday_9am, known=monday_noon, message_id="S-3")
    assert story.news() == [f"met {CONTACT}"]


@pytest.mark.parametrize("no_reply", [{"auto_reply": True}, {"from_role": "csba"}, {"thread_id": "T-2"}], ids=str)
def test_what_is_no_reply_is_none_of_the_two_either(no_reply: dict[str, Any]) -> None:
    story = contacted()
    story.tell("message.sent", monday_noon, **no_reply)
    story.tell("message.sent", tuesday_9am, message_id="S-2", **TO_CS)
    assert story.news() == []


def test_one_reply_to_each_stops_every_open_message_that_both_of_them_cover() -> None:
    story = contacted()
    story.tell("message.sent", monday_9am + HOUR)
    story.tell("message.received", monday_noon, from_role="amazon_cs", message_id="M-2")
    story.tell("message.sent", monday_3pm, message_id="S-2", **TO_CS)
    assert story.news() == [f"opened {CONTACT}", f"met {CONTACT}"]
    assert story.last("clock.met")["subject"] == "T-1/M-1"
    story.tell("message.sent", tuesday_9am, message_id="S-3")
    assert story.news() == [f"met {CONTACT}"]
    assert story.last("clock.met")["subject"] == "T-1/M-2"


# --- undelivered -----------------------------------------------------------------------------------------------------


def test_a_reply_that_never_reached_the_buyer_is_none_and_the_next_one_counts() -> None:
    story = Story()
    story.tell("message.received", monday_9am)
    story.tell("message.sent", monday_noon)
    story.tell("message.undelivered", monday_3pm)
    assert story.news() == [f"opened {REPLY}", f"met {REPLY}", f"retracted {REPLY} met: message_undelivered"]
    assert story.last("clock.retracted")["at"] == text(monday_3pm)
    story.tell("message.sent", tuesday_9am, message_id="S-2")
    assert story.news()[-1] == f"met {REPLY}"
    assert story.forgotten() == []


def test_known_after_due_to_be_undelivered_the_clock_is_breached() -> None:
    story = Story()
    story.tell("message.received", monday_9am)
    story.tell("message.sent", monday_noon)
    story.news()
    story.tell("message.undelivered", monday_noon + HOUR, known=wednesday_9am)
    assert story.news() == [f"retracted {REPLY} met: message_undelivered", f"breached {REPLY}"]


def test_known_to_be_undelivered_before_it_is_known_a_reply_never_counts() -> None:
    story = Story()
    story.tell("message.received", monday_9am)
    story.tell("message.undelivered", monday_noon + 1, known=monday_3pm)
    story.tell("message.sent", monday_noon, known=monday_3pm)
    assert story.news() == [f"opened {REPLY}"]


def test_undelivered_by_an_instant_before_its_own_it_is_out_of_the_facts_all_the_same() -> None:
    story = Story()
    story.tell("message.undelivered", monday_9am)
    story.tell("message.received", monday_9am)
    story.tell("message.sent", monday_noon)
    assert story.news() == [f"opened {REPLY}"]


def test_where_another_reply_was_in_time_too_an_undelivered_one_is_not_missed() -> None:
    story = Story()
    story.tell("message.received", monday_9am)
    story.tell("message.sent", monday_noon)
    story.tell("message.sent", monday_3pm, message_id="S-2")
    story.news()
    story.tell("message.undelivered", tuesday_9am)
    assert story.news() == []


def test_where_the_next_reply_was_late_the_clock_is_closed_late_by_it() -> None:
    story = Story()
    story.tell("message.received", monday_9am)
    story.tell("message.sent", monday_noon)
    story.tell("message.sent", tuesday_noon, message_id="S-2")
    story.news()
    story.tell("message.undelivered", tuesday_noon)
    assert story.news() == [
        f"retracted {REPLY} met: message_undelivered",
        f"breached {REPLY}",
        f"closed_late {REPLY} by seller",
    ]


def test_one_of_two_replies_to_each_undelivered_leaves_the_clock_open() -> None:
    story = contacted()
    story.tell("message.sent", monday_noon, **TO_CS)
    story.tell("message.sent", monday_3pm, message_id="S-2")
    story.tell("message.undelivered", tuesday_9am, message_id="S-2")
    assert story.news() == [f"met {CONTACT}", f"retracted {CONTACT} met: message_undelivered"]


@pytest.mark.parametrize("other", [{"message_id": "S-2"}, {"thread_id": "T-2"}, {"message_id": "M-1"}], ids=str)
def test_another_message_or_thread_is_none_of_its_business(other: dict[str, Any]) -> None:
    story = Story()
    story.tell("message.received", monday_9am)
    story.tell("message.sent", monday_noon)
    story.news()
    story.tell("message.undelivered", monday_3pm, **other)
    assert story.news() == []


def test_told_twice_that_it_was_undelivered_says_nothing_more() -> None:
    story = Story()
    story.tell("message.received", monday_9am)
    story.tell("message.sent", monday_noon)
    story.tell("message.undelivered", monday_3pm)
    story.news()
    story.tell("message.undelivered", monday_3pm + HOUR)
    story.tell("message.undelivered", monday_noon, known=monday_3pm + HOUR)
    assert story.news() == []
    assert story.open_clocks() == 1


# --- undelivered to and from csba ------------------------------------------------------------------------------------


def test_a_question_to_csba_that_never_arrived_waits_for_no_answer() -> None:
    story = Story()
    story.tell("message.sent", monday_9am, to_roles=["csba"], order_id=ORDER)
    story.tell("message.undelivered", monday_noon)
    assert story.news() == ["opened csba-answer", "retracted csba-answer opened: message_undelivered"]
    assert story.forgotten() == []


def test_where_the_first_message_never_arrived_the_next_is_the_first() -> None:
    story = Story()
    story.tell("message.sent", monday_9am, to_roles=["csba"])
    story.tell("message.sent", monday_noon, to_roles=["csba"], message_id="S-2")
    assert story.news() == ["opened csba-answer"]
    story.tell("message.undelivered", monday_3pm)
    assert story.news() == ["retracted csba-answer opened: message_undelivered", "opened csba-answer"]
    assert (story.last("clock.opened")["subject"], story.last("clock.opened")["revision"]) == ("T-1/S-2", 1)


def test_where_the_sellers_question_never_arrived_csbas_message_is_an_inquiry() -> None:
    story = Story()
    story.tell("message.sent", monday_9am, to_roles=["csba"])
    story.tell("message.received", monday_noon, from_role="csba")
    assert story.news() == ["opened csba-answer", "met csba-answer"]
    story.tell("message.undelivered", monday_3pm)
    assert story.news() == [
        "retracted csba-answer met: message_undelivered",
        "retracted csba-answer opened: message_undelivered",
        "opened csba-inquiry-reply",
    ]


def test_csbas_own_answer_may_be_undelivered_as_well() -> None:
    story = Story()
    story.tell("message.received", monday_9am, routed_to="csba")
    story.tell("message.sent", monday_noon, from_role="csba")
    story.tell("message.undelivered", monday_noon + 1)
    assert story.news() == ["opened csba-reply", "met csba-reply", "retracted csba-reply met: message_undelivered"]


def test_csba_had_answered_before_the_switch_but_its_answer_never_arrived_so_the_seller_has_to() -> None:
    story = Story()
    story.tell("message.received", monday_9am, routed_to="csba")
    story.tell("message.sent", monday_noon, from_role="csba")
    story.tell("program.changed", monday_noon + HOUR)
    assert story.news() == ["opened csba-reply", "met csba-reply"]
    story.tell("message.undelivered", monday_noon + 2 * HOUR)
    assert story.news() == [
        f"opened {REPLY}",
        "retracted csba-reply met: message_undelivered",
        "superseded csba-reply by program",
    ]
    assert story.last("clock.opened")["started_at"] == text(monday_noon + HOUR)


def test_a_switch_after_csbas_answer_turned_out_undelivered_moves_the_duty() -> None:
    story = Story()
    story.tell("message.received", monday_9am, routed_to="csba")
    story.tell("message.sent", monday_noon, from_role="csba")
    story.tell("message.undelivered", monday_noon + HOUR)
    story.news()
    story.tell("program.changed", monday_noon + 2 * HOUR)
    assert story.news()[-2:] == [f"opened {REPLY}", "superseded csba-reply by program"]


def test_what_never_reached_the_buyer_interferes_with_nothing() -> None:
    story = Story()
    story.tell("message.received", monday_9am, routed_to="csba")
    story.tell("message.undelivered", monday_noon)
    story.tell("message.sent", monday_noon)
    assert story.news() == ["opened csba-reply"]
    story.tell("message.sent", monday_noon, message_id="S-2")
    assert story.news() == ["violation csba_interference T-1/S-2"]


def test_an_interference_once_told_is_not_taken_back() -> None:
    story = Story()
    story.tell("message.received", monday_9am, routed_to="csba")
    story.tell("message.sent", monday_noon)
    assert story.news()[-1] == "violation csba_interference T-1/S-1"
    story.tell("message.undelivered", monday_noon + 1)
    assert story.news() == []
