"""Metrics and health of one worker, on a port of their own.

Counters are raised once a slice, gauges set once a second: nothing here is on the path of a single notification. Label
values are bounded: topics, types, rules, marketplaces, partitions; never an id. `/healthz`: the process answers;
`/readyz`: it owns partitions, they are recovered, and journal time follows.
"""

import threading
from collections import Counter as Tally
from collections.abc import Callable, Iterable
from importlib.metadata import version
from socketserver import ThreadingMixIn
from time import time
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import orjson
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, make_wsgi_app

from agents.errors import UserError
from agents.metric_names import METRIC_BY_NAME
from schemas.dead_letters import REASONS
from schemas.registry import INPUT_TOPICS, REPARTITION_TOPIC
from streams.events import SlaEvent


class SliceTally:
    """What one slice brought, to be added to the counters when it is committed."""

    def __init__(self) -> None:
        self.notifications: Tally[tuple[str, str]] = Tally()
        self.dead_letters: Tally[tuple[str, str]] = Tally()
        self.misrouted: Tally[str] = Tally()
        self.events: Tally[tuple[str, str, str]] = Tally()
        self.escalations: Tally[tuple[str, str]] = Tally()
        self.violations: Tally[str] = Tally()
        self.newest_ms: dict[str, int] = {}
        self.lines = 0
        self.seconds: dict[str, float] = {}

    def count(self, event: SlaEvent) -> None:
        """Count an event that is to be sent."""
        named = event.subject.split("/", 3)  # seller, marketplace, and of a clock its rule and subject
        rule = named[2] if len(named) > 2 else ""
        self.events[event.type, rule, named[1]] += 1
        if event.type == "clock.escalated":
            self.escalations[rule, str(orjson.loads(event.value)["level"])] += 1
        elif event.type == "policy.violation":
            self.violations[orjson.loads(event.value)["kind"]] += 1


class Metrics:
    """The metrics of one worker that are served so far; names and labels are those of agents/metric_names.py."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client has no annotation there
        self.registry = CollectorRegistry()
        self.is_ready: Callable[[], bool] = lambda: False
        self.notifications = self._counter("sla_notifications_total")
        self.dead_letters = self._counter("sla_dead_letters_total")
        self.misrouted = self._counter("sla_misrouted_total")
        self.events = self._counter("sla_events_total")
        self.escalations = self._counter("sla_escalations_total")
        self.violations = self._counter("sla_violations_total")
        self.newest = self._gauge("sla_last_notification_timestamp_seconds")
        self.clocks_open = self._gauge("sla_clocks_open")
        self.clocks_due = self._gauge("sla_clocks_due")
        self.time_lag = self._gauge("sla_time_lag_seconds")
        self.held_back_by = self._gauge("sla_held_back_by")
        self.input_lag = self._gauge("sla_input_lag_records")
        self.batch_seconds = self._histogram("sla_batch_seconds")
        self.batch_lines = self._histogram("sla_batch_lines")
        self.partitions_owned = self._gauge("sla_partitions_owned")
        self.partitions_held = self._gauge("sla_partitions_held")
        self.recovery = self._gauge("sla_recovery_seconds")
        self.clock_offset = self._gauge("sla_clock_offset_seconds")
        self.policy_info = self._gauge("sla_policy_info")
        self._gauge("sla_build_info").labels(version("dueclock")).set(1)
        for topic in (*INPUT_TOPICS, REPARTITION_TOPIC):
            self.newest.labels(topic.name).set(time())
            for reason in REASONS:
                self.dead_letters.labels(topic.name, reason)

    def _counter(self, name: str) -> Counter:
        metric = METRIC_BY_NAME[name]
        return Counter(name, metric.meaning, metric.labels, registry=self.registry)

    def _gauge(self, name: str) -> Gauge:
        metric = METRIC_BY_NAME[name]
        return Gauge(name, metric.meaning, metric.labels, registry=self.registry)

    def _histogram(self, name: str) -> Histogram:
        metric = METRIC_BY_NAME[name]
        return Histogram(name, metric.meaning, metric.labels, registry=self.registry, buckets=metric.buckets)

    def add(self, tally: SliceTally) -> None:
        """Raise the counters by what a committed slice brought."""
        for (topic, kind), count in tally.notifications.items():
            self.notifications.labels(topic, kind).inc(count)
        for (topic, reason), count in tally.dead_letters.items():
            self.dead_letters.labels(topic, reason).inc(count)
        for topic, count in tally.misrouted.items():
            self.misrouted.labels(topic).inc(count)
        for labels, count in tally.events.items():
            self.events.labels(*labels).inc(count)
        for escalated, count in tally.escalations.items():
            self.escalations.labels(*escalated).inc(count)
        for kind, count in tally.violations.items():
            self.violations.labels(kind).inc(count)
        for topic, newest_ms in tally.newest_ms.items():
            self.newest.labels(topic).set(newest_ms / 1000)
        for stage, seconds in tally.seconds.items():
            self.batch_seconds.labels(stage).observe(seconds)
        if tally.lines:
            self.batch_lines.observe(tally.lines)

    def serve(self, host: str, port: int) -> "MetricsServer":
        """Serve on this address; UserError where it is taken."""
        return MetricsServer(self, host, port)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    # http.server asks the resolver for its own name otherwise, which may take seconds
    allow_reuse_address = True


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's signature
        """Scrapes are not news."""


class MetricsServer:
    """The endpoint, in a thread of its own."""

    def __init__(self, metrics: Metrics, host: str, port: int) -> None:
        scrape = make_wsgi_app(metrics.registry)

        def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
            path = environ["PATH_INFO"]
            if path == "/metrics":
                return scrape(environ, start)  # type: ignore[no-any-return]  # prometheus_client says Any
            said = {"/healthz": True, "/readyz": path == "/readyz" and metrics.is_ready()}.get(path)
            status = "404 Not Found" if said is None else "200 OK" if said else "503 Service Unavailable"
            start(status, [("Content-Type", "text/plain; charset=utf-8")])
            return [b"ok\n" if said else status.encode() + b"\n"]

        try:
            self._server = make_server(host, port, answer, server_class=_Server, handler_class=_Silent)
        except (OSError, OverflowError) as error:
            raise UserError(
                f"Cannot serve metrics on {host}:{port} ({error}); choose a free port with --metrics-port."
            ) from None
        self.port: int = self._server.server_port
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()

    def close(self) -> None:
        """Free the port."""
        self._server.shutdown()
        self._server.server_close()
