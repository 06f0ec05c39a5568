"""`make soak`: two workers under seeded load and random faults, then the audit, and whether memory stays flat.

`python -m tests.chaos.soak [DURATION] [--seed N] [--folder build/soak] [--undisturbed]`. Undisturbed, no fault is
injected: the same two processes live from beginning to end, as a slow leak asks for. Memory is the resident size of
both workers together, taken each second while both have run for ten. Flat means: the median of the last third of the
run is not more than that of the middle third, plus 5 %, plus 1 KiB for each matter that was told between the two
(what the goals allow a matter to cost; state that grows with what is told is no leak). Exit status 1 if not flat, or
if the proof fails.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import signal
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from deploy.embedded import EmbeddedKafka
from schemas.codec import parse_duration
from tests.broker.harness import Live, WorkerProcess
from tests.chaos.proof import BATCH, POLICIES, SEED, Load, goes_on, prove
from tests.chaos.soak_plot import plot

STEADY_S = 10.0
BETWEEN_S = 8.0
MATTER_MIB = 1 / 1024
AUDITED_PER_S = 1_000  # on a busy machine: an audit of an hour's load takes its time
SLACK = 1.05


class Sample(NamedTuple):
    """Resident size of both workers, and how many matters had been told."""

    at_s: float
    rss_mib: float
    matters: int


class Soak:
    """One run."""

    def __init__(self, kafka: EmbeddedKafka, folder: Path, seed: int) -> None:
        self._kafka = kafka
        self._chance = random.Random(f"soak/{seed}")
        self.live = Live(kafka.bootstrap, "soak-", folder, POLICIES)
        self.load = Load(self.live, self._chance)
        self.samples: list[Sample] = []
        self.faults: list[tuple[float, str, float]] = []
        self._began_s = time.monotonic()
        self._workers: dict[str, WorkerProcess] = {}

    def run(self, duration_s: float, *, is_undisturbed: bool = False) -> None:
        """Load and faults until the time is over; each fault is recovered from before the next."""
        for pod in ("pod-0", "pod-1"):
            self._start(pod)
        with self.load.running():
            if is_undisturbed:
                self._watch(duration_s)
            while self.elapsed_s() < duration_s - BETWEEN_S:
                self._watch(BETWEEN_S + STEADY_S)
                fault = self._chance.choice(FAULTS)
                fault(self)
                took_s = goes_on(self.live, 1, within_s=60)
                self.faults.append((self.elapsed_s(), fault.__name__.strip("_").replace("_", " "), took_s))
                print(f"{self.elapsed_s():6.0f} s  {self.faults[-1][1]}, went on after {took_s:.1f} s", flush=True)
                for pod, worker in list(self._workers.items()):
                    if worker.process.poll() is not None:
                        self._start(pod)
            self._watch(STEADY_S + BETWEEN_S)

    def elapsed_s(self) -> float:
        """Since the start."""
        return time.monotonic() - self._began_s

    def _start(self, pod: str) -> None:
        self._workers[pod] = self.live.worker(f"{pod}-{self.elapsed_s():.0f}", instance=pod)

    def _watch(self, for_s: float) -> None:
        """Let it run, and sample memory once both workers have run for a while."""
        until_s = time.monotonic() + for_s
        while time.monotonic() < until_s:
            time.sleep(1.0)
            ages_s = [time.monotonic() - worker.started_s for worker in self._workers.values()]
            if min(ages_s) >= STEADY_S and all(worker.process.poll() is None for worker in self._workers.values()):
                rss = sum(_rss_mib(worker.process.pid) for worker in self._workers.values())
                self.samples.append(Sample(self.elapsed_s(), rss, self.load.rounds * BATCH))

    # --- faults ------------------------------------------------------------------------------------------------------

    def _one(self) -> tuple[str, WorkerProcess]:
        pod = self._chance.choice(sorted(self._workers))
        return pod, self._workers[pod]

    def worker_killed(self) -> None:
        """SIGKILL, and a new one in its place."""
        pod, worker = self._one()
        worker.kill()
        self._start(pod)

    def worker_stopped(self) -> None:
        """SIGTERM, and a new one in its place."""
        pod, worker = self._one()
        assert worker.terminate(within_s=30) == 0
        self._start(pod)

    def worker_frozen(self) -> None:
        """SIGSTOP past the session, then SIGCONT; a stale owner may end."""
        _, worker = self._one()
        worker.signal(signal.SIGSTOP)
        time.sleep(8.0)
        worker.signal(signal.SIGCONT)

    def broker_killed(self) -> None:
        """SIGKILL, and started again."""
        self._kafka.kill()
        self._kafka.start()

    def broker_frozen(self) -> None:
        """SIGSTOP for longer than the session."""
        self._kafka.pause()
        time.sleep(8.0)
        self._kafka.resume()


FAULTS: Sequence[Callable[[Soak], None]] = (
    Soak.worker_killed,
    Soak.worker_stopped,
    Soak.worker_frozen,
    Soak.broker_killed,
    Soak.broker_frozen,
)


def _rss_mib(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * 4096 / 2**20


def verdict(samples: Sequence[Sample]) -> tuple[bool, str]:
    """Whether memory is flat, and the sentence that says so."""
    third = len(samples) // 3
    if third < 3:
        return False, f"Too few samples ({len(samples)}) to say whether memory is flat."
    middle, last = samples[third : 2 * third], samples[2 * third :]
    was, now = (statistics.median(sample.rss_mib for sample in some) for some in (middle, last))
    told = int(statistics.median(s.matters for s in last) - statistics.median(s.matters for s in middle))
    allowed = was * SLACK + told * MATTER_MIB
    is_flat = now <= allowed
    return is_flat, (
        f"Memory is {'flat' if is_flat else 'NOT flat'}: median {was:.1f} MiB in the middle third, {now:.1f} MiB "
        f"in the last, {allowed:.1f} MiB allowed ({told:,} matters told between)."
    )


def main() -> int:
    """Run, prove, plot."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak")
    parser.add_argument("duration", nargs="?", default="10m")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--folder", type=Path, default=Path("build/soak"))
    parser.add_argument("--undisturbed", action="store_true", help="inject no fault")
    chosen = parser.parse_args()
    folder: Path = chosen.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # the broker is taken away on purpose
    print(f"Soaking for {chosen.duration}, seed {chosen.seed}; logs in {folder}", flush=True)
    with EmbeddedKafka() as kafka:
        soak = Soak(kafka, folder, chosen.seed)
        try:
            soak.run(parse_duration(chosen.duration) / 1000, is_undisturbed=chosen.undisturbed)
            is_flat, sentence = verdict(soak.samples)
            (folder / "memory.json").write_text(json.dumps([sample._asdict() for sample in soak.samples]))
            (folder / "memory.svg").write_text(plot([(s.at_s, s.rss_mib) for s in soak.samples], soak.faults))
            print(f"{sentence} Plot: {folder / 'memory.svg'}", flush=True)
            sent = len(soak.load.acknowledged)
            repeats = prove(soak.live, soak.load, within_s=50 + sent / AUDITED_PER_S)
        finally:
            soak.live.close()
    print(
        f"{len(soak.faults)} faults, {sent:,} notifications acknowledged, none lost, {repeats} repeated, audit clean."
    )
    return 0 if is_flat else 1


if __name__ == "__main__":
    sys.exit(main())
