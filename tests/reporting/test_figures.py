"""A report's figures: the numbers of account health where both speak, and what stands after all that was taken back."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from typing import Any

import pytest

from agents.reporting.figures import Clocks, figures, nearest_rank, on_time_ppm, report_of
from schemas.answers.report import PeriodFigures, Report
from schemas.codec import DAY_MS, parse_instant
from tests.audit.history import History
from tests.core.histories import history_of
from tests.oracle.histories import plain_policies, random_history

REFUNDS = ("sfp-refund", "csba-jp-refund", "mfn-refund")
SPOKEN_BY_BOTH = ("average_response_ms", "late_response_rate", "refund_on_time_rate")
HEALTH_CASES = (
    "34-late-response-ten-percent", "34c-health-of-refunds-and-skipped-midnights", "57-breach-taken-back-and-forth",
    "18-late-news-retracts-the-breach", "52-receipt-with-an-id-replaces", "43-forgotten-and-expired",
)  # fmt: skip


def events_of(*cases: str) -> list[dict[str, Any]]:
    history = History()
    for case in cases:
        history.tell(case)
    return [json.loads(sent.event.value) for sent in history.events]


def clocks_of(events: Iterable[dict[str, Any]]) -> Clocks:
    clocks = Clocks()
    for event in events:
        clocks.add(event)
    return clocks


def as_health_says(report: Report, health: dict[str, Any]) -> int:
    """The value that an `account.health` would have by this report of its window."""
    mine = [one for one in report.lines if f"{one.seller_id}/{one.marketplace_id}" == account_of(health)]
    replies = [one.now for one in mine if one.rule == "buyer-message-reply"]
    refunds = [one.now for one in mine if one.rule in REFUNDS]
    if health["metric"] == "average_response_ms":
        return replies[0].average_ms or 0 if replies else 0
    if health["metric"] == "late_response_rate":
        met, late = sum(one.met for one in replies), sum(one.late for one in replies)
        assert (late, met + late) == (health["numerator"], health["denominator"])
        return on_time_ppm(late, met) or 0
    met, late = sum(one.met for one in refunds), sum(one.late for one in refunds)
    assert (met, met + late) == (health["numerator"], health["denominator"])
    return on_time_ppm(met, late) or 0


def account_of(event: dict[str, Any]) -> str:
    return f"{event['seller_id']}/{event['marketplace_id']}"


def hold_against_health(events: list[dict[str, Any]]) -> int:
    """Hold each figure of health against a report of its window, by what was known then; how many there were."""
    clocks, held = Clocks(), 0
    for event in events:
        clocks.add(event)
        if event["type"] != "account.health" or event["metric"] not in SPOKEN_BY_BOTH:
            continue
        until_ms = parse_instant(event["at"])
        report = report_of(clocks, until_ms - event["window_days"] * DAY_MS, until_ms)
        assert as_health_says(report, event) == event["value"], event
        held += 1
    return held


@pytest.mark.parametrize("case", HEALTH_CASES)
def test_the_numbers_are_those_of_account_health(case: str) -> None:
    assert hold_against_health(events_of(case)) > 0


def test_the_numbers_are_those_of_account_health_in_random_histories() -> None:
    held = 0
    for seed in range(60):
        history = history_of(plain_policies(), random_history(seed, 60))
        held += hold_against_health([json.loads(event.value) for event in history.events])
    assert held > 300, f"only {held} figures of health: these histories prove little"


def test_events_may_come_in_any_order() -> None:
    events = events_of(*HEALTH_CASES)
    since_ms, until_ms = parse_instant("2026-02-01T00:00:00Z"), parse_instant("2026-04-01T00:00:00Z")
    wanted = report_of(clocks_of(events), since_ms, until_ms)
    assert sum(line.now.opened for line in wanted.lines) > 10
    for seed in range(5):
        shuffled = random.Random(seed).sample(events, len(events))
        assert report_of(clocks_of(shuffled), since_ms, until_ms) == wanted


def test_what_was_taken_back_counts_no_more_and_what_is_gone_never_did() -> None:
    events = events_of("18-late-news-retracts-the-breach")
    breached = next(number for number, event in enumerate(events) if event["type"] == "clock.breached")
    start_ms = parse_instant(events[0]["started_at"])
    clock = events[breached]["clock_id"]

    def of(known: list[dict[str, Any]]) -> PeriodFigures:
        found = report_of(clocks_of(known), start_ms, start_ms + 7 * DAY_MS)
        return next(one.now for one in found.lines if one.rule == clock.split("/")[2])

    mine = [event for event in events if event.get("clock_id") == clock]
    up_to = mine.index(events[breached]) + 1
    assert (of(mine[:up_to]).met, of(mine[:up_to]).late) == (0, 1)
    assert (of(mine).met, of(mine).late) == (1, 0)
    gone = {**mine[0], "type": "clock.retracted", "of": "clock.opened", "retracts": mine[0]["output_id"], "seq": 2}
    assert report_of(clocks_of([mine[0], gone]), start_ms, start_ms + 7 * DAY_MS).lines == []
    again = {**mine[0], "seq": 3, "output_id": "f" * 32, "revision": 2}
    assert of([mine[0], gone, again]).open == 1


def test_a_clock_belongs_to_the_period_in_which_it_started() -> None:
    events = [event for event in events_of(*HEALTH_CASES) if "clock_id" in event]
    starts = sorted({parse_instant(event["started_at"]) for event in events})
    middle = starts[len(starts) // 2]
    report = report_of(clocks_of(events), middle, middle + 7 * DAY_MS)
    before = report_of(clocks_of(events), middle - 7 * DAY_MS, middle)
    now = {(line.seller_id, line.rule): line.now for line in before.lines if line.now.opened}
    assert {(line.seller_id, line.rule): line.before for line in report.lines if line.before.opened} == now
    assert report.before_since == before.since
    for line in report.lines:
        assert sum(day.met + day.late + day.other for day in line.days) == line.now.opened
        assert sum(day.late for day in line.days) == line.now.late == len(line.breaches)


def test_accounts_are_chosen_by_name_or_by_seller() -> None:
    clocks = clocks_of(events_of(*HEALTH_CASES))
    span = parse_instant("2026-01-01T00:00:00Z"), parse_instant("2026-12-01T00:00:00Z")
    whole = report_of(clocks, *span)
    assert report_of(clocks, *span, accounts=["A3GOLDEN/ATVPDKIKX0DER"]).lines == [
        line for line in whole.lines if (line.seller_id, line.marketplace_id) == ("A3GOLDEN", "ATVPDKIKX0DER")
    ]
    assert report_of(clocks, *span, accounts=["A3GOLDEN"]).lines == [
        line for line in whole.lines if line.seller_id == "A3GOLDEN"
    ]
    assert report_of(clocks, *span, accounts=["NOBODY"]).lines == []


def test_medians_are_times_that_were_taken() -> None:
    assert [nearest_rank([], 50), nearest_rank([7], 90)] == [None, 7]
    assert [nearest_rank(range(1, 11), percent) for percent in (50, 90, 100)] == [5, 9, 10]
    assert nearest_rank([1, 2, 3, 100], 50) == 2


def test_of_nothing_there_is_no_rate() -> None:
    nothing = figures([])
    assert (nothing.opened, nothing.on_time_ppm, nothing.average_ms, nothing.median_ms, nothing.p90_ms) == (
        0,
        *[None] * 4,
    )
    assert [on_time_ppm(2, 1), on_time_ppm(1, 2), on_time_ppm(0, 5), on_time_ppm(5, 0)] == [666_667, 333_333, 0, 10**6]
