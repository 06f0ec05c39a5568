"""What rows on disk cost the live path on a real broker (docs/how-to/keep-rows-on-disk.md), beside rows in memory.

`python -m tests.bench.live_at_rest [COUNT [ROUNDS]]`: the live part of the benchmarks with and without `rows_folder`,
in turn, each with topics and a store of its own; the one that is first in a round is second in the next. Both have the
same load in a round.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Final

from deploy.embedded import EmbeddedKafka
from tests.bench import throughput

WAYS: Final = ("in memory", "on disk")


def main(count: int, rounds: int) -> None:
    """Print each run, then the medians."""
    found: dict[str, list[throughput.Measured]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory(prefix="dueclock-bench-") as folder, EmbeddedKafka() as kafka:
        for number in range(rounds):
            for way in WAYS if number % 2 else reversed(WAYS):
                rows = str(Path(folder) / f"rows-{number}") if way == "on disk" else ""
                one = throughput.live(
                    kafka.bootstrap, Path(folder), seed=7 + number, count=count, workers=1, rows_folder=rows
                )
                found[way].append(one)
                print(f"{way}: {_said(one)}", flush=True)
    for way, several in found.items():
        print(f"{way}, median of {rounds}:", _said({name: median(one[name] for one in several) for name in several[0]}))
    ratios = [disk["live.passes"] / memory["live.passes"] for memory, disk in zip(*found.values(), strict=True)]
    print("on disk over in memory, in passes:", " ".join(f"{ratio:.2f}" for ratio in ratios))


def _said(measured: throughput.Measured) -> str:
    return " ".join(f"{name}={value:.2f}" for name, value in measured.items())


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60_000, int(sys.argv[2]) if len(sys.argv) > 2 else 5)
