"""Seals: the digest of a state and of the records before it, and what changes them (seals.md)."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.notifications import StateSealed
from streams import logic
from streams.engine import Line, restore_state, step
from streams.rows import PARTITION_KEY, POLICIES_KEY
from streams.sealing import UNBROKEN, canonical_rows, line_digest, next_link, record_digest, rows_digest, state_digest
from streams.state import new_state
from tests.core.histories import History, collect, replay_of, told
from tests.core.instants import friday_9am, monday_9am, monday_noon
from tests.core.policy_texts import PLAIN, policies
from tests.core.stories import Story

HEADERS = [("line", b"1"), ("origin", b"buyer-message/0/7")]


@given(history=told(), asked=st.data())
def test_a_restored_state_has_the_same_digest_and_so_has_one_whose_rows_were_not_taken(
    history: History, asked: st.DataObject
) -> None:
    replay = replay_of(history.policies)
    rows: dict[bytes, bytes] = {}
    for raw in history.raws():
        replay.feed(raw)
        if asked.draw(st.booleans()):
            before = state_digest(replay.state)
            collect(rows, replay.state)
            assert state_digest(replay.state) == before
            assert state_digest(restore_state(0, rows.items())) == before


def test_the_shells_notes_are_not_part_of_the_state() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    before = state_digest(story.state)
    story.state.positions["return-received"] = 17
    story.state.note_record(bytes(32), 4)
    story.state.note_seal(5)
    story.state.note_lost("return-received", 17, 19, monday_9am)
    notes = story.state.row.notes
    notes.partitions, notes.topics, notes.journal_topic, notes.group = 4, {"return-received": bytes(16)}, "j/00", "g"
    assert state_digest(story.state) == before


def test_each_row_counts() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.tell("message.received", monday_9am)
    rows = list(canonical_rows(story.state))
    assert [key for key, _ in rows][:2] == [PARTITION_KEY, POLICIES_KEY]
    assert [key for key, _ in rows][2:] == sorted(key for key, _ in rows[2:])
    digests = {rows_digest(rows[:number] + rows[number + 1 :]) for number in range(len(rows))}
    assert len(digests | {rows_digest(rows)}) == len(rows) + 1
    assert list(canonical_rows(new_state(0)))[1:] == []


def test_a_fact_a_line_and_the_time_each_change_the_digest() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    seen = [state_digest(story.state)]
    story.tell("refund.issued", monday_noon)
    seen.append(state_digest(story.state))
    story.until(monday_noon)
    seen.append(state_digest(story.state))
    story.until(monday_noon + 1)
    seen.append(state_digest(story.state))
    assert len(set(seen)) == 4


ZONES = {"America/Los_Angeles": [[0, -28_800]], "Asia/Tokyo": [[0, 32_400]]}
OTHER_ZONES = {**ZONES, "America/Los_Angeles": [[0, -28_800], [monday_noon, -25_200]]}


def test_policies_zones_and_logic_in_force_and_those_that_were_left_each_change_the_digest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(logic.CHANGES, 2, "What is to come.")
    changed = policies(retention={"settled_days": 50})
    histories = [
        [(PLAIN, ZONES, 1), (PLAIN, ZONES, 1)],
        [(PLAIN, ZONES, 1), (PLAIN, ZONES, 2)],
        [(PLAIN, ZONES, 1), (PLAIN, OTHER_ZONES, 1)],
        [(PLAIN, OTHER_ZONES, 1), (PLAIN, ZONES, 1)],
        [(PLAIN, ZONES, 1), (changed, ZONES, 1)],
        [(changed, ZONES, 1), (PLAIN, ZONES, 1)],
    ]
    digests = set()
    for history in histories:
        story = Story()
        for toml, zones, number in history:
            story.activate(toml, monday_9am, zones=zones, logic=number)
        digests.add(state_digest(story.state))
        rows = [(key, value) for key, value in story.state.take_changes() if value is not None]
        assert state_digest(restore_state(0, rows)) == state_digest(story.state)
    assert len(digests) == len(histories)


@pytest.mark.parametrize(
    "other",
    [
        (2, b"k", b"v", HEADERS),
        (1, b"K", b"v", HEADERS),
        (1, None, b"v", HEADERS),
        (1, b"-", b"v", HEADERS),
        (1, b"k", b"w", HEADERS),
        (1, b"k", None, HEADERS),
        (1, b"k", b"v", HEADERS[::-1]),
        (1, b"k", b"v", HEADERS[:1]),
        (1, b"k", b"v", [("line", b"2"), HEADERS[1]]),
        (1, b"k", b"v", [("linf", b"1"), HEADERS[1]]),
        (1, b"kv", b"", HEADERS),
    ],
)
def test_whatever_is_changed_in_a_record_changes_its_digest(
    other: tuple[int, bytes | None, bytes | None, list[tuple[str, bytes]]],
) -> None:
    assert record_digest(*other) != record_digest(1, b"k", b"v", HEADERS)


@given(st.integers(0, 1 << 62), st.binary(), st.binary(), st.binary(), st.binary())
def test_a_notifications_record_has_the_digest_that_its_parts_give_one_by_one(
    at_ms: int, key: bytes, value: bytes, line: bytes, origin: bytes
) -> None:
    parts = (key, value, b"line", line, b"origin", origin)
    text = b"%d:%b" % (at_ms, b"".join(b"%d:%b" % (len(part), part) for part in parts))
    assert line_digest(at_ms, key, value, line, origin) == sha256(text).digest()
    assert record_digest(at_ms, key, value, [("line", line), ("origin", origin)]) == sha256(text).digest()


@pytest.mark.parametrize("headers", [[("line", None), HEADERS[1]], [HEADERS[0], ("origin", None)]])
def test_a_null_header_is_told_from_an_empty_one(headers: list[tuple[str, bytes | None]]) -> None:
    empty = [(name, value or b"") for name, value in headers]
    assert record_digest(1, b"k", b"v", headers) != record_digest(1, b"k", b"v", empty)


def test_the_journals_digest_is_one_of_all_records_in_their_order() -> None:
    first, second = (record_digest(1, b"k", value, []) for value in (b"a", b"b"))
    assert next_link(b"", first) == next_link(UNBROKEN, first)
    both = next_link(next_link(b"", first), second)
    assert both != next_link(next_link(b"", second), first)
    assert both != next_link(b"", second)


def test_the_digests_are_those_that_were_written_down() -> None:
    assert record_digest(1, b"k", b"v", HEADERS).hex() == RECORD
    assert next_link(b"", record_digest(1, b"k", b"v", HEADERS)).hex() == LINK


RECORD = "c75961422423b948452d576c372ccb1629d400cf9376da01f7931d133963f18e"
LINK = "03a66aba2d95c36735292d7dd6c4d7e62b4aff0ed9aab23f2dc8b2c0d1a2cc06"


def test_a_seal_moves_no_time_and_fires_nothing_but_counts_as_a_line() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    rows = list(canonical_rows(story.state))
    seal = StateSealed(line=1, offset=0, state="0" * 64, journal="0" * 64, logic=1)
    assert step(story.state, Line(2, monday_9am, seal)) == []
    assert list(canonical_rows(story.state))[1:] == rows[1:]
    assert (story.state.lines, story.state.journal_ms) == (2, monday_9am)


def test_replay_takes_a_seal_as_it_takes_a_tick() -> None:
    sealed, ticked = Story(), Story()
    for story in (sealed, ticked):
        story.tell("return.received", monday_9am)
    seal = (
        b'{"type":"state.sealed","journaled_at":"2026-03-06T17:00:00Z",'
        b'"line":1,"logic":1,"offset":0,"state":"%b","journal":"%b"}'
    )
    brought = sealed.feed(seal % (b"0" * 64, b"0" * 64))
    assert brought == ticked.until(friday_9am)
    assert "clock.breached" in {event["type"] for event in brought}
