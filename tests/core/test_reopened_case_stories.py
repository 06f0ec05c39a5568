"""Support cases that are closed, open again and closed anew: their clocks, and what a next case on the subject is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.instants import (
    DAY,
    HOUR,
    friday_9am,
    monday_3pm,
    monday_9am,
    monday_noon,
    next_monday_9am,
    saturday_9am,
    text,
    thursday_9am,
    tuesday_9am,
    tuesday_noon,
    wednesday_9am,
    wednesday_noon,
)
from tests.core.stories import Story

CLOSED = "exempt case-stalled case_closed"


def reopened() -> Story:
    """A case of normal priority, opened and closed on Monday, open again since Tuesday."""
    story = Story()
    story.tell("case.opened", monday_9am)
    story.tell("case.closed", monday_noon)
    story.tell("case.activity", tuesday_9am, actor="seller")
    assert story.news() == [
        "opened case-resolution",
        "opened case-stalled",
        "met case-resolution",
        CLOSED,
        "opened case-stalled",
    ]
    return story


# --- case-stalled ----------------------------------------------------------------------------------------------------


def test_open_again_a_case_has_a_step_of_its_own_that_the_next_closing_ends() -> None:
    story = reopened()
    assert story.last("clock.opened")["subject"] == "C-1/e3"
    story.tell("case.closed", wednesday_9am)
    assert story.news() == [CLOSED]
    assert (story.last("clock.exempt")["subject"], story.last("clock.exempt")["at"]) == ("C-1/e3", text(wednesday_9am))
    assert story.forgotten() == []


def test_open_again_and_left_alone_it_reminds_the_other_side() -> None:
    story = reopened()
    story.until(friday_9am + 1)
    assert story.news() == ["reminder_due case-stalled"]
    assert story.last("clock.reminder_due")["obligor"] == "amazon"


def test_each_closing_ends_the_steps_before_it_and_none_after() -> None:
    story = reopened()
    story.tell("case.closed", wednesday_9am)
    story.tell("case.activity", wednesday_noon)
    story.tell("case.closed", thursday_9am)
    assert story.news() == [CLOSED, "opened case-stalled", CLOSED]
    exempted = [(event["subject"], event["at"]) for event in story.events if event["type"] == "clock.exempt"]
    assert exempted == [
        ("C-1/e1", text(monday_noon)),
        ("C-1/e3", text(wednesday_9am)),
        ("C-1/e5", text(thursday_9am)),
    ]


def test_the_earliest_closing_not_before_a_step_ends_it_however_late_it_is_known() -> None:
    story = reopened()
    story.tell("case.closed", saturday_9am)
    assert story.news() == ["reminder_due case-stalled", "closed_late case-stalled by unknown"]
    story.tell("case.closed", wednesday_9am, known=saturday_9am)
    assert story.news() == [
        "retracted case-stalled closed_late: late_arrival",
        "retracted case-stalled reminder_due: late_arrival",
        CLOSED,
    ]
    assert story.last("clock.exempt")["at"] == text(wednesday_9am)


@pytest.mark.parametrize("closing", ["a", "c"])
def test_a_closing_at_the_very_instant_of_a_step_ends_it_whatever_their_event_ids(closing: str) -> None:
    story = Story()
    story.tell("case.opened", monday_9am, event_id="x")
    story.tell("case.activity", monday_noon, event_id="b")
    story.news()
    story.tell("case.closed", monday_noon, event_id=closing)
    assert story.news() == ["met case-resolution", CLOSED]
    assert story.last("clock.exempt")["subject"] == "C-1/b"


def test_a_closing_a_moment_before_a_step_does_not_end_it() -> None:
    story = Story()
    story.tell("case.opened", monday_9am)
    story.tell("case.closed", monday_noon - 1)
    story.tell("case.activity", monday_noon)
    assert story.news()[-2:] == [CLOSED, "opened case-stalled"]
    assert story.open_clocks() == 1


def test_a_closing_told_again_under_its_event_id_is_a_repeat_and_under_another_a_second_closing() -> None:
    story = Story()
    story.tell("case.opened", monday_9am)
    story.tell("case.closed", monday_noon, event_id="closing")
    story.tell("case.activity", tuesday_9am)
    story.news()
    story.tell("case.closed", tuesday_noon, event_id="closing")
    assert story.news() == []
    story.tell("case.closed", tuesday_noon, event_id="another")
    assert story.news() == [CLOSED]


# --- case-first-response, case-resolution ----------------------------------------------------------------------------


def test_closed_without_an_answer_and_answered_when_it_is_open_again_the_case_stays_exempt() -> None:
    story = Story()
    story.tell("case.opened", monday_9am, priority="high")
    story.tell("case.closed", monday_noon)
    story.news()
    story.tell("case.activity", monday_3pm, actor="amazon")
    assert story.news() == ["opened case-stalled"]


def test_a_closing_before_the_opening_leaves_the_first_response_to_the_next_one() -> None:
    story = Story()
    story.tell("case.closed", monday_9am - 1)
    story.tell("case.opened", monday_9am, priority="high")
    assert story.news() == ["opened case-first-response", "opened case-stalled"]
    story.tell("case.closed", monday_noon)
    assert story.news() == ["exempt case-first-response case_closed", CLOSED]


def test_closed_at_the_very_instant_of_its_opening_it_asks_for_no_response() -> None:
    story = Story()
    story.tell("case.opened", monday_9am, priority="high", event_id="b")
    story.tell("case.closed", monday_9am, event_id="a")
    assert story.news()[2:] == ["exempt case-first-response case_closed", CLOSED]


def test_the_earliest_closing_resolves_the_case_and_a_later_one_changes_nothing() -> None:
    story = reopened()
    story.tell("case.closed", thursday_9am)
    assert story.news() == [CLOSED]
    resolved = [event for event in story.events if event["rule"] == "case-resolution" and event["type"] == "clock.met"]
    assert [event["at"] for event in resolved] == [text(monday_noon)]


def test_an_earlier_closing_known_late_resolves_in_time_what_was_closed_late() -> None:
    story = Story()
    story.tell("case.opened", monday_9am)
    story.tell("case.closed", wednesday_noon)
    assert "closed_late case-resolution by unknown" in story.news()
    story.tell("case.closed", monday_9am - DAY, known=wednesday_noon)
    assert story.news() == [
        "retracted case-resolution closed_late: late_arrival",
        "retracted case-resolution reminder_due: late_arrival",
        "met case-resolution",
    ]
    assert story.last("clock.met")["stopped_before_start"] is True


# --- case_duplicate, case_close_reopen -------------------------------------------------------------------------------


def next_case(story: Story, instant: int, **says: Any) -> list[str]:
    """What a second case on the subject, opened then, is found to be."""
    story.news()
    story.tell("case.opened", instant, **{"case_id": "C-2", **says})
    return [word for word in story.news() if word.startswith("violation")]


def test_while_a_case_is_open_again_the_next_on_its_subject_is_a_duplicate() -> None:
    assert next_case(reopened(), tuesday_noon) == ["violation case_duplicate C-2"]


def test_after_its_last_closing_it_is_reopened() -> None:
    story = reopened()
    story.tell("case.closed", wednesday_9am)
    assert next_case(story, wednesday_noon) == ["violation case_close_reopen C-2"]


def test_the_seven_days_count_from_its_last_closing() -> None:
    soon, later = reopened(), reopened()
    for story in (soon, later):
        story.tell("case.closed", wednesday_9am)
    assert next_case(soon, wednesday_9am + 7 * DAY - 1) == ["violation case_close_reopen C-2"]
    assert next_case(later, wednesday_9am + 7 * DAY) == []


def test_closed_again_without_having_been_open_it_counts_from_there_too() -> None:
    story = Story()
    story.tell("case.opened", monday_9am)
    story.tell("case.closed", monday_noon)
    story.tell("case.closed", thursday_9am)
    assert next_case(story, monday_noon + 7 * DAY) == ["violation case_close_reopen C-2"]


@pytest.mark.parametrize(
    ("opened_ms", "found"),
    [
        (monday_noon - 1, "case_duplicate"),
        (monday_noon, "case_close_reopen"),
        (tuesday_9am - 1, "case_close_reopen"),
        (tuesday_9am, "case_duplicate"),
        (wednesday_9am - 1, "case_duplicate"),
        (wednesday_9am, "case_close_reopen"),
    ],
)
def test_a_case_stands_as_its_newest_fact_up_to_and_with_the_instant_says(opened_ms: int, found: str) -> None:
    story = reopened()
    story.tell("case.closed", wednesday_9am)
    story.until(wednesday_noon)
    story.news()
    story.tell("case.opened", opened_ms, known=wednesday_noon, case_id="C-2")
    assert [word for word in story.news() if word.startswith("violation")] == [f"violation {found} C-2"]


@pytest.mark.parametrize(
    ("closing", "activity", "found"),
    [("a", "b", "case_duplicate"), ("b", "a", "case_close_reopen")],
)
def test_of_closing_and_activity_at_one_instant_the_larger_event_id_is_the_newest(
    closing: str, activity: str, found: str
) -> None:
    story = Story()
    story.tell("case.opened", monday_9am)
    story.tell("case.closed", monday_noon, event_id=closing)
    story.tell("case.activity", monday_noon, event_id=activity)
    assert next_case(story, monday_3pm) == [f"violation {found} C-2"]


def test_active_before_its_closing_alone_it_is_closed() -> None:
    story = Story()
    story.tell("case.opened", monday_9am)
    story.tell("case.activity", monday_noon)
    story.tell("case.closed", monday_3pm)
    assert next_case(story, tuesday_9am) == ["violation case_close_reopen C-2"]


def test_a_case_that_turns_out_to_have_been_open_again_makes_the_next_one_a_duplicate() -> None:
    story = Story()
    story.tell("case.opened", monday_9am)
    story.tell("case.closed", monday_noon)
    later = monday_noon + 8 * DAY
    assert next_case(story, later) == []
    story.tell("case.activity", next_monday_9am, known=later)
    assert "violation case_duplicate C-2" in story.news()


def test_found_to_be_a_reopening_it_is_no_duplicate_as_well() -> None:
    story = Story()
    story.tell("case.opened", monday_9am)
    story.tell("case.closed", monday_noon)
    assert next_case(story, tuesday_noon) == ["violation case_close_reopen C-2"]
    story.tell("case.activity", tuesday_9am, known=tuesday_noon)
    assert [word for word in story.news() if word.startswith("violation")] == []


def test_of_several_older_cases_one_that_is_open_makes_a_duplicate() -> None:
    story = reopened()
    story.tell("case.opened", tuesday_9am + HOUR, case_id="C-0")
    story.tell("case.closed", tuesday_noon, case_id="C-0")
    story.tell("case.closed", tuesday_noon)
    assert next_case(story, wednesday_9am, case_id="C-3") == ["violation case_close_reopen C-3"]
    story.tell("case.activity", wednesday_noon)
    assert next_case(story, thursday_9am, case_id="C-4") == ["violation case_duplicate C-4"]


def test_subjects_that_are_no_codes_are_compared_as_well_and_never_kept() -> None:
    story = Story()
    subject = "Where is my parcel, 田中さん?"
    story.tell("case.opened", monday_9am, subject_hash=subject)
    story.tell("case.opened", monday_noon, case_id="C-2", subject_hash=subject.lower())
    assert [word for word in story.news() if word.startswith("violation")] == []
    story.tell("case.opened", monday_noon, case_id="C-3", subject_hash=subject)
    assert story.news()[0] == "violation case_duplicate C-3"
    kept = b"".join(value or b"" for _, value in story.state.take_changes())
    assert "田中".encode() not in kept
