"""Timers: one entry for each row, in the order of contract §1, and a heap that stale entries cannot fill."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from streams.timers import CLOCK, DUE_STEP, FORGET, HEALTH, MOVE_STEP, SLACK, Timer, Timers


def timer(fire_ms: int, kind: int = CLOCK, timer_id: str = "a", step: int = 1, row_id: str = "row") -> Timer:
    return Timer(fire_ms, kind, timer_id, step, row_id)


def drained(timers: Timers, until_ms: int = 10**15) -> list[Timer]:
    fired = []
    while (due := timers.pop_due(until_ms)) is not None:
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
        (2, FORGET, "a", 0),
        (2, HEALTH, "a", 0),
        (3, CLOCK, "a", 1),
    ]
    armed = [timer(*what, row_id=str(number)) for number, what in enumerate(in_order)]
    timers = Timers()
    for each in random.Random(7).sample(armed, len(armed)):
        timers.arm(each, each.row_id)
    assert drained(timers) == armed


def test_ids_are_ordered_by_bytes_not_by_alphabet() -> None:
    timers = Timers()
    names = ["b", "B", "a.", "a-", "a", "_", "=", "@"]
    for name in names:
        timers.arm(timer(1, timer_id=name, row_id=name), name)
    assert [each.timer_id for each in drained(timers)] == sorted(names, key=str.encode)


def test_a_row_arms_one_timer_the_last_one() -> None:
    timers = Timers()
    timers.arm(timer(5), "row")
    timers.arm(timer(9), "row")
    timers.arm(timer(7), "row")
    assert len(timers) == 1
    assert timers.peek() == timer(7)
    assert drained(timers) == [timer(7)]
    assert timers.peek() is None


def test_nothing_fires_before_its_instant() -> None:
    timers = Timers()
    timers.arm(timer(5), "row")
    assert timers.pop_due(4) is None
    assert timers.pop_due(5) == timer(5)
    assert timers.pop_due(5) is None
    assert len(timers) == 0


def test_a_row_without_a_timer_is_disarmed() -> None:
    timers = Timers()
    timers.arm(timer(5), "row")
    timers.arm(None, "row")
    timers.disarm("row")
    assert (len(timers), timers.peek()) == (0, None)


def test_the_same_timer_armed_again_takes_no_room() -> None:
    timers = Timers()
    for _ in range(10 * SLACK):
        timers.arm(timer(5), "row")
    assert len(timers._heap) == 1


def test_armed_again_after_it_was_disarmed_a_timer_fires_once() -> None:
    timers = Timers()
    timers.arm(timer(5), "row")
    timers.disarm("row")
    timers.arm(timer(5), "row")
    assert drained(timers) == [timer(5)]


def test_an_id_is_kept_once_however_often_its_row_is_told_of() -> None:
    timers = Timers()
    assert timers.own_id("row/1") == "row/1"
    timers.arm(timer(5, row_id="row/1"), "row/1")
    again = b"row/1".decode()
    assert timers.own_id(again) is timers._armed["row/1"].row_id
    assert timers.own_id(again) is not again


def test_stale_entries_are_cleared_before_they_outnumber_the_armed_ones_by_much() -> None:
    timers = Timers()
    longest = 0
    for instant in range(20 * SLACK):
        row_id = str(instant % 3)
        timers.arm(timer(10**9 - instant, row_id=row_id), row_id)
        longest = max(longest, len(timers._heap))
    assert longest <= 1.25 * 3 + SLACK + 1
    assert [each.fire_ms for each in drained(timers)] == [10**9 - 20 * SLACK + 1 + i for i in range(3)]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 20) | st.none(), st.integers(0, 20)), max_size=60))
def test_timers_are_those_of_a_plain_dictionary(steps: list[tuple[int, int | None, int]]) -> None:
    timers = Timers()
    plain: dict[str, Timer] = {}
    for row, fire_ms, until_ms in steps:
        row_id = str(row)
        if fire_ms is None:
            timers.disarm(row_id)
            plain.pop(row_id, None)
        else:
            plain[row_id] = timer(fire_ms, row_id=row_id)
            timers.arm(plain[row_id], row_id)
        due = min((each for each in plain.values() if each.fire_ms <= until_ms), default=None)
        assert timers.pop_due(until_ms) == due
        if due is not None:
            del plain[due.row_id]
        assert timers.peek() == min(plain.values(), default=None)
        assert len(timers) == len(plain)


def test_overdue_are_the_clocks_timers_that_an_instant_has_passed() -> None:
    timers = Timers()
    for number in range(100):
        timers.arm(timer(number, FORGET if number % 10 == 0 else CLOCK, row_id=str(number)), str(number))
    timers.arm(timer(500, row_id="7"), "7")  # was 7: its old entry is stale
    assert timers.overdue(19, most=1_000) == 17
    assert timers.overdue(19, most=5) == 5
    assert timers.overdue(-1, most=1_000) == 0
    assert timers.overdue(10**9, most=1_000) == 90
