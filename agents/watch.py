"""The watch: once a second it looks how journal time follows, says once when something holds it back, and sets gauges.

It changes nothing. Lines are for people: one when a state begins, one when it ends, none in between.
"""

import asyncio
import logging
from time import monotonic
from typing import Any

from agents.metrics import Metrics

EVERY_S = 1.0
AWAY_S = 5.0
HELD_BACK_S = 10.0
READY_LAG_S = 60.0
DUE_HOURS = (1, 4, 24)

log = logging.getLogger("dueclock.watch")


class Watch:
    """Looks after the partitions of an `Ownership`."""

    def __init__(self, ownership: Any, metrics: Metrics) -> None:
        self._ownership = ownership
        self._metrics = metrics
        self._task: asyncio.Task[None] | None = None
        self._held_back: set[int] = set()
        self._is_away = False
        self._worst_lag_s: float | None = None
        metrics.is_ready = self.is_ready

    def start(self) -> None:
        """Begin, if it has not begun."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="watch")

    async def stop(self) -> None:
        """End."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def is_ready(self) -> bool:
        """Whether all owned partitions are kept and journal time follows the broker's."""
        return self._worst_lag_s is not None and self._worst_lag_s < READY_LAG_S

    async def _run(self) -> None:
        while True:
            try:
                self._look()
            except Exception:
                log.exception("the watch could not look; it tries again")
            await asyncio.sleep(EVERY_S)

    def _look(self) -> None:
        ownership = self._ownership
        now_ms = ownership.broker_now_ms()
        self._metrics.clock_offset.set(ownership.wall_offset_s)
        self._look_for_broker()
        self._metrics.time_lag.clear()
        self._metrics.held_back_by.clear()
        self._metrics.input_lag.clear()
        self._metrics.policy_info.clear()
        lags = [self._look_at(part, now_ms) for part in ownership.kept()]
        known = [lag_s for lag_s in lags if lag_s is not None]
        self._worst_lag_s = max(known, default=0.0) if len(known) == len(lags) else None
        self._metrics.clocks_open.clear()
        for labels, count in ownership.open_clocks.open_clocks().items():
            self._metrics.clocks_open.labels(*labels).set(count)
        if now_ms is not None:
            self._set_due(now_ms)

    def _look_at(self, part: Any, now_ms: int | None) -> float | None:
        """Time lag of one partition, None while its journal time is unknown."""
        topic, known_ms = part.keeper.time.held_back_by()
        if part.state.digest:
            self._metrics.policy_info.labels(part.state.digest).set(1)
        for name, records in part.keeper.time.lag_records().items():
            self._metrics.input_lag.labels(self._ownership.logical[name], part.number).set(records)
        lag_s = None if known_ms is None or now_ms is None else (now_ms - known_ms) / 1000
        if lag_s is not None:
            self._metrics.time_lag.labels(part.number).set(lag_s)
        is_held_back = lag_s is None or lag_s > HELD_BACK_S
        if is_held_back:
            self._metrics.held_back_by.labels(self._ownership.logical[topic], part.number).set(1)
        if is_held_back and lag_s is not None and part.number not in self._held_back:
            self._held_back.add(part.number)
            log.warning("partition %d: journal time is held back %.0f s by %s", part.number, lag_s, topic)
        elif not is_held_back and part.number in self._held_back:
            self._held_back.discard(part.number)
            log.info("partition %d: journal time follows again", part.number)
        return lag_s

    def _look_for_broker(self) -> None:
        heard_s = self._ownership.consumer.last_answer_s
        silence_s = monotonic() - heard_s
        if silence_s > AWAY_S and not self._is_away:
            self._is_away = True
            log.warning("no answer from the broker for %.0f s: waiting", silence_s)
        elif silence_s <= AWAY_S and self._is_away:
            self._is_away = False
            log.info("the broker answers again")

    def _set_due(self, now_ms: int) -> None:
        self._metrics.clocks_due.clear()
        for hours in DUE_HOURS:
            by_rule: dict[str, int] = {}
            for (rule, _), count in self._ownership.open_clocks.due_within(now_ms, hours).items():
                by_rule[rule] = by_rule.get(rule, 0) + count
            for rule, count in by_rule.items():
                self._metrics.clocks_due.labels(rule, f"{hours}h").set(count)
