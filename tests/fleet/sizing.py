"""What deploy/SIZING.md reckons with of a fleet, from the last run."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import mean
from typing import Final, NamedTuple

from agents.settings import Settings
from agents.topic_roles import READ_TOPICS
from schemas.registry import TOPICS
from tests.fleet.brokers import NODES
from tests.fleet.figures import Figures, Run, figures
from tests.fleet.steps import BROKER_LOST, IDLE, RESTART, WORKER_LOST

BEGIN: Final = "<!-- a fleet: written by `python -m tests.fleet --page` -->"
END: Final = "<!-- end of a fleet -->"
CLOCK_BYTES: Final = 700
"""Memory of an open clock, from the table above it on the page."""
INPUTS: Final = len(READ_TOPICS)
"""Topics of which a worker reads its partitions."""
_MIB: Final = 2**20


class Size(NamedTuple):
    """An installation of the page's table."""

    name: str
    partitions: int
    workers: int
    brokers: int


SIZES: Final = (
    Size("50 sellers", 4, 2, 3),
    Size("10,000 sellers", 32, 8, 3),
    Size("2,000,000 sellers", 1_024, 256, 24),
)


def markdown(run: Run) -> str:
    """Two tables: what was measured, and what it makes of the three sizes."""
    return "\n".join([*_measured(run), "", *_reckoned(run), ""])


def _measured(run: Run) -> Iterator[str]:
    about, steps = run.about, {one.name: one for one in figures(run)}
    idle, partitions = steps[IDLE], about["partitions"]
    row_bytes = about["seeded bytes"] / NODES / about["clocks"]
    rows = {
        f"topics of {partitions} partitions with three copies, made in": f"{run.took_s['topics']:.0f} s",
        "fetches a second with nothing to do, all workers": f"{_fetches(about['workers'], NODES):,.0f}",
        "worker CPU of such a fetch": f"{_fetch_ms(run):.2f} ms",
        "CPU of all brokers with nothing to do": f"{idle.brokers_cores:.2f} cores",
        "memory of a worker without its clocks": f"{_base_mib(run):.0f} MiB",
        "disk of an open clock's row on one broker, before it is compacted": f"{row_bytes:,.0f} bytes",
        "a worker away in a rolling restart, mean": _away(steps[RESTART]),
        "latest breach when one broker of three is lost": _latest(steps[BROKER_LOST]),
        "kill -9, nobody in its place: until the others keep its partitions": _away(steps[WORKER_LOST]),
        "latest breach then": _latest(steps[WORKER_LOST]),
        "clocks of the largest partition over the mean": f"{about['largest'] * partitions / about['clocks']:.1f}",
    }
    yield (
        f"{about['workers']} workers, {partitions} partitions, three brokers and {about['clocks']:,} open clocks on "
        f"{about['machine']}, {about['date'][:10]}; {about['accounts']:,} sellers of Zipf's sizes."
    )
    yield from ("", "| what | measured |", "| --- | ---: |")
    yield from (f"| {what} | {value} |" for what, value in rows.items())


def _reckoned(run: Run) -> Iterator[str]:
    yield f"| | {' | '.join(size.name for size in SIZES)} |"
    yield f"| --- |{' ---: |' * len(SIZES)}"
    asked = [_fetches(size.workers, min(size.brokers, size.partitions // size.workers * INPUTS)) for size in SIZES]
    copies = [size.partitions * len(TOPICS) * NODES for size in SIZES]
    pairs = list(zip(asked, SIZES, strict=True))
    rows = {
        "copies of partitions": [f"{count:,}" for count in copies],
        "the same a broker": [f"{n / size.brokers:,.0f}" for n, size in zip(copies, SIZES, strict=True)],
        "fetches a second with nothing to do: workers × brokers × 10": [f"{count:,.0f}" for count in asked],
        "the same a broker, fetches": [f"{count / size.brokers:,.0f}" for count, size in pairs],
        "CPU of a worker for them, cores": [f"{n * _fetch_ms(run) / 1000 / size.workers:.2f}" for n, size in pairs],
    }
    yield from (f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())


def _fetches(workers: int, brokers: int) -> float:
    """How many a second all workers ask for, each of so many brokers, while nothing comes."""
    return workers * brokers * 1000 / Settings().fetch_max_wait_ms


def _fetch_ms(run: Run) -> float:
    """CPU of a worker for each of them: all that it does when there is nothing to do, though not all is fetches."""
    idle = next(one for one in figures(run) if one.name == IDLE)
    return 1000 * idle.workers_cores / _fetches(run.about["workers"], NODES)


def _base_mib(run: Run) -> float:
    """Of the workers while they are idle, less what their clocks take."""
    idle = next(step for step in run.steps if step.name == IDLE)
    usage = [u for u in run.usage if idle.began_s <= u.at_s < idle.ended_s and u.who.startswith("pod")]
    clocks: float = run.about["clocks"] / run.about["workers"]
    return mean(u.resident_mib for u in usage) - clocks * CLOCK_BYTES / _MIB


def _latest(one: Figures) -> str:
    return "" if one.max_s is None else f"{one.max_s:.1f} s"


def _away(one: Figures) -> str:
    return f"{mean(one.away_s):.1f} s"
