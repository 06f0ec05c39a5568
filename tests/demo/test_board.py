"""The board: events of one clock in any order, counts that add up, a picture that fits the terminal."""

from __future__ import annotations

import io
from itertools import takewhile

import orjson
import pytest
from rich.console import Console

from agents.demo.board import Board
from agents.demo.generator import demo_policies, play
from agents.demo.performance import line_of
from agents.demo.view import Frame, figures, picture, plain_text, reasons, summary
from agents.zones import machine_zones
from schemas.codec import format_instant
from schemas.dead_letters import Rejected
from schemas.rules import RULES
from streams.replay import Replay
from streams.sla_event import SlaEvent

START_MS = 1_790_000_000_000


def event(kind: str, seq: int, **fields: object) -> bytes:
    return orjson.dumps(
        {
            "type": kind,
            "seq": seq,
            "clock_id": "S/M/sfp-refund/O/R",
            "rule": "sfp-refund",
            "subject": "O/R",
            "seller_id": "S",
            "marketplace_id": "M",
            "due_at": format_instant(START_MS),
            "decided_at": format_instant(START_MS),
            **fields,
        }
    )


def played(until_ms: int) -> tuple[Board, list[SlaEvent]]:
    """The board of a play that was replayed from records known when they were sent."""
    board, events = Board(), []
    replay = Replay(demo_policies(), lambda number, original, why: None, machine_zones)
    for record in takewhile(lambda record: record.at_ms < START_MS + until_ms, play(1, START_MS)):
        events += replay.feed(line_of(record))
    events += replay.close(START_MS + until_ms)
    for one in events:
        board.see_event(one.topic, one.value, START_MS)
    return board, events


OPENED = event("clock.opened", 1, revision=1, rule_version=2, started_at=format_instant(START_MS - 24_000))
BREACHED = event("clock.breached", 2, obligor="seller")
CLOSED = event("clock.closed_late", 3, late_by_ms=500, by="seller")


@pytest.mark.parametrize("order", [(OPENED, BREACHED, CLOSED), (CLOSED, BREACHED, OPENED), (BREACHED, CLOSED, OPENED)])
def test_a_clock_stands_as_its_newest_event_says_in_whatever_order_they_come(order: tuple[bytes, ...]) -> None:
    board = Board()
    for value in order:
        board.see_event("sla-clock", value, START_MS)
    assert +board.standing == {("sfp-refund", "closed late"): 1}


@pytest.mark.parametrize(
    ("of", "outcome"),
    [("clock.breached", "open"), ("clock.closed_late", "due"), ("clock.met", "open"), ("clock.opened", "gone")],
)
def test_a_retraction_leaves_the_clock_as_it_was_before(of: str, outcome: str) -> None:
    board = Board()
    for value in (OPENED, BREACHED, CLOSED, event("clock.retracted", 4, of=of, reason="late_arrival")):
        board.see_event("sla-clock", value, START_MS)
    assert +board.standing == {("sfp-refund", outcome): 1}


def test_every_clock_stands_in_one_place() -> None:
    board, events = played(60_000)
    clocks = {orjson.loads(one.value).get("clock_id") for one in events} - {None}
    assert sum(board.standing.values()) == len(clocks)
    assert board.events == len(events)


def test_what_is_due_next_is_open_and_in_order() -> None:
    board, _ = played(30_000)
    following = board.due_next(100)
    assert [clock.due_ms for clock in following] == sorted(clock.due_ms for clock in following)
    assert {clock.outcome for clock in following} == {"open"}
    assert following[0].due_ms > START_MS + 30_000


def test_the_lag_is_from_due_to_the_topic() -> None:
    board = Board()
    assert board.breach_lag_ms(0.5) is None
    for lag_ms in (100, 200, 900):
        board.see_event("sla-breach", BREACHED, START_MS + lag_ms)
    assert (board.breach_lag_ms(0.5), board.breach_lag_ms(0.99)) == (200, 900)


def drawn(board: Board, width: int, height: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=False)
    frame = Frame(width, height, START_MS + 30_000, START_MS, 345, "localhost:9092")
    console.print(picture(board, frame))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (100, 34), (130, 24), (160, 50), (250, 60)])
def test_the_picture_fits_and_shows_all_rules_and_what_is_next(width: int, height: int) -> None:
    board, _ = played(30_000)
    board.see_dead_letter("bad_field", "case_id", "demo-support-case", START_MS)
    lines = drawn(board, width, height)
    assert len(lines) <= height
    assert max(len(line.rstrip()) for line in lines) <= width
    text = "\n".join(lines)
    assert all(rule in text for rule in RULES)
    assert "…" not in lines[1] + lines[len(RULES) + 2], "no heading and no fact is cut off"
    assert "due in" in text
    assert "newest" in text
    assert ("dead letters: bad_field 1" in text) == (height >= 34), "where there is room"


def test_a_tiny_terminal_is_no_error() -> None:
    lines = drawn(played(5_000)[0], 40, 10)
    assert max(len(line.rstrip()) for line in lines) <= 40
    assert lines[0].startswith("dueclock  00:30 (1 h is 0.5 s)")
    assert [line.split()[0] for line in lines[2:4]] == ["sfp-refund", "csba-jp-refund"]


def test_an_empty_board_can_be_drawn_and_summed_up() -> None:
    lines = drawn(Board(), 80, 24)
    assert len(lines) <= 24
    assert figures(Board(), 80) in (line.strip() for line in lines)
    assert figures(Board(), 80) == "0 events · 0 violations · 0 health · 0 dead letters"
    assert summary(Board(), 80).row_count == len(RULES)


def test_the_reasons_that_events_gave_are_counted_over_all_rules_and_shown_in_whole_words() -> None:
    board = Board()
    for number, (rule, reason) in enumerate([("mfn-refund", "replaced"), ("return-response", "return_cancelled")] * 2):
        clock_id = f"S/M/{rule}/{number}"
        board.see_event("sla-clock", event("clock.exempt", 2, rule=rule, clock_id=clock_id, reason=reason), START_MS)
    board.see_event("sla-clock", event("clock.retracted", 3, of="clock.met", reason="message_undelivered"), START_MS)
    board.see_dead_letter("matter_full", "thread_id", "demo-buyer-message", START_MS)
    assert reasons(board, 80) == [
        "exempt:       replaced 2 · return_cancelled 2",
        "retracted:    message_undelivered 1",
        "dead letters: matter_full 1",
    ]
    assert reasons(board, 40)[:2] == ["exempt:       replaced 2 ·", "              return_cancelled 2"]
    assert {("mfn-refund", "clock.exempt: replaced"), ("dead-letter", "matter_full")} <= board.shown
    assert reasons(Board(), 80) == []


def test_an_opened_clock_says_how_long_it_runs_under_which_version_and_whether_it_is_the_first_time() -> None:
    board = Board()
    assert board.see_event("sla-clock", OPENED, START_MS).note == "for 24 s, version 2"
    fields = {"rule_version": 1, "started_at": format_instant(START_MS - 500)}
    again = board.see_event("sla-clock", event("clock.opened", 5, revision=2, **fields), START_MS)
    assert again.note == "for 0.5 s, opened again"


def test_a_line_says_when_what_and_whom_it_is_about() -> None:
    board = Board()
    assert plain_text(board.see_event("sla-breach", BREACHED, START_MS)).split() == [
        format_instant(START_MS)[11:23], "sla-breach", "breached", "sfp-refund", "O/R", "seller", "owed", "it",
    ]  # fmt: skip
    letter = board.see_dead_letter(Rejected("not_json", None).reason, "", "demo-buyer-message", START_MS)
    assert plain_text(letter).endswith("demo-buyer-message  not_json")
