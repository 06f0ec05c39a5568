"""The live path end to end: a load stands ready, workers fold it, a `read_committed` consumer gets what comes of it.

Counted from the release of the load until the last line and event are visible. A thousand notifications go before it,
so that connections, imports and the calendars' tables are warm.
"""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from typing import Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.bench import simple
from tests.bench.installation import (
    PARTITIONS,
    Installation,
    Load,
    NotMeasuredError,
    Process,
    flushed,
    produce,
    wait_until,
)
from tests.bench.passes import Yardstick
from tests.bench.workload import DAY_MS, Sent, workload
from tests.kafka_fixtures import create_topics

Measured = dict[str, float]

WARM_UP: Final = 1_000
SPAN_MS: Final = 3 * DAY_MS
NAIVE_TOPICS: Final = ("return-received", "refund-issued")


def live(
    bootstrap: str,
    folder: Path,
    *,
    seed: int,
    count: int,
    workers: int,
    slice_records: int | None = None,
    rows_folder: str = "",
) -> Measured:
    """The mixed load by one worker, or by several that share the partitions; their slices as large as said."""
    start_ms = int(time.time() * 1000) - SPAN_MS
    told = workload(seed, WARM_UP + count, start_ms=start_ms, span_ms=SPAN_MS)
    measured = _kept(Installation(bootstrap, folder, rows_folder=rows_folder), told, workers, slice_records)
    if workers > 1:
        return {"live2.per_second": measured["per_second"]}
    return {f"live.{name}": value for name, value in measured.items()}


def simple_job(bootstrap: str, folder: Path, *, seed: int, count: int) -> Measured:
    """The peers' simple job by one worker: two rules and nothing that falls due."""
    start_ms = int(time.time() * 1000) - simple.SPAN_MS - DAY_MS
    told = simple.workload(seed, WARM_UP + count, start_ms=start_ms)
    measured = _kept(Installation(bootstrap, folder, simple.policies()), told)
    return {f"simple.{name}": value for name, value in measured.items()}


def _kept(installation: Installation, told: list[Sent], workers: int = 1, slice_records: int | None = None) -> Measured:
    """What a load costs the workers after the first thousand notifications, in passes over the same lines too."""
    count = len(told) - WARM_UP
    yardstick = Yardstick([one.value for one in told[WARM_UP:]])
    with installation:
        running = [installation.worker(slice_records=slice_records) for _ in range(workers)]
        _wait_for_shares(running)
        reader = installation.reader()
        installation.send(told[:WARM_UP])
        reader.wait_for_lines(WARM_UP, within_s=60)
        load = Load(installation, told[WARM_UP:])
        yardstick.take_all()
        cpu_s = sum(worker.cpu_s() for worker in running)
        events = reader.events
        released_s = load.release()
        seen = reader.wait_for_lines(WARM_UP + count, within_s=60 + count / 500, meanwhile=yardstick.take_stretch)
        cpu_s = sum(worker.cpu_s() for worker in running) - cpu_s
        if reader.lines != WARM_UP + count:
            raise NotMeasuredError(f"{reader.lines - WARM_UP} of {count} notifications were journaled")
        yardstick.take_all()
    cpu_us = cpu_s / count * 1e6
    return {
        "passes": yardstick.passes(cpu_us),
        "cpu_us": cpu_us,
        "per_second": count / (seen[-1].at_s - released_s),
        "events_per_notification": (seen[-1].events - events) / count,
    }


def _wait_for_shares(running: list[Process]) -> None:
    """Wait until the workers have shared the partitions among them."""

    def shares() -> list[str]:
        found = [re.findall(r"recovered: partitions ([\d, ]*) \(", worker.log()) for worker in running]
        return [share for one in found if one for share in _numbers(one[-1])]

    wait_until(lambda: len(shares()) == PARTITIONS, lambda: f"workers that share, not {shares()}", within_s=60)


def _numbers(share: str) -> list[str]:
    return re.findall(r"\d+", share)


def naive(bootstrap: str, folder: Path, *, seed: int, count: int) -> Measured:
    """The naive Faust agent on the returns and refunds of the same load, after the first tenth of them."""
    prefix = f"n{time.time_ns() % 10**9:09}-"
    start_ms = int(time.time() * 1000) - SPAN_MS
    told: list[Sent] = []
    drawn = 4 * count
    while len(told) < count:
        told = [one for one in workload(seed, drawn, start_ms=start_ms, span_ms=SPAN_MS) if one.topic in NAIVE_TOPICS]
        drawn *= 2
    settings = {"bootstrap.servers": bootstrap, "group.id": "none", "enable.auto.commit": False}
    partitioned = dict.fromkeys(
        (f"{prefix}notices", f"{prefix}outcomes", f"{prefix}naive-duties-changelog"), PARTITIONS
    )
    asyncio.run(create_topics(bootstrap, partitioned))
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 20, "partitioner": "murmur2_random"})
    for one in told[:count]:
        produce(producer, f"{prefix}notices", one.key, one.value)
    flushed(producer)
    consumer = Consumer(settings)
    topic = f"{prefix}naive-duties-changelog"
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(PARTITIONS)])
    worker = Process(["tests.bench.naive", bootstrap, prefix], folder / f"{prefix}.log")
    try:
        done, cpu_s, counted_from = 0, 0.0, 0
        deadline = time.monotonic() + 120
        while done < count:
            done += len(consumer.consume(5_000, 0.05))
            if not counted_from and done >= count // 10:
                counted_from, cpu_s = done, worker.cpu_s()
            if time.monotonic() > deadline:
                raise NotMeasuredError(f"the naive agent has done {done} of {count}: {worker.log()[-300:]}")
        cpu_s = worker.cpu_s() - cpu_s
    finally:
        worker.kill()
        consumer.close()
        _delete(bootstrap, list(partitioned))
    return {"naive.cpu_us": cpu_s / (count - counted_from) * 1e6}


def _delete(bootstrap: str, topics: list[str]) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})  # it ends when nobody holds it, the answers with it
    for gone in admin.delete_topics(topics).values():
        gone.result(30)
