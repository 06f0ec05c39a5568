"""Rows on disk: the same state as in memory, at some committed offset whatever happens, and never believed blindly."""

from __future__ import annotations

import asyncio
import random
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from agents.errors import UserError
from agents.kafka.log_reader import LogEnds
from agents.kafka.transactions import Outgoing
from agents.worker import rows_folder
from agents.worker.rows_folder import anew, open_store
from agents.worker.rows_on_disk import RowsOnDisk, StoreUnfitError
from schemas.codec import DAY_MS, HOUR_MS
from schemas.decoded import Decoded
from schemas.decoding import decode_notification
from schemas.notifications import Notification, TimeTick
from schemas.policies import shipped_policies
from streams.engine import Line, State, new_state, next_fire_ms, restore_state, step
from streams.row_codec import apply_changes
from streams.rows import RowError
from streams.sealing import state_digest
from tests.bench.workload import workload
from tests.zones import activation

MONDAY_MS = 1_773_014_400_000
TOPIC = "sla-changelog"
CHANGELOG_ID = b"\x07" * 16
NOW_MS = 1_800_000_000_000
TOMBSTONES_MS = DAY_MS


class Log(NamedTuple):
    """A changelog: its records in order."""

    records: list[Outgoing]

    @property
    def ends(self) -> LogEnds:
        return LogEnds(0, len(self.records))

    @property
    def rows(self) -> dict[bytes, bytes]:
        rows: dict[bytes, bytes] = {}
        apply_changes(rows, ((key or b"", value) for _, key, value, _ in self.records))
        return rows


def told(count: int, *, seed: int = 17) -> Iterator[list[Notification]]:
    """Notifications of the mixed load, in slices."""
    chance = random.Random(seed)
    said: list[Notification] = []
    for sent in workload(seed, count, start_ms=MONDAY_MS, span_ms=60 * DAY_MS):
        decoded = decode_notification(sent.value, from_file=True)
        assert isinstance(decoded, Decoded)
        assert isinstance(decoded.body, Notification)
        said.append(decoded.body)
        if chance.random() < 0.02:
            yield said
            said = []
    yield said


def begun(state: State) -> None:
    step(state, Line(1, MONDAY_MS, activation(shipped_policies())))


def fold(state: State, slice_of: Sequence[Notification]) -> list[bytes]:
    """Each with its own time, so that timers fire and matters are forgotten on the way."""
    events: list[bytes] = []
    for body in slice_of:
        at_ms = max(state.journal_ms, getattr(body, "occurred_ms", 0))
        events += [event.value for event in step(state, Line(state.lines + 1, at_ms, body))]
    return events


def commit(state: State, log: Log, store: RowsOnDisk | None = None) -> None:
    records: list[Outgoing] = [(None, key, value, []) for key, value in state.changes()]
    log.records.extend(records)
    if store is not None:
        asyncio.run(store.committed(records, len(log.records), NOW_MS))


def filled(store: RowsOnDisk, log: Log, *, now_ms: int = NOW_MS) -> State:
    """As agents/worker/opening.py does it."""
    begin = store.begin(CHANGELOG_ID, log.ends, now_ms, TOMBSTONES_MS)
    store.take_in(log.records[begin:], len(log.records))
    state = restore_state(0, store.own_rows().items(), store, store)
    store.confirm(len(log.records), now_ms)
    return state


def reopened(folder: Path) -> RowsOnDisk:
    return asyncio.run(open_store(str(folder), TOPIC, 0))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RowsOnDisk]:
    opened = anew(str(tmp_path), TOPIC, 0)
    yield opened
    opened.close()


def test_a_store_that_is_opened_again_keeps_its_filter_and_its_index_at_hand(tmp_path: Path) -> None:
    """What it was made with is written beside it, and the library would rather believe that: a row took 0.6 ms."""
    anew(str(tmp_path), TOPIC, 0).close()
    asyncio.run(open_store(str(tmp_path), TOPIC, 0)).close()
    written = max((tmp_path / TOPIC / "0").rglob("OPTIONS-*"), key=lambda one: one.stat().st_mtime_ns).read_text()
    assert "filter_policy=bloomfilter" in written
    assert "cache_index_and_filter_blocks=false" in written


def test_lines_bring_the_same_events_rows_and_digest_as_in_memory_and_what_is_reopened_goes_on_so(
    tmp_path: Path,
) -> None:
    log, store = Log([]), anew(str(tmp_path), TOPIC, 0)
    store.begin(CHANGELOG_ID, log.ends, NOW_MS, TOMBSTONES_MS)
    plain, state = new_state(0), State(0, store, store)
    store.confirm(0, NOW_MS)
    begun(plain)
    begun(state)
    for number, slice_of in enumerate(told(2_000)):
        assert fold(state, slice_of) == fold(plain, slice_of)
        changes = [*state.changes()]
        assert [*plain.changes()] == changes
        log.records.extend((None, key, value, []) for key, value in changes)
        asyncio.run(store.committed(log.records[-len(changes) :], len(log.records), NOW_MS))
        if number % 20 == 11:
            assert state_digest(state) == state_digest(plain)
            assert dict(state.rows_at_rest().items()) == dict(plain.rows_at_rest().items())
            store.close()
            store = reopened(tmp_path)
            state = filled(store, log)
            plain = restore_state(0, log.rows.items())
            assert (len(state.timers), state.census.rows) == (len(plain.timers), plain.census.rows)
    assert plain.lines > 2_000
    for each in (plain, state):
        fold_ticks(each)
    assert state_digest(state) == state_digest(plain)
    assert state.census.rows == plain.census.rows == {**plain.census.rows, "order": 0, "thread": 0}
    store.close()


def fold_ticks(state: State) -> None:
    """Until every matter is forgotten."""
    while set(state.census.rows) - {"account"} and sum(
        count for kind, count in state.census.rows.items() if kind != "account"
    ):
        fire_ms = next_fire_ms(state)
        assert fire_ms is not None
        step(state, Line(state.lines + 1, fire_ms + HOUR_MS, TimeTick()))


def test_what_is_not_committed_is_seen_by_the_core_and_is_not_in_the_store(tmp_path: Path) -> None:
    log, store = Log([]), anew(str(tmp_path), TOPIC, 0)
    state = filled_with(store, log, 300)
    before = dict(state.rows_at_rest().items())
    lines = state.lines
    fold(state, [body for slice_of in told(50, seed=3) for body in slice_of])
    digest = state_digest(state)
    [*state.changes()]  # encoded, sent, and never answered
    assert state_digest(state) == digest
    assert dict(state.rows_at_rest().items()) == before
    store.close()
    again = filled(store := reopened(tmp_path), log)
    assert again.lines == lines
    assert dict(again.rows_at_rest().items()) == before
    store.close()


def filled_with(store: RowsOnDisk, log: Log, count: int) -> State:
    store.begin(CHANGELOG_ID, log.ends, NOW_MS, TOMBSTONES_MS)
    state = State(0, store, store)
    store.confirm(0, NOW_MS)
    begun(state)
    for slice_of in told(count):
        fold(state, slice_of)
        commit(state, log, store)
    return state


def test_a_store_that_is_behind_reads_what_it_has_missed_and_nothing_else(tmp_path: Path, store: RowsOnDisk) -> None:
    log = Log([])
    state = filled_with(store, log, 500)
    store.close()
    behind = len(log.records)
    fold(state := restore_state(0, log.rows.items()), [body for part in told(500, seed=5) for body in part])
    commit(state, log)
    late = reopened(tmp_path)
    assert late.begin(CHANGELOG_ID, log.ends, NOW_MS + HOUR_MS, TOMBSTONES_MS) == behind
    assert state_digest(filled(late, log)) == state_digest(state)
    late.close()


class Found(NamedTuple):
    """What there is when a store is opened again; offsets as they lie from where the store stands."""

    topic: bytes = CHANGELOG_ID
    first: int = -1
    end: int = 0
    after_ms: int = 0


OTHER = {
    "a changelog that was made anew, or of another installation": Found(topic=b"\x08" * 16),
    "a broker that tells no ids": Found(topic=b""),
    "a changelog that ends before": Found(end=-1),
    "a changelog that begins behind": Found(first=1, end=2),
    "tombstones that may be gone": Found(after_ms=DAY_MS // 2),
    "a time before it was written": Found(after_ms=-DAY_MS),
}


@pytest.mark.parametrize("found", OTHER.values(), ids=OTHER.keys())
def test_a_store_is_not_used_where_it_finds(found: Found, store: RowsOnDisk) -> None:
    log = Log([])
    filled_with(store, log, 100)
    stands = len(log.records)
    ends = LogEnds(stands + found.first, stands + found.end)
    with pytest.raises(StoreUnfitError):
        store.begin(found.topic, ends, NOW_MS + found.after_ms, TOMBSTONES_MS)
    assert store.begin(CHANGELOG_ID, LogEnds(0, stands), NOW_MS, TOMBSTONES_MS) == stands


def test_a_store_that_has_lost_a_row_is_not_used(store: RowsOnDisk) -> None:
    log = Log([])
    filled_with(store, log, 300)
    row_id = next(key for key, _ in store.in_order() if "/order/" in key)
    store._db.delete(b"r" + row_id.encode())
    with pytest.raises(StoreUnfitError, match="rows where"):
        filled(store, log)


def damaged(place: Path, change: Callable[[bytearray], None]) -> None:
    (file,) = sorted((place / "rows").glob("*.sst"), key=lambda one: -one.stat().st_size)[:1]
    content = bytearray(file.read_bytes())
    change(content)
    file.write_bytes(content)


def flip(content: bytearray) -> None:
    content[len(content) // 3] ^= 0x10


def cut(content: bytearray) -> None:
    del content[len(content) // 2 :]


@pytest.mark.parametrize("change", [flip, cut])
def test_a_damaged_store_is_found_before_anything_is_decided_by_it(
    change: Callable[[bytearray], None], tmp_path: Path, store: RowsOnDisk
) -> None:
    log = Log([])
    filled_with(store, log, 500)
    store._db.flush()
    store.close()
    damaged(tmp_path / TOPIC / "0" / "0", change)
    again = reopened(tmp_path)
    if again._place.name == "0":  # it could be opened: then it is found when its rows are walked
        with pytest.raises((StoreUnfitError, UserError)):
            filled(again, log)
        again.remove()
        again = anew(str(tmp_path), TOPIC, 0)
    assert state_digest(filled(again, log)) == state_digest(restore_state(0, log.rows.items()))
    again.close()


def test_a_log_that_was_torn_leaves_the_store_at_an_earlier_commit(tmp_path: Path, store: RowsOnDisk) -> None:
    log = Log([])
    filled_with(store, log, 500)
    crashed = tmp_path / "crashed"
    shutil.copytree(store._place, crashed / TOPIC / "0" / "0")  # as a loss of power leaves it: nothing was closed
    (torn,) = (crashed / TOPIC / "0" / "0" / "rows").glob("*.log")
    torn.write_bytes(torn.read_bytes()[: torn.stat().st_size * 2 // 3])
    again = reopened(crashed)
    assert 0 < again.begin(CHANGELOG_ID, log.ends, NOW_MS, TOMBSTONES_MS) < len(log.records)
    assert state_digest(filled(again, log)) == state_digest(restore_state(0, log.rows.items()))
    again.close()


@pytest.mark.parametrize("is_known", [False, True], ids=["a new store", "a store that is behind"])
def test_a_key_that_is_no_text_is_refused_as_in_memory(is_known: bool, tmp_path: Path, store: RowsOnDisk) -> None:
    log = Log([])
    digest = state_digest(filled_with(store, log, 100))
    store.close()
    foreign = b"S/M\xff/order/1"
    log.records.append((None, foreign, b"foreign", []))
    opened = reopened(tmp_path) if is_known else anew(str(tmp_path / "other"), TOPIC, 0)
    with pytest.raises(RowError, match="not UTF-8"):
        filled(opened, log)
    opened.remove()
    log.records.append((None, foreign, None, []))
    again = anew(str(tmp_path), TOPIC, 0)
    assert state_digest(filled(again, log)) == digest
    again.close()


@pytest.mark.parametrize("name", ["²", "٣", "7x", "007"])
def test_what_is_no_store_s_folder_is_not_looked_at(
    name: str, tmp_path: Path, store: RowsOnDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows_folder, "LOCKED_S", 0.0)
    filled_with(store, Log([]), 10)
    store.close()
    (tmp_path / TOPIC / "0" / name).mkdir()
    again = reopened(tmp_path)
    assert again._place == store._place
    again.close()


def test_only_its_user_may_look_into_the_folder(tmp_path: Path) -> None:
    opened = anew(str(tmp_path / "rows"), TOPIC, 0)
    for place in (tmp_path / "rows", tmp_path / "rows" / TOPIC, opened._place):
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
    opened.close()


def test_who_does_not_let_go_keeps_a_folder_that_nobody_looks_at(
    tmp_path: Path, store: RowsOnDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows_folder, "LOCKED_S", 0.2)
    log = Log([])
    stale = filled_with(store, log, 200)
    successor = reopened(tmp_path)
    assert [place.name for place in (tmp_path / TOPIC / "0").iterdir()] == ["1"]
    state = filled(successor, log)
    fold(stale, [body for part in told(50, seed=9) for body in part])
    assert state_digest(state) == state_digest(restore_state(0, log.rows.items()))
    store.close()
    assert state_digest(state) == state_digest(restore_state(0, log.rows.items()))
    successor.close()


def test_where_no_folder_can_be_made_one_sentence_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="give a `rows_folder`"):
        anew(str(tmp_path / "file"), TOPIC, 0)


def test_what_a_settled_matter_costs_in_memory_is_nothing_that_grows(store: RowsOnDisk) -> None:
    log = Log([])
    state = filled_with(store, log, 2_000)
    assert len(state.timers._armed) < len(state.timers), "most of them wait to be forgotten"
    assert not store._waiting
    assert not store._written
