"""`dueclock worker --processes N`: several processes as one worker, with one endpoint and one end."""

from __future__ import annotations

import json
import re
import signal
import time
from urllib.request import Request, urlopen

import psutil
import pytest

from agents.demo.process import free_port
from tests.broker.conftest import MakeLive
from tests.broker.harness import WorkerProcess, answer, question, seller_on, wait_until
from tests.broker.test_worker_endpoint import get

pytestmark = [pytest.mark.broker]
TOKEN = "a token that is long enough for a test"


def children_of(worker: WorkerProcess) -> list[psutil.Process]:
    return [one for one in psutil.Process(worker.process.pid).children() if "agents" in one.cmdline()]


def wait_until_ready(port: int, worker: WorkerProcess) -> None:
    def is_ready() -> bool:
        try:
            return get(port, "/readyz")[0] == 200 and worker.log().count("recovered: partitions") >= 2
        except OSError:
            return False

    wait_until(is_ready, lambda: f"both processes to be ready:\n{worker.log()[-3000:]}", within_s=50)


@pytest.mark.timeout(120)
def test_processes_share_the_partitions_show_one_endpoint_and_end_as_one(make_live: MakeLive) -> None:
    port = free_port()
    live = make_live(metrics_port=port, clocks_token=TOKEN, partitions=2)
    worker = live.worker("many", is_ready=False, flags=["--processes", "2"])
    wait_until_ready(port, worker)
    live.send([question(seller_on(partition, 2), f"q{n}") for partition in range(2) for n in range(5)])
    live.wait_until_finished(10)
    scraped = get(port, "/metrics")[1]
    lines = re.findall(r'^sla_time_lag_seconds\{partition="(\d)",process="(\d)"\}', scraped, re.MULTILINE)
    wait_until(
        lambda: (
            {one for one, _ in re.findall(r'lag_seconds\{partition="(\d)",process="(\d)"\}', get(port, "/metrics")[1])}
            == {"0", "1"}
        ),
        lambda: f"each partition in the metrics, not {lines}",
        within_s=20,
    )
    asked = Request(f"http://127.0.0.1:{port}/clocks?limit=7", headers={"Authorization": f"Bearer {TOKEN}"})
    clocks = json.loads(urlopen(asked, timeout=10).read())["clocks"]
    assert len(clocks) == 7
    assert [one["due_ms"] for one in clocks] == sorted(one["due_ms"] for one in clocks)
    live.send([answer(seller_on(partition, 2), f"q{n}") for partition in range(2) for n in range(5)])
    live.wait_until_finished(20)
    children = children_of(worker)
    assert len(children) == 2
    assert worker.terminate(within_s=40) == 0
    assert not any(child.is_running() for child in children)
    told = live.told()
    told.prove()
    assert len(told.events("clock.met")) == 10


@pytest.mark.timeout(120)
def test_if_one_process_is_killed_the_others_are_stopped_and_the_end_says_so(make_live: MakeLive) -> None:
    port = free_port()
    live = make_live(metrics_port=port, partitions=2)
    worker = live.worker("many", is_ready=False, flags=["--processes", "2"])
    wait_until_ready(port, worker)
    one, other = children_of(worker)
    one.kill()
    assert worker.wait_for_end(within_s=40) == 1
    assert not other.is_running()
    last = worker.log().rstrip().splitlines()[-1]
    assert re.fullmatch(r"dueclock: Worker process [12] of 2 was killed by signal 9: .* start the worker again\.", last)


@pytest.mark.timeout(120)
def test_if_the_parent_is_killed_its_processes_end(make_live: MakeLive) -> None:
    live = make_live(partitions=2)
    worker = live.worker("many", is_ready=False, flags=["--processes", "2"])
    worker.wait_for("recovered: partitions", times=2, within_s=50)
    children = children_of(worker)
    assert len(children) == 2
    worker.signal(signal.SIGKILL)
    began_s = time.monotonic()
    gone, alive = psutil.wait_procs(children, timeout=40)
    assert not alive, f"after {time.monotonic() - began_s:.0f} s {len(gone)} of 2 have ended"
