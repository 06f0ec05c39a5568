"""The census: counts for people, kept step by step, the same as those of the rows."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.engine import restore_state
from streams.state import State
from tests.core.histories import History, collect, replay_of, told
from tests.core.instants import HOUR, friday_9am, monday_9am, monday_noon, text, thursday_midnight, tuesday_9am
from tests.core.policy_texts import PLAIN, policies
from tests.core.stories import JP, SELLER, US, USUAL, Story

REPORT = "account.metrics_reported"


def census(state: State) -> tuple[dict[str, int], dict[tuple[str, str], int], dict[str, int]]:
    """Rows by kind, breached clocks by rule and marketplace, accounts by status; without what there is none of."""
    found = state.census
    return (
        {kind: count for kind, count in found.rows.items() if count},
        {key: count for key, count in found.breached.items() if count},
        found.accounts(),
    )


@given(history=told(), asked=st.data())
def test_it_is_that_of_the_rows(history: History, asked: st.DataObject) -> None:
    replay = replay_of(history.policies)
    rows: dict[bytes, bytes] = {}
    for raw in history.raws():
        replay.feed(raw)
        if asked.draw(st.booleans()):
            collect(rows, replay.state)
            assert census(replay.state) == census(restore_state(0, rows.items()))


def test_a_clock_is_breached_until_its_duty_is_done() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    assert story.state.census.breached == {}
    story.until(thursday_midnight)
    assert story.state.census.breached == {("sfp-refund", US): 1}
    story.tell("refund.issued", friday_9am)
    assert story.state.census.breached == {("sfp-refund", US): 0}


def test_rows_are_counted_by_kind_until_they_are_forgotten() -> None:
    story = Story(policies(retention={"settled_days": 1}))
    story.tell("case.closed", monday_9am)
    story.tell("evidence.stored", monday_9am, marketplace_id=JP)
    assert census(story.state)[0] == {"account": 2, "case": 1, "evidence": 1}
    story.until(tuesday_9am)
    assert census(story.state)[0] == {"account": 2, "evidence": 1}


def test_a_breached_clock_that_is_forgotten_is_counted_out() -> None:
    story = Story(policies(retention={"unsettled_days": 1}))
    story.tell("message.received", monday_9am)
    story.until(monday_9am + 24 * HOUR + 1)
    assert census(story.state)[1] == {("buyer-message-reply", US): 1}
    story.until(monday_9am + 48 * HOUR)
    assert census(story.state) == ({"account": 1}, {}, {"good": 0, "warn": 1, "bad": 0, "review_risk": 0})


def test_an_account_has_the_worst_status_of_all_its_figures() -> None:
    story = Story()
    for window, defects in ((30, 0), (60, 50), (90, 7)):
        story.tell(REPORT, monday_9am, window_days=window, orders_with_defects=defects)
    assert story.state.census.accounts() == {"good": 0, "warn": 0, "bad": 1, "review_risk": 0}
    story.tell(REPORT, monday_noon, window_days=60, orders_with_defects=0)
    assert story.state.census.accounts() == {"good": 1, "warn": 0, "bad": 0, "review_risk": 0}


@pytest.mark.parametrize(
    ("type_", "is_repeat"),
    [("return.received", True), ("message.received", True), ("case.opened", True), ("seller.vacation_set", False)],
)
def test_the_state_says_whether_a_notification_told_nothing_new(type_: str, is_repeat: bool) -> None:
    story = Story()
    story.tell(type_, monday_9am)
    assert not story.state.is_repeat
    story.tell(type_, monday_noon)
    assert story.state.is_repeat is is_repeat
    story.tell("return.cancelled", monday_noon)
    assert not story.state.is_repeat


def line(number: int, type_: str, at_ms: int, **fields: Any) -> bytes:
    said = {
        "event_id": f"e{number}",
        "type": type_,
        "seller_id": SELLER,
        "marketplace_id": US,
        **USUAL[type_],
        **fields,
    }
    return json.dumps({**said, "occurred_at": text(at_ms)}).encode()


def test_events_carry_what_is_counted_beside_their_bytes() -> None:
    replay = replay_of(PLAIN)
    lines = [
        line(1, "return.received", monday_9am),
        line(2, "refund.issued", friday_9am),
        line(3, "return.approved", friday_9am, approved_by="amazon_cs"),
        line(4, "return.refused", friday_9am),
    ]
    counted = [
        (event.type, event.rule, event.detail, event.elapsed_ms, event.fired_ms)
        for raw in lines
        for event in replay.feed(raw)
        if event.type != "account.health"
    ]
    rule = "sfp-refund"
    assert counted == [
        ("clock.opened", rule, "", 0, 0),
        ("clock.escalated", rule, "1", 0, thursday_midnight - 24 * HOUR),
        ("clock.escalated", rule, "2", 0, thursday_midnight - 4 * HOUR),
        ("clock.breached", rule, "", 0, thursday_midnight),
        ("clock.closed_late", rule, "", friday_9am - monday_9am, 0),
        ("policy.violation", "", "refused_return", 0, 0),
    ]
