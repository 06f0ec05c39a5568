"""Opening a partition: rows, journal and inputs must tell of the same history, or it is said and never run over."""

from __future__ import annotations

import pytest

from agents.errors import UserError
from agents.kafka.log_reader import JournalEnd, LogEnds
from agents.worker.opening import _agree, _position
from streams.engine import State, new_state


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
