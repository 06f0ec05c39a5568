"""State: what a changelog is told and when, tombstones, and the count of what falls due."""

from __future__ import annotations

from typing import cast

import pytest

from schemas.notifications import TimeTick
from streams.at_rest import ParkedInMemory, RowsInMemory
from streams.engine import Line, State, next_fire_ms, restore_state, step
from streams.row_codec import decode_partition
from streams.row_store import MATTERS_AT_WORK, PARTIES_AT_WORK
from streams.rows import MOST_LOST, PARTITION_KEY, POLICIES_KEY, Lost, RowError
from streams.state import new_state
from streams.threads import NEVER_MS
from tests.core.instants import DAY, HOUR, monday_9am, monday_noon, thursday_9am, thursday_midnight, tuesday_9am
from tests.core.policy_texts import PLAIN, effective, policies
from tests.core.stories import JP, ORDER, SELLER, US, Story, due_counts

OWN = f"{SELLER}/{US}"
ACCOUNT = OWN.encode()
SUBJECT = "late-parcel"
ORDER_ROW = ACCOUNT + f"/order/{ORDER}".encode()


def keys(story: Story) -> list[bytes]:
    return [key for key, _ in story.state.take_changes()]


def test_a_new_state_has_nothing_but_its_partition_row() -> None:
    state = new_state(3)
    assert (state.partition, state.lines, state.journal_ms, state.digest, state.positions) == (3, 0, 0, "", {})
    assert (state.logic, state.row.zones, state.policies_row()) == (0, "", [])
    assert [key for key, _ in state.take_changes()] == [PARTITION_KEY]
    assert next_fire_ms(state) is None
    assert state.census.due == {}


def test_a_key_that_is_no_text_is_refused_as_a_row() -> None:
    with pytest.raises(RowError, match="not UTF-8"):
        new_state(0).rest(b"\xff", b"[]")


def test_changes_are_the_partition_the_policies_if_they_are_new_and_then_rows_by_key() -> None:
    story = Story()
    story.tell("message.received", monday_9am, order_id=ORDER)
    assert keys(story) == [PARTITION_KEY, POLICIES_KEY, ACCOUNT, ORDER_ROW, ACCOUNT + b"/thread/T-1"]
    assert keys(story) == [PARTITION_KEY]
    story.activate(policies(retention={"settled_days": 50}), monday_9am)
    assert keys(story) == [PARTITION_KEY, POLICIES_KEY]


def test_a_repeat_changes_no_row_but_the_partitions() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.state.take_changes()
    story.tell("return.received", monday_noon)
    assert keys(story) == [PARTITION_KEY]


def test_the_partition_row_carries_lines_time_policies_and_the_shells_positions() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.state.positions["return-received"] = 17
    row = decode_partition(dict(story.state.take_changes())[PARTITION_KEY] or b"")
    assert (row.lines, row.journal_ms, row.notes.positions) == (1, monday_9am, {"return-received": 17})
    assert (row.digest, row.logic) == (story.state.digest, story.state.logic) == (row.digest, 1)
    assert len(row.digest) == len(row.zones) == 64


def test_an_id_is_kept_once_whether_its_matter_waits_for_a_clock_or_to_be_forgotten() -> None:
    story = Story()
    state, row_id = story.state, ORDER_ROW.decode()
    story.tell("return.received", monday_9am)
    state.take_changes()
    at_rest = cast(RowsInMemory, state.rows.at_rest)
    (kept,) = (key for key in at_rest if key == row_id)
    assert state.timers._armed[row_id].row_id is kept
    state.rows.rest()
    story.tell("refund.issued", monday_noon)
    assert state.rows.matters[row_id].row_id is kept
    assert next(ids[0] for _, ids in cast(ParkedInMemory, state.timers._parked)._hours.values()) is kept
    state.take_changes()
    assert next(key for key in at_rest if key == row_id) is kept


def test_a_forgotten_matter_is_a_tombstone_once() -> None:
    story = Story()
    story.tell("return.cancelled", monday_9am)
    story.state.take_changes()
    story.until(monday_9am + 45 * DAY)
    assert dict(story.state.take_changes())[ORDER_ROW] is None
    assert keys(story) == [PARTITION_KEY]


def test_a_matter_forgotten_and_woken_in_one_slice_is_no_tombstone() -> None:
    story = Story()
    story.tell("return.cancelled", monday_9am)
    story.state.take_changes()
    story.tell("return.cancelled", monday_9am + 60 * DAY)
    assert dict(story.state.take_changes())[ORDER_ROW] is not None


def test_a_matter_that_came_and_went_in_one_slice_is_a_tombstone() -> None:
    story = Story()
    story.tell("return.cancelled", monday_9am)
    story.until(monday_9am + 45 * DAY)
    assert dict(story.state.take_changes())[ORDER_ROW] is None


def test_open_clocks_are_counted_by_rule_marketplace_and_hour_of_due() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.tell("return.received", monday_noon, return_id="R-2")
    story.tell("message.received", monday_noon + 1, marketplace_id=JP)
    by_hour = {
        ("buyer-message-reply", JP, monday_noon + 24 * HOUR): 1,
        ("sfp-refund", US, thursday_midnight): 2,
    }
    assert story.state.census.due == due_counts(story.state) == by_hour
    story.tell("refund.issued", monday_noon + 1)
    assert story.state.census.due == {**by_hour, ("sfp-refund", US, thursday_midnight): 1}
    story.until(thursday_9am)
    assert story.state.census.due == {}


def test_a_clock_that_is_forgotten_while_open_is_counted_out() -> None:
    story = Story(policies(retention={"unsettled_days": 1}, changed={"sfp-refund": {"confirm_after": "9d"}}))
    story.tell("return.received", monday_9am)
    story.until(thursday_midnight + DAY)
    assert story.news()[-1] == "expired sfp-refund"
    assert story.state.census.due == {}


def test_rows_stay_decoded_until_there_are_too_many() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.state.take_changes()
    rows = story.state.rows
    assert [*rows.parties, *rows.matters] == [ACCOUNT.decode(), ORDER_ROW.decode()]
    for number in range(MATTERS_AT_WORK - 1):
        story.tell("message.received", monday_noon, thread_id=f"T-{number}", message_id=f"M-{number}")
    story.state.take_changes()
    assert (len(rows.parties), len(rows.matters)) == (1, MATTERS_AT_WORK)
    story.tell("message.received", monday_noon, thread_id="T-one-more", message_id="M-one-more")
    story.state.take_changes()
    assert [*rows.parties, *rows.matters] == [ACCOUNT.decode()]
    for number in range(PARTIES_AT_WORK):
        seller, thread = f"S-{number}", f"T-of-{number}"
        story.tell("message.received", monday_noon, seller_id=seller, thread_id=thread, message_id=f"M-{number}")
    story.state.take_changes()
    assert [*rows.parties, *rows.matters] == []


def test_rows_without_policies_are_refused() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    rows = [(key, value) for key, value in story.state.take_changes() if key != POLICIES_KEY and value is not None]
    with pytest.raises(ValueError, match="comes before any policies"):
        restore_state(0, rows)


@pytest.mark.parametrize("row_id", ["no row's", "a/b/nothing/x", "a/b/account/x"])
def test_rows_of_no_kind_are_refused_by_name(row_id: str) -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    rows = {key: value for key, value in story.state.take_changes() if value is not None}
    rows[row_id.encode()] = rows[ORDER_ROW]
    with pytest.raises(RowError, match=row_id):
        restore_state(0, rows.items())


@pytest.mark.parametrize("row_id", ["", "x", "a/b/order", "a/b/c"])
def test_an_account_s_row_under_a_key_that_is_no_account_s_is_refused_by_name(row_id: str) -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    rows = {key: value for key, value in story.state.take_changes() if value is not None}
    rows[row_id.encode()] = rows[ACCOUNT]
    with pytest.raises(RowError, match=f"the row {row_id} is of no account and of no matter"):
        restore_state(0, rows.items())


def test_a_state_restored_from_no_rows_is_a_new_one() -> None:
    state = restore_state(0, [])
    assert (state.lines, state.digest) == (0, "")
    assert state.row_ids() == []


def test_a_restored_state_that_nothing_was_activated_in_has_no_policies_and_no_logic() -> None:
    state = new_state(0)
    step(state, Line(1, monday_9am, TimeTick()))
    again = restore_state(0, [(key, value) for key, value in state.take_changes() if value is not None])
    assert (again.lines, again.journal_ms, again.logic, again.book) == (1, monday_9am, 0, None)


def cases_of(state: State) -> dict[str, tuple[object, ...]]:
    found = state.case_summaries(OWN, SUBJECT)
    return {row_id: (one.case_id, one.opened, one.timeline, one.is_violation) for row_id, one in found.items()}


def test_a_restored_state_knows_threads_that_asked_csba_and_cases_by_subject() -> None:
    story = Story()
    story.tell("message.received", monday_9am, routed_to="csba")
    story.tell("message.received", monday_9am, thread_id="T-2")
    story.tell("case.opened", monday_9am)
    story.tell("case.activity", monday_9am, case_id="C-2")
    rows = [(key, value) for key, value in story.state.take_changes() if value is not None]
    again = restore_state(0, rows)
    assert [*again.questions.waiting(OWN, 0, monday_9am)] == [f"{OWN}/thread/T-1"]
    assert [*story.state.questions.waiting(OWN, 0, monday_9am)] == [f"{OWN}/thread/T-1"]
    assert cases_of(again) == cases_of(story.state) != {}
    assert next_fire_ms(again) == next_fire_ms(story.state)
    assert again.take_changes() == [(PARTITION_KEY, dict(rows)[PARTITION_KEY])]


def test_a_restored_state_knows_from_when_no_switch_of_csba_matters_to_a_thread() -> None:
    story = Story()
    for thread in ("T-1", "T-2"):
        story.tell("message.received", monday_9am, routed_to="csba", thread_id=thread)
        story.tell("message.sent", monday_noon, from_role="csba", thread_id=thread)
    story.tell("message.undelivered", monday_noon, thread_id="T-2")
    rows = [(key, value) for key, value in story.state.take_changes() if value is not None]
    for state in (story.state, restore_state(0, rows)):
        waiting = [[*state.questions.waiting(OWN, 0, until)] for until in (monday_9am, monday_noon)]
        assert waiting == [[f"{OWN}/thread/T-1", f"{OWN}/thread/T-2"], [f"{OWN}/thread/T-2"]]


def test_a_restored_clock_knows_which_version_bound_it_whichever_has_moved_it() -> None:
    story = Story(policies(added={"safe-t-window": [{"effective_from": effective(monday_noon), "applies_to": "open"}]}))
    story.tell("refund.issued", monday_9am, issued_by="amazon_cs", program="mfn")
    story.until(monday_noon)
    rows = [(key, value) for key, value in story.state.take_changes() if value is not None]
    (clock,) = next(row for _, row in restore_state(0, rows).matters()).clocks
    assert (clock.origin, clock.version, clock.revision) == (2, 3, 2)


# --- what a line did -------------------------------------------------------------------------------------------------


def test_a_state_says_what_became_of_the_facts_of_its_last_line() -> None:
    story = Story()
    for known, happened, order, expected in (
        (monday_9am, monday_9am, ORDER, ["new", "new"]),
        (monday_noon, monday_noon, ORDER, ["repeat", "repeat"]),
        (monday_noon, monday_9am - 1, ORDER, ["replaces", "replaces"]),
        (monday_noon, monday_9am, "111-0000009-0000009", ["repeat", "new"]),
        (monday_noon, monday_noon, None, ["repeat"]),
    ):
        story.tell("message.received", happened, known=known, event_id="m", order_id=order)
        assert [taken.how for taken in story.state.taken] == expected
    story.tell("program.changed", monday_noon)
    (switch,) = story.state.taken
    assert (switch.row_id, switch.how, switch.other) == (ACCOUNT.decode(), "new", None)
    story.tell("seller.vacation_set", monday_noon)
    assert story.state.taken == []


def test_a_fact_that_repeats_or_replaces_another_names_it() -> None:
    story = Story()
    story.tell("return.cancelled", monday_9am)
    first = story.state.taken[0].fact
    story.tell("return.cancelled", monday_noon)
    assert (story.state.taken[0].row_id, story.state.taken[0].other) == (ORDER_ROW.decode(), first)
    story.tell("return.cancelled", monday_9am - 1, known=monday_noon)
    assert story.state.taken[0].other == first


def test_a_state_says_which_matters_were_forgotten_before_its_last_line() -> None:
    story = Story()
    story.tell("return.cancelled", monday_9am)
    assert story.state.gone == []
    story.until(monday_9am + 45 * DAY)
    assert (story.state.gone, story.state.taken) == ([ORDER_ROW.decode()], [])
    story.until(monday_9am + 45 * DAY)
    assert story.state.gone == []


def test_indexes_forget_what_is_forgotten() -> None:
    story = Story()
    story.tell("message.received", monday_9am, routed_to="csba")
    story.tell("message.received", tuesday_9am, thread_id="T-2", routed_to="csba")
    story.tell("case.opened", monday_9am)
    story.tell("case.opened", tuesday_9am, case_id="C-2")
    story.until(monday_9am + 800 * DAY)
    assert [*story.state.questions.waiting(OWN, 0, NEVER_MS - 1)] == []
    assert story.state.case_summaries(OWN, SUBJECT) == {}
    assert story.state.digest == Story(PLAIN).state.digest


def test_lost_input_is_noted_until_it_is_written_and_the_newest_ranges_are_kept() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.state.take_changes()
    news = [story.state.has_news]
    for number in range(MOST_LOST + 1):
        story.state.note_lost("return-received", number * 10, number * 10 + 4, monday_noon)
    news.append(story.state.has_news)
    notes = decode_partition(dict(story.state.take_changes())[PARTITION_KEY] or b"").notes
    assert [*news, story.state.has_news] == [False, True, False]
    assert len(notes.lost) == MOST_LOST
    assert notes.lost[-1] == Lost("return-received", MOST_LOST * 10, MOST_LOST * 10 + 4, monday_noon)
    assert notes.lost_records == (MOST_LOST + 1) * 5
    assert notes.positions["return-received"] == MOST_LOST * 10 + 5
