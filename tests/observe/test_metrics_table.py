"""The table of metrics: well-formed, and each of its metrics seen on some dashboard."""

from __future__ import annotations

import re

import pytest

from agents.metrics.names import DELIVER_METRICS, METRICS, SOURCE_METRICS, Metric
from tests.observe.programs import ROOT
from tests.observe.queries import DASHBOARDS, panel_queries

ASKED = " ".join(asked.expr for name in DASHBOARDS for asked in panel_queries(name, "1m"))
RULES = (ROOT / "deploy/prometheus/recording.yml").read_text()


@pytest.mark.parametrize("metric", [*METRICS, *SOURCE_METRICS, *DELIVER_METRICS], ids=lambda metric: metric.name)
def test_a_name_says_its_kind_and_unit_as_prometheus_wants_it(metric: Metric) -> None:
    assert re.fullmatch(r"sla_[a-z_]+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert (metric.buckets != ()) == (metric.kind == "histogram")
    assert list(metric.buckets) == sorted(set(metric.buckets))
    assert metric.meaning.endswith((".", ": 0."))
    assert not {label for label in metric.labels if label.endswith("id")}, "a label has few values, never an id"


@pytest.mark.parametrize("metric", [*METRICS, *SOURCE_METRICS, *DELIVER_METRICS], ids=lambda metric: metric.name)
def test_every_metric_is_seen_on_a_dashboard(metric: Metric) -> None:
    assert re.search(rf"(?<![\w:]){metric.name}(_bucket|_sum|_count)?(?![\w:])", ASKED + RULES)
