"""Laws of the journal (contract §1): the same lines give the same bytes, however they are cut, carried on or mixed.

One bold sentence of the contract each. A falsified law prints the history that falsifies it.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.decoding import journal_value
from streams.engine import step
from streams.row_codec import decode_row, encode_row, kind_of
from streams.rows import AccountRow
from streams.timer import FORGET
from tests.core.histories import (
    History,
    Rows,
    bodies,
    collect,
    history_of,
    is_no_activation,
    replay_of,
    restored,
    tick,
    timeless,
    told,
    values,
)
from tests.core.instants import text
from tests.core.machines import run_on
from tests.core.stories import due_counts
from tests.oracle.histories import plain_policies, random_case

PROJECT = Path(__file__).resolve().parents[2]


@given(history=told(), cut=st.data())
def test_any_split_of_the_lines_into_batches_changes_no_byte(history: History, cut: st.DataObject) -> None:
    one, many = replay_of(history.policies), replay_of(history.policies)
    whole: Rows = {}
    pieces: Rows = {}
    for raw in history.raws():
        assert values(many.feed(raw)) == values(one.feed(raw))
        if cut.draw(st.booleans()):
            collect(pieces, many.state)
    collect(whole, one.state)
    collect(pieces, many.state)
    assert pieces == whole


@given(history=told(), cut=st.data())
def test_a_row_that_stays_decoded_says_what_was_written_of_it(history: History, cut: st.DataObject) -> None:
    replay = replay_of(history.policies)
    for raw in history.raws():
        replay.feed(raw)
        if cut.draw(st.booleans()):
            replay.state.take_changes()
            rows = replay.state.rows
            at_work = {row_id: encode_row(party.row) for row_id, party in rows.parties.items()}
            at_work |= {row_id: encode_row(matter.row) for row_id, matter in rows.matters.items()}
            assert at_work == {row_id: rows.at_rest[row_id] for row_id in at_work}


@given(history=told(), at=st.integers(0, 40), rng=st.randoms(use_true_random=False))
def test_a_snapshot_restored_at_any_point_goes_on_as_if_nothing_had_happened(
    history: History, at: int, rng: random.Random
) -> None:
    lines = bodies(history)
    start = replay_of(history.policies).state
    rows: Rows = {}
    for line in lines[:at]:
        step(start, line)
        if rng.random() < 0.5:
            collect(rows, start)
    collect(rows, start)
    written = list(rows.items())
    rng.shuffle(written)
    again = restored(dict(written))
    assert again.census.due == start.census.due == due_counts(start)
    assert (again.lines, again.journal_ms, again.digest) == (start.lines, start.journal_ms, start.digest)
    rows_again = dict(rows)
    for line in lines[at:]:
        assert again.timers.peek() == start.timers.peek()
        assert values(step(again, line)) == values(step(start, line))
        collect(rows, start)
        collect(rows_again, again)
        assert rows_again == rows


@given(history=told())
def test_rows_keep_all_that_they_say(history: History) -> None:
    replay = replay_of(history.policies)
    for raw in history.raws():
        replay.feed(raw)
    for key, value in replay.state.take_changes():
        if value is not None and b"/" in key:
            row = decode_row(key.decode(), value)
            assert encode_row(row) == value
            assert isinstance(row, AccountRow) == (kind_of(key.decode()) == "account")


@given(history=told(), chosen=st.data())
def test_accounts_do_not_touch_each_other_save_that_a_line_of_one_moves_the_time_for_all(
    history: History, chosen: st.DataObject
) -> None:
    accounts = sorted({line.account for line in history.lines if line.account is not None})
    if not accounts:
        return
    account = chosen.draw(st.sampled_from(accounts))
    alone = [
        line.raw if line.account in (account, None) else tick(line.journal_ms)
        for line in history.lines
        if line.accepted is not None
    ]
    of_it = history_of(history.policies, alone).events
    assert values(of_it) == [event.value for event in history.events if event.account == account]


@given(history=told(), extra=st.data())
def test_ticks_in_between_change_nothing_but_the_journal_time_at_which_timers_are_decided(
    history: History, extra: st.DataObject
) -> None:
    lines: list[bytes] = []
    before: int | None = None
    for line in history.lines:
        if line.accepted is not None:
            if before is not None and extra.draw(st.booleans()):
                lines.append(tick(extra.draw(st.integers(before, line.journal_ms))))
            before = line.journal_ms
        lines.append(line.raw)
    ticked = history_of(history.policies, lines)
    assert list(timeless(ticked.events)) == list(timeless(history.events))


@given(history=told(keep=is_no_activation), chosen=st.data())
def test_a_repeat_is_not_a_second_fact(history: History, chosen: st.DataObject) -> None:
    """Of two with the same key the smaller counts: a repeat that is not smaller brings what its journal time fires."""
    facts = [i for i, line in enumerate(history.lines) if line.account is not None]
    if not facts:
        return
    original = chosen.draw(st.sampled_from(facts))
    place = chosen.draw(st.integers(original, len(history.lines) - 1))
    now_ms = history.lines[place].journal_ms
    repeat = {**(history.lines[original].accepted or {}), "arrived_at": text(now_ms)}
    repeat.pop("journaled_at", None)
    raws = history.raws()
    repeated = [*raws[: place + 1], json.dumps(repeat).encode(), *raws[place + 1 :]]
    ticked = [*raws[: place + 1], tick(now_ms), *raws[place + 1 :]]
    assert values(history_of(history.policies, repeated).events) == values(history_of(history.policies, ticked).events)


@given(history=told())
def test_a_dead_letter_changes_nothing(history: History) -> None:
    accepted = [line.raw for line in history.lines if line.accepted is not None]
    assert values(history_of(history.policies, accepted).events) == values(history.events)


@given(history=told())
def test_an_exported_journal_replays_to_the_same_bytes(history: History) -> None:
    exported = []
    for line in bodies(history):
        said = json.loads(journal_value(line.body))
        exported.append(json.dumps({**said, "journaled_at": text(line.journal_ms)}).encode())
    dead: list[int] = []
    replay = replay_of(history.policies, lambda line, raw, rejected: dead.append(line))
    assert [event.value for raw in exported for event in replay.feed(raw)] == values(history.events)
    assert dead == []


@given(history=told())
def test_after_a_line_nothing_is_left_to_fire_but_what_had_to_be_forgotten_before_it(history: History) -> None:
    replay = replay_of(history.policies)
    for raw in history.raws():
        replay.feed(raw)
        timer = replay.state.timers.peek()
        if timer is not None and timer.fire_ms <= replay.state.journal_ms:
            assert timer.kind == FORGET, timer


# --- the machine it runs on ------------------------------------------------------------------------------------------

MACHINES = [
    {"TZ": "UTC", "LC_ALL": "C", "PYTHONHASHSEED": "0"},
    {"TZ": "Pacific/Apia", "LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "1", "PYTHONTZPATH": "/nowhere"},
    {"TZ": "Asia/Kolkata", "LANG": "de_DE.ISO-8859-1", "PYTHONHASHSEED": "4294967295", "PYTHONOPTIMIZE": "1"},
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("histories")
    for seed in range(12):
        case = random_case(seed, 40)
        path = folder / f"{seed}.history"
        lines = b"\n".join(raw for raw in case.raw() if b"\x00" not in raw and b"policy.activated" not in raw)
        policies = case.policies or plain_policies()
        path.write_bytes(policies.encode() + b"\x00" + lines.decode(errors="replace").encode())
    return sorted(str(path) for path in folder.iterdir())


def test_neither_time_zone_nor_locale_nor_hash_seed_changes_a_byte(files: list[str]) -> None:
    first, *others = (run_on(machine, files) for machine in MACHINES)
    assert len(first) >= len(files)
    assert others == [first] * len(others)
