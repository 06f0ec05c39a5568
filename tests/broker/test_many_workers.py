"""Scale-out and back-pressure: workers share partitions evenly, and a backlog does not fill a worker's memory."""

from __future__ import annotations

import re
import time

import psutil
import pytest
from confluent_kafka import Producer

from tests.broker.conftest import MakeLive
from tests.broker.harness import Live, WorkerProcess, answer, question, seller_on, wait_until

pytestmark = [pytest.mark.broker]

MIB = 1024 * 1024
PARTITIONS = 8
BACKLOG = 95_000
"""As many as the producer here keeps at once: the more, the plainer what nothing keeps out."""
MAY_GROW_BY = 70 * MIB
"""A hand of 8,000 records and a slice of as many take 53 to 55; where nothing keeps the backlog out, it is 79 to 92."""


def share_of(worker: WorkerProcess) -> list[int]:
    """The partitions that a worker says it keeps, by the last line that says so."""
    found = re.findall(r"recovered: partitions ([\d, ]*) \(", worker.log())
    return [int(number) for number in found[-1].split(", ")] if found else []


def wait_for_even_shares(workers: list[WorkerProcess], partitions: int) -> None:
    """Wait until each of these workers keeps as many partitions as the others, and together they keep all."""

    def is_shared_evenly() -> bool:
        shares = [share_of(worker) for worker in workers]
        kept = sorted(number for share in shares for number in share)
        return kept == list(range(partitions)) and len({len(share) for share in shares}) == 1

    wait_until(is_shared_evenly, lambda: f"even shares, not {[share_of(one) for one in workers]}", within_s=40)


def test_two_workers_and_then_four_share_the_partitions_evenly_and_finish_everything(make_live: MakeLive) -> None:
    live = make_live(partitions=PARTITIONS)
    workers = [live.worker(is_ready=False) for _ in range(2)]
    wait_for_even_shares(workers, PARTITIONS)
    live.send(
        [question(seller_on(partition, PARTITIONS), f"q{n}") for partition in range(PARTITIONS) for n in range(9)]
    )
    workers += [live.worker(is_ready=False) for _ in range(2)]
    wait_for_even_shares(workers, PARTITIONS)
    live.send([answer(seller_on(partition, PARTITIONS), f"q{n}") for partition in range(PARTITIONS) for n in range(9)])
    live.wait_until_finished(18 * PARTITIONS)
    told = live.told()
    told.prove()
    assert len(told.events("clock.met")) == 9 * PARTITIONS


@pytest.mark.timeout(120)
def test_memory_stays_flat_while_a_worker_eats_a_large_backlog(make_live: MakeLive) -> None:
    """Repeats of one question: none leaves anything in the state."""
    live = make_live(partitions=1)
    at_rest = resident_when_done(live, live.worker(), 0)
    live.running()[0].terminate()
    asked = question(seller_on(0, 1), "q").record("e000001", live.prefix)
    producer = Producer({"bootstrap.servers": live.bootstrap})
    for _ in range(BACKLOG):
        producer.produce(asked.topic, asked.value, asked.key, partition=0)
    assert producer.flush(30) == 0
    producer.close()
    most = resident_when_done(live, live.worker(), BACKLOG)
    assert most - at_rest < MAY_GROW_BY, f"grew by {(most - at_rest) / MIB:.0f} MiB"


def resident_when_done(live: Live, worker: WorkerProcess, count: int) -> int:
    """The most memory that a worker takes until so many records are finished."""
    process = psutil.Process(worker.process.pid)
    most = process.memory_info().rss
    deadline = time.monotonic() + 60
    while live.finished() < count:
        most = max(most, process.memory_info().rss)
        assert time.monotonic() < deadline, f"{live.finished()} of {count} finished\n{live.logs()}"
    return max(most, process.memory_info().rss)
