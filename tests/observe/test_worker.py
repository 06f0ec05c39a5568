"""What a real worker serves under the demonstration's load: all metrics of the table, and data for every query.

The windows of rules and queries are short here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from agents.demo.generator import demo_policies
from agents.demo.process import free_port
from agents.metrics.names import METRICS
from deploy.embedded import EmbeddedKafka
from tests.broker.harness import Live
from tests.observe.feeds import Play, feeding
from tests.observe.programs import Prometheus, prometheus, wait_until
from tests.observe.queries import Asked
from tests.observe.shortened import write_prometheus
from tests.observe.test_dashboards import PANEL_QUERIES, VARIABLES

pytestmark = pytest.mark.broker

WITHIN_S = 35.0
WITHOUT_A_SERIES = {
    "sla_held_back_by",
    "sla_lost_input_timestamp_seconds",
    "sla_standby_rows",
    "sla_standby_lag_records",
}
"""Served with a series only amid a fault (tests/observe/test_faults.py, tests/broker/test_lost_input.py), or where two
workers keep copies for each other (tests/broker/test_standby.py)."""
OF_A_WORKER = {metric.name: metric for metric in METRICS}
OF_OTHERS = re.compile("sla_(source|gateway|deliver)_")
"""What the ways in and out serve themselves (tests/sources, tests/delivering)."""


class Stage(NamedTuple):
    """A worker under load, and the Prometheus that watches it."""

    live: Live
    server: Prometheus
    metrics_url: str

    def served(self) -> dict[str, tuple[str, set[str]]]:
        """Of each metric served now: its type and its labels."""
        found: dict[str, tuple[str, set[str]]] = {}
        for family in text_string_to_metric_families(requests.get(self.metrics_url, timeout=5).text):
            name = family.name + ("_total" if family.type == "counter" else "")
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            found[name] = (family.type, labels)
        return found


@pytest.fixture(scope="module")
def stage(kafka: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    port = free_port()
    live = Live(kafka.bootstrap, f"observe-{port}-", folder, demo_policies(), metrics_port=port)
    try:
        live.worker()
        watched = folder / "watched"
        watched.mkdir()
        config = write_prometheus(watched, [f"127.0.0.1:{port}"])
        with feeding(Play(live)), prometheus(config, watched) as server:
            yield Stage(live, server, f"http://127.0.0.1:{port}/metrics")
    finally:
        live.close()


def test_the_worker_serves_the_metrics_of_the_table(stage: Stage) -> None:
    missing = "?"

    def is_whole() -> bool:
        nonlocal missing
        served = stage.served()
        differing = [
            f"{name} is a {served[name][0]} with {sorted(served[name][1])}" if name in served else f"no {name}"
            for name, metric in OF_A_WORKER.items()
            if name not in WITHOUT_A_SERIES and served.get(name) != (metric.kind, set(metric.labels))
        ]
        missing = f"{differing}, and not in the table: {sorted(served.keys() - OF_A_WORKER.keys())}"
        return not differing and served.keys() <= OF_A_WORKER.keys()

    wait_until(is_whole, lambda: missing, within_s=WITHIN_S)


def _wait_for_data(stage: Stage, expr: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []

    def is_there() -> bool:
        found[:] = stage.server.query(expr)
        return bool(found)

    wait_until(is_there, lambda: f"no data: {expr}\n{stage.live.logs()}", within_s=WITHIN_S)
    return found


@pytest.mark.parametrize("asked", PANEL_QUERIES, ids=[asked.where for asked in PANEL_QUERIES])
def test_every_panel_shows_a_real_worker(stage: Stage, asked: Asked) -> None:
    if asked.where.startswith(("worker, Alerts", "worker, Held back by")):
        pytest.skip("all is well here; tests/observe/test_faults.py asks this amid a fault")
    if asked.where.startswith("worker, Canary"):
        pytest.skip("no canary is sent here; tests/observe/test_faults.py sends one and asks this")
    if asked.where.startswith("worker, Loss last found"):
        pytest.skip("nothing is lost here; tests/broker/test_lost_input.py loses some")
    if asked.where.startswith(("worker, Warm copies", "worker, Copies behind")):
        pytest.skip("one worker alone keeps no copies; tests/broker/test_standby.py has two")
    if OF_OTHERS.search(asked.expr):
        pytest.skip("no source runs beside this worker")
    found = _wait_for_data(stage, asked.expr)
    assert all(asked.legend <= one["metric"].keys() for one in found), f"{asked.legend} in {found[0]}"  # type: ignore[attr-defined]  # labels by name


@pytest.mark.parametrize(("where", "selector", "label"), VARIABLES, ids=[where for where, _, _ in VARIABLES])
def test_every_variable_has_values_of_a_real_worker(stage: Stage, where: str, selector: str, label: str) -> None:
    _wait_for_data(stage, f"count by ({label}) ({selector})")
