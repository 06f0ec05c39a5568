"""Account health (contract §6): counters by day of the start, midnights, windows, streaks and corrections."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.instants import DAY, HOUR, MINUTE, text, utc
from tests.core.policy_texts import policies
from tests.core.stories import Event, Story

FIRST_DAY = utc(3, 2)
NINE = FIRST_DAY + 9 * HOUR
AVERAGE, LATE, REFUNDS = "average_response_ms", "late_response_rate", "refund_on_time_rate"


def midnight(days: int) -> int:
    """The UTC midnight that many days after the one before the first line."""
    return FIRST_DAY + days * DAY


def answered(story: Story, asked: int, after: int, name: str = "1", known: int | None = None) -> None:
    """A buyer's message and the reply to it, each in a thread of its own."""
    key: dict[str, Any] = {"thread_id": f"T-{name}"}
    story.tell("message.received", asked, message_id=f"M-{name}", **key)
    story.tell("message.sent", asked + after, known=known, message_id=f"S-{name}", **key)


def unanswered(story: Story, asked: int, name: str = "1") -> None:
    story.tell("message.received", asked, message_id=f"M-{name}", thread_id=f"T-{name}")


def figures(events: list[Event]) -> list[tuple[str, int, int, int, int]]:
    return [(e["metric"], e["window_days"], e["numerator"], e["denominator"], e["value"]) for e in events]


def late_status(story: Story) -> list[tuple[str, str]]:
    """Each thing said of the late response rate over 30 days: its midnight and status."""
    return [(event["at"], event["status"]) for event in story.health(LATE, 30)]


# --- midnights and windows -------------------------------------------------------------------------------------------


def test_at_its_first_midnight_an_account_hears_all_that_has_changed_metric_by_metric_window_by_window() -> None:
    story = Story()
    answered(story, NINE, 2 * HOUR)
    assert story.health() == []
    story.until(midnight(1))
    assert figures(story.health()) == [
        (AVERAGE, 7, 2 * HOUR, 1, 2 * HOUR),
        (AVERAGE, 30, 2 * HOUR, 1, 2 * HOUR),
        (AVERAGE, 90, 2 * HOUR, 1, 2 * HOUR),
        (LATE, 7, 0, 1, 0),
        (LATE, 30, 0, 1, 0),
        (LATE, 90, 0, 1, 0),
    ]
    assert {event["at"] for event in story.health()} == {text(midnight(1))}
    assert [event["unit"] for event in story.health()] == ["ms"] * 3 + ["ppm"] * 3
    assert [event.get("status") for event in story.health()] == [None, None, None, None, "good", None]
    assert {event["revision"] for event in story.health()} == {1}
    assert not any("cause" in event for event in story.health())


def test_a_midnight_at_which_nothing_has_changed_says_nothing() -> None:
    story = Story()
    answered(story, NINE, HOUR)
    story.until(midnight(1))
    said = len(story.health())
    story.until(midnight(7))
    assert len(story.health()) == said


def test_a_day_leaves_each_window_in_its_turn() -> None:
    story = Story()
    answered(story, NINE, HOUR)
    story.until(midnight(1))
    said = len(story.health())
    story.until(midnight(200))
    assert [(e["metric"], e["window_days"], e["denominator"], e["value"], e["at"]) for e in story.health()[said:]] == [
        (metric, window, 0, 0, text(midnight(window + 1))) for window in (7, 30, 90) for metric in (AVERAGE, LATE)
    ]
    story.news()
    assert story.forgotten() == []


def test_a_first_line_at_midnight_waits_for_the_next_one() -> None:
    story = Story()
    answered(story, FIRST_DAY, 0)
    story.until(midnight(1) - 1)
    assert story.health() == []
    story.until(midnight(1))
    assert {event["at"] for event in story.health()} == {text(midnight(1))}


def test_midnights_that_one_line_skips_are_told_one_by_one_all_the_same() -> None:
    day_by_day, at_once = Story(), Story()
    for story in (day_by_day, at_once):
        unanswered(story, NINE)
    for day in range(1, 121):
        day_by_day.until(midnight(day))
    at_once.until(midnight(120))
    keys = ("at", "metric", "window_days", "numerator", "denominator", "status")
    said = [[tuple(e.get(key) for key in keys) for e in story.health()] for story in (day_by_day, at_once)]
    assert said[0] == said[1]


def test_refunds_count_by_the_day_of_the_receipt_for_all_three_rules() -> None:
    story = Story()
    for number, program in enumerate(("sfp", "mfn", "csba_jp")):
        key: dict[str, Any] = {"return_id": f"R-{number}", "order_id": f"111-0000001-000000{number}"}
        story.tell("return.received", NINE, program=program, **key)
        if number != 1:
            story.tell("refund.issued", NINE + HOUR, refund_id=f"F-{number}", order_id=key["order_id"])
    story.until(midnight(1))
    assert figures(story.health()) == [(REFUNDS, window, 2, 2, 1_000_000) for window in (7, 30, 90)]
    said = len(story.health())
    story.until(midnight(7))
    assert figures(story.health()[said:]) == [(REFUNDS, window, 2, 3, 666_667) for window in (7, 30, 90)]
    assert not any("status" in event for event in story.health())


@pytest.mark.parametrize("outcome", ["open", "superseded", "exempt", "gone"])
def test_open_superseded_exempt_and_gone_clocks_count_nowhere(outcome: str) -> None:
    story = Story()
    if outcome == "superseded":
        story.tell("return.received", NINE)
        story.tell("refund.issued", NINE, issued_by="amazon_auto")
    elif outcome == "gone":
        story.tell("return.received", NINE)
        story.tell("refund.issued", NINE)
        story.tell("return.received", NINE, receipt_id="RC-1")
        story.tell("refund.cancelled", NINE)
    else:
        unanswered(story, NINE)
    if outcome == "exempt":
        story.tell("message.marked", NINE + HOUR, message_id="M-1", thread_id="T-1")
    story.until(midnight(1))
    assert story.health() == []


def test_other_rules_count_nowhere() -> None:
    story = Story()
    story.tell("return.requested", NINE)
    story.tell("message.received", NINE, from_role="amazon_cs")
    story.until(midnight(30))
    assert story.health() == []
    assert {event["rule"] for event in story.events} == {"cs-contact-reply", "return-response"}


# --- rounding --------------------------------------------------------------------------------------------------------


def test_averages_and_rates_are_rounded_half_up() -> None:
    story = Story()
    answered(story, NINE, 1)
    answered(story, NINE, 2, name="2")
    story.tell("message.received", NINE, message_id="M-3", thread_id="T-3")
    story.until(midnight(3))
    assert story.health(AVERAGE, 7)[-1]["value"] == 2
    assert [event["value"] for event in story.health(LATE, 7)] == [0, 333_333]


# --- status, streak --------------------------------------------------------------------------------------------------


def with_late_one_of(total: int) -> Story:
    story = Story()
    unanswered(story, NINE, name="0")
    for number in range(1, total):
        answered(story, NINE, MINUTE, name=str(number))
    story.until(midnight(2))
    return story


def test_exactly_ten_percent_is_good_and_more_is_a_warning() -> None:
    assert late_status(with_late_one_of(10))[-1] == (text(midnight(2)), "good")
    assert late_status(with_late_one_of(9))[-1] == (text(midnight(1)), "warn")


def test_thirty_midnights_in_a_row_above_ten_percent_are_a_risk_of_review() -> None:
    story = Story()
    unanswered(story, NINE)
    unanswered(story, NINE + DAY, name="2")
    story.until(midnight(40))
    assert late_status(story) == [
        (text(midnight(1)), "warn"),
        (text(midnight(3)), "warn"),
        (text(midnight(30)), "review_risk"),
        (text(midnight(31)), "review_risk"),
        (text(midnight(32)), "good"),
    ]


def test_one_good_midnight_in_between_and_the_streak_begins_again() -> None:
    story = Story()
    unanswered(story, NINE)
    story.until(midnight(20))
    for number in range(9):
        answered(story, midnight(20), MINUTE, name=f"on-time-{number}")
    story.until(midnight(21))
    assert late_status(story)[-1] == (text(midnight(21)), "good")
    for number in range(2):
        unanswered(story, midnight(21) + HOUR, name=f"late-{number}")
    story.until(midnight(51))
    assert (text(midnight(50)), "review_risk") not in late_status(story)
    assert late_status(story)[-1][1] == "review_risk"
    assert late_status(story)[-1][0] == text(midnight(51))


# --- corrections -----------------------------------------------------------------------------------------------------


def test_a_breach_after_midnight_corrects_the_newest_one_at_once() -> None:
    story = Story()
    unanswered(story, NINE)
    brought = story.until(NINE + DAY + 1)
    correction = brought[-1]
    assert (correction["type"], correction["at"], correction["status"]) == ("account.health", text(midnight(1)), "warn")
    assert (correction["revision"], correction["numerator"], correction["denominator"]) == (1, 1, 1)
    assert "cause" not in correction
    assert [event["window_days"] for event in story.health()] == [30]


def test_late_news_corrects_it_once_more_with_the_fact_as_its_cause() -> None:
    story = Story()
    unanswered(story, NINE)
    story.until(NINE + DAY + 1)
    story.tell("message.sent", NINE + HOUR, known=NINE + DAY + HOUR, thread_id="T-1", event_id="reply")
    correction = story.health(LATE, 30)[-1]
    assert (correction["status"], correction["revision"], correction["cause"]) == ("good", 2, "reply")
    assert (correction["numerator"], correction["denominator"]) == (0, 1)
    story.tell("message.sent", NINE + 2 * HOUR, known=NINE + DAY + HOUR, thread_id="T-1", message_id="S-2")
    assert len(story.health(LATE, 30)) == 2


def test_a_correction_counts_after_what_its_midnight_said() -> None:
    story = Story()
    answered(story, NINE, MINUTE)
    unanswered(story, NINE, name="2")
    story.until(NINE + DAY + 1)
    assert [(e["revision"], e["status"], e["at"]) for e in story.health(LATE, 30)] == [
        (1, "good", text(midnight(1))),
        (2, "warn", text(midnight(1))),
    ]


def test_what_changes_the_figures_but_not_the_status_waits_for_the_next_midnight() -> None:
    story = Story()
    unanswered(story, NINE)
    unanswered(story, NINE + HOUR, name="2")
    story.until(NINE + DAY + 2 * HOUR)
    assert [e["denominator"] for e in story.health(LATE, 30)] == [1]
    story.until(midnight(2))
    assert [e["denominator"] for e in story.health(LATE, 30)] == [1, 2]


def test_before_its_first_midnight_an_account_is_not_corrected() -> None:
    story = Story()
    story.tell("message.received", NINE - 2 * DAY, known=NINE)
    assert "breached buyer-message-reply" in story.news()
    assert story.health() == []
    story.until(midnight(1))
    assert late_status(story) == [(text(midnight(1)), "warn")]


def test_the_next_streak_uses_the_corrected_one() -> None:
    story = Story()
    unanswered(story, NINE)
    story.until(midnight(29))
    assert late_status(story)[-1][1] == "warn"
    for number in range(9):
        answered(story, midnight(28) + HOUR, MINUTE, name=f"on-time-{number}", known=midnight(29) + HOUR)
    assert late_status(story)[-1] == (text(midnight(29)), "good")
    unanswered(story, midnight(29) + 2 * HOUR, name="late-1")
    unanswered(story, midnight(29) + 2 * HOUR, name="late-2")
    story.until(midnight(31))
    assert late_status(story)[-1] == (text(midnight(30)), "warn")


def test_an_earlier_midnight_is_never_revised() -> None:
    story = Story()
    unanswered(story, NINE)
    story.until(midnight(5))
    story.tell("message.sent", NINE + HOUR, known=midnight(5) + HOUR, thread_id="T-1")
    assert late_status(story) == [
        (text(midnight(1)), "warn"),
        (text(midnight(5)), "good"),
    ]


def test_a_correction_comes_last_of_what_its_line_brings() -> None:
    story = Story()
    unanswered(story, NINE)
    story.until(midnight(2))
    brought = story.tell("message.sent", NINE + HOUR, known=midnight(2) + 1, thread_id="T-1")
    assert [event["type"] for event in brought] == ["clock.retracted", "clock.met", "account.health"]


# --- counters --------------------------------------------------------------------------------------------------------


def test_counters_outlive_the_matters_that_moved_them() -> None:
    story = Story(policies(retention={"settled_days": 2}))
    answered(story, NINE, HOUR)
    story.until(midnight(6))
    assert [row_id for row_id, _ in story.state.matters()] == []
    story.until(midnight(31) - 1)
    assert story.health(AVERAGE, 30)[-1]["denominator"] == 1


def test_days_older_than_91_are_dropped_and_what_changes_them_then_says_nothing() -> None:
    story = Story()
    unanswered(story, NINE)
    story.until(midnight(100))
    said = len(story.health())
    story.tell("message.sent", midnight(100), thread_id="T-1")
    assert story.news()[-1] == "closed_late buyer-message-reply by seller"
    story.until(midnight(103))
    assert len(story.health()) == said


def test_a_start_that_moves_moves_the_counts_to_its_day() -> None:
    story = Story()
    story.tell("message.received", NINE + DAY)
    story.tell("message.sent", NINE + DAY + HOUR)
    story.tell("message.received", NINE + 2 * HOUR, known=NINE + DAY + HOUR)
    assert story.news()[-1] == "met buyer-message-reply"
    story.until(midnight(8))
    assert story.health(AVERAGE, 7)[0]["at"] == text(midnight(2))
    assert story.health(AVERAGE, 7)[0]["value"] == 23 * HOUR
    assert [event["denominator"] for event in story.health(AVERAGE, 7)] == [1, 0]
    assert story.health(AVERAGE, 7)[1]["at"] == text(midnight(8))


def test_the_time_to_an_answer_is_that_last_said_even_if_an_earlier_answer_comes_to_light() -> None:
    story = Story()
    answered(story, NINE, 2 * HOUR)
    story.tell("message.sent", NINE + HOUR, known=NINE + 3 * HOUR, message_id="S-2", thread_id="T-1")
    assert story.news() == ["opened buyer-message-reply", "met buyer-message-reply"]
    story.until(midnight(1))
    assert story.health(AVERAGE, 7)[0]["value"] == 2 * HOUR


def test_accounts_have_their_own_health() -> None:
    story = Story()
    unanswered(story, NINE)
    story.tell("message.received", NINE, seller_id="SELLER-2")
    story.tell("message.sent", NINE, seller_id="SELLER-2")
    story.until(midnight(2))
    assert {(e["seller_id"], e["status"]) for e in story.health(LATE, 30)} == {
        ("SELLER-1", "warn"),
        ("SELLER-2", "good"),
    }
