"""Timers: one entry for each row, in the order of contract §1, and a heap that stale entries cannot fill.

What waits to be forgotten is parked by the hour; a `Desk` plays the rows, which know their own timers.
"""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import HOUR_MS
from streams.timer import CLOCK, DUE_STEP, FORGET, HEALTH, MOVE_STEP, Timer
from streams.timers import SLACK, Timers


def timer(fire_ms: int, kind: int = CLOCK, timer_id: str = "a", step: int = 1, row_id: str = "row") -> Timer:
    """One that forgets a row is called by the row, and has no steps."""
    if kind == FORGET:
        return Timer(fire_ms, kind, row_id, 0, row_id)
    return Timer(fire_ms, kind, timer_id, step, row_id)


class Desk:
    """Rows, each with the timer that it should have, and the timers over them."""

    def __init__(self) -> None:
        self.rows: dict[str, Timer] = {}
        self.asked: list[str] = []
        self.timers = Timers(self._timer_of)

    def _timer_of(self, row_id: str) -> Timer | None:
        self.asked.append(row_id)
        return self.rows.get(row_id)

    def arm(self, timer: Timer) -> None:
        self.rows[timer.row_id] = timer
        self.timers.arm(timer, timer.row_id)

    def disarm(self, row_id: str) -> None:
        self.rows.pop(row_id, None)
        self.timers.disarm(row_id)

    def pop_due(self, until_ms: int) -> Timer | None:
        due = self.timers.pop_due(until_ms)
        if due is not None:
            del self.rows[due.row_id]
        return due


def drained(desk: Desk, until_ms: int = 10**15) -> list[Timer]:
    fired = []
    while (due := desk.pop_due(until_ms)) is not None:
        fired.append(due)
    return fired


def test_timers_fire_by_instant_kind_id_and_step() -> None:
    in_order = [
        (1, HEALTH, "z", 0),
        (2, CLOCK, "a", 1),
        (2, CLOCK, "a", 2),
        (2, CLOCK, "a", DUE_STEP),
        (2, CLOCK, "a", MOVE_STEP),
        (2, CLOCK, "b", 1),
        (2, FORGET, "6", 0),
        (2, HEALTH, "a", 0),
        (3, CLOCK, "a", 1),
    ]
    armed = [timer(*what, row_id=str(number)) for number, what in enumerate(in_order)]
    desk = Desk()
    for each in random.Random(7).sample(armed, len(armed)):
        desk.arm(each)
    assert drained(desk) == armed


def test_ids_are_ordered_by_bytes_not_by_alphabet() -> None:
    desk = Desk()
    names = ["b", "B", "a.", "a-", "a", "_", "=", "@"]
    for name in names:
        desk.arm(timer(1, timer_id=name, row_id=name))
    assert [each.timer_id for each in drained(desk)] == sorted(names, key=str.encode)


def test_a_row_arms_one_timer_the_last_one() -> None:
    desk = Desk()
    desk.arm(timer(5))
    desk.arm(timer(9))
    desk.arm(timer(7))
    assert len(desk.timers) == 1
    assert desk.timers.peek() == timer(7)
    assert drained(desk) == [timer(7)]
    assert desk.timers.peek() is None


def test_nothing_fires_before_its_instant() -> None:
    desk = Desk()
    desk.arm(timer(5))
    assert desk.pop_due(4) is None
    assert desk.pop_due(5) == timer(5)
    assert desk.pop_due(5) is None
    assert len(desk.timers) == 0


def test_a_row_without_a_timer_is_disarmed() -> None:
    desk = Desk()
    desk.arm(timer(5))
    desk.timers.arm(None, "row")
    desk.disarm("row")
    assert (len(desk.timers), desk.timers.peek()) == (0, None)


def test_the_same_timer_armed_again_takes_no_room() -> None:
    desk = Desk()
    for _ in range(10 * SLACK):
        desk.arm(timer(5))
    assert len(desk.timers._heap) == 1


def test_armed_again_after_it_was_disarmed_a_timer_fires_once() -> None:
    desk = Desk()
    desk.arm(timer(5))
    desk.disarm("row")
    desk.arm(timer(5))
    assert drained(desk) == [timer(5)]


def test_stale_entries_are_cleared_before_they_outnumber_the_armed_ones_by_much() -> None:
    desk = Desk()
    longest = 0
    for instant in range(20 * SLACK):
        row_id = str(instant % 3)
        desk.arm(timer(10**9 - instant, row_id=row_id))
        longest = max(longest, len(desk.timers._heap))
    assert longest <= 1.25 * 3 + SLACK + 1
    assert [each.fire_ms for each in drained(desk)] == [10**9 - 20 * SLACK + 1 + i for i in range(3)]


MINUTE_MS = HOUR_MS // 60
ROWS = st.integers(0, 5).map(str)
MINUTES = st.integers(0, 300)


@given(
    st.lists(st.tuples(ROWS, st.tuples(MINUTES, st.sampled_from([CLOCK, FORGET, HEALTH])) | st.none(), MINUTES)),
)
def test_timers_are_those_of_a_plain_dictionary(steps: list[tuple[str, tuple[int, int] | None, int]]) -> None:
    desk = Desk()
    plain: dict[str, Timer] = {}
    armings = 0
    for row_id, what, until in steps:
        if what is None:
            desk.disarm(row_id)
            plain.pop(row_id, None)
        else:
            plain[row_id] = timer(what[0] * MINUTE_MS, what[1], timer_id=row_id, row_id=row_id)
            desk.arm(plain[row_id])
            armings += 1
        due = min((each for each in plain.values() if each.fire_ms <= until * MINUTE_MS), default=None)
        assert desk.pop_due(until * MINUTE_MS) == due
        if due is not None:
            del plain[due.row_id]
        assert desk.timers.peek() == min(plain.values(), default=None)
        assert len(plain) <= len(desk.timers) <= armings
    assert drained(desk) == sorted(plain.values())
    assert len(desk.timers) == 0


def test_what_waits_to_be_forgotten_is_an_id_until_its_hour_is_next() -> None:
    desk = Desk()
    desk.arm(timer(1))
    for number in range(1_000):
        desk.arm(timer((2 + number % 3) * HOUR_MS + number, FORGET, row_id=str(number)))
    assert desk.timers.peek() == timer(1)
    assert (len(desk.timers), len(desk.timers._armed), len(desk.timers._heap)) == (1_001, 1, 1)
    assert desk.asked == []
    assert desk.pop_due(2 * HOUR_MS) == timer(1)
    assert desk.pop_due(2 * HOUR_MS) == timer(2 * HOUR_MS, FORGET, row_id="0")
    assert desk.asked == ["0"]
    assert desk.timers.peek() == timer(2 * HOUR_MS + 3, FORGET, row_id="3")
    assert (len(desk.timers), len(desk.timers._armed)) == (999, 333)


def test_a_parked_row_that_has_moved_on_is_asked_and_not_fired() -> None:
    desk = Desk()
    for fire_ms in (HOUR_MS, HOUR_MS + 1, 3 * HOUR_MS, 3 * HOUR_MS, 2 * HOUR_MS, 5 * HOUR_MS):
        desk.arm(timer(fire_ms, FORGET, row_id="moved"))
    desk.arm(timer(HOUR_MS, FORGET, row_id="gone"))
    desk.disarm("gone")
    desk.arm(timer(HOUR_MS, FORGET, row_id="busy"))
    desk.arm(timer(4 * HOUR_MS, row_id="busy"))
    assert [each.row_id for each in drained(desk)] == ["busy", "moved"]
    assert desk.asked.count("gone") == 1
    assert "busy" not in desk.asked
    assert desk.asked.count("moved") == 4  # once for each hour that it was parked in, however often


def test_what_is_armed_for_an_hour_that_is_open_is_not_parked() -> None:
    desk = Desk()
    desk.arm(timer(HOUR_MS + 5, FORGET, row_id="a"))
    assert desk.timers.peek() == timer(HOUR_MS + 5, FORGET, row_id="a")
    desk.arm(timer(HOUR_MS + 3, FORGET, row_id="b"))
    assert [each.row_id for each in drained(desk)] == ["b", "a"]
    assert desk.asked == ["a"]


def test_a_far_hour_that_was_opened_for_want_of_a_nearer_one_keeps_none_before_it_from_being_parked() -> None:
    desk = Desk()
    desk.arm(timer(1_000 * HOUR_MS, FORGET, row_id="far"))
    assert desk.timers.peek() == timer(1_000 * HOUR_MS, FORGET, row_id="far")
    for number in range(100):
        desk.arm(timer((number + 1) * HOUR_MS, FORGET, row_id=str(number)))
    assert len(desk.timers._armed) == 1
    desk.arm(timer(1_000 * HOUR_MS + 1, FORGET, row_id="farther"))
    assert [each.row_id for each in drained(desk)] == [*map(str, range(100)), "far", "farther"]


def test_an_hour_that_is_opened_holds_the_earliest_entry_of_each_row() -> None:
    desk = Desk()
    for minute in (50, 20, 40, 30):
        desk.arm(timer(HOUR_MS + minute * MINUTE_MS, FORGET, row_id="a"))
    desk.arm(timer(HOUR_MS + 25 * MINUTE_MS, FORGET, row_id="b"))
    assert [each.row_id for each in drained(desk)] == ["b", "a"]
    assert desk.asked == ["a", "b"]


def test_overdue_are_the_clocks_timers_that_an_instant_has_passed() -> None:
    desk = Desk()
    for number in range(100):
        desk.arm(timer(number, FORGET if number % 10 == 0 else CLOCK, row_id=str(number)))
    desk.arm(timer(500, row_id="7"))  # was 7: its old entry is stale
    assert desk.timers.overdue(19, most=1_000) == 17
    assert desk.timers.overdue(19, most=5) == 5
    assert desk.timers.overdue(-1, most=1_000) == 0
    assert desk.timers.overdue(10**9, most=1_000) == 90
