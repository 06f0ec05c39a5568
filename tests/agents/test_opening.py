"""Opening a partition: rows, journal and inputs must tell of the same history, or it is said and never run over."""

from __future__ import annotations

import asyncio

import pytest

from agents.errors import UserError
from agents.kafka.log_reader import JournalEnd, LogEnds
from agents.worker.opening import _agree, _position, _restored, _taken_out
from schemas.policies import shipped_policies
from streams.engine import Line, State, new_state, step
from streams.logic import NEWEST
from streams.row_codec import encode_row
from streams.rows import PARTITION_KEY, POLICIES_KEY
from tests.zones import activation


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


@pytest.mark.parametrize("is_reversed", [False, True])
def test_rows_of_a_later_logic_are_named_as_such_before_what_nobody_here_can_read(is_reversed: bool) -> None:
    state = new_state(0)
    step(state, Line(1, 1_773_014_400_000, activation(shipped_policies())))
    state.row.logic = NEWEST + 1
    rows = {key: value for key, value in state.changes() if value is not None}
    rows[PARTITION_KEY] = encode_row(state.row)
    rows[POLICIES_KEY] = rows[POLICIES_KEY].replace(b"[[rules.sfp-refund]]", b"[[rules.of-later-x]]")
    found = dict(sorted(rows.items(), reverse=is_reversed))
    with pytest.raises(UserError, match=rf"Partition 0 cannot be kept: Logic {NEWEST + 1} is not known here"):
        asyncio.run(_restored(0, _taken_out(found)))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param(b"a/b/order/1", b"\x90", id="an order without a fact"),
        pytest.param(POLICIES_KEY, None, id="no policies"),
        pytest.param(
            b"a/b", b"\x96\x02\x00\x90\x80\x81\xa3x/y\x93\x01\x02\xa3odd\x00", id="a status that there is not"
        ),
    ],
)
def test_rows_that_have_our_form_and_make_no_sense_are_said_like_those_that_have_not(
    key: bytes, value: bytes | None
) -> None:
    state = new_state(0)
    step(state, Line(1, 1_773_014_400_000, activation(shipped_policies())))
    rows = {key: value for key, value in state.changes() if value is not None}
    rows |= {b"S/ATVPDKIKX0DER": b"\x90"}
    if value is None:
        del rows[key]
    else:
        rows[key] = value
    with pytest.raises(UserError, match=r"its state rows cannot be read .*rebuild --partition 0"):
        asyncio.run(_restored(0, rows.items()))
