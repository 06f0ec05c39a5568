"""Laws of spares: however a changelog is taken in, what comes of it is what recovery makes of its rows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.row_codec import apply_changes
from streams.rows import PARTITION_KEY, POLICIES_KEY, RowError
from streams.spare import Spare
from streams.state import State
from streams.timer import Timer
from tests.core.histories import History, Rows, collect, replay_of, restored, told, values
from tests.core.instants import DAY, HOUR, monday_9am, monday_noon
from tests.core.policy_texts import policies
from tests.core.stories import ORDER, SELLER, US, Story

FAR_MS = 1 << 61
Changes = list[tuple[bytes, bytes | None]]


def timers(state: State) -> list[Timer]:
    """All that is armed, in the order in which it would fire; the state is of no use then.

    A row whose timer has fired is armed anew at once, or is gone. Here it is not, so that what was parked of it before
    asks for it again: once is enough.
    """
    found: dict[str, Timer] = {}
    while (timer := state.timers.pop_due(FAR_MS)) is not None:
        found.setdefault(timer.row_id, timer)
    return list(found.values())


def indexes(state: State) -> dict[str, Any]:
    """What a state holds beside its rows, and its rows; it is of no use then."""
    census = state.census
    return {
        "row": state.row,
        "rows": state.rows.at_rest,
        "left": (state._left_policies, state._left_zones),
        "digest": None if state.book is None else state.book.policies.digest,
        "midnight": state.ledger.midnight_ms,
        "counts": {kind: count for kind, count in census.rows.items() if count},
        "breached": {key: count for key, count in census.breached.items() if count},
        "due": census.due,
        "accounts": census.accounts(),
        "full": state.full,
        "questions": state.questions._by_account,
        "cases": {key: set(cases) for key, cases in state.cases._cases.items()},
        "timers": timers(state),
    }


def take(spare: Spare, changes: Changes) -> None:
    for key, value in changes:
        spare.take(key, value)


@given(history=told(), asked=st.data())
def test_a_spare_is_what_recovery_would_make_of_the_same_rows(history: History, asked: st.DataObject) -> None:
    """It is indexed now and then, also amid a transaction, and sometimes only in part before more is taken in."""
    replay, spare, rows = replay_of(history.policies), Spare(0), Rows()
    for raw in history.raws():
        replay.feed(raw)
        changes = replay.state.take_changes()
        apply_changes(rows, changes)
        cut = asked.draw(st.integers(0, len(changes)))
        take(spare, changes[:cut])
        if asked.draw(st.booleans()):
            for _ in zip(spare.indexing(), range(asked.draw(st.integers(0, 5))), strict=False):
                pass
        take(spare, changes[cut:])
    if history.lines:
        assert indexes(spare.state()) == indexes(restored(rows))


@given(history=told(), asked=st.data())
def test_a_spare_goes_on_as_the_one_whose_place_it_takes(history: History, asked: st.DataObject) -> None:
    first, spare = replay_of(history.policies), Spare(0)
    raws = history.raws()
    fail_at = asked.draw(st.integers(1, max(1, len(raws))))
    for raw in raws[:fail_at]:
        first.feed(raw)
        take(spare, first.state.take_changes())
        if asked.draw(st.booleans()):
            spare.index_all()
    if not raws:
        return
    second = replay_of(history.policies)
    second.state, second._has_begun = spare.state(), True
    for raw in raws[fail_at:]:
        assert values(second.feed(raw)) == values(first.feed(raw))
        ours, theirs = Rows(), Rows()
        collect(ours, second.state)
        collect(theirs, first.state)
        assert ours == theirs


@given(history=told(), asked=st.data())
def test_what_compaction_has_taken_is_not_missed(history: History, asked: st.DataObject) -> None:
    """Of what was written between two looks only the newest of each key is left, in the order of the log."""
    replay, spare, rows = replay_of(history.policies), Spare(0), Rows()
    waiting: dict[bytes, bytes | None] = {}
    for raw in history.raws():
        replay.feed(raw)
        for key, value in replay.state.take_changes():
            waiting.pop(key, None)
            waiting[key] = value
        if asked.draw(st.booleans()):
            apply_changes(rows, waiting.items())
            take(spare, list(waiting.items()))
            waiting.clear()
            spare.index_all()
    apply_changes(rows, waiting.items())
    take(spare, list(waiting.items()))
    if history.lines:
        assert indexes(spare.state()) == indexes(restored(rows))


# --- single cases -----------------------------------------------------------------------------------------------------


def follow(story: Story, spare: Spare) -> Changes:
    changes = story.state.take_changes()
    take(spare, changes)
    return changes


def test_a_partition_without_a_line_has_an_empty_spare() -> None:
    spare = Spare(3)
    assert (len(spare), spare.unindexed) == (0, 0)
    assert (spare.state().partition, spare.state().lines) == (3, 0)


def test_rows_without_policies_wait_for_them_and_are_no_state() -> None:
    story, spare = Story(), Spare(0)
    story.tell("message.received", monday_9am, order_id=ORDER)
    changes = dict(story.state.take_changes())
    own = changes.pop(POLICIES_KEY)
    take(spare, list(changes.items()))
    with pytest.raises(ValueError, match="partition 0 has rows and no policies"):
        spare.state()
    spare.take(POLICIES_KEY, own)
    rows = {key: value for key, value in {**changes, POLICIES_KEY: own}.items() if value is not None}
    assert indexes(spare.state()) == indexes(restored(rows))


def test_a_row_that_is_written_often_is_looked_at_once() -> None:
    story, spare = Story(), Spare(0)
    story.tell("message.received", monday_9am)
    follow(story, spare)
    spare.index_all()
    assert spare.unindexed == 0
    for hour in range(1, 6):
        story.tell("message.received", monday_9am + hour * HOUR, message_id=f"M-{hour}")
        follow(story, spare)
    assert spare.unindexed == 1  # the thread, five times
    assert len(list(spare.indexing())) == 1


def test_who_goes_on_with_pieces_that_another_has_ended_finds_none() -> None:
    story, spare = Story(), Spare(0)
    story.tell("message.received", monday_9am, order_id=ORDER)
    follow(story, spare)
    abandoned = spare.indexing()
    next(abandoned)
    assert spare.is_indexing
    story.tell("message.received", monday_noon, message_id="M-2")
    follow(story, spare)  # ends them first
    again = spare.indexing()
    next(again)
    assert list(abandoned) == []
    assert spare.is_indexing
    assert (list(again), spare.unindexed) == ([], 0)
    assert spare.state().lines == 2


def test_what_was_forgotten_leaves_the_spare_and_its_parked_entries_do_not_gather() -> None:
    story, spare = Story(policies(retention={"settled_days": 1})), Spare(0)
    for day in range(8):
        story.tell("case.closed", monday_9am + day * DAY, case_id=f"C-{day}")
        follow(story, spare)
        spare.index_all()
        assert len(spare._state.timers) <= 3
    assert len(spare) <= 3


def test_an_account_whose_row_is_taken_away_is_counted_no_more() -> None:
    story, spare = Story(), Spare(0)
    story.tell("case.closed", monday_9am)
    follow(story, spare)
    spare.index_all()
    account = f"{SELLER}/{US}".encode()
    (matter,) = (row_id for row_id in story.state.row_ids() if row_id.count("/") > 1)
    spare.take(matter.encode(), None)
    spare.take(account, None)
    state = spare.state()
    assert len(spare) == 0
    assert {kind: count for kind, count in state.census.rows.items() if count} == {}
    assert state.census.accounts()["good"] == 0
    assert timers(state) == []


@pytest.mark.parametrize("key", [PARTITION_KEY, POLICIES_KEY])
def test_what_nobody_takes_away_is_refused_as_a_tombstone(key: bytes) -> None:
    with pytest.raises(RowError, match=f"the row {key.decode()} was taken away"):
        Spare(0).take(key, None)


def test_rows_that_go_back_to_an_earlier_line_are_refused() -> None:
    story, spare = Story(), Spare(0)
    story.tell("message.received", monday_9am)
    before = dict(follow(story, spare))[PARTITION_KEY]
    story.tell("message.received", monday_noon, message_id="M-2")
    follow(story, spare)
    spare.index_all()
    spare.take(PARTITION_KEY, before)
    with pytest.raises(RowError, match="stood at line 2 and stand at line 1 now"):
        spare.index_all()


def test_a_key_that_is_no_text_is_refused() -> None:
    with pytest.raises(RowError, match="not UTF-8"):
        Spare(0).take(b"\xff", b"[]")


def test_an_account_s_row_under_a_matter_s_key_is_refused_as_recovery_does() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    rows = {key: value for key, value in story.state.take_changes() if value is not None}
    spare = Spare(0)
    for key, value in rows.items():
        spare.take(key, value)
    spare.take(b"a/b/account/1", rows[f"{SELLER}/{US}".encode()])
    with pytest.raises(RowError, match="a/b/account/1"):
        spare.index_all()
