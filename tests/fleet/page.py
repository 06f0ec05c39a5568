"""The page's table of the last run, between two marks, and the plots beside it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from statistics import mean
from typing import Final

from tests.fleet import sizing
from tests.fleet.figures import Figures, Run, figures
from tests.fleet.plots import PLOTS, write_plots

BEGIN: Final = "<!-- fleet: written by `python -m tests.fleet --page` -->"
END: Final = "<!-- end of fleet -->"
PAGE: Final = "fleet.md"
_CROWD: Final = 8.0
"""A load average beyond which a machine of a few cores has more to do than it can: the fleet's work, or others'."""
_CROWDED: Final = (
    "These cores had more to do than they can: the steps hold, but lateness and seconds away are those of a machine "
    "that starts a process in ten seconds, where one with room takes one or two."
)


def rewrite(pages: Path, sizing_page: Path, results: Path) -> None:
    """Put a run into page and sizing, plots beside. ValueError where marks are missing or a promise was broken."""
    run = Run.read(json.loads((results / "results.json").read_text(encoding="utf-8")))
    if run.verdict:
        raise ValueError(f"The run does not hold: {run.verdict[0]}")
    _put(pages / PAGE, BEGIN, markdown(run), END)
    _put(sizing_page, sizing.BEGIN, sizing.markdown(run), sizing.END)
    write_plots(run, results)
    for name in PLOTS:
        shutil.copy(results / name, pages / name)


def _put(page: Path, begins: str, text: str, ends: str) -> None:
    before, begin, rest = page.read_text(encoding="utf-8").partition(begins)
    _, end, after = rest.partition(ends)
    if not begin or not end:
        raise ValueError(f"{page.name} has not both marks, {begins} and {ends}")
    page.write_text(f"{before}{begins}\n\n{text}\n{ends}{after}", encoding="utf-8")


def markdown(run: Run) -> str:
    """The sizes, and a row for each step."""
    about = run.about
    took = run.took_s
    rows = [
        (
            f"Measured on {about['date']} UTC: {about['machine']}. {about['workers']} workers, {about['partitions']} "
            f"partitions with three copies on three brokers, {about['clocks']:,} open clocks of {about['accounts']:,} "
            f"accounts (Zipf: {about['smallest']:,} clocks in the smallest partition, {about['largest']:,} in the "
            f"largest), {about['rate']} mixed notifications and {about['due']} questions a second that fall due, "
            f"{about['sent']:,} records in all; load average {about['load average']:.0f}."
        ),
        "",
        *([_CROWDED, ""] if about["load average"] > _CROWD else []),
        (
            f"Topics made in {took['topics']:.0f} s; all workers started in {took['start']:.0f} s, after a stop of all "
            f"again in {took['start again']:.0f} s; audit of {about['journal lines']:,} lines: {took['audit']:.0f} s. "
            f"Workers that ended by themselves and were started again: {about['ended by themselves']}."
        ),
        "",
        "| step | lasts, s | away, s | breaches | p50, s | p99, s | latest, s | workers, cores | brokers, cores |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    return "\n".join([*rows, *map(_row, figures(run)), ""])


def _row(one: Figures) -> str:
    away = f"{mean(one.away_s):.1f}" if one.away_s else ""
    late = ["" if value is None else f"{value:.2f}" for value in (one.p50_s, one.p99_s, one.max_s)]
    cells = [one.name, f"{one.for_s:.0f}", away, f"{one.breaches:,}", *late]
    return f"| {' | '.join(cells)} | {one.workers_cores:.2f} | {one.brokers_cores:.2f} |"
