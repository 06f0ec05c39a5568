"""The dashboards: written by the code beside, asking only for what exists, each panel with unit, words and colours.

The queries are run here on made-up metrics (`made_up.py`): that proves that each parses, names metrics and labels that
exist and returns data; of the worker it proves nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.observe.dashboards.__main__ import FOLDER, texts
from tests.observe.dashboards.look import PALETTE, alert_names
from tests.observe.made_up import MadeUp, serving
from tests.observe.programs import GRAFANA, Prometheus, prometheus, wait_until
from tests.observe.queries import (
    DASHBOARDS,
    Asked,
    annotation_queries,
    dashboard,
    panel_queries,
    panels,
    variable_queries,
)
from tests.observe.shortened import WINDOWS, write_prometheus
from tests.observe.test_rules import ALERTS

INTERVAL = "10s"
SHORT = {**WINDOWS, "offset 1m": "offset 8s", "[1m]": "[10s]"}


def shortened(asked: Asked) -> Asked:
    """The query with the short windows that the rules have here."""
    return asked._replace(expr=re.sub("|".join(map(re.escape, SHORT)), lambda found: SHORT[found[0]], asked.expr))


PANEL_QUERIES = [shortened(asked) for name in DASHBOARDS for asked in panel_queries(name, INTERVAL)]
ANNOTATIONS = [shortened(asked) for name in DASHBOARDS for asked in annotation_queries(name, INTERVAL)]
VARIABLES = [asked for name in DASHBOARDS for asked in variable_queries(name)]


class Played(NamedTuple):
    """A Prometheus that has seen a made-up worker start, start again, and run on."""

    server: Prometheus
    restarted_s: float


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    folder = tmp_path_factory.mktemp("made-up")
    made_up = MadeUp()
    with ExitStack() as stack:
        address = stack.enter_context(serving(made_up))
        config = write_prometheus(folder, [address], scrape_every="500ms")
        server = stack.enter_context(prometheus(config, folder))
        wait_until(lambda: server.query("sla_batch_lines_count > 4"), server.log)
        made_up.restart()
        restarted = "resets(sla_batch_lines_count[10s]) > 0"
        wait_until(lambda: server.query(restarted), server.log)
        restarted_s = float(server.query(restarted)[0]["value"][0])
        wait_until(lambda: server.query("sla_batch_lines_count > 16"), server.log)
        wait_until(lambda: "DueclockPartitionsAtRest" in server.firing(), lambda: str(server.alerts()))
        yield Played(server, restarted_s)


@pytest.mark.parametrize("asked", PANEL_QUERIES, ids=[asked.where for asked in PANEL_QUERIES])
def test_every_panel_asks_for_what_exists(played: Played, asked: Asked) -> None:
    found = played.server.query(asked.expr)
    assert found, f"no data: {asked.expr}"
    assert all(asked.legend <= one["metric"].keys() for one in found), f"{asked.legend} in {found[0]['metric']}"
    assert [one for one in found if one["value"][1] == "NaN"] == []


@pytest.mark.parametrize("asked", ANNOTATIONS, ids=[asked.where for asked in ANNOTATIONS])
def test_every_annotation_marks_the_start_or_the_restart(played: Played, asked: Asked) -> None:
    assert played.server.query(f"last_over_time(({asked.expr})[40s:1s])"), asked.expr


@pytest.mark.parametrize(("where", "selector", "label"), VARIABLES, ids=[where for where, _, _ in VARIABLES])
def test_every_variable_has_values_to_choose_from(played: Played, where: str, selector: str, label: str) -> None:
    values = {one["metric"].get(label, "") for one in played.server.query(f"count by ({label}) ({selector})")}
    assert values - {""}, where
    assert "CANARY" not in values


def test_the_dashboards_in_the_repository_are_those_of_the_code() -> None:
    written = texts()
    assert {path.name for path in FOLDER.iterdir()} == {path.name for path in written}
    for path, text in written.items():
        assert path.read_text() == text, (
            f"{path.name} is not what the code says: run python -m tests.observe.dashboards"
        )


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_panel_has_a_unit_a_meaning_and_words_for_nothing(name: str) -> None:
    for panel in panels(name):
        defaults: dict[str, Any] = panel["fieldConfig"]["defaults"]
        assert defaults.get("unit"), panel["title"]
        assert panel["description"], panel["title"]
        assert defaults.get("noValue"), panel["title"]


@pytest.mark.parametrize("name", [*DASHBOARDS, "runbook"])
def test_panels_have_numbers_of_their_own_and_do_not_overlap(name: str) -> None:
    numbers = [panel["id"] for panel in panels(name)]
    assert len(numbers) == len(set(numbers))
    taken: set[tuple[int, int]] = set()
    for panel in dashboard(name)["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + dx, at["y"] + dy) for dx in range(at["w"]) for dy in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells


@pytest.mark.parametrize("name", DASHBOARDS)
def test_nobody_needs_to_tell_red_from_green(name: str) -> None:
    text = json.dumps(dashboard(name))
    assert set(re.findall(r"#[0-9A-Fa-f]{6}", text)) <= set(PALETTE)
    schemes = set(re.findall(r'"mode": "([a-zA-Z-]*(?:palette|continuous)[a-zA-Z-]*)"', text))
    assert schemes == set(), "Grafana's own palettes are not safe"
    assert not re.search(r'"(?:fixedC|c)olor": "(?:red|green|dark-red|dark-green)"', text)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_no_two_series_of_a_panel_that_have_a_colour_look_alike(name: str) -> None:
    for panel in panels(name):
        is_bars = panel["fieldConfig"]["defaults"].get("custom", {}).get("drawStyle") == "bars"
        seen = ("color", "custom.fillOpacity", "custom.lineWidth") if is_bars else ("color", "custom.lineStyle")
        looks = [
            json.dumps([(one["id"], one["value"]) for one in override["properties"] if one["id"] in seen])
            for override in panel["fieldConfig"]["overrides"]
        ]
        assert len(looks) == len(set(looks)), panel["title"]


def test_every_alert_points_to_a_panel_that_points_to_its_runbook() -> None:
    boards = {dashboard(name)["uid"]: name for name in DASHBOARDS}
    runbook = {panel["id"]: panel["title"] for panel in panels("runbook")}
    for alert in alert_names():
        found = re.fullmatch(r"/d/([a-z-]+)[?]viewPanel=(\d+)", ALERTS[alert]["annotations"]["panel_url"])
        assert found is not None, alert
        (panel,) = [panel for panel in panels(boards[found[1]]) if panel["id"] == int(found[2])]
        urls = [link["url"] for link in panel["links"] if link["title"] == f"Runbook: {alert}"]
        assert len(urls) == 1, f"{alert}: {panel['title']}"
        assert runbook[int(urls[0].removeprefix("/d/dueclock-runbook?viewPanel="))] == alert


def test_the_runbook_names_no_panel_that_is_not_there() -> None:
    titles = {panel["title"] for name in DASHBOARDS for panel in panels(name)}
    text = (GRAFANA.parent / "prometheus" / "RUNBOOK.md").read_text()
    named = {name for name in re.findall(r'"([A-Z][^"\n]*)"', text) if name[-1] != "."}
    assert named - titles == set()


@pytest.mark.parametrize("file", sorted((GRAFANA / "provisioning").rglob("*.yml")), ids=lambda path: path.name)
def test_what_grafana_is_provisioned_with_is_there(file: Path) -> None:
    loaded = yaml.safe_load(file.read_text())
    assert loaded["apiVersion"] == 1
    for provider in loaded.get("providers", ()):
        assert provider["options"]["path"] == "/var/lib/grafana/dashboards"
    for source in loaded.get("datasources", ()):
        assert source["type"] == "prometheus"
