"""Each fault fires its alert and no other: a real worker, a real broker, a real Prometheus with short windows."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from agents.demo.process import free_port
from deploy.embedded import EmbeddedKafka
from schemas.policies import shipped_policies
from tests.broker.harness import ROOT, Live, WorkerProcess, reply_within
from tests.observe.feeds import Drip, feeding
from tests.observe.programs import Prometheus, prometheus, wait_until
from tests.observe.shortened import write_prometheus
from tests.observe.test_dashboards import PANEL_QUERIES

pytestmark = pytest.mark.broker

# The limits of the rules that are no windows.
LAG = {"seconds) > 60": "seconds) > 4", "seconds <= 60": "seconds <= 4", "seconds) <= 60": "seconds) <= 4"}
SILENCE = {f"vector({seconds})": "vector(8)" for seconds in (3600, 21600, 43200, 259200, 604800)}


class Watched(NamedTuple):
    """A worker that is fed on every topic and watched."""

    live: Live
    worker: WorkerProcess
    drip: Drip
    server: Prometheus
    since_s: float

    def wait_for(self, *alerts: str, within_s: float = 30.0) -> None:
        """Wait until exactly these alerts fire."""
        wait_until(
            lambda: self.server.firing() == set(alerts),
            lambda: f"{alerts}, there are {self.server.alerts()}\n{self.worker.log()[-1500:]}",
            within_s=within_s,
        )

    def shows(self, *panels: str) -> None:
        """These panels have data now."""
        asked = [one for one in PANEL_QUERIES if one.where.startswith(panels)]
        assert len(asked) >= len(panels)
        wait_until(lambda: all(self.server.query(one.expr) for one in asked), lambda: f"data for all of {asked}")

    def fired_only(self, alert: str) -> None:
        """No other alert has fired since the fault."""
        window_s = int(time.time() - self.since_s) + 1
        others = self.server.query(f'ALERTS{{alertstate="firing", alertname!="{alert}"}}[{window_s}s]')
        assert others == [], f"{others}\n{self.worker.log()[-1500:]}"


@contextmanager
def watched(
    broker: EmbeddedKafka,
    folder: Path,
    prefix: str,
    limits: Mapping[str, str] | None = None,
    policies: str = reply_within("hours = 24"),
) -> Iterator[Watched]:
    port = free_port()
    with ExitStack() as stack:
        live = Live(broker.bootstrap, prefix, folder, policies, metrics_port=port)
        stack.callback(live.close)
        worker = live.worker()
        drip = Drip(live)
        stack.enter_context(feeding(drip))
        rules = folder / "rules"
        rules.mkdir()
        config = write_prometheus(rules, [f"127.0.0.1:{port}"], limits=limits)
        server = stack.enter_context(prometheus(config, folder))
        wait_until(
            lambda: bool(server.query("sum(rate(sla_notifications_total[10s])) > 0")),
            lambda: f"notifications of the worker\n{worker.log()}",
        )
        # A Prometheus that has just started knows no target for some seconds, and says so.
        wait_until(lambda: server.firing() == set(), lambda: f"no alert: {server.alerts()}")
        yield Watched(live, worker, drip, server, time.time())


def test_a_frozen_worker_is_told_and_nothing_else(kafka: EmbeddedKafka, kafka_prefix: str, tmp_path: Path) -> None:
    with watched(kafka, tmp_path, kafka_prefix) as seen:
        seen.worker.signal(signal.SIGSTOP)
        try:
            seen.wait_for("DueclockWorkerDown")
        finally:
            seen.worker.signal(signal.SIGCONT)
        seen.wait_for()
        seen.fired_only("DueclockWorkerDown")


def test_a_topic_of_junk_is_told_and_nothing_else(kafka: EmbeddedKafka, kafka_prefix: str, tmp_path: Path) -> None:
    with watched(kafka, tmp_path, kafka_prefix) as seen:
        seen.drip.poisoned.add("refund-issued")
        seen.wait_for("DueclockDeadLetters")
        (alert,) = seen.server.alerts()
        assert alert["labels"]["topic"].endswith("refund-issued")
        seen.drip.poisoned.clear()
        seen.wait_for()
        seen.fired_only("DueclockDeadLetters")


def test_a_feed_that_stops_is_told_and_nothing_else(kafka: EmbeddedKafka, kafka_prefix: str, tmp_path: Path) -> None:
    with watched(kafka, tmp_path, kafka_prefix, SILENCE) as seen:
        seen.drip.silenced.add("support-case")
        seen.wait_for("DueclockFeedSilent")
        (alert,) = seen.server.alerts()
        assert alert["labels"]["topic"] == "support-case"
        seen.drip.silenced.clear()
        seen.wait_for()
        seen.fired_only("DueclockFeedSilent")


def test_a_broker_that_stops_is_told_and_nothing_else(
    own_kafka: EmbeddedKafka, kafka_prefix: str, tmp_path: Path
) -> None:
    with watched(own_kafka, tmp_path, kafka_prefix, LAG) as seen:
        own_kafka.stop()
        seen.wait_for("DueclockTimeStopped")
        seen.shows("worker, Alerts", "worker, Held back by")
        own_kafka.start()
        seen.wait_for(within_s=40)
        seen.fired_only("DueclockTimeStopped")


SINGS = 'increase(sla_events_total{type="clock.breached", marketplace="CANARY"}[14s]) > 0'


@contextmanager
def canary(live: Live) -> Iterator[None]:
    command = [sys.executable, "-m", "agents", "canary", "--every", "6s"]
    command += ["--broker", live.bootstrap, "--topic-prefix", live.prefix]
    with (live.folder / "canary.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.timeout(100)
def test_a_canary_that_stops_singing_is_told_and_nothing_else(
    kafka: EmbeddedKafka, kafka_prefix: str, tmp_path: Path
) -> None:
    with watched(
        kafka, tmp_path, kafka_prefix, {"[5m]": "[14s]", "offset 5m": "offset 14s"}, shipped_policies(canary=True)
    ) as seen:
        log = seen.live.folder / "canary.log"
        with canary(seen.live):
            wait_until(lambda: bool(seen.server.query(SINGS)), lambda: f"its breaches\n{log.read_text()}")
            seen.shows("worker, Canary")
            assert seen.server.firing() == set()
        seen.wait_for("DueclockCanarySilent", within_s=40)
        seen.fired_only("DueclockCanarySilent")
        # What it asked before it stopped fell due in each partition, and was answered too late: nothing stays behind.
        breached = seen.live.wait_for_event("clock.breached", "sla-breach", times=2)
        assert {event["marketplace_id"] for event in breached} == {"CANARY"}
        assert len({event["seller_id"] for event in breached}) == seen.live.partitions
        assert {e["late_by_ms"] for e in seen.live.wait_for_event("clock.closed_late", "sla-clock")} == {3000}
