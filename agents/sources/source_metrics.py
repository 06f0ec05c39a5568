"""What a source says of itself: how far it has read in the source's own time, what came of it, what went wrong.

A feed that has stopped must not look like a seller who has done nothing wrong: `read_through` moves only when all that
was shown until then is acknowledged, `newest` says when the source itself last had something. Names and labels are
those of agents/metrics/names.py; no label is an id.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeAlias

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics, generate_latest

from agents.metrics.endpoint import MetricsServer
from agents.metrics.names import METRIC_BY_NAME
from agents.settings import Settings
from agents.sources.harvest import Harvest
from schemas.notifications import Notification, type_name
from streams.sources.findings import REASONS

SourceName: TypeAlias = Literal["mailbox", "sp-api", "sqs", "gateway"]
_HELD_BACK = "held_back"


class Untold:
    """A source complains of nothing: `read_through` says how far it is."""

    def complaint(self) -> str | None:
        """None."""
        return None


class SourceMetrics:
    """The metrics of one process; `feeds` are what the source reads apart from each other."""

    clocks_page: Callable[[str], tuple[int, bytes]] | None = None

    def __init__(self, source: SourceName, feeds: Iterable[str]) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client has no annotation there
        self.registry = CollectorRegistry()
        self.freshness = Untold()
        self.is_ready: Callable[[], bool] = lambda: self._has_succeeded
        self._source = source
        self._has_succeeded = False
        self._read_through = self._gauge("sla_source_read_through_timestamp_seconds")
        self._newest = self._gauge("sla_source_newest_timestamp_seconds")
        self._last_success = self._gauge("sla_source_last_success_timestamp_seconds")
        self._errors = self._counter("sla_source_errors_total")
        self._entries = self._counter("sla_source_entries_total")
        self._notifications = self._counter("sla_source_notifications_total")
        self._left_out = self._counter("sla_source_left_out_total")
        self._errors.labels(source)
        self._last_success.labels(source).set(time.time())
        self._newest_ms: dict[str, int] = {}
        for feed in feeds:
            self._entries.labels(source, feed)
            self._newest.labels(source, feed).set(time.time())
        for reason, (kind, _) in REASONS.items():
            self._left_out.labels(source, kind, reason)

    def _counter(self, name: str) -> Counter:
        return Counter(name, METRIC_BY_NAME[name].meaning, METRIC_BY_NAME[name].labels, registry=self.registry)

    def _gauge(self, name: str) -> Gauge:
        return Gauge(name, METRIC_BY_NAME[name].meaning, METRIC_BY_NAME[name].labels, registry=self.registry)

    def looked_at(self, feed: str, entries: int, newest_ms: int | None = None) -> None:
        """Entries have come; `newest_ms` is the latest of their own times. What is dated ahead is not believed."""
        self._entries.labels(self._source, feed).inc(entries)
        if newest_ms is not None and newest_ms > self._newest_ms.get(feed, 0):
            self._newest_ms[feed] = min(newest_ms, int(time.time() * 1000))
            self._newest.labels(self._source, feed).set(self._newest_ms[feed] / 1000)

    def acknowledged(self, notifications: Iterable[Notification]) -> None:
        """The broker has them."""
        for notification in notifications:
            self._notifications.labels(self._source, type_name(notification)).inc()
        self._succeeded()

    def left_out(self, reason: str, count: int = 1) -> None:
        """Something became nothing. A reason that no mapping gives (that it waits for its return) is half a fact."""
        kind = REASONS[reason].kind if reason in REASONS else _HELD_BACK
        self._left_out.labels(self._source, kind, reason).inc(count)

    def handed_on(self, found: Harvest) -> None:
        """All that was found is acknowledged."""
        for reason, count in found.reasons.items():
            self.left_out(reason, count)
        self.acknowledged(found.notifications)

    def read_through(self, feed: str, at_ms: int) -> None:
        """Nothing that the source showed until then is missing."""
        self._read_through.labels(self._source, feed).set(at_ms / 1000)
        self._succeeded()

    def _succeeded(self) -> None:
        self._has_succeeded = True
        self._last_success.labels(self._source).set_to_current_time()

    @property
    def has_succeeded(self) -> bool:
        """Whether anything has come to its end since the start."""
        return self._has_succeeded

    def failed(self) -> None:
        """A reading came to nothing."""
        self._errors.labels(self._source).inc()

    def page(self) -> bytes:
        """What is served under `/metrics`."""
        return generate_latest(self.registry)


class GatewayMetrics(SourceMetrics):
    """Those of a gateway. It is ready as soon as it listens."""

    def __init__(self) -> None:
        super().__init__("gateway", ("notifications", "hooks"))
        self.answers = self._counter("sla_gateway_answers_total")
        self._parked = self._gauge("sla_gateway_parked")
        self._on_their_way = self._gauge("sla_gateway_on_their_way")
        self.is_listening = False
        self.is_ready = lambda: self.is_listening

    def look_at(self, parked: Callable[[], int], on_their_way: Callable[[], int]) -> None:
        """Ask these two when somebody looks."""
        self._parked.set_function(parked)
        self._on_their_way.set_function(on_their_way)


@contextmanager
def shown(settings: Settings, metrics: SourceMetrics) -> Iterator[None]:
    """Serve them for as long as it lasts, where the settings have a port."""
    if not settings.metrics_port:
        yield
        return
    server = MetricsServer(metrics, settings)
    try:
        yield
    finally:
        server.close()
