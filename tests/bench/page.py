"""The table and plots of docs/explanation/figures.md, from what a run left in `bench/`, between two marks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.bench.charts import CHARTS
from tests.bench.figures import GOALS, Goal, is_met, number

BEGIN: Final = "<!-- figures: written by `python -m tests.bench --page` -->"
END: Final = "<!-- end of figures -->"


PLOTTED: Final = "figures-"
"""Plots stand beside the page under their names with this before them."""


def rewrite(page: Path, results: Path) -> None:
    """Put the figures of a run into a page, its plots beside it. ValueError where the marks are missing."""
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page.name} has not both marks, {BEGIN} and {END}")
    told = [markdown(json.loads(results.read_text(encoding="utf-8")))]
    for chart in CHARTS:
        drawn = results.with_name(chart.file)
        if drawn.exists():
            page.with_name(PLOTTED + chart.file).write_bytes(drawn.read_bytes())
            told.append(f"![{chart.title}, against {chart.across}]({PLOTTED}{chart.file})\n")
    page.write_text("\n".join([f"{before}{BEGIN}\n", *told, f"{END}{after}"]), encoding="utf-8")


def markdown(results: Mapping[str, Any]) -> str:
    """A sentence on the machine and the day, and a row for each figure that was measured."""
    about = results["about"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items() if name != "dueclock")
    low, high = about["load_average"]
    rows = [
        (
            f"Measured on {about['date'][:10]} ({about['mode']} run): {about['machine']}; {versions}; load average "
            f"{low:.1f} to {high:.1f}. Each figure is the median of its runs; broker, load and readers share the cores."
        ),
        "",
        "| what | figure | goal | met | runs |",
        "| --- | ---: | ---: | --- | ---: |",
    ]
    rows += [_row(goal, results) for goal in GOALS if results.get(goal.key) is not None]
    return "\n".join([*rows, ""])


def _row(goal: Goal, results: Mapping[str, Any]) -> str:
    value = results[goal.key]
    aim = "" if goal.target is None else f"{'≤' if goal.sense == 'at most' else '≥'} {number(goal.target)}"
    met = {True: "yes", False: "no", None: ""}[is_met(goal, value)]
    beside = [words for words in (results["notes"].get(goal.key), results["earlier"].get(goal.key)) if words]
    meaning = f"{goal.meaning} ({'; '.join(beside)})" if beside else goal.meaning
    return f"| {meaning} (`{goal.key}`) | {number(value)} | {aim} | {met} | {len(results['runs'][goal.key])} |"
