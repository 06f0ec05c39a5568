"""What has no room any more (contract §2, matter_full): a matter, an account's programs, the cases on a subject."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from streams.matters import FULL
from tests.core.instants import DAY, HOUR, MINUTE, SECOND, monday_9am, text, tuesday_9am, wednesday_9am
from tests.core.policy_texts import policies
from tests.core.stories import ORDER, OTHER_ORDER, Story

FBA: dict[str, Any] = {"program": "fba"}
"""Messages that open no clock."""


def a_return(story: Story, number: int) -> None:
    story.tell("return.cancelled", monday_9am + number * SECOND, return_id=f"R-{number}", event_id=f"f{number}")


def a_message(story: Story, number: int) -> None:
    at = monday_9am + number * SECOND
    story.tell("message.received", at, message_id=f"M-{number}", event_id=f"f{number}", **FBA)


def an_activity(story: Story, number: int) -> None:
    story.tell("case.activity", monday_9am + number * SECOND, event_id=f"f{number}")


def a_switch(story: Story, number: int) -> None:
    story.tell("program.changed", monday_9am + number * SECOND, active=number % 2 == 0, event_id=f"f{number}")


def a_case(story: Story, number: int) -> None:
    story.tell("case.opened", monday_9am + number * SECOND, case_id=f"C-{number}", event_id=f"f{number}")


Teller = Callable[[Story, int], None]
CROWDS: dict[str, tuple[Teller, str]] = {
    "an order": (a_return, "order_id"),
    "a thread": (a_message, "thread_id"),
    "a case": (an_activity, "case_id"),
    "an account's programs": (a_switch, "event_id"),
    "cases on a subject": (a_case, "subject_hash"),
}


def filled(tell: Teller, policies: str | None = None) -> Story:
    """A story with as many facts as there is room for, 0 to 255."""
    story = Story() if policies is None else Story(policies)
    for number in range(FULL):
        tell(story, number)
    assert story.dead_letters == []
    return story


@pytest.mark.parametrize("crowd", CROWDS)
def test_256_find_room_and_the_257th_is_refused_by_the_field_that_names_what_is_full(crowd: str) -> None:
    tell, field = CROWDS[crowd]
    story = filled(tell)
    tell(story, FULL)
    assert story.dead_letters == [(FULL + 1, "matter_full", field)]
    assert story.state.lines == FULL


@pytest.mark.parametrize("crowd", CROWDS)
def test_one_that_repeats_a_known_key_always_has_room(crowd: str) -> None:
    tell, _ = CROWDS[crowd]
    story = filled(tell)
    tell(story, 7)
    assert story.dead_letters == []
    assert story.state.lines == FULL + 1


def test_the_bound_is_256() -> None:
    assert FULL == 256


def test_a_repeat_that_counts_takes_the_place_of_the_one_before() -> None:
    story = filled(a_return)
    story.tell("return.cancelled", monday_9am - HOUR, known=tuesday_9am, return_id="R-7", event_id="f7")
    assert story.dead_letters == []
    a_return(story, FULL)
    assert story.dead_letters == [(FULL + 2, "matter_full", "order_id")]


def test_facts_of_several_kinds_crowd_a_matter_together() -> None:
    story = Story()
    for number in range(FULL // 2):
        a_return(story, number)
        story.tell("return.refused", monday_9am + number * SECOND, return_id=f"R-{number}")
    story.tell("refund.cancelled", tuesday_9am)
    assert story.dead_letters == [(FULL + 1, "matter_full", "order_id")]


def test_another_order_thread_case_account_or_subject_has_room_of_its_own() -> None:
    story = filled(a_return)
    story.tell("return.cancelled", tuesday_9am, order_id=OTHER_ORDER)
    story.tell("return.cancelled", tuesday_9am, seller_id="SELLER-2")
    switched = filled(a_switch)
    switched.tell("program.changed", tuesday_9am, seller_id="SELLER-2")
    cases = filled(a_case)
    cases.tell("case.opened", tuesday_9am, case_id="C-999", subject_hash="another")
    cases.tell("case.opened", tuesday_9am, case_id="C-999", seller_id="SELLER-2")
    assert story.dead_letters == switched.dead_letters == cases.dead_letters == []


def test_where_programs_are_full_the_accounts_other_notifications_come_in() -> None:
    story = filled(a_switch)
    story.tell("seller.vacation_set", tuesday_9am)
    story.tell("account.metrics_reported", tuesday_9am)
    story.tell("return.received", tuesday_9am)
    assert story.dead_letters == []


def test_what_is_refused_moves_no_time_and_leaves_no_trace() -> None:
    story = filled(a_return)
    story.state.take_changes()
    rows, journal_ms = story.state.rows_at_rest(), story.state.journal_ms
    story.tell("return.received", tuesday_9am, return_id="R-999")
    assert (story.state.rows_at_rest(), story.state.journal_ms) == (rows, journal_ms)
    assert story.news() == []


# --- a message that names an order -----------------------------------------------------------------------------------


def test_a_message_that_names_a_full_order_is_refused_by_the_order() -> None:
    story = filled(a_return)
    story.tell("message.received", tuesday_9am, order_id=ORDER)
    assert story.dead_letters == [(FULL + 1, "matter_full", "order_id")]
    assert [row_id for row_id, _ in story.state.matters()] == [f"SELLER-1/ATVPDKIKX0DER/order/{ORDER}"]
    story.tell("message.received", tuesday_9am)
    assert story.news() == ["opened buyer-message-reply"]


def test_a_message_in_a_full_thread_is_refused_by_the_thread_though_its_order_has_room() -> None:
    story = filled(a_message)
    story.tell("message.received", tuesday_9am, message_id="M-999", order_id=ORDER, **FBA)
    assert story.dead_letters == [(FULL + 1, "matter_full", "thread_id")]
    assert len(list(story.state.matters())) == 1


def test_where_both_are_full_the_thread_is_named() -> None:
    story = filled(a_message)
    for number in range(FULL):
        a_return(story, number)
    story.tell("message.received", tuesday_9am, message_id="M-999", order_id=ORDER, **FBA)
    assert story.dead_letters == [(2 * FULL + 1, "matter_full", "thread_id")]


def test_known_in_its_thread_but_not_in_the_order_that_it_names_now_it_needs_room_there() -> None:
    story = filled(a_return)
    story.tell("message.received", tuesday_9am, event_id="m")
    story.tell("message.received", tuesday_9am, event_id="m", order_id=ORDER)
    assert story.dead_letters == [(FULL + 2, "matter_full", "order_id")]


def test_a_message_sent_that_names_an_order_is_no_fact_of_the_order() -> None:
    story = filled(a_return)
    story.tell("message.sent", tuesday_9am, order_id=ORDER)
    assert story.dead_letters == []


# --- cases on one subject --------------------------------------------------------------------------------------------


def test_what_else_is_told_of_a_known_case_needs_no_room_on_its_subject() -> None:
    story = filled(a_case)
    story.tell("case.activity", tuesday_9am, case_id="C-7")
    story.tell("case.closed", tuesday_9am, case_id="C-7")
    story.tell("case.activity", tuesday_9am, case_id="C-999")
    assert story.dead_letters == []
    story.tell("case.opened", tuesday_9am, case_id="C-999")
    assert story.dead_letters == [(FULL + 4, "matter_full", "subject_hash")]


def test_a_case_that_turns_out_to_be_on_another_subject_makes_room() -> None:
    story = filled(a_case)
    story.tell("case.opened", monday_9am - 1, known=tuesday_9am, case_id="C-7", subject_hash="another")
    story.tell("case.opened", tuesday_9am, case_id="C-999")
    assert story.dead_letters == []
    story.tell("case.opened", monday_9am - 2, known=tuesday_9am, case_id="C-7")
    assert story.dead_letters == []
    story.tell("case.opened", tuesday_9am, case_id="C-998")
    assert story.dead_letters == [(FULL + 4, "matter_full", "subject_hash")]


# --- when it is asked ------------------------------------------------------------------------------------------------

KEPT_A_DAY = policies(retention={"settled_days": 1})


def test_a_matter_counts_as_it_stands_before_the_line_brings_its_time() -> None:
    story = filled(a_return, KEPT_A_DAY)
    story.tell("return.cancelled", wednesday_9am, return_id="R-999")
    assert story.dead_letters == [(FULL + 1, "matter_full", "order_id")]
    story.until(wednesday_9am)
    story.tell("return.cancelled", wednesday_9am, return_id="R-999")
    assert story.dead_letters[1:] == []
    assert story.state.lines == FULL + 2


def test_so_do_cases_on_a_subject() -> None:
    story = Story(KEPT_A_DAY)
    for number in range(FULL):
        story.tell("case.opened", monday_9am, case_id=f"C-{number}")
        story.tell("case.closed", monday_9am + MINUTE, known=monday_9am + MINUTE, case_id=f"C-{number}")
    story.tell("case.opened", monday_9am + 9 * DAY, case_id="C-999")
    assert story.dead_letters == [(2 * FULL + 1, "matter_full", "subject_hash")]
    story.until(monday_9am + 9 * DAY)
    story.tell("case.opened", monday_9am + 9 * DAY, case_id="C-999")
    assert story.dead_letters[1:] == []


def test_it_is_asked_last() -> None:
    story = filled(a_return)
    story.until(monday_9am + 60 * DAY)
    a_return(story, FULL)
    assert story.dead_letters == [(FULL + 2, "too_old", "occurred_at")]


@pytest.mark.parametrize("crowd", CROWDS)
def test_a_line_that_was_journaled_before_is_not_asked_for_room(crowd: str) -> None:
    tell, _ = CROWDS[crowd]
    story = filled(tell)
    journaled = text(tuesday_9am)
    more: dict[str, tuple[str, dict[str, Any]]] = {
        "an order": ("return.cancelled", {"return_id": "R-999"}),
        "a thread": ("message.received", {"message_id": "M-999", "order_id": ORDER, **FBA}),
        "a case": ("case.activity", {}),
        "an account's programs": ("program.changed", {}),
        "cases on a subject": ("case.opened", {"case_id": "C-999"}),
    }
    type_, says = more[crowd]
    story.tell(type_, tuesday_9am, journaled_at=journaled, **says)
    assert story.dead_letters == []
    assert story.state.lines == FULL + 1
