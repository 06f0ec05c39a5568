"""The figures: what each key means, what it should be, and how the table and `bench/results.json` say it.

A figure is the median of its runs. What could not be measured is null with its reason, never a number. A goal is met by
the figure as it is measured, not as it is rounded for people.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final, Literal, NamedTuple

from rich.console import Console
from rich.table import Table


class Goal(NamedTuple):
    """A figure of the table: `target` is met from below or above; None where nothing is asked."""

    key: str
    meaning: str
    sense: Literal["at most", "at least"] = "at most"
    target: float | None = None


GOALS: Final = (
    Goal("replay.passes", "replay of the mixed load from file, CPU of a notification in passes", "at most", 45),
    Goal("replay_compiled.passes", "the same, compiled", "at most", 27),
    Goal("replay.cpu_us", "its CPU, µs a notification"),
    Goal("replay_compiled.cpu_us", "the same, compiled"),
    Goal("replay.per_second", "the same on one core, notifications/s"),
    Goal("replay_compiled.per_second", "the same, compiled"),
    Goal("replay.events_per_notification", "SLA events a notification of that file, midnights' figures included"),
    Goal("live.passes", "live path, mixed load: CPU of the worker for a notification, in passes", "at most", 55),
    Goal("live_compiled.passes", "the same, compiled", "at most", 38),
    Goal("live.cpu_us", "the same, µs a notification"),
    Goal("live_compiled.cpu_us", "the same, compiled"),
    Goal("live.per_second", "live path, one worker on a backlog, notifications/s"),
    Goal("live_compiled.per_second", "the same, compiled"),
    Goal("simple.passes", "live path, the peers' simple job: CPU of the worker, in passes", "at most", 38),
    Goal("simple_compiled.passes", "the same, compiled", "at most", 28),
    Goal("simple.cpu_us", "the same, µs a notification"),
    Goal("simple_compiled.cpu_us", "the same, compiled"),
    Goal("simple.per_second", "the simple job, one worker on a backlog, notifications/s"),
    Goal("simple_compiled.per_second", "the same, compiled"),
    Goal("simple.events_per_notification", "SLA events a notification of the simple job"),
    Goal("live.ratio_to_naive", "CPU of the naive Faust agent over that of the live path"),
    Goal("metrics.cpu_us", "of it for metrics, µs a notification"),
    Goal("metrics.share", "their share of the live path's CPU", "at most", 0.03),
    Goal("naive.cpu_us", "the naive Faust agent's CPU, µs a notification"),
    Goal("live.events_per_notification", "SLA events a notification of the load"),
    Goal("live2.per_second", "the live path by two workers, notifications/s"),
    Goal("audit.seconds_1m", "audit of 1 M lines over four partitions, two cores, s", "at most", 90),
    Goal("audit_compiled.seconds_1m", "the same, compiled", "at most", 45),
    Goal("audit.pieces_cpu_ratio", "CPU of an audit of one partition in pieces over that of four", "at most", 1.2),
    Goal("lateness.p50_s", "breach visible after fire_at, steady load, median, s", "at most", 0.3),
    Goal("lateness.p99_s", "the same, 99 of 100, s", "at most", 1.0),
    Goal("lateness.max_s", "the same, the latest, s"),
    Goal("lateness.idle_p99_s", "the same on a partition without load, 99 of 100, s", "at most", 1.0),
    Goal("tick.cost_ratio_1m_to_1k", "CPU of a tick with nothing due, many open clocks over 1,000", "at most", 1.5),
    Goal("burst.seconds_100k", "100,000 clocks due in one second: until the last breach is visible, s", "at most", 10),
    Goal("burst.rebalances", "rebalances and lost heartbeats meanwhile", "at most", 0),
    Goal("memory.bytes_per_open_clock", "memory for each open clock, bytes", "at most", 1024),
    Goal("memory.bytes_per_settled_matter", "memory for each settled matter, bytes", "at most", 480),
    Goal("memory.worker_bytes_per_open_clock", "a whole worker's growth for each clock, recovery's included, bytes"),
    Goal("start.fresh_s", "fresh group: from process start to the first journal line, s", "at most", 3),
    Goal("start.restart_s", "after SIGTERM, the same, s", "at most", 3),
    Goal("start.after_kill_s", "after kill -9, static member, the same, s", "at most", 5),
    Goal("start.seconds_1m", "restart with 1 M open clocks, in all, s", "at most", 23),
)  # fmt: skip
GOAL_BY_KEY: Final = {goal.key: goal for goal in GOALS}


@dataclass
class Figures:
    """What has been measured so far, in runs; notes say what the figure alone does not."""

    runs: dict[str, list[float]] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    earlier: dict[str, str] = field(default_factory=dict)
    """When and how those were measured that stand here from an earlier run."""

    def add(self, measured: Mapping[str, float]) -> None:
        """One run's figures."""
        for key, value in measured.items():
            self.runs.setdefault(GOAL_BY_KEY[key].key, []).append(value)

    def note(self, words: str, *keys: str) -> None:
        """Say something beside these figures."""
        for key in keys:
            self.notes[key] = words

    def fail(self, reason: str, *keys: str) -> None:
        """These could not be measured, or not as often as they should have been."""
        for key in keys:
            self.failures[key] = reason

    def keep(self, before: Mapping[str, Any], day: str, mode: str) -> list[float]:
        """What an earlier run (its `results`) has and this one has not stands beside this one's, with its day.

        A run of this `day` (`2026-11-28`) in this `mode` is part of this one, and its load averages are returned.
        """
        about = before["about"]
        low, high = about["load_average"]
        is_of_this = (about["date"][:10], about["mode"]) == (day, mode)
        then = f"{about['date'][:10]}, {about['mode']} run, load average {low:.1f} to {high:.1f}"
        for key in before["runs"].keys() - self.runs.keys() - self.failures.keys():
            self.runs[key] = before["runs"][key]
            if key in before["earlier"] or not is_of_this:
                self.earlier[key] = before["earlier"].get(key, then)
            if key in before["notes"]:
                self.notes[key] = before["notes"][key]
        return [low, high] if is_of_this else []

    def figure(self, key: str) -> float | None:
        """The median of the runs; None where there is none."""
        values = self.runs.get(key)
        return median(values) if values else None

    def is_met(self, key: str) -> bool | None:
        """Whether the goal is met; None where nothing was measured, or nothing is asked."""
        return is_met(GOAL_BY_KEY[key], self.figure(key))

    def results(self, about: Mapping[str, Any]) -> dict[str, Any]:
        """What `bench/results.json` holds: each key with its median, and beside them where they come from."""
        medians = {goal.key: self.figure(goal.key) for goal in GOALS}
        goals = {
            goal.key: {"sense": goal.sense, "target": goal.target, "is_met": self.is_met(goal.key)}
            for goal in GOALS
            if goal.target is not None
        }
        said = {"notes": self.notes, "failures": self.failures, "earlier": self.earlier}
        return {**medians, "about": dict(about), "runs": self.runs, "goals": goals, **said}


def is_met(goal: Goal, value: float | None) -> bool | None:
    """Whether a value meets a goal; None where there is no value or no goal."""
    if value is None or goal.target is None:
        return None
    return value <= goal.target if goal.sense == "at most" else value >= goal.target


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that this share of all does not exceed. ValueError where there are none."""
    if not values:
        raise ValueError("no values, no percentile")
    rank = -(-len(values) * percent // 100)  # rounded up
    return sorted(values)[max(int(rank), 1) - 1]


def number(value: float | None) -> str:
    """For people: about three digits, large numbers in full."""
    if value is None:
        return "not measured"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value else "0"


def table(figures: Figures, about: Mapping[str, Any]) -> Table:
    """All figures with their goals, and whether they are met."""
    title = f"dueclock benchmarks, {about['mode']}, {about['date']}"
    made = Table(title=title, caption=caption(about), caption_justify="left", title_justify="left")
    made.add_column("figure", no_wrap=True)
    made.add_column("median", justify="right", no_wrap=True)
    made.add_column("runs", justify="right")
    made.add_column("goal", no_wrap=True)
    made.add_column("met", no_wrap=True)
    made.add_column("meaning", overflow="fold")
    for goal in GOALS:
        runs = figures.runs.get(goal.key, [])
        met = {True: "[green]yes[/]", False: "[red]no[/]", None: "-"}[figures.is_met(goal.key)]
        aim = "" if goal.target is None else f"{'≤' if goal.sense == 'at most' else '≥'} {number(goal.target)}"
        beside = [told.get(goal.key, "") for told in (figures.notes, figures.failures, figures.earlier)]
        meaning = "; ".join([goal.meaning, *(words for words in beside if words)])
        spread = f"{number(min(runs))} to {number(max(runs))}" if len(runs) > 1 else str(len(runs))
        made.add_row(goal.key, number(figures.figure(goal.key)), spread, aim, met, meaning)
    return made


def caption(about: Mapping[str, Any]) -> str:
    """Where the figures come from, in two sentences."""
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    low, high = about["load_average"]
    return (
        f"Machine: {about['machine']}. Versions: {versions}. Seed {about['seed']}, commit {about['commit']}. "
        f"Load average of the machine before each measurement: {low:.1f} to {high:.1f}, ours included; "
        f"broker, load and readers share its cores. All of it took {about['took_s']:.0f} s."
    )


def write(
    figures: Figures,
    about: Mapping[str, Any],
    folder: Path,
    growth: Mapping[str, Sequence[tuple[float, float]]],
    *,
    width: int = 140,
) -> None:
    """`results.json` with the points of the growth curves, and the table as text beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    said = json.dumps({**figures.results(about), "growth": growth}, indent=2, sort_keys=True)
    (folder / "results.json").write_text(said + "\n", encoding="utf-8")
    with (folder / "table.txt").open("w", encoding="utf-8") as file:
        Console(file=file, width=width).print(table(figures, about))
