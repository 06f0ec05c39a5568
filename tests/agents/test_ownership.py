"""Which partitions a worker keeps: only those that are its own in every topic."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from agents.errors import UserError
from agents.kafka.log_reader import JournalEnd, LogEnds
from agents.metrics.counters import Metrics
from agents.settings import Settings
from agents.worker.app import build_app
from agents.worker.ownership import Ownership
from agents.worker.partition import _agree, _position
from schemas.policies import shipped_policies
from streams.engine import State, new_state
from tests.zones import chosen_of


@pytest.fixture
def ownership(monkeypatch: pytest.MonkeyPatch) -> Ownership:
    app = build_app(Settings(), chosen_of(shipped_policies()), Metrics())
    owner: Any = app.owner
    counts: dict[str, int] = {}
    consumer = SimpleNamespace(partitions_of=lambda topic: counts.get(topic, 3), counts=counts)
    monkeypatch.setattr(Ownership, "consumer", consumer)
    assert isinstance(owner, Ownership)
    return owner


def assigned(ownership: Ownership, *numbers: int) -> set[TP]:
    return {TP(topic, number) for topic in (*ownership.inputs, "sla-changelog") for number in numbers}


def held(ownership: Ownership) -> float | None:
    return ownership._metrics.registry.get_sample_value("sla_partitions_held")


def test_partitions_that_are_ours_in_every_topic_are_kept(ownership: Ownership) -> None:
    assert ownership._co_owned(assigned(ownership, 0, 2)) == {0, 2}
    assert held(ownership) == 0


def test_a_partition_that_another_worker_has_in_one_topic_rests(ownership: Ownership) -> None:
    mine = assigned(ownership, 0, 1) - {TP("refund-issued", 1)}
    assert ownership._co_owned(mine) == {0}
    assert held(ownership) == 1


def test_topics_of_unequal_partition_counts_are_refused_with_one_sentence(ownership: Ownership) -> None:
    counts: dict[str, int] = ownership.consumer.counts  # type: ignore[attr-defined]  # the stand-in above
    counts["refund-issued"] = 6
    with pytest.raises(UserError, match=r"equal numbers of partitions, but .* refund-issued has 6"):
        ownership._co_owned(assigned(ownership, 0))


def state_at(lines: int, journal_ms: int, **positions: int) -> State:
    state = new_state(7)
    state.row.lines, state.row.journal_ms = lines, journal_ms
    state.positions.update(positions)
    return state


def test_rows_and_journal_must_tell_of_the_same_last_line() -> None:
    _agree(state_at(0, 0), JournalEnd(0, 0))
    _agree(state_at(5, 900), JournalEnd(5, 900))
    for end in (JournalEnd(6, 900), JournalEnd(4, 900), JournalEnd(5, 901), JournalEnd(0, 0)):
        with pytest.raises(UserError, match="Partition 7: the state rows stand at line 5"):
            _agree(state_at(5, 900), end)


def test_a_journal_whose_lines_are_all_past_their_retention_is_no_disagreement() -> None:
    _agree(state_at(5, 900), JournalEnd(0, 0, is_cut=True))


def test_an_input_topic_goes_on_where_the_row_says_and_at_its_start_where_it_says_nothing() -> None:
    assert _position(state_at(1, 1, known=40), "known", LogEnds(0, 50)) == 40
    assert _position(state_at(1, 1), "new", LogEnds(12, 50)) == 12


def test_an_input_topic_that_ends_before_the_position_is_refused() -> None:
    with pytest.raises(UserError, match="ends at offset 39, but 40 was read before"):
        _position(state_at(1, 1, known=40), "known", LogEnds(0, 39))


def test_records_that_retention_took_before_they_were_read_are_said_aloud(caplog: pytest.LogCaptureFixture) -> None:
    assert _position(state_at(1, 1, known=40), "known", LogEnds(45, 90)) == 45
    assert "offsets 40 to 44 are gone before they were read" in caplog.text
