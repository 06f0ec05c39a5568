"""What is folded in pieces says what it would say whole: the timers of crowded matters, and sorting."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams import firing, matters
from streams.engine import new_state, restore_state, restoring, step
from streams.pieces import RUN, in_order, let_go, texts_in_order
from streams.row_store import MATTERS_AT_WORK
from streams.sealing import state_digest
from tests.core.histories import History, Rows, bodies, collect, replay_of, told, values
from tests.core.instants import DAY, HOUR, MINUTE, SECOND, monday_9am
from tests.core.policy_texts import effective, policies
from tests.core.stories import Story

CROWD = 12
ALWAYS, NEVER = 0, 1 << 30


def folded(history: History, few: int) -> tuple[list[bytes], Rows]:
    """The events and rows of a history, where so many clocks are few."""
    rows: Rows = {}
    events: list[bytes] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(firing, "FEW_CLOCKS", few)
        patched.setattr(matters, "FEW_CLOCKS", few)
        replay = replay_of(history.policies)
        for raw in history.raws():
            events += values(replay.feed(raw))
            collect(rows, replay.state)
    return events, rows


@given(history=told())
def test_a_crowd_says_what_each_of_its_clocks_would_say_alone(history: History) -> None:
    assert folded(history, ALWAYS) == folded(history, NEVER)


def a_crowd(story: Story) -> None:
    for number in range(CROWD):
        story.tell("return.received", monday_9am + number * SECOND, return_id=f"R-{number:02}")


def of_clocks(story: Story) -> list[dict[str, Any]]:
    return [event for event in story.events if event["type"] != "account.health"]


def test_the_clocks_of_a_crowded_order_fire_in_the_order_of_their_timers() -> None:
    story = Story()
    a_crowd(story)
    story.news()
    story.until(monday_9am + 10 * DAY)
    said = of_clocks(story)[CROWD:]
    assert len(said) == 3 * CROWD
    assert [(event["type"], event.get("level")) for event in said[::CROWD]] == [
        ("clock.escalated", 1),
        ("clock.escalated", 2),
        ("clock.breached", None),
    ]
    for first in range(0, 3 * CROWD, CROWD):
        subjects = [event["subject"] for event in said[first : first + CROWD]]
        assert subjects == sorted(subjects)
    story.until(monday_9am + 300 * DAY)
    assert len([event for event in story.events if event["type"] == "clock.expired"]) == CROWD
    assert list(story.state.matters()) == []


def test_a_crowded_order_is_forgotten_before_a_step_that_comes_later() -> None:
    rule = {"escalate_before": [], "escalate_after": ["1000h"], "on_due": "clock.reminder_due"}
    story = Story(policies(changed={"sfp-refund": rule}, retention={"settled_days": 20, "unsettled_days": 20}))
    a_crowd(story)
    story.until(monday_9am + 10 * DAY)
    assert [event["type"] for event in of_clocks(story)[CROWD:]] == ["clock.reminder_due"] * CROWD
    story.until(monday_9am + 100 * DAY)
    assert len(of_clocks(story)) == 2 * CROWD
    assert list(story.state.matters()) == []


def test_a_crowded_order_may_be_moved_by_one_timer_after_another() -> None:
    moving = {"effective_from": effective(monday_9am + DAY), "applies_to": "open", "target": {"business_days": 9}}
    history = Story(policies(added={"sfp-refund": [moving]}))
    a_crowd(history)
    history.until(monday_9am + 30 * DAY)
    kinds = [event["type"] for event in history.events]
    assert kinds.count("clock.opened") == 2 * CROWD
    assert kinds.count("clock.breached") == CROWD
    assert history.last("clock.breached")["rule_version"] == 2


@given(st.lists(st.integers(0, 50)), st.integers(1, 5))
def test_what_is_sorted_in_pieces_is_sorted(items: list[int], run: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("streams.pieces.RUN", run)
        assert whole(items) == sorted(items)


def whole(items: list[int]) -> list[int]:
    pieces = in_order(items, int)
    while True:
        try:
            next(pieces)
        except StopIteration as done:
            ordered: list[int] = done.value
            return ordered


def test_no_piece_of_sorting_takes_more_than_a_run() -> None:
    many = list(range(3 * RUN))
    random.Random(1).shuffle(many)
    assert len(list(in_order(many, int))) == 3 + 3


@given(st.lists(st.text(max_size=3)), st.integers(1, 5))
def test_texts_are_sorted_in_runs_as_at_once(texts: list[str], run: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("streams.pieces.TEXTS", run)
        assert list(texts_in_order(texts)) == sorted(texts)


@given(history=told(), asked=st.data(), chance=st.randoms(use_true_random=False))
def test_a_state_restored_of_rows_in_any_order_goes_on_as_the_one_that_wrote_them(
    history: History, asked: st.DataObject, chance: random.Random
) -> None:
    rows: Rows = {}
    lines, one = bodies(history), replay_of(history.policies).state
    at = asked.draw(st.integers(0, len(lines)))
    for line in lines[:at]:
        step(one, line)
    collect(rows, one)
    if one.book is None:
        return
    mixed = list(rows.items())
    chance.shuffle(mixed)
    other = restore_state(0, mixed)
    for line in lines[at:]:
        assert values(step(other, line)) == values(step(one, line))
    assert state_digest(other) == state_digest(one)


def test_no_piece_of_restoring_is_more_than_a_row() -> None:
    story = Story()
    for number in range(CROWD):
        story.tell("message.received", monday_9am, thread_id=f"T-{number}", message_id=f"M-{number}")
    rows = [(key, value) for key, value in story.state.take_changes() if value is not None]
    state = new_state(0)
    assert len(list(restoring(state, rows))) == len(rows) + CROWD + 1, "each is taken in, then looked at"
    assert state_digest(state) == state_digest(story.state)


def test_what_is_let_go_comes_in_its_order_and_none_of_it_stays() -> None:
    items = list("abc")
    assert [(item, len(items)) for item in let_go(items)] == [("a", 2), ("b", 1), ("c", 0)]


def test_rows_beyond_those_that_stay_at_work_are_put_to_rest_one_by_one() -> None:
    state = Story().state
    party = state.rows.party("S/M")
    for number in range(MATTERS_AT_WORK + 3):
        state.rows.mark_changed(state.rows.matter(party, "thread", f"T{number:06}"))
    at_work = [len(state.rows.matters) for _ in state.rows.changes()]
    assert at_work == list(range(MATTERS_AT_WORK + 2, -1, -1))


def test_more_rows_than_a_run_stand_in_runs_and_each_once() -> None:
    state = Story().state
    party = state.rows.party("S/M")
    names = [f"T{number}" for number in range(RUN + 2)]
    random.Random(2).shuffle(names)
    for name in names:
        state.rows.mark_changed(state.rows.matter(party, "thread", name))
    told = [key.rpartition("/")[2] for key, _ in state.rows.changes()]
    assert told == sorted(names[:RUN]) + sorted(names[RUN:])


def test_a_switch_of_csba_touches_the_threads_whose_questions_wait_and_no_other() -> None:
    story = Story(marketplace="A1VC38T7YXB528")
    for number in range(CROWD):
        asked: dict[str, Any] = {"message_id": f"M-{number}", "thread_id": f"T-{number}", "routed_to": "csba"}
        story.tell("message.received", monday_9am + number * MINUTE, **asked)
    story.news()
    story.tell("program.changed", monday_9am + HOUR)
    assert len(story.news()) == 2 * CROWD
    story.tell("program.changed", monday_9am + 2 * HOUR)
    assert story.news() == []
