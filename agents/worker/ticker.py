"""The ticker: it wakes a partition's keeper when a timer may be due and no notification has brought the time.

It decides nothing: `next_fire_ms` says when the next timer fires, W(p) what the time is. With nothing due it does not
wake at all. Near a timer W(p) follows with the next fetch answer, so it looks often; the longer W(p) is held back, the
less often.
"""

from typing import Protocol

from streams.engine import State, next_fire_ms

LOOK_S = 0.01
LONGEST_LOOK_S = 0.25


class Watermark(Protocol):
    """What the ticker asks of journal time (agents/worker/journal_time.py)."""

    def watermark_ms(self) -> int | None:
        """W(p) with nothing in hand; None where it is unknown."""

    def due_at_broker_ms(self, fire_ms: int) -> int:
        """The broker's time at which W(p) can reach a timer, at the earliest."""


class Ticker:
    """The alarm of one partition."""

    def __init__(self, time: Watermark) -> None:
        self._time = time
        self._look_s = LOOK_S

    def due_ms(self, state: State) -> int | None:
        """The journal time for a tick, if a timer is due at it."""
        fire_ms = next_fire_ms(state)
        if fire_ms is None:
            return None
        watermark_ms = self._time.watermark_ms()
        if watermark_ms is None or watermark_ms < fire_ms:
            return None
        return max(watermark_ms, state.journal_ms)

    def pause_s(self, state: State, broker_now_ms: int | None, *, is_held: bool) -> float | None:
        """How long to wait for slices before looking again; None: until there are some.

        `is_held`: there is something to write as soon as W(p) is known.
        """
        fire_ms = next_fire_ms(state)
        if not is_held:
            if fire_ms is None:
                return None
            if broker_now_ms is not None:
                until_s = (self._time.due_at_broker_ms(fire_ms) - broker_now_ms) / 1000
                if until_s > 0:
                    self._look_s = LOOK_S
                    return until_s
        self._look_s = min(self._look_s * 1.25, LONGEST_LOOK_S)
        return self._look_s

    def reset(self) -> None:
        """Something was written: W(p) moves."""
        self._look_s = LOOK_S
