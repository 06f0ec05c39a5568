"""Customer Service by Amazon (CSBA): its own answers, and what a switch moves to the seller (卖家需要自己提供客服)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.instants import (
    HOUR,
    MINUTE,
    monday_9am,
    monday_noon,
    text,
    tuesday_9am,
    tuesday_noon,
)
from tests.core.policy_texts import PLAIN
from tests.core.stories import Story

REPLY = "buyer-message-reply"
BY_CSBA: dict[str, Any] = {"from_role": "csba", "message_id": "S-9"}


def asked(instant: int = monday_9am, **says: Any) -> Story:
    """A buyer has written, and the message was routed to csba."""
    story = Story()
    story.tell("message.received", instant, routed_to="csba", **says)
    return story


def test_csba_answers_the_buyer_within_six_hours() -> None:
    story = asked()
    assert story.last("clock.opened")["due_at"] == text(monday_9am + 6 * HOUR)
    story.tell("message.sent", monday_9am + 6 * HOUR, **BY_CSBA)
    assert story.news() == [
        "opened csba-reply",
        "escalated csba-reply level 1",
        "escalated csba-reply level 2",
        "met csba-reply",
    ]
    levels = [event["at"] for event in story.events if event["type"] == "clock.escalated"]
    assert levels == [text(monday_9am + 4 * HOUR), text(monday_9am + 6 * HOUR - 30 * MINUTE)]
    assert story.forgotten() == []


def test_csba_does_not_answer_and_is_named_as_obliged() -> None:
    story = asked()
    story.until(tuesday_9am)
    assert story.news()[-1] == "breached csba-reply"
    assert story.last("clock.breached")["obligor"] == "csba"
    assert "consequences" not in story.last("clock.breached")


def test_switched_off_the_running_clock_is_superseded_and_the_sellers_begins_at_the_switch() -> None:
    story = asked()
    story.tell("program.changed", monday_noon)
    assert story.news() == ["opened csba-reply", f"opened {REPLY}", "superseded csba-reply by program"]
    opened = story.last("clock.opened")
    assert (opened["started_at"], opened["due_at"]) == (text(monday_noon), text(monday_noon + 24 * HOUR))
    assert opened["cause"] == "e2"
    superseded = story.last("clock.superseded")
    assert (superseded["at"], superseded["elapsed_ms"]) == (text(monday_noon), 3 * HOUR)
    story.tell("message.sent", tuesday_noon)
    assert story.news()[-1] == f"met {REPLY}"
    assert story.forgotten() == []


def test_switched_off_too_late_the_clock_is_closed_late_by_the_program() -> None:
    story = asked()
    story.tell("program.changed", tuesday_9am)
    assert story.news()[-3:] == ["breached csba-reply", f"opened {REPLY}", "closed_late csba-reply by program"]


def test_a_sellers_reply_between_message_and_switch_counts_though_it_interfered() -> None:
    story = asked()
    story.tell("program.changed", monday_noon, known=tuesday_9am)
    story.news()
    story.tell("message.sent", monday_9am + HOUR, known=tuesday_9am)
    assert story.news() == ["violation csba_interference T-1/S-1", f"met {REPLY}"]
    met = story.last("clock.met")
    assert (met["elapsed_ms"], met["stopped_before_start"]) == (0, True)


def test_csba_had_answered_before_the_switch_and_nothing_moves() -> None:
    story = asked()
    story.tell("message.sent", monday_noon, **BY_CSBA)
    story.tell("program.changed", monday_noon)
    assert story.news() == ["opened csba-reply", "met csba-reply"]


def test_an_answer_of_csba_at_the_very_instant_of_the_switch_that_is_known_after_it_takes_the_move_back() -> None:
    story = asked()
    story.tell("program.changed", monday_noon)
    story.news()
    story.tell("message.sent", monday_noon, **BY_CSBA)
    assert story.news() == [
        f"retracted {REPLY} opened: reassigned",
        "retracted csba-reply superseded: reassigned",
        "met csba-reply",
    ]


def test_an_answer_of_csba_after_the_switch_is_none() -> None:
    story = asked()
    story.tell("program.changed", monday_noon)
    story.news()
    story.tell("message.sent", monday_noon + 1, **BY_CSBA)
    assert story.news() == []


def test_a_switch_before_the_message_does_not_concern_it() -> None:
    story = Story()
    story.tell("program.changed", monday_9am - 1)
    story.tell("message.received", monday_9am, routed_to="csba")
    assert story.news() == ["opened csba-reply"]


def test_a_switch_at_the_very_instant_of_the_message_concerns_it() -> None:
    story = asked()
    story.tell("program.changed", monday_9am, known=monday_noon)
    assert story.news() == ["opened csba-reply", f"opened {REPLY}", "superseded csba-reply by program"]


def test_a_switch_touches_no_other_clock_of_the_thread() -> None:
    story = asked()
    story.tell("message.received", monday_9am + HOUR, from_role="amazon_cs", message_id="M-2")
    story.tell("message.received", monday_9am + HOUR, message_id="M-3")
    story.news()
    story.tell("program.changed", monday_noon)
    assert story.news() == [f"opened {REPLY}", "superseded csba-reply by program"]
    assert story.open_clocks() == 3


def test_of_several_questions_those_are_moved_that_were_asked_since_the_last_switch_and_not_answered() -> None:
    story = Story()
    before, answered, waiting, after = monday_9am, monday_9am + 2 * HOUR, monday_noon, monday_noon + 2 * HOUR
    for number, instant in enumerate((before, answered, waiting)):
        story.tell("message.received", instant, routed_to="csba", thread_id=f"T-{number}", message_id=f"M-{number}")
    story.tell("message.sent", answered + 1, known=waiting, **{**BY_CSBA, "thread_id": "T-1"})
    story.tell("program.changed", before + HOUR, known=waiting)
    story.tell("message.received", after, routed_to="csba", thread_id="T-3", message_id="M-3")
    story.news()
    story.tell("program.changed", waiting + HOUR, known=after)
    assert story.news() == [f"opened {REPLY}", "superseded csba-reply by program"]
    assert story.last("clock.superseded")["subject"] == "T-2/M-2"


def test_the_first_switch_at_or_after_the_message_counts() -> None:
    story = asked()
    story.tell("program.changed", monday_noon)
    story.news()
    story.tell("program.changed", monday_noon + HOUR)
    assert story.news() == []
    story.tell("program.changed", monday_noon - HOUR, known=monday_noon + HOUR)
    assert story.news() == [f"opened {REPLY} again, revision 2"]
    assert story.last("clock.opened")["started_at"] == text(monday_noon - HOUR)


@pytest.mark.parametrize("says", [{"active": True}, {"program": "sfp"}], ids=str)
def test_switched_on_or_another_program_nothing_moves(says: dict[str, Any]) -> None:
    story = asked()
    story.tell("program.changed", monday_noon, **says)
    assert story.news() == ["opened csba-reply"]


def test_an_fba_question_that_is_not_about_the_product_does_not_go_to_the_seller() -> None:
    story = asked(program="fba", topic="order")
    story.tell("program.changed", monday_noon)
    assert story.news() == ["opened csba-reply", "superseded csba-reply by program"]
    assert story.forgotten() == []


def test_a_repeated_switch_says_nothing_and_an_earlier_one_of_the_same_id_moves_it() -> None:
    story = asked()
    story.tell("program.changed", monday_noon, event_id="switch")
    story.news()
    story.tell("program.changed", monday_noon, event_id="switch")
    story.tell("program.changed", monday_noon + HOUR, event_id="switch")
    assert story.news() == []
    story.tell("program.changed", monday_noon - HOUR, known=monday_noon + HOUR, event_id="switch")
    assert story.news() == [f"opened {REPLY} again, revision 2"]
    story.tell("program.changed", monday_noon - 2 * HOUR, known=monday_noon + HOUR, event_id="switch", active=True)
    assert story.news() == [
        f"retracted {REPLY} opened: reassigned",
        "retracted csba-reply superseded: reassigned",
        "escalated csba-reply level 1 collapsed",
    ]
    assert story.open_clocks() == 1


def test_a_switch_concerns_its_account_alone() -> None:
    story = asked()
    story.tell("program.changed", monday_noon, seller_id="SELLER-2")
    assert story.news() == ["opened csba-reply"]


def test_a_message_that_turns_out_to_have_gone_to_csba_is_under_the_switch_too() -> None:
    story = Story()
    story.tell("program.changed", monday_noon)
    story.tell("message.received", tuesday_9am, event_id="b")
    assert story.news() == [f"opened {REPLY}"]
    story.tell("message.received", monday_9am, known=tuesday_9am, event_id="b", routed_to="csba")
    assert story.news() == [
        f"opened {REPLY} again, revision 2",
        f"escalated {REPLY} level 2 collapsed",
        "opened csba-reply",
        "superseded csba-reply by program",
    ]


# --- csba_interference -----------------------------------------------------------------------------------------------


def test_the_seller_writes_the_buyer_whose_question_went_to_csba() -> None:
    story = asked()
    story.tell("message.sent", monday_noon, order_id="111-0000009-0000009")
    assert story.news()[-1] == "violation csba_interference T-1/S-1"
    violation = story.last("policy.violation")
    assert (violation["at"], violation["order_id"]) == (text(monday_noon), "111-0000009-0000009")


@pytest.mark.parametrize("says", [{"auto_reply": True}, {"to_roles": ["csba"]}, {"from_role": "csba"}], ids=str)
def test_what_is_no_interference(says: dict[str, Any]) -> None:
    story = asked()
    story.tell("message.sent", monday_noon, **says)
    assert [word for word in story.news() if word.startswith("violation")] == []


def test_the_newest_message_of_the_buyer_not_after_it_decides() -> None:
    story = asked()
    story.tell("message.received", monday_noon, message_id="M-2")
    story.tell("message.sent", monday_noon + HOUR)
    story.tell("message.received", monday_noon + 2 * HOUR, message_id="M-3", routed_to="csba")
    assert [word for word in story.news() if word.startswith("violation")] == []
    story.tell("message.sent", monday_noon - 1, known=monday_noon + 3 * HOUR, message_id="S-2")
    violations = [word for word in story.news() if word.startswith("violation")]
    assert violations == ["violation csba_interference T-1/S-2"]


def test_a_message_before_any_of_the_buyers_interferes_with_nothing() -> None:
    story = asked()
    story.tell("message.sent", monday_9am - 1, known=monday_9am)
    assert [word for word in story.news() if word.startswith("violation")] == []


@pytest.mark.parametrize("switch", [monday_9am, monday_noon])
def test_switched_off_between_the_two_it_is_no_violation_both_instants_included(switch: int) -> None:
    story = asked()
    story.tell("program.changed", switch, known=monday_noon)
    story.tell("message.sent", monday_noon)
    assert [word for word in story.news() if word.startswith("violation")] == []


@pytest.mark.parametrize("switch", [monday_9am - 1, monday_noon + 1])
def test_switched_off_a_moment_outside_the_two_it_is_one(switch: int) -> None:
    story = asked()
    story.tell("program.changed", switch, known=monday_noon + 1)
    story.tell("message.sent", monday_noon, known=monday_noon + 1)
    violations = [word for word in story.news() if word.startswith("violation")]
    assert violations == ["violation csba_interference T-1/S-1"]


def test_the_interference_is_told_once_and_never_taken_back() -> None:
    story = asked()
    story.tell("message.sent", monday_noon)
    story.news()
    story.tell("program.changed", monday_noon)
    story.tell("message.sent", monday_noon + HOUR, message_id="S-2")
    assert [word for word in story.news() if "csba_interference" in word] == []


def test_a_question_that_a_switch_does_not_touch_and_no_rule_times_stays_untold() -> None:
    before, _, rest = PLAIN.partition("[[rules.csba-reply]]")
    story = Story(before + rest[rest.index("[[rules.") :])
    story.tell("message.received", monday_9am, routed_to="csba")
    story.tell("message.sent", monday_9am + HOUR, **BY_CSBA)
    story.tell("message.received", monday_9am + 2 * HOUR, routed_to="csba", message_id="M-2")
    story.tell("program.changed", monday_noon)
    assert story.news() == [f"opened {REPLY}"]
    assert story.last("clock.opened")["subject"].endswith("/M-2")
