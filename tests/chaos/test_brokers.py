"""Faults of the broker and of the way to it: killed, frozen, its disk full, connections cut and slow."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.embedded import EmbeddedKafka, status
from tests.broker.conftest import MakeLive
from tests.broker.harness import Live, wait_until
from tests.chaos.proof import POLICIES, Load, drawn, goes_on, note, only_in_chaos, prove
from tests.chaos.proxy import Proxy

pytestmark = [pytest.mark.broker, pytest.mark.chaos, pytest.mark.timeout(300)]

PAUSE_S = 8.0
"""Longer than the session of 6 s."""


@pytest.fixture
def own_live(own_kafka: EmbeddedKafka, kafka_prefix: str, tmp_path: Path) -> Iterator[Live]:
    """An installation on a broker of its own."""
    live = Live(own_kafka.bootstrap, kafka_prefix, tmp_path, POLICIES)
    yield live
    live.close()


@only_in_chaos
def test_a_broker_that_dies_freezes_or_has_no_room_costs_nothing(own_kafka: EmbeddedKafka, own_live: Live) -> None:
    live = own_live
    load = Load(live, drawn("broker"))
    took_s: dict[str, float] = {}
    live.worker("first")
    with load.running(pace_s=0.3):
        goes_on(live, 2)
        own_kafka.kill()
        own_kafka.start()
        took_s["broker kill -9, started again"] = goes_on(live, 2)
        own_kafka.pause()
        time.sleep(PAUSE_S)  # the fault itself, not a wait for something
        own_kafka.resume()
        took_s["broker SIGSTOP longer than the session"] = goes_on(live, 2)
        if sys.platform == "linux":
            fill_disk(own_kafka)
            own_kafka.start()
            took_s["broker's disk full, started again with room"] = goes_on(live, 2)
    repeats = prove(live, load)
    for fault, recovery_s in took_s.items():
        note(fault, injected=1, recovery_s=[recovery_s], repeats=repeats)


def fill_disk(kafka: EmbeddedKafka) -> None:
    """No file of this broker may grow any more, as on a full disk; it ends when it sees that, as Kafka does."""
    resource.prlimit(kafka.pid, resource.RLIMIT_FSIZE, (1, 1))
    wait_until(lambda: not status(kafka.folder).is_running, lambda: "the broker's end", within_s=30)


@only_in_chaos
def test_cut_and_slow_connections_cost_nothing(make_live: MakeLive) -> None:
    live = make_live(POLICIES)
    chance = drawn("network")
    load = Load(live, chance)
    recovery_s: list[float] = []
    with Proxy(live.as_worker.broker) as proxy, load.running(pace_s=0.3):
        live.worker(module="tests.chaos.faulty", variables=proxy.variables)
        goes_on(live, 1)
        for _ in range(3):
            proxy.cut()
            had = live.finished()
            time.sleep(chance.uniform(0.2, 3.0))  # the fault itself
            proxy.mend()
            recovery_s.append(goes_on(live, 1))
            assert live.finished() > had
        proxy.delay_s = 0.1
        goes_on(live, 2)
        proxy.delay_s = 0.0
        goes_on(live, 1)
        for worker in live.running():
            assert worker.terminate(within_s=30) == 0, worker.log()[-2000:]
    live.worker("straight")
    note("network cut 0.2 to 3 s, then 100 ms slow", injected=4, recovery_s=recovery_s, repeats=prove(live, load))
