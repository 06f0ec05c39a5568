"""Support cases (SUP): reminders of the side that has to move, and cases submitted twice."""

from __future__ import annotations

import pytest

from tests.core.instants import (
    DAY,
    HOUR,
    friday_9am,
    monday_9am,
    monday_noon,
    text,
    thursday_9am,
    tuesday_9am,
    wednesday_9am,
)
from tests.core.stories import Story


def test_each_step_of_a_case_stops_the_one_before_and_starts_the_next() -> None:
    story = Story()
    story.tell("case.opened", monday_9am)
    assert story.news() == ["opened case-resolution", "opened case-stalled"]
    assert [event["subject"] for event in story.events] == ["C-1", "C-1/e1"]
    story.tell("case.activity", monday_noon)
    assert story.news() == ["met case-stalled", "opened case-stalled"]
    assert (story.last("clock.opened")["subject"], story.last("clock.met")["subject"]) == ("C-1/e2", "C-1/e1")
    story.tell("case.closed", tuesday_9am)
    assert story.news() == ["met case-resolution", "exempt case-stalled case_closed"]
    assert story.forgotten() == []


@pytest.mark.parametrize(("actor", "obliged"), [("amazon", "seller"), ("seller", "amazon")])
def test_a_stalled_case_reminds_the_other_side_of_the_last_step(actor: str, obliged: str) -> None:
    story = Story()
    story.tell("case.opened", monday_9am)
    story.tell("case.activity", monday_noon, actor=actor)
    story.news()
    story.until(friday_9am)
    assert story.news() == ["reminder_due case-resolution", "reminder_due case-stalled"]
    reminder = story.last("clock.reminder_due")
    assert (reminder["obligor"], reminder["due_at"]) == (obliged, text(monday_noon + 72 * HOUR))
    assert story.forgotten() == []


def test_a_case_just_opened_waits_for_amazon() -> None:
    story = Story()
    story.tell("case.opened", monday_9am)
    story.until(friday_9am)
    assert {event["obligor"] for event in story.events if event["type"] == "clock.reminder_due"} == {"amazon"}


def test_the_next_step_after_72_hours_closes_the_step_late_by_its_actor() -> None:
    story = Story()
    story.tell("case.opened", monday_9am)
    story.tell("case.activity", friday_9am, actor="seller")
    assert story.news() == [
        "opened case-resolution",
        "opened case-stalled",
        "reminder_due case-resolution",
        "reminder_due case-stalled",
        "closed_late case-stalled by seller",
        "opened case-stalled",
    ]


def test_a_case_whose_opening_is_not_known_calls_for_no_clock() -> None:
    story = Story()
    story.tell("case.activity", monday_noon)
    story.tell("case.closed", wednesday_9am)
    assert story.news() == []
    story.tell("case.opened", monday_9am, known=thursday_9am)
    assert story.news() == [
        "opened case-resolution",
        "met case-resolution",
        "opened case-stalled",
        "exempt case-stalled case_closed",
        "opened case-stalled",
        "met case-stalled",
    ]
    assert [event["subject"] for event in story.events[2::2]] == ["C-1/e1", "C-1/e3"]


def test_a_high_priority_case_is_answered_within_12_hours() -> None:
    story = Story()
    story.tell("case.opened", monday_9am, priority="high")
    assert story.news() == ["opened case-first-response", "opened case-stalled"]
    assert story.events[0]["due_at"] == text(monday_9am + 12 * HOUR)
    story.tell("case.activity", monday_noon, actor="seller")
    story.tell("case.activity", monday_9am - 1, known=monday_noon, actor="amazon")
    assert [word for word in story.news() if "first-response" in word] == []
    story.tell("case.activity", monday_9am + 12 * HOUR, actor="amazon")
    assert story.news() == ["met case-first-response", "met case-stalled", "opened case-stalled"]


def test_a_high_priority_case_left_alone_calls_for_a_reminder() -> None:
    story = Story()
    story.tell("case.opened", monday_9am, priority="high")
    story.tell("case.activity", tuesday_9am, actor="amazon")
    assert story.news() == [
        "opened case-first-response",
        "opened case-stalled",
        "reminder_due case-first-response",
        "closed_late case-first-response by amazon",
        "met case-stalled",
        "opened case-stalled",
    ]


def test_a_case_closed_without_an_answer_asks_for_none() -> None:
    story = Story()
    story.tell("case.opened", monday_9am, priority="high")
    story.tell("case.closed", monday_noon)
    assert story.news()[2:] == ["exempt case-first-response case_closed", "exempt case-stalled case_closed"]
    assert story.forgotten() == []


def test_a_step_met_and_closed_at_one_instant_is_met() -> None:
    story = Story()
    story.tell("case.opened", monday_9am)
    story.tell("case.closed", monday_noon)
    story.news()
    story.tell("case.activity", monday_noon)
    assert story.news() == [
        "retracted case-stalled exempt: late_arrival",
        "met case-stalled",
        "opened case-stalled",
        "exempt case-stalled case_closed",
    ]


def test_closed_before_it_was_opened_resolves_it_but_ends_no_step() -> None:
    story = Story()
    story.tell("case.closed", monday_9am)
    story.tell("case.opened", monday_noon)
    assert story.news() == ["opened case-resolution", "met case-resolution", "opened case-stalled"]
    assert story.last("clock.met")["stopped_before_start"] is True
    urgent = Story()
    urgent.tell("case.closed", monday_9am)
    urgent.tell("case.opened", monday_noon, priority="high")
    assert urgent.news() == ["opened case-first-response", "opened case-stalled"]


def test_an_unresolved_case_calls_for_a_reminder_after_48_hours_and_its_closing_is_late() -> None:
    story = Story()
    story.tell("case.opened", monday_9am)
    story.tell("case.closed", thursday_9am)
    assert story.news()[2:] == [
        "reminder_due case-resolution",
        "closed_late case-resolution by unknown",
        "exempt case-stalled case_closed",
    ]


def test_a_step_discovered_between_two_others_takes_their_place() -> None:
    story = Story()
    story.tell("case.opened", monday_9am)
    story.tell("case.activity", tuesday_9am, event_id="second")
    story.news()
    story.tell("case.activity", monday_noon, known=wednesday_9am, event_id="first")
    assert story.news() == ["opened case-stalled", "met case-stalled"]
    assert story.last("clock.met")["subject"] == "C-1/first"


# --- case_duplicate, case_close_reopen -------------------------------------------------------------------------------


def violations(story: Story) -> list[str]:
    return [word for word in story.news() if word.startswith("violation")]


def test_a_second_case_on_an_open_subject_is_a_duplicate() -> None:
    story = Story()
    story.tell("case.opened", monday_9am)
    story.tell("case.opened", monday_noon, case_id="C-2", subject_hash="another")
    assert violations(story) == []
    story.tell("case.opened", monday_noon, case_id="C-3")
    assert violations(story) == ["violation case_duplicate C-3"]
    violation = story.last("policy.violation")
    assert violation["at"] == text(monday_noon)
    assert "order_id" not in violation


def test_of_two_cases_at_one_instant_the_larger_id_is_the_duplicate() -> None:
    story = Story()
    story.tell("case.opened", monday_9am, case_id="C-2")
    story.tell("case.opened", monday_9am, case_id="C-1")
    assert violations(story) == ["violation case_duplicate C-2"]


def test_a_case_that_was_closed_when_the_next_was_opened_is_reopened_if_that_was_less_than_seven_days_ago() -> None:
    soon, later = Story(), Story()
    for story, gap in ((soon, 7 * DAY - 1), (later, 7 * DAY)):
        story.tell("case.opened", monday_9am)
        story.tell("case.closed", monday_noon)
        story.tell("case.opened", monday_noon + gap, case_id="C-2")
    assert violations(soon) == ["violation case_close_reopen C-2"]
    assert violations(later) == []


def test_closed_at_the_very_instant_the_next_was_opened_it_is_reopened_not_a_duplicate() -> None:
    story = Story()
    story.tell("case.opened", monday_9am)
    story.tell("case.closed", monday_noon)
    story.tell("case.opened", monday_noon, case_id="C-2")
    assert violations(story) == ["violation case_close_reopen C-2"]


def test_closed_only_after_the_next_was_opened_it_was_open_then() -> None:
    story = Story()
    story.tell("case.closed", tuesday_9am)
    story.tell("case.opened", monday_noon, known=tuesday_9am, case_id="C-2")
    assert violations(story) == []
    story.tell("case.opened", monday_9am, known=tuesday_9am)
    assert violations(story) == ["violation case_duplicate C-2"]


def test_a_case_has_one_violation_at_most() -> None:
    story = Story()
    story.tell("case.opened", monday_9am)
    story.tell("case.closed", monday_noon)
    story.tell("case.opened", tuesday_9am, case_id="C-3")
    assert violations(story) == ["violation case_close_reopen C-3"]
    story.tell("case.opened", monday_noon, known=tuesday_9am, case_id="C-2")
    assert violations(story) == ["violation case_close_reopen C-2"]


def test_a_case_that_turns_out_to_be_on_another_subject_is_compared_there() -> None:
    story = Story()
    story.tell("case.opened", monday_9am, case_id="C-1")
    story.tell("case.opened", monday_9am, case_id="C-2", subject_hash="another")
    story.tell("case.opened", tuesday_9am, case_id="C-3", subject_hash="another subject")
    assert violations(story) == []
    story.tell("case.opened", monday_noon, known=tuesday_9am, case_id="C-3")
    assert violations(story) == ["violation case_duplicate C-3"]
    story.tell("case.opened", monday_noon, known=tuesday_9am, case_id="C-4", subject_hash="another subject")
    assert violations(story) == []


def test_cases_of_another_account_are_none_of_ours() -> None:
    story = Story()
    story.tell("case.opened", monday_9am, seller_id="SELLER-2")
    story.tell("case.opened", monday_noon, case_id="C-2")
    assert violations(story) == []


def test_a_forgotten_case_is_compared_with_no_more() -> None:
    story = Story()
    story.tell("case.opened", monday_9am)
    story.until(monday_9am + 400 * DAY)
    story.tell("case.opened", monday_9am + 400 * DAY, case_id="C-2")
    assert violations(story) == []
