"""A made-up exposition: every metric of the table with plausible values. Only for tests of queries.

It proves that a query parses, names metrics and labels that exist, and returns data; it proves nothing of the worker.
Counters rise with each scrape; after `restart` they begin again at 0, as those of a worker that was started anew.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import get_args
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from agents.metrics.names import DELIVER_METRICS, METRICS, SOURCE_METRICS, Metric
from schemas.dead_letters import ALL_REASONS
from schemas.events import ViolationKind
from schemas.registry import INPUT_TOPIC_OF, INPUT_TOPICS
from streams.sources.findings import ReasonClass
from tests.observe.dashboards.duties import OUTCOMES

MARKETPLACES = ("ATVPDKIKX0DER", "A1VC38T7YXB528", "CANARY")
RULES = ("buyer-message-reply", "sfp-refund", "a-to-z-evidence")
EVENTS = (*OUTCOMES, "clock.breached", "clock.escalated", "clock.retracted", "account.health")
DAY_S = 86_400

VALUES = {
    "topic": tuple(topic.name for topic in INPUT_TOPICS),
    "reason": ALL_REASONS,
    "rule": RULES,
    "marketplace": MARKETPLACES,
    "within": ("1h", "4h", "24h"),
    "level": ("0", "1", "2"),
    "outcome": ("met", "closed_late", "superseded"),
    "status": ("good", "warn", "review_risk", "bad", "excellent"),
    "partition": ("0", "1"),
    "stage": ("fold", "write"),
    "digest": ("0123456789ab",),
    "calendar": ("us-federal-pacific", "jp"),
    "version": ("0.1.0",),
    "source": ("mailbox", "sp-api", "sqs", "gateway"),
    "feed": ("inbox", "returns", "notifications"),
    "path": ("notifications", "hooks"),
    "delivery": ("oncall", "desk"),
    "why": ("timeout", "broken"),
}


def _type_values(metric: Metric) -> tuple[str, ...]:
    return EVENTS if metric.name == "sla_events_total" else tuple(INPUT_TOPIC_OF)


def _kind_values(metric: Metric) -> tuple[str, ...]:
    if metric.name == "sla_source_left_out_total":
        return get_args(ReasonClass)
    return get_args(ViolationKind) if metric.name == "sla_violations_total" else ("matter", "account", "partition")


def label_sets(metric: Metric) -> Iterator[tuple[str, ...]]:
    """All combinations of plausible label values."""
    by_metric = {"type": _type_values, "kind": _kind_values}
    return product(*(by_metric[label](metric) if label in by_metric else VALUES[label] for label in metric.labels))


class MadeUp:
    """The metrics of one made-up worker."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """All counters at 0 again."""
        self._registry = CollectorRegistry()
        self._made = {metric: self._make(metric) for metric in (*METRICS, *SOURCE_METRICS, *DELIVER_METRICS)}

    def _make(self, metric: Metric) -> Counter | Gauge | Histogram:
        if metric.kind == "counter":
            return Counter(metric.name, metric.meaning, metric.labels, registry=self._registry)
        if metric.kind == "gauge":
            return Gauge(metric.name, metric.meaning, metric.labels, registry=self._registry)
        return Histogram(metric.name, metric.meaning, metric.labels, registry=self._registry, buckets=metric.buckets)

    def scrape(self) -> bytes:
        """Some time has passed: what it exposes now."""
        for metric, made in self._made.items():
            for number, labels in enumerate(label_sets(metric)):
                one = made.labels(*labels) if labels else made
                if isinstance(one, Counter):
                    one.inc(1 + number % 3)
                elif isinstance(one, Histogram):
                    one.observe(metric.buckets[(number + int(time.monotonic() * 2)) % len(metric.buckets)] * 0.9)
                else:
                    one.set(_level(metric.name, number))
        return generate_latest(self._registry)


def _level(name: str, number: int) -> float:
    if name == "sla_policy_covered_until_timestamp_seconds":
        return time.time() + (30 + 400 * number) * DAY_S
    if name.endswith("timestamp_seconds"):
        return time.time() - 60 * number
    if name.endswith("_info") or name in ("sla_held_back_by", "sla_partitions_held"):
        return 1
    return 1 + number % 7


@contextmanager
def serving(made_up: MadeUp) -> Iterator[str]:
    """Serve it on localhost; the address."""

    class Silent(WSGIRequestHandler):
        def log_message(self, *args: object) -> None:
            """Nobody reads it."""

    def answer(environ: object, start: object) -> list[bytes]:
        start("200 OK", [("Content-Type", CONTENT_TYPE_LATEST)])  # type: ignore[operator]  # a WSGI callable
        return [made_up.scrape()]

    server = make_server("127.0.0.1", 0, answer, handler_class=Silent)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
