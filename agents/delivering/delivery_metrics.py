"""What `dueclock deliver` says of itself: for each delivery what was sent, what failed, what waits and for how long.

Names and labels are those of agents/metrics/names.py; a delivery's name is a label, nothing of an event is.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeAlias

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics

from agents.delivering.receivers import WHYS, Why
from agents.metrics.endpoint import MetricsServer
from agents.metrics.names import METRIC_BY_NAME
from agents.settings import Settings
from agents.subscriptions import Subscription

Waiting: TypeAlias = Literal["sla_deliver_lag_seconds", "sla_deliver_lag_records", "sla_deliver_parked"]


class Untold:
    """It complains of nothing: `sla_deliver_lag_seconds` says how far each delivery is."""

    def complaint(self) -> str | None:
        """None."""
        return None


class DeliveryMetrics:
    """The metrics of one process, for all of its deliveries."""

    clocks_page: Callable[[str], tuple[int, bytes]] | None = None

    def __init__(self, deliveries: Iterable[Subscription]) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client has no annotation there
        self.registry = CollectorRegistry()
        self.freshness = Untold()
        self.is_ready: Callable[[], bool] = lambda: False
        self._sent = self._counter("sla_deliver_sent_total")
        self._failed = self._counter("sla_deliver_failed_total")
        self._skipped = self._counter("sla_deliver_skipped_total")
        self._last_sent = self._gauge("sla_deliver_last_sent_timestamp_seconds")
        self._waiting = {
            name: self._gauge(name)
            for name in ("sla_deliver_lag_seconds", "sla_deliver_lag_records", "sla_deliver_parked")
        }
        for one in deliveries:
            self._sent.labels(one.name)
            self._skipped.labels(one.name)
            self._last_sent.labels(one.name).set(time.time())
            for why in WHYS:
                self._failed.labels(one.name, why)

    def _counter(self, name: str) -> Counter:
        return Counter(name, METRIC_BY_NAME[name].meaning, METRIC_BY_NAME[name].labels, registry=self.registry)

    def _gauge(self, name: str) -> Gauge:
        return Gauge(name, METRIC_BY_NAME[name].meaning, METRIC_BY_NAME[name].labels, registry=self.registry)

    def sent(self, delivery: str, events: int) -> None:
        """The target has acknowledged so many events."""
        self._sent.labels(delivery).inc(events)
        self._last_sent.labels(delivery).set_to_current_time()

    def failed(self, delivery: str, why: Why) -> None:
        """A try was in vain."""
        self._failed.labels(delivery, why).inc()

    def skipped(self, delivery: str) -> None:
        """An event was passed over by an operator's word."""
        self._skipped.labels(delivery).inc()

    def ask(self, name: Waiting, delivery: str, asked: Callable[[], float]) -> None:
        """A gauge that is asked for when somebody looks."""
        self._waiting[name].labels(delivery).set_function(asked)


@contextmanager
def shown(settings: Settings, metrics: DeliveryMetrics) -> Iterator[None]:
    """Serve them for as long as it lasts, where the settings have a port."""
    if not settings.metrics_port:
        yield
        return
    server = MetricsServer(metrics, settings)
    try:
        yield
    finally:
        server.close()
