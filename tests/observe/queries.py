"""Every query of every dashboard, with the variables put in: what Grafana would ask Prometheus."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.observe.dashboards.__main__ import FOLDER

DASHBOARDS = ("duties", "worker", "health")
_LABEL_VALUES = re.compile(r"label_values\((?P<selector>.+), (?P<label>\w+)\)")


class Asked(NamedTuple):
    """A query as it goes to Prometheus, where it stands, and the labels that its legend names."""

    where: str
    expr: str
    legend: frozenset[str]


def dashboard(name: str) -> dict[str, Any]:
    """The dashboard as it is checked in."""
    loaded: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return loaded


def panels(name: str) -> list[dict[str, Any]]:
    """All panels of a dashboard but the titles of rows."""
    return [panel for panel in dashboard(name)["panels"] if panel["type"] != "row"]


def panel_queries(name: str, interval: str) -> list[Asked]:
    """Each query of each panel."""
    return [
        Asked(
            f"{name}, {panel['title']} ({target['refId']})",
            _put_in(target["expr"], interval),
            frozenset(re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", ""))),
        )
        for panel in panels(name)
        for target in panel.get("targets", ())
    ]


def annotation_queries(name: str, interval: str) -> list[Asked]:
    """The query of each annotation."""
    return [
        Asked(f"{name}, annotation {one['name']}", _put_in(one["expr"], interval), frozenset())
        for one in dashboard(name)["annotations"]["list"]
    ]


def variable_queries(name: str) -> Iterator[tuple[str, str, str]]:
    """Where it stands, the selector and the label of each variable that asks for label values."""
    for variable in dashboard(name)["templating"]["list"]:
        if variable["type"] == "query":
            found = _LABEL_VALUES.fullmatch(variable["query"])
            assert found is not None, variable["query"]
            yield f"{name}, variable {variable['name']}", found["selector"], found["label"]


def _put_in(expr: str, interval: str) -> str:
    """`interval` takes the place of the rate interval that Grafana computes; variables stand at All."""
    expr = expr.replace("$__rate_interval", interval)
    for name in ("marketplace", "rule", "instance"):
        expr = expr.replace(f"${name}", ".*")
    assert "$" not in expr, expr
    return expr
