"""The order defect rate as the marketplace reports it (contract §6; PLAN)."""

from __future__ import annotations

import pytest

from tests.core.instants import monday_9am, monday_noon, text, tuesday_9am
from tests.core.stories import Story

REPORT = "account.metrics_reported"


@pytest.mark.parametrize(
    ("defects", "status"),
    [(0, "excellent"), (4, "excellent"), (5, "good"), (9, "good"), (10, "bad"), (1000, "bad")],
)
def test_one_percent_is_bad_and_less_than_half_a_percent_excellent(defects: int, status: str) -> None:
    story = Story()
    story.tell(REPORT, monday_9am, orders_with_defects=defects, event_id="report")
    (event,) = story.health()
    assert (event["metric"], event["window_days"], event["unit"]) == ("order_defect_rate", 60, "ppm")
    assert (event["numerator"], event["denominator"], event["value"]) == (defects, 1000, defects * 1000)
    assert (event["status"], event["revision"]) == (status, 1)
    assert (event["at"], event["cause"]) == (text(monday_9am), "report")


def test_without_orders_there_is_no_rate_but_the_report_counts() -> None:
    story = Story()
    story.tell(REPORT, monday_noon, order_count=0, orders_with_defects=0)
    story.tell(REPORT, monday_9am, known=tuesday_9am)
    assert story.health() == []


def test_an_older_or_repeated_report_of_the_same_window_says_nothing() -> None:
    story = Story()
    story.tell(REPORT, monday_noon, event_id="m")
    story.tell(REPORT, monday_9am, known=monday_noon)
    story.tell(REPORT, monday_noon, event_id="m")
    story.tell(REPORT, monday_noon, event_id="a")
    assert len(story.health()) == 1
    story.tell(REPORT, monday_noon, event_id="z")
    story.tell(REPORT, tuesday_9am)
    assert [event["at"] for event in story.health()] == [text(monday_noon), text(monday_noon), text(tuesday_9am)]


def test_each_window_is_reported_for_itself() -> None:
    story = Story()
    story.tell(REPORT, monday_noon)
    story.tell(REPORT, monday_9am, known=monday_noon, window_days=90)
    assert [event["window_days"] for event in story.health()] == [60, 90]


def test_a_report_sets_no_timer_and_leaves_only_the_accounts_row() -> None:
    story = Story()
    story.tell(REPORT, monday_9am)
    assert story.forgotten(monday_noon) == []
