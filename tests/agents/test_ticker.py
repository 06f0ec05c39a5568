"""The ticker: it wakes when a timer may be due, and not before."""

from __future__ import annotations

import pytest

from agents.worker import ticker as module
from agents.worker.ticker import LONGEST_LOOK_S, LOOK_S, Ticker
from streams.engine import State, new_state

FIRE_MS = 1_000_000


class Time:
    """A journal time that a test sets."""

    watermark: int | None = None

    def watermark_ms(self) -> int | None:
        return self.watermark

    def due_at_broker_ms(self, fire_ms: int) -> int:
        return fire_ms + 50


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> State:
    monkeypatch.setattr(module, "next_fire_ms", lambda state: FIRE_MS)
    return new_state(0)


def ticker(watermark: int | None = None) -> Ticker:
    time = Time()
    time.watermark = watermark
    return Ticker(time)


def test_nothing_is_due_before_journal_time_has_reached_the_timer(state: State) -> None:
    assert ticker(None).due_ms(state) is None
    assert ticker(FIRE_MS - 1).due_ms(state) is None
    assert ticker(FIRE_MS).due_ms(state) == FIRE_MS
    assert ticker(FIRE_MS + 7).due_ms(state) == FIRE_MS + 7


def test_it_sleeps_until_the_broker_can_have_reached_the_timer(state: State) -> None:
    assert ticker().pause_s(state, FIRE_MS - 10_000, is_held=False) == pytest.approx(10.05)


def test_near_the_timer_it_looks_often_then_less_often(state: State) -> None:
    alarm = ticker()
    looks = [alarm.pause_s(state, FIRE_MS + 60, is_held=False) for _ in range(40)]
    assert looks == sorted(looks, key=lambda pause: pause or 0)
    assert (looks[0] or 1) < 0.02
    assert looks[-1] == LONGEST_LOOK_S


def test_with_no_timer_it_does_not_wake_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "next_fire_ms", lambda state: None)
    assert ticker().pause_s(new_state(0), FIRE_MS, is_held=False) is None
    assert ticker().due_ms(new_state(0)) is None


def test_what_waits_for_the_time_to_be_known_is_looked_after(state: State) -> None:
    alarm = ticker()
    assert alarm.pause_s(state, None, is_held=True) == pytest.approx(1.25 * LOOK_S)
    assert alarm.pause_s(state, FIRE_MS - 10_000, is_held=True) == pytest.approx(1.25**2 * LOOK_S)
