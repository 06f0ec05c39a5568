"""Laws of the bound on matters, programs and subjects of cases (contract §2, matter_full), about its brim."""

from __future__ import annotations

import json

import pytest

from schemas.decoding import journal_value
from streams.replay import Replay
from tests.core.histories import Rows, bodies, collect, history_of, replay_of, restored, values
from tests.core.instants import text
from tests.oracle.crowded import BRIM, CROWDS, crowded_case
from tests.oracle.histories import Case

CASES = {crowd: crowded_case(seed, lines=60, members=BRIM - 2) for seed, crowd in enumerate(sorted(CROWDS), start=12)}


class Heard:
    """A replay, and what it says of each line: the reason for which it refused it, or the events it brought."""

    def __init__(self, case: Case) -> None:
        self.refused = ""
        self.replay: Replay = replay_of(case.policies, lambda line, raw, rejected: self.refuse(rejected.reason))

    def refuse(self, reason: str) -> None:
        self.refused = reason

    def say(self, raw: bytes) -> str | list[bytes]:
        self.refused = ""
        events = values(self.replay.feed(raw))
        return self.refused or events


@pytest.fixture(params=sorted(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


def test_every_crowd_overflows_and_none_of_it_is_refused_before_the_brim() -> None:
    for crowd, case in CASES.items():
        heard = Heard(case)
        said = [heard.say(raw) for raw in case.raw()]
        assert "matter_full" in said[BRIM - 2 :], crowd
        assert "matter_full" not in said[: BRIM - 2], crowd


@pytest.mark.parametrize("at", [100, BRIM - 1, BRIM, BRIM + 20])
def test_a_state_restored_about_the_brim_refuses_and_says_the_same(case: Case, at: int) -> None:
    whole, again = Heard(case), Heard(case)
    for raw in case.raw()[:at]:
        whole.say(raw)
    rows: Rows = {}
    collect(rows, whole.replay.state)
    again.replay.state = restored(rows)
    for raw in case.raw()[at:]:
        assert again.say(raw) == whole.say(raw)


def test_what_finds_no_room_leaves_no_trace(case: Case) -> None:
    with_all, without = Heard(case), Heard(case)
    for raw in case.raw():
        said = with_all.say(raw)
        if said != "matter_full":
            assert without.say(raw) == said
    rows: tuple[Rows, Rows] = ({}, {})
    collect(rows[0], with_all.replay.state)
    collect(rows[1], without.replay.state)
    assert rows[0] == rows[1]


@pytest.mark.parametrize("seed", range(len(CROWDS)))
def test_where_there_is_no_room_a_known_fact_still_finds_its_own(seed: int) -> None:
    case = crowded_case(seed, lines=0, members=BRIM + 1)
    heard = Heard(case)
    *members, unknown = case.raw()
    for raw in members:
        heard.say(raw)
    now = heard.replay.state.journal_ms
    assert heard.say(arrived(unknown, now)) == "matter_full"
    for raw in members[::16]:
        assert heard.say(arrived(raw, now)) == []


def arrived(raw: bytes, at_ms: int) -> bytes:
    """The same line, not journaled before, when it comes at that instant."""
    line = {**json.loads(raw), "arrived_at": text(at_ms)}
    line.pop("journaled_at", None)
    return json.dumps(line).encode()


def test_an_exported_crowd_is_journaled_without_asking_for_room_and_says_the_same(case: Case) -> None:
    history = history_of(case.policies, case.raw())
    heard = Heard(case)
    said: list[bytes] = []
    for line in bodies(history):
        exported = {**json.loads(journal_value(line.body)), "journaled_at": text(line.journal_ms)}
        events = heard.say(json.dumps(exported).encode())
        assert isinstance(events, list), events
        said += events
    assert said == values(history.events)
