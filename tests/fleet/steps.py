"""What befalls the fleet, one thing after the other, while the load goes on.

A worker has a name that stays (`group_instance_id`), as in deploy/kubernetes: started again within the session it has
its partitions back without a rebalance. An upgrade goes the way of docs/how-to/upgrade.md: the newer version is held at
the logic in force until all workers have it, then each is let go and puts its own number in force.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, NamedTuple

import psutil

from streams.logic import NEWEST
from tests.bench.installation import NotMeasuredError, wait_until
from tests.bench.seeding import sellers_on
from tests.broker.harness import Live, WorkerProcess, question
from tests.fleet.brokers import Brokers
from tests.fleet.watch import Watch

NEWER: Final = "tests.upgrades.newer"
WITHIN_S: Final = 240.0
LOST_S: Final = 30.0
"""How long a broker is away: past the time after which the others give it up."""
IDLE: Final = "idle"
RESTART: Final = "rolling restart"
BROKER_LOST: Final = "one broker of three lost"
WORKER_LOST: Final = "kill -9 of a worker"
CALM: Final = "the calm after each"
_SEAL_EVERY_S: Final = 5
_RECOVERED: Final = re.compile(r"(assigned|recovered): partitions ([\d, ]+|none)")
_SEALED: Final = re.compile(r"partition (\d+): sealed")


class Step(NamedTuple):
    """One of them: seconds of the run, and how long each worker or broker was away within it."""

    name: str
    began_s: float
    ended_s: float
    away_s: tuple[float, ...] = ()


class Fleet:
    """The workers of one installation, by the name that stays."""

    def __init__(self, live: Live, brokers: Brokers, *, workers: int, module: str = "agents") -> None:
        self.live = live
        self._brokers = brokers
        self.pods = [f"pod-{number}" for number in range(workers)]
        self._module = module
        self._variables: Mapping[str, str] = {}
        self._workers: dict[str, WorkerProcess] = {}
        self._started = 0
        self.told = 0
        """Input records that did not come from the load."""
        self.ended: list[str] = []
        """Last words of workers that ended by themselves."""
        self.steps: list[Step] = []
        self.watch = Watch(live.settings, self.processes)

    def be(self, variables: Mapping[str, str]) -> None:
        """What is started from now on has these variables."""
        self._variables = variables

    def processes(self) -> dict[str, psutil.Process]:
        """Who runs now, workers and brokers."""
        pids = {pod: worker.process.pid for pod, worker in [*self._workers.items()] if worker.process.poll() is None}
        found = {f"broker-{node.number}": node.process for node in self._brokers.nodes}
        for pod, pid in pids.items():
            try:
                found[pod] = psutil.Process(pid)
            except psutil.NoSuchProcess:
                continue
        return {who: process for who, process in found.items() if process is not None}

    def start(self, *pods: str) -> None:
        """Start workers; they may not be ready yet."""
        for pod in pods or self.pods:
            self._started += 1
            self._workers[pod] = self.live.worker(
                f"{pod}-{self._started}",
                is_ready=False,
                instance=pod,
                module=self._module,
                variables=self._variables,
            )

    def wait_until_kept(self) -> None:
        """Wait until each partition is kept by one of those that run."""
        wait_until(self._is_kept, self._missing, within_s=WITHIN_S)

    def _is_kept(self) -> bool:
        self._start_what_has_ended()
        kept = [_kept_by(worker.log()) for worker in self._workers.values() if worker.process.poll() is None]
        if None in kept:
            return False
        return sorted(p for some in kept for p in some or ()) == list(range(self.live.partitions))

    def _start_what_has_ended(self) -> None:
        """A worker that ends by itself (its partition was taken, say) is started again, as Kubernetes does it."""
        for pod, worker in [*self._workers.items()]:
            if worker.process.poll() is not None:
                self.ended.append(worker.log().strip().rpartition("\n")[2])
                self.start(pod)

    def _missing(self) -> str:
        kept = {pod: _kept_by(worker.log()) for pod, worker in self._workers.items() if worker.process.poll() is None}
        return f"a keeper for each partition, there are {kept}"

    def stop(self, *pods: str) -> None:
        """SIGTERM, all at once, and wait. NotMeasuredError where one does not end with 0."""
        workers = [self._workers[pod] for pod in pods or self._workers]
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            if worker.wait_for_end(within_s=60) != 0:
                raise NotMeasuredError(f"{worker.name} did not end in order: {worker.log()[-600:]}")

    def seal_all(self) -> None:
        """With workers that seal each few seconds: tell each partition something until each has sealed."""
        sealed: set[int] = set()
        deadline = time.monotonic() + WITHIN_S
        sellers = [sellers_on(partition, self.live.partitions, 1, prefix="SIGN")[0] for partition in self._all()]
        rounds = 0
        while sealed != set(self._all()):
            rounds += 1
            self.live.send([question(seller, f"sign-{rounds}") for seller in sellers])
            self.told += len(sellers)
            self._let_pass(1.0)
            sealed = {int(p) for worker in self._workers.values() for p in _SEALED.findall(worker.log())}
            if time.monotonic() > deadline:
                raise NotMeasuredError(f"no seal of partitions {sorted(set(self._all()) - sealed)[:5]}")

    def _all(self) -> range:
        return range(self.live.partitions)

    # --- steps -------------------------------------------------------------------------------------------------------

    def be_steady(self, for_s: float) -> None:
        """Nothing happens."""
        with self._step("steady"):
            self._let_pass(for_s)

    def be_idle(self, for_s: float) -> None:
        """Nothing is told."""
        with self._step(IDLE):
            self._let_pass(for_s)

    def be_calm(self, for_s: float) -> None:
        """Nothing happens, and what has happened passes."""
        with self._step(CALM):
            self._let_pass(for_s)

    def restart_one_by_one(self) -> None:
        """SIGTERM, and a new one under the same name; the next one when it keeps its partitions."""
        with self._step(RESTART) as away_s:
            self._each_anew(away_s)

    def upgrade_one_by_one(self) -> None:
        """Replace each by the newer version, held at the logic in force."""
        self._module, self._variables = NEWER, {"DUECLOCK_LOGIC": str(NEWEST)}
        with self._step("newer version, held back") as away_s:
            self._each_anew(away_s)

    def let_go_one_by_one(self) -> None:
        """Let each newer worker put its own logic in force: in the midst of it two numbers judge side by side."""
        self._variables = {}
        with self._step("newer logic, let go") as away_s:
            self._each_anew(away_s)

    def lose_a_broker(self, number: int) -> None:
        """SIGKILL of one of three; it comes back when the others have long given it up."""
        node = self._brokers.nodes[number]
        with self._step(BROKER_LOST) as away_s:
            began_s = time.monotonic()
            node.kill()
            self._let_pass(LOST_S)
            node.begin()
            away_s.append(time.monotonic() - began_s)
            self._brokers.wait_until_whole()
            self.wait_until_kept()

    def lose_a_worker(self, number: int) -> None:
        """SIGKILL, and nobody in its place until the others have its partitions; then it comes back."""
        pod = self.pods[number]
        with self._step(WORKER_LOST) as away_s:
            began_s = time.monotonic()
            self._workers.pop(pod).kill()
            self.wait_until_kept()
            away_s.append(time.monotonic() - began_s)
            self.start(pod)
            self.wait_until_kept()

    def _each_anew(self, away_s: list[float]) -> None:
        for pod in self.pods:
            began_s = time.monotonic()
            self.stop(pod)
            self.start(pod)
            self.wait_until_kept()
            away_s.append(time.monotonic() - began_s)

    def _let_pass(self, for_s: float) -> None:
        until_s = time.monotonic() + for_s
        while time.monotonic() < until_s:
            self._start_what_has_ended()
            time.sleep(0.2)

    @contextmanager
    def _step(self, name: str) -> Iterator[list[float]]:
        began_s = self.watch.now_s()
        away_s: list[float] = []
        yield away_s
        self.steps.append(Step(name, began_s, self.watch.now_s(), tuple(away_s)))


def sealing() -> Mapping[str, str]:
    """Variables of a worker that seals each few seconds."""
    return {"DUECLOCK_SEAL_EVERY_S": str(_SEAL_EVERY_S)}


def _kept_by(log: str) -> list[int] | None:
    """Partitions that a worker keeps by its log; None while it takes over."""
    told = _RECOVERED.findall(log)
    if not told or told[-1][0] != "recovered":
        return None
    return [] if told[-1][1] == "none" else [int(number) for number in told[-1][1].split(",") if number.strip()]
