"""Accounts dealt to other partitions go on as if they had always been there (proposals/more-partitions.md)."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.notifications import Notification, TimeTick
from streams.dealing import dealt
from streams.engine import Line, restore_state, step
from streams.partitioner import partition_of
from streams.routing import account_key
from streams.row_codec import account_of, decode_partition
from streams.rows import PARTITION_KEY
from streams.sealing import canonical_rows
from streams.sla_event import SlaEvent
from streams.state import State, new_state
from tests.cli.command import GOLDEN
from tests.core.histories import History, bodies, history_of, replay_of, told

CASES = sorted(path.parent.name for path in GOLDEN.glob("*/notifications.jsonl"))


def by_account(events: list[SlaEvent]) -> dict[str, list[bytes]]:
    told_of: dict[str, list[bytes]] = defaultdict(list)
    for event in events:
        told_of[event.account].append(event.value)
    return told_of


def own(state: State, line: Line, partitions: int) -> Line:
    """The line as a partition has it: one of an account that is at home elsewhere moves the time alone."""
    body = line.body
    if isinstance(body, Notification) and partition_of(account_key(body).encode(), partitions) != state.partition:
        body = TimeTick()
    return Line(state.lines + 1, line.journal_ms, body)


def go_on_dealt(history: History, at: int, partitions: int) -> None:
    """Deal what stands after so many lines, and hold what each account is told then against the undivided partition."""
    lines = bodies(history)
    one = replay_of(history.policies).state
    for line in lines[:at]:
        step(one, line)
    one.take_changes()
    if one.book is None:
        return
    homes = dealt([list(canonical_rows(one))], partitions)
    states = [restore_state(number, rows) for number, rows in enumerate(homes)]
    for line in lines[at:]:
        found: dict[str, list[bytes]] = {}
        for state in states:
            events = by_account(step(state, own(state, line, partitions)))
            assert not found.keys() & events.keys()
            found |= events
        assert found == by_account(step(one, line))


@given(history=told(), at=st.integers(1, 40), partitions=st.integers(1, 4))
def test_each_account_is_told_the_same_after_it_was_dealt(history: History, at: int, partitions: int) -> None:
    go_on_dealt(history, at, partitions)


@pytest.mark.parametrize("case", CASES)
def test_a_golden_case_dealt_on_its_way_brings_what_it_brings_whole(case: str) -> None:
    own_policies = GOLDEN / case / "policies.toml"
    policies = (own_policies if own_policies.exists() else GOLDEN / "policies.toml").read_text()
    raws = (GOLDEN / case / "notifications.jsonl").read_bytes().splitlines()
    is_exported = any(b'"type":"policy.activated"' in raw for raw in raws[:1])
    history = history_of(None if is_exported else policies, raws)
    for at in range(1, len(raws), max(1, len(raws) // 6)):
        go_on_dealt(history, at, 3)


@given(history=told(), partitions=st.integers(1, 5))
def test_dealt_and_dealt_back_no_row_is_lost_added_or_changed(history: History, partitions: int) -> None:
    state = replay_of(history.policies).state
    for line in bodies(history):
        step(state, line)
    state.take_changes()
    if state.book is None:
        return
    rows = list(canonical_rows(state))
    homes = dealt([rows], partitions)
    for number, some in enumerate(homes):
        for key, _ in some[2:]:
            assert partition_of(account_of(key.decode()).encode(), partitions) == number
    (again,) = dealt(homes, 1)
    assert again[1:] == rows[1:]
    first = decode_partition(dict(again)[PARTITION_KEY])
    assert (first.lines, first.journal_ms, first.digest) == (0, state.journal_ms, state.digest)


def test_nothing_and_what_is_judged_otherwise_cannot_be_dealt() -> None:
    with pytest.raises(ValueError, match="no partition has a line yet"):
        dealt([], 3)
    one, other = new_state(0), new_state(1)
    one.row.logic, other.row.logic = 1, 2
    with pytest.raises(ValueError, match="not all partitions are judged by the same"):
        dealt([list(canonical_rows(one)), list(canonical_rows(other))], 3)
