"""`python -m tests.bench [--quick] [--only NAME,...]`: measure, print the table, write `bench/results.json` and plots.

One embedded Kafka for all that need one; each measurement has topics of its own. What fails is said and left out of the
results; the exit status is 1 then. Goals that are missed are no failure: the table says so. `--page` measures
nothing: it puts the figures of the last run into docs/explanation/figures.md.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import psutil
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from deploy.embedded import EmbeddedKafka
from tests.bench import auditing, compiled, growth, pieces, punctuality, pure, starting, throughput
from tests.bench.charts import write_charts
from tests.bench.figures import GOALS, Figures, table, write
from tests.bench.installation import NotMeasuredError
from tests.bench.metering import metering
from tests.bench.page import rewrite

ROOT: Final = Path(__file__).parents[2]


class Sizes(NamedTuple):
    """How much is measured how often."""

    runs: int
    replayed: int
    live: int
    live2: int
    audited: int
    naive: int
    open_clocks: int
    steady_s: int
    matters: int
    grown: tuple[int, ...]
    sliced: tuple[int, ...]


FULL: Final = Sizes(
    3,
    100_000,
    100_000,
    60_000,
    1_000_000,
    12_000,
    1_000_000,
    40,
    100_000,
    (10_000, 100_000, 1_000_000),
    (20, 200, 2_000),
)
QUICK: Final = Sizes(
    1, 30_000, 30_000, 20_000, 50_000, 5_000, 100_000, 15, 30_000, (1_000, 10_000, 100_000), (20, 2_000)
)


class Bench:
    """One run of the benchmarks: sizes, where to measure, and what came out."""

    def __init__(self, sizes: Sizes, seed: int, folder: Path, bootstrap: str) -> None:
        self.sizes = sizes
        self.seed = seed
        self.folder = folder
        self.bootstrap = bootstrap
        self.figures = Figures()
        self.curves: growth.Curves = {}
        self.loads: list[float] = []
        self.say: Callable[[str], None] = print

    def run(self, chosen: list[str], progress: Progress) -> None:
        """Measure what is chosen."""
        self.say = lambda words: progress.console.print(words, highlight=False, markup=False)
        task = progress.add_task("", total=len(chosen) * self.sizes.runs)
        for name in chosen:
            part = PARTS[name]
            try:
                for number, measured in enumerate(self._runs(part), 1):
                    self.figures.add(measured)
                    progress.update(task, advance=1)
                    progress.console.print(f"{name} {number}/{self.sizes.runs}: {said(measured)}", highlight=False)
            except Exception as error:  # noqa: BLE001 - a broken measurement is said; the others go on
                reason = str(error) if isinstance(error, NotMeasuredError) else f"{type(error).__name__}: {error}"
                self.figures.fail(f"failed: {reason}", *part.keys)
                progress.console.print(f"{name}: {reason}", highlight=False, markup=False)
                if os.environ.get("DUECLOCK_BENCH_TRACEBACK"):
                    progress.console.print_exception()
        self._compare()

    def _runs(self, part: Part) -> Iterator[dict[str, float]]:
        runs = part.measure(self)
        while True:
            self.loads.append(os.getloadavg()[0])
            try:
                yield next(runs)
            except StopIteration:
                return

    def repeated(self, measure: Callable[[int], dict[str, float]]) -> Iterator[dict[str, float]]:
        """Measure as often as the sizes say, each time with another seed."""
        for run in range(self.sizes.runs):
            yield measure(self.seed + run)

    def _compare(self) -> None:
        """The ratio of the two live figures, run by run where both have as many."""
        ours, naive = self.figures.runs.get("live.cpu_us", []), self.figures.runs.get("naive.cpu_us", [])
        for mine, theirs in zip(ours, naive, strict=False):
            self.figures.add({"live.ratio_to_naive": theirs / mine})
        for part, whole in zip(self.figures.runs.get("metrics.cpu_us", []), ours, strict=False):
            self.figures.add({"metrics.share": part / whole})
        if self.sizes.open_clocks < FULL.open_clocks:
            self.figures.note(f"here {self.sizes.audited:,} lines", "audit.seconds_1m", "audit_compiled.seconds_1m")
            few = f"here {self.sizes.open_clocks:,} open clocks"
            self.figures.note(few, "lateness.p50_s", "lateness.p99_s", "tick.cost_ratio_1m_to_1k", "start.seconds_1m")


class Part(NamedTuple):
    """A measurement: the keys it fills, and its runs."""

    keys: tuple[str, ...]
    measure: Callable[[Bench], Iterator[dict[str, float]]]


def _replay(bench: Bench) -> Iterator[dict[str, float]]:
    return bench.repeated(lambda seed: pure.alone(pure.replay, seed, bench.sizes.replayed, bench.folder))


def _memory(bench: Bench) -> Iterator[dict[str, float]]:
    return bench.repeated(lambda seed: pure.alone(pure.memory, bench.sizes.matters))


def _metrics(bench: Bench) -> Iterator[dict[str, float]]:
    return bench.repeated(lambda seed: pure.alone(metering, seed, bench.sizes.replayed // 4))


def _tick(bench: Bench) -> Iterator[dict[str, float]]:
    return bench.repeated(lambda seed: pure.alone(pure.tick, bench.sizes.open_clocks))


def _start(bench: Bench) -> Iterator[dict[str, float]]:
    return bench.repeated(lambda seed: starting.starts(bench.bootstrap, bench.folder))


def _naive(bench: Bench) -> Iterator[dict[str, float]]:
    where, count = (bench.bootstrap, bench.folder), bench.sizes.naive
    return bench.repeated(lambda seed: throughput.naive(*where, seed=seed, count=count))


def _live(bench: Bench) -> Iterator[dict[str, float]]:
    where, count = (bench.bootstrap, bench.folder), bench.sizes.live
    return bench.repeated(lambda seed: throughput.live(*where, seed=seed, count=count, workers=1))


def _live2(bench: Bench) -> Iterator[dict[str, float]]:
    where, count = (bench.bootstrap, bench.folder), bench.sizes.live2
    return bench.repeated(lambda seed: throughput.live(*where, seed=seed, count=count, workers=2))


def _simple(bench: Bench) -> Iterator[dict[str, float]]:
    where, count = (bench.bootstrap, bench.folder), bench.sizes.live
    return bench.repeated(lambda seed: throughput.simple_job(*where, seed=seed, count=count))


def _audit(bench: Bench) -> Iterator[dict[str, float]]:
    sizes = bench.sizes
    return auditing.audits(bench.bootstrap, bench.folder, seed=bench.seed, count=sizes.audited, runs=sizes.runs)


def _pieces(bench: Bench) -> Iterator[dict[str, float]]:
    count = max(50_000, bench.sizes.audited // 5)
    return pieces.ratios(bench.bootstrap, bench.folder, seed=bench.seed, count=count, runs=bench.sizes.runs)


def _compiled(bench: Bench) -> Iterator[dict[str, float]]:
    is_quick = bench.sizes.audited < FULL.audited
    parts = [part for part in compiled.PARTS if not (is_quick and part in LONG)]
    chosen = ["--runs", str(bench.sizes.runs), "--seed", str(bench.seed), "--broker", bench.bootstrap]
    return compiled.measured(bench.folder / "compiled", parts, [*(["--quick"] if is_quick else []), *chosen], bench.say)


def _lateness(bench: Bench) -> Iterator[dict[str, float]]:
    sizes = bench.sizes
    runs = punctuality.lateness(
        bench.bootstrap,
        bench.folder,
        seed=bench.seed,
        clocks=sizes.open_clocks,
        seconds=sizes.steady_s,
        runs=sizes.runs,
    )
    for measured, note in runs:
        bench.figures.note(note, "lateness.max_s")
        yield measured


def _burst(bench: Bench) -> Iterator[dict[str, float]]:
    return bench.repeated(lambda seed: punctuality.burst(bench.bootstrap, bench.folder))


def _growth(bench: Bench) -> Iterator[dict[str, float]]:
    """Curves, not figures: each point once, whatever the number of runs."""
    where, sizes = (bench.bootstrap, bench.folder), bench.sizes
    bench.curves |= growth.by_open_clocks(*where, sizes.grown)
    bench.curves |= growth.by_slice_size(*where, sizes.sliced, seed=bench.seed, count=sizes.live2)
    yield {}


PARTS: Final = {
    "replay": Part(("replay.passes", "replay.cpu_us", "replay.per_second", "replay.events_per_notification"), _replay),
    "memory": Part(("memory.bytes_per_open_clock", "memory.bytes_per_settled_matter"), _memory),
    "metrics": Part(("metrics.cpu_us", "metrics.share"), _metrics),
    "tick": Part(("tick.cost_ratio_1m_to_1k",), _tick),
    "start": Part(("start.fresh_s", "start.restart_s", "start.after_kill_s"), _start),
    "naive": Part(("naive.cpu_us", "live.ratio_to_naive"), _naive),
    "live": Part(
        ("live.passes", "live.cpu_us", "live.per_second", "live.ratio_to_naive", "live.events_per_notification"), _live
    ),
    "simple": Part(("simple.passes", "simple.cpu_us", "simple.per_second", "simple.events_per_notification"), _simple),
    "live2": Part(("live2.per_second",), _live2),
    "audit": Part(("audit.seconds_1m",), _audit),
    "pieces": Part(("audit.pieces_cpu_ratio",), _pieces),
    "compiled": Part(tuple(goal.key for goal in GOALS if "_compiled." in goal.key), _compiled),
    "lateness": Part(
        (
            "lateness.p50_s",
            "lateness.p99_s",
            "lateness.max_s",
            "lateness.idle_p99_s",
            "start.seconds_1m",
            "memory.worker_bytes_per_open_clock",
        ),
        _lateness,
    ),
    "burst": Part(("burst.seconds_100k", "burst.rebalances"), _burst),
    "growth": Part((), _growth),
}
WITHOUT_BROKER: Final = {"replay", "memory", "tick"}
LONG: Final = ("audit",)
"""What a quick run leaves out unless it is asked for: it means nothing with a smaller load."""


def said(measured: dict[str, float]) -> str:
    """One run's figures in a line."""
    return ", ".join(f"{key} {value:,.4g}" for key, value in measured.items())


def about(bench: Bench, mode: str, took_s: float) -> dict[str, Any]:
    """Machine, date and versions."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    names = ("dueclock", "faust-streaming", "aiokafka", "msgspec", "orjson")
    cores, memory_gb = os.cpu_count(), psutil.virtual_memory().total / 2**30
    return {
        "mode": mode,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.system()} {platform.machine()}, {_processor()}, {cores} cores, {memory_gb:.0f} GiB",
        "versions": {"Python": platform.python_version(), **{name: version(name) for name in names}},
        "commit": commit.stdout.strip() or "unknown",
        "seed": bench.seed,
        "load_average": [min(bench.loads, default=0.0), max(bench.loads, default=0.0)],
        "took_s": took_s,
        "sizes": bench.sizes._asdict(),
    }


def _processor() -> str:
    """What the machine's processor is called, where the system says it."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "processor unknown"


@click.command()
@click.option("--quick", is_flag=True, help="One run of each, with smaller loads: under eight minutes.")
@click.option("--only", default="", metavar="NAME,...", help=f"Measure these only: {', '.join(PARTS)}.")
@click.option("--seed", default=7, show_default=True, help="Of the load.")
@click.option("--runs", type=int, default=None, help="How often each is measured; the median counts.")
@click.option("--broker", default=None, metavar="HOST:PORT", help="Measure on this Kafka (default: an embedded one).")
@click.option("--add", is_flag=True, help="Keep what the last run measured and this one does not, with its day.")
@click.option("--page", is_flag=True, help="Measure nothing: put the figures of the last run into the page of figures.")
@click.option("--out", type=click.Path(path_type=Path), default=ROOT / "bench", help="Folder of the results.")
def main(
    quick: bool, only: str, seed: int, runs: int | None, broker: str | None, add: bool, page: bool, out: Path
) -> None:
    """Measure, print the table, write results.json and the plots."""
    if page:
        rewrite(ROOT / "docs" / "explanation" / "figures.md", out / "results.json")
        return
    sizes = QUICK if quick else FULL
    sizes = sizes if runs is None else sizes._replace(runs=runs)
    chosen = [name.strip() for name in only.split(",") if name.strip()] or [
        name for name in PARTS if not (quick and name in LONG)
    ]
    if unknown := [name for name in chosen if name not in PARTS]:
        raise click.BadParameter(f"{', '.join(unknown)}; there are {', '.join(PARTS)}", param_hint="--only")
    started_s = time.monotonic()
    console = Console(width=None if sys.stdout.isatty() else 140)
    columns = (TextColumn("measuring"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    kafka = nullcontext() if broker or WITHOUT_BROKER.issuperset(chosen) else EmbeddedKafka()
    with tempfile.TemporaryDirectory(prefix="dueclock-bench-") as folder, kafka as started:
        bench = Bench(sizes, seed, Path(folder), started.bootstrap if started else broker or "")
        with Progress(*columns, console=console, transient=True) as progress:
            bench.run(chosen, progress)
    curves = bench.curves
    mode, day = "quick" if quick else "full", datetime.now(UTC).date().isoformat()
    if add and (out / "results.json").exists():
        before = json.loads((out / "results.json").read_text(encoding="utf-8"))
        bench.loads += bench.figures.keep(before, day, mode)
        curves = curves or before["growth"]
    told = about(bench, mode, time.monotonic() - started_s)
    console.print(table(bench.figures, told))
    write(bench.figures, told, out, curves)
    for path in (out / "results.json", *write_charts(bench.curves, out)):
        console.print(f"Written: {path}", highlight=False, soft_wrap=True)
    sys.exit(1 if bench.figures.failures else 0)


if __name__ == "__main__":
    main()
