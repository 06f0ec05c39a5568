"""A run as it was, and what is reckoned from it: how late breaches were in each step, what each process took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean
from typing import Any, NamedTuple, Self

from rich.table import Table

from tests.bench.figures import percentile
from tests.fleet.load import Asked
from tests.fleet.steps import CALM, Step
from tests.fleet.watch import Usage, Watch


class Breach(NamedTuple):
    """One breach: the second of the run at which it was to be declared, and how late it was visible, s."""

    at_s: float
    late_s: float


class Run(NamedTuple):
    """All that was measured."""

    steps: Sequence[Step]
    breaches: Sequence[Breach]
    usage: Sequence[Usage]
    took_s: Mapping[str, float]
    about: Mapping[str, Any]
    verdict: Sequence[str]

    @classmethod
    def of(
        cls,
        steps: Sequence[Step],
        watch: Watch,
        asked: Mapping[str, Asked],
        took_s: Mapping[str, float],
        about: Mapping[str, Any],
    ) -> Self:
        """What was watched."""
        breaches = []
        for thread, at_ms in watch.visible.items():
            told = asked[thread]
            due_ms = max(told.fire_ms, told.acknowledged_ms)
            breaches.append(Breach(watch.at_s(due_ms), (at_ms - due_ms) / 1000))
        return cls(list(steps), sorted(breaches), watch.usage, took_s, about, [])

    def document(self) -> dict[str, Any]:
        """For results.json."""
        return {
            "about": dict(self.about),
            "took_s": dict(self.took_s),
            "steps": [step._asdict() for step in self.steps],
            "breaches": [[round(one.at_s, 3), round(one.late_s, 3)] for one in self.breaches],
            "usage": [[round(u.at_s, 1), u.who, round(u.resident_mib, 1), round(u.cores, 3)] for u in self.usage],
            "verdict": list(self.verdict),
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """What `document` wrote."""
        return cls(
            [Step(**{**step, "away_s": tuple(step["away_s"])}) for step in document["steps"]],
            [Breach(*one) for one in document["breaches"]],
            [Usage(*one) for one in document["usage"]],
            document["took_s"],
            document["about"],
            document["verdict"],
        )


class Figures(NamedTuple):
    """Of one step."""

    name: str
    for_s: float
    away_s: tuple[float, ...]
    breaches: int
    p50_s: float | None
    p99_s: float | None
    max_s: float | None
    workers_cores: float
    brokers_cores: float
    workers_mib: float
    """The largest worker."""


def figures(run: Run) -> list[Figures]:
    """Those of each step, in order; all calms together, at the end."""
    names = sorted(dict.fromkeys(step.name for step in run.steps), key=CALM.__eq__)
    return [_of(name, [step for step in run.steps if step.name == name], run) for name in names]


def _of(name: str, steps: Sequence[Step], run: Run) -> Figures:
    def within(at_s: float) -> bool:
        return any(step.began_s <= at_s < step.ended_s for step in steps)

    late = [one.late_s for one in run.breaches if within(one.at_s)]
    usage = [one for one in run.usage if within(one.at_s)]
    return Figures(
        name,
        sum(step.ended_s - step.began_s for step in steps),
        tuple(away_s for step in steps for away_s in step.away_s),
        len(late),
        percentile(late, 50) if late else None,
        percentile(late, 99) if late else None,
        max(late) if late else None,
        cores(usage, "pod"),
        cores(usage, "broker"),
        max((one.resident_mib for one in usage if one.who.startswith("pod")), default=0.0),
    )


def cores(usage: Iterable[Usage], kind: str) -> float:
    """Cores that all of a kind took together, each by the mean of its samples."""
    by: dict[str, list[float]] = defaultdict(list)
    for one in usage:
        if one.who.startswith(kind):
            by[one.who].append(one.cores)
    return sum(map(mean, by.values()))


def table(run: Run) -> Table:
    """For a terminal."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column("step")
    for heading in ("s", "away s", "breaches", "p50 s", "p99 s", "latest s", "workers cores", "brokers cores", "MiB"):
        shown.add_column(heading, justify="right")
    for one in figures(run):
        away = f"{mean(one.away_s):.1f}" if one.away_s else ""
        late = ["" if value is None else f"{value:.2f}" for value in (one.p50_s, one.p99_s, one.max_s)]
        cores = [f"{one.workers_cores:.2f}", f"{one.brokers_cores:.2f}", f"{one.workers_mib:.0f}"]
        shown.add_row(one.name, f"{one.for_s:.0f}", away, str(one.breaches), *late, *cores)
    return shown
