"""The endpoint of a real worker while the worker is held up, and while a crowd stands at its door."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil
import pytest

from agents.demo.process import free_port
from agents.metrics.connections import ASKS_WITHIN_S, MOST
from agents.metrics.freshness import STALE_S
from tests.broker.conftest import MakeLive
from tests.broker.harness import ROOT, Live, question, seller_on, wait_until

pytestmark = [pytest.mark.broker]

CROWD = 1600
FEW_DESCRIPTORS = 64


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answered:
            return answered.status, answered.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def figure(port: int, name: str) -> float:
    """A gauge without labels."""
    (line,) = [line for line in get(port, "/metrics")[1].splitlines() if line.startswith(f"{name} ")]
    return float(line.split()[1])


class Tap:
    """Reads what a process writes, until it is shut: then the process stands where it next writes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.read = bytearray()
        self._pipe = process.stdout
        self._is_open = threading.Event()
        self._is_open.set()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        assert self._pipe is not None
        while self._is_open.wait(60) and (got := os.read(self._pipe.fileno(), 65536)):
            self.read += got

    def shut(self) -> None:
        self._is_open.clear()

    def open(self) -> None:
        self._is_open.set()

    def close(self) -> None:
        self.open()
        self._thread.join(10)
        assert self._pipe is not None
        self._pipe.close()


@contextmanager
def talkative_worker(live: Live) -> Iterator[tuple[subprocess.Popen[bytes], Tap]]:
    """A worker that logs all there is into a pipe."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("DUECLOCK_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "agents", "--settings", str(live.settings_file), "worker"],
        cwd=live.folder,
        env={**environ, "PYTHONPATH": str(ROOT), "DUECLOCK_LOG_LEVEL": "debug"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    tap = Tap(process)
    try:
        yield process, tap
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)
        tap.close()


def test_a_worker_that_waits_for_the_reader_of_its_log_is_not_ready_and_says_since_when(make_live: MakeLive) -> None:
    port = free_port()
    live = make_live(metrics_port=port)

    def status() -> int:
        with suppress(OSError):
            return get(port, "/readyz")[0]
        return 0

    with talkative_worker(live) as (process, tap):
        wait_until(lambda: status() == 200, lambda: bytes(tap.read[-3000:]).decode(), within_s=30)
        assert figure(port, "sla_loop_age_seconds") < STALE_S
        assert figure(port, "sla_watch_age_seconds") < STALE_S
        lag_s = 'sla_time_lag_seconds{partition="0"}'
        tap.shut()
        # What happens fills the pipe; then the worker's loop stands in the middle of a line.
        live.send([question(seller_on(0, live.partitions), f"q{n}") for n in range(200)])
        wait_until(lambda: status() == 503, lambda: "the worker to be not ready", within_s=STALE_S + 20)
        frozen = [line for line in get(port, "/metrics")[1].splitlines() if line.startswith(lag_s)]
        said = get(port, "/readyz")[1]
        assert said.startswith("the worker's "), said
        wait_until(
            lambda: figure(port, "sla_watch_age_seconds") > 2 * STALE_S,
            lambda: "the age of the metrics to grow",
            within_s=2 * STALE_S + 5,
        )
        assert [line for line in get(port, "/metrics")[1].splitlines() if line.startswith(lag_s)] == frozen
        assert get(port, "/healthz")[0] == 200
        tap.open()
        wait_until(lambda: status() == 200, lambda: bytes(tap.read[-3000:]).decode(), within_s=20)
        assert figure(port, "sla_watch_age_seconds") < STALE_S
        process.terminate()
        assert process.wait(20) == 0


def test_a_crowd_that_says_nothing_takes_neither_threads_nor_descriptors_and_the_worker_goes_on(
    make_live: MakeLive,
) -> None:
    port = free_port()
    live = make_live(metrics_port=port)
    worker = live.worker()
    wait_until(lambda: get(port, "/readyz")[0] == 200, worker.log, within_s=10)
    process = psutil.Process(worker.process.pid)
    live.send([question(seller_on(0, live.partitions), "before")])
    live.wait_until_finished(1)
    process.rlimit(psutil.RLIMIT_NOFILE, (FEW_DESCRIPTORS, FEW_DESCRIPTORS))
    alone, threads = process.num_fds(), process.num_threads()
    crowd = [socket.socket() for _ in range(CROWD)]
    try:
        for one in crowd:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        most, most_threads = 0, 0

        def is_asked_and_answered() -> bool:
            nonlocal most, most_threads
            most, most_threads = max(most, process.num_fds()), max(most_threads, process.num_threads())
            return get(port, "/readyz")[0] == 200 and live.finished() >= 20

        live.send([question(seller_on(n % 2, live.partitions), f"amid{n}") for n in range(19)])
        wait_until(
            is_asked_and_answered, lambda: f"20 finished, {live.finished()}\n{worker.log()[-3000:]}", within_s=20
        )
        assert most <= alone + MOST + 3, f"{most} descriptors, {alone} before"
        assert most_threads <= threads + 1
        wait_until(
            lambda: process.num_fds() <= alone + 1,
            lambda: f"{alone} descriptors, there are {process.num_fds()}",
            within_s=ASKS_WITHIN_S + 5,
        )
        assert "Too many open files" not in worker.log()
    finally:
        for one in crowd:
            one.close()
    assert worker.terminate() == 0
