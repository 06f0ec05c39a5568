"""Escalations: at their steps, collapsed where some have passed, after a breach; how long news may be on its way."""

from __future__ import annotations

from tests.core.instants import (
    DAY,
    HOUR,
    MINUTE,
    friday_9am,
    monday_9am,
    monday_noon,
    saturday_9am,
    text,
    thursday_9am,
    thursday_midnight,
    tuesday_9am,
    tuesday_noon,
    wednesday_9am,
    wednesday_noon,
)
from tests.core.policy_texts import policies
from tests.core.stories import Event, Story

FOUR_HOURS_BEFORE = thursday_midnight - 4 * HOUR


def with_sfp(**changed: object) -> str:
    return policies(changed={"sfp-refund": changed})


def escalations(story: Story) -> list[Event]:
    return [event for event in story.events if event["type"] == "clock.escalated"]


def test_each_step_is_said_at_its_time_by_level() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.until(thursday_midnight - 1)
    assert [(event["level"], event["at"]) for event in escalations(story)] == [
        (1, text(thursday_midnight - 24 * HOUR)),
        (2, text(FOUR_HOURS_BEFORE)),
    ]
    assert not any("collapsed" in event for event in story.events)


def test_a_step_fires_before_the_line_of_its_very_instant() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.tell("refund.issued", FOUR_HOURS_BEFORE)
    assert story.news()[1:] == ["escalated sfp-refund level 1", "escalated sfp-refund level 2", "met sfp-refund"]


def test_known_after_the_first_step_only_that_is_said_collapsed() -> None:
    story = Story()
    story.tell("return.received", monday_9am, known=wednesday_9am)
    assert story.news() == ["opened sfp-refund", "escalated sfp-refund level 1 collapsed"]
    assert escalations(story)[0]["at"] == text(thursday_midnight - 24 * HOUR)
    story.until(FOUR_HOURS_BEFORE)
    assert story.news() == ["escalated sfp-refund level 2"]


def test_known_at_the_instant_of_the_second_step_only_the_highest_is_said() -> None:
    story = Story()
    story.tell("return.received", monday_9am, known=FOUR_HOURS_BEFORE)
    assert story.news() == ["opened sfp-refund", "escalated sfp-refund level 2 collapsed"]
    story.until(thursday_midnight)
    assert story.news() == ["breached sfp-refund"]


def test_known_after_due_no_step_is_said() -> None:
    story = Story()
    story.tell("return.received", monday_9am, known=friday_9am)
    assert story.news() == ["opened sfp-refund", "breached sfp-refund"]


def test_waiting_for_late_news_a_clock_known_at_due_says_no_step_either() -> None:
    story = Story(with_sfp(confirm_after="12h"))
    story.tell("return.received", monday_9am, known=thursday_midnight)
    assert story.news() == ["opened sfp-refund"]
    story.until(thursday_midnight + 12 * HOUR)
    assert story.news() == ["breached sfp-refund"]


def test_an_offset_is_measured_from_due_in_elapsed_time() -> None:
    story = Story(policies(changed={"buyer-message-reply": {"escalate_before": ["90m", "30s"]}}))
    story.tell("message.received", monday_9am)
    story.until(tuesday_9am)
    assert [event["at"] for event in escalations(story)] == [
        text(tuesday_9am - 90 * MINUTE),
        text(tuesday_9am - 30_000),
    ]


# --- confirm_after ---------------------------------------------------------------------------------------------------


def test_a_breach_waits_as_long_as_news_may_be_on_its_way() -> None:
    story = Story(with_sfp(confirm_after="12h"))
    story.tell("return.received", monday_9am)
    story.until(thursday_midnight + 12 * HOUR - 1)
    assert "breached sfp-refund" not in story.news()
    story.until(thursday_midnight + 12 * HOUR)
    assert story.news() == ["breached sfp-refund"]
    assert story.last("clock.breached")["at"] == text(thursday_midnight)


def test_news_that_arrives_while_it_waits_spares_the_breach() -> None:
    story = Story(with_sfp(confirm_after="12h"))
    story.tell("return.received", monday_9am)
    story.tell("refund.issued", wednesday_noon, known=thursday_9am)
    assert story.news()[-1] == "met sfp-refund"
    assert story.forgotten() == []


def test_news_of_a_late_refund_while_it_waits_brings_breach_and_late_closing_together() -> None:
    story = Story(with_sfp(confirm_after="12h"))
    story.tell("return.received", monday_9am)
    story.tell("refund.issued", thursday_9am)
    assert story.news()[-2:] == ["breached sfp-refund", "closed_late sfp-refund by seller"]
    assert "cause" not in story.last("clock.breached")
    assert story.last("clock.closed_late")["cause"] == "e2"


def test_a_target_in_hours_waits_from_the_millisecond_after_due() -> None:
    story = Story(policies(changed={"buyer-message-reply": {"confirm_after": "30m"}}))
    story.tell("message.received", monday_9am)
    story.until(tuesday_9am + 30 * MINUTE)
    assert "breached buyer-message-reply" not in story.news()
    story.until(tuesday_9am + 30 * MINUTE + 1)
    assert story.news() == ["breached buyer-message-reply"]


# --- escalate_after --------------------------------------------------------------------------------------------------


def test_a_breached_clock_escalates_after_due_too_and_levels_go_on() -> None:
    story = Story(with_sfp(escalate_after=["2h", "1d"]))
    story.tell("return.received", monday_9am)
    story.until(friday_9am)
    assert story.news() == [
        "opened sfp-refund",
        "escalated sfp-refund level 1",
        "escalated sfp-refund level 2",
        "breached sfp-refund",
        "escalated sfp-refund level 3",
        "escalated sfp-refund level 4",
    ]
    assert [event["at"] for event in escalations(story)][2:] == [
        text(thursday_midnight + 2 * HOUR),
        text(thursday_midnight + DAY),
    ]


def test_a_breach_declared_late_skips_the_steps_already_passed() -> None:
    story = Story(with_sfp(escalate_after=["2h", "12h", "1d"], confirm_after="12h"))
    story.tell("return.received", monday_9am)
    story.until(friday_9am)
    assert story.news()[-2:] == ["breached sfp-refund", "escalated sfp-refund level 5"]


def test_a_clock_closed_late_escalates_no_more() -> None:
    story = Story(with_sfp(escalate_after=["2h"]))
    story.tell("return.received", monday_9am)
    story.tell("refund.issued", thursday_midnight + HOUR)
    story.until(friday_9am)
    assert story.news()[-1] == "closed_late sfp-refund by seller"


def test_breached_once_more_it_skips_what_passed_meanwhile_and_repeats_nothing() -> None:
    story = Story(with_sfp(escalate_after=["2h", "6h", "2d"]))
    story.tell("return.received", monday_9am)
    story.until(thursday_midnight + 2 * HOUR)
    story.tell("refund.issued", thursday_midnight + 3 * HOUR)
    story.news()
    story.tell("refund.cancelled", thursday_9am)
    assert story.news() == ["retracted sfp-refund closed_late: refund_cancelled"]
    story.until(saturday_9am)
    assert story.news() == ["escalated sfp-refund level 5"]


def test_come_back_from_met_after_due_a_breach_declared_late_skips_the_steps_passed() -> None:
    story = Story(with_sfp(escalate_after=["2h", "2d"]))
    story.tell("return.received", monday_9am)
    story.tell("refund.issued", tuesday_noon)
    story.tell("refund.cancelled", thursday_9am)
    assert story.news()[-2:] == ["retracted sfp-refund met: refund_cancelled", "breached sfp-refund"]
    story.until(saturday_9am)
    assert story.news() == ["escalated sfp-refund level 4"]


# --- come back -------------------------------------------------------------------------------------------------------


def test_come_back_from_met_the_highest_passed_step_is_said_if_it_was_not_yet() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.tell("refund.issued", monday_noon)
    story.tell("refund.cancelled", wednesday_9am)
    assert story.news() == [
        "opened sfp-refund",
        "met sfp-refund",
        "retracted sfp-refund met: refund_cancelled",
        "escalated sfp-refund level 1 collapsed",
    ]
    story.until(FOUR_HOURS_BEFORE)
    assert story.news() == ["escalated sfp-refund level 2"]


def test_come_back_within_one_revision_no_level_is_said_twice() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.until(wednesday_9am)
    story.tell("refund.issued", wednesday_9am)
    story.news()
    story.tell("refund.cancelled", wednesday_noon)
    assert story.news() == ["retracted sfp-refund met: refund_cancelled"]


def test_in_a_new_revision_levels_may_be_said_again() -> None:
    story = Story()
    story.tell("return.received", tuesday_9am)
    story.until(thursday_9am)
    story.news()
    story.tell("return.received", monday_noon, known=thursday_9am)
    assert story.news() == ["opened sfp-refund again, revision 2", "breached sfp-refund"]
    again = Story()
    again.tell("return.received", tuesday_9am, known=thursday_9am)
    assert again.news() == ["opened sfp-refund", "escalated sfp-refund level 1 collapsed"]
    again.tell("return.received", tuesday_9am - 1, known=thursday_9am)
    assert again.news() == ["opened sfp-refund again, revision 2", "escalated sfp-refund level 1 collapsed"]
