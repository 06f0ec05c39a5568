"""How old what is shown is, measured by the thread that serves and never by the loop that is measured.

A worker's loop that is held (a bug, a log that nobody reads, a machine that swaps) sets no gauge: all stand at their
last good value. So the loop leaves a stamp each time it turns, and the watch one each time it has looked; the thread of
the endpoint reads their age. No lock: a stamp is one float.
"""

import asyncio
from collections.abc import Iterator
from time import monotonic
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from agents.metrics.names import METRIC_BY_NAME

TURNS_EVERY_S: Final = 0.25
STALE_S: Final = 5.0
"""Nothing that is older says how the worker fares: architecture.md's loop is never held for more than 100 ms."""

_LOOP_AGE: Final = METRIC_BY_NAME["sla_loop_age_seconds"]
_WATCH_AGE: Final = METRIC_BY_NAME["sla_watch_age_seconds"]


class Freshness(Collector):
    """When the worker's loop last turned and its watch last looked. Each is unknown until there is one."""

    def __init__(self) -> None:
        self._turned_s: float | None = None
        self._looked_s: float | None = None

    def follow(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on this loop should turn; it is not running yet, or we are on it."""

        def turn() -> None:
            self._turned_s = monotonic()
            loop.call_later(TURNS_EVERY_S, turn)

        self._turned_s = monotonic()
        loop.call_soon(turn)

    def looked(self) -> None:
        """The watch has set its gauges, or begins to."""
        self._looked_s = monotonic()

    def drop_the_watch(self) -> None:
        """The watch has ended: nobody expects a look."""
        self._looked_s = None

    def complaint(self) -> str | None:
        """What is so old that nothing is known of the worker, in a sentence; None where all is fresh."""
        for what, age_s in (("loop has not turned", self._loop_age_s()), ("watch has not looked", self._watch_age_s())):
            if age_s is not None and age_s > STALE_S:
                return f"the worker's {what} for {age_s:.1f} s"
        return None

    def collect(self) -> Iterator[Family]:
        """What a scrape sees."""
        for metric, age_s in ((_LOOP_AGE, self._loop_age_s()), (_WATCH_AGE, self._watch_age_s())):
            family = GaugeMetricFamily(metric.name, metric.meaning)
            if age_s is not None:
                family.add_metric((), age_s)
            yield family

    def _loop_age_s(self) -> float | None:
        stamp_s = self._turned_s
        return None if stamp_s is None else monotonic() - stamp_s

    def _watch_age_s(self) -> float | None:
        stamp_s = self._looked_s
        return None if stamp_s is None else monotonic() - stamp_s
