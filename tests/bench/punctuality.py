"""How late breaches are: under steady load among many open clocks, and when very many fall due in one second.

Lateness is the time at which a `read_committed` consumer has the breach, less the clock's `fire_at`; one machine, one
clock. The open clocks are seeded (`seeding`), and recovered by the worker as after any restart: that is measured too.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Final

import orjson

from schemas.codec import parse_instant
from schemas.decoding import journal_value
from schemas.registry import INPUT_TOPIC_OF
from streams.partitioner import partition_of
from tests.bench.figures import percentile
from tests.bench.installation import PARTITIONS, Installation, NotMeasuredError, Process, Reader, flushed, produce
from tests.bench.seeding import MARKETPLACE, question, seeded, sellers_on
from tests.bench.workload import DAY_MS, HOUR_MS, Sent, workload

Measured = dict[str, float]

BURST: Final = 100_000
PER_SECOND: Final = 500
"""Notifications of the steady load."""
BREACHES_PER_SECOND: Final = 40
IDLE: Final = PARTITIONS - 1
"""The partition without load: its questions are asked at the beginning."""
DUE_AFTER_MS: Final = 4_000
FIRE_MS: Final = 1
"""`hours = n` is breached one millisecond after it is due (contract §3), and the shipped rule confirms at once."""


def lateness(
    bootstrap: str, folder: Path, *, seed: int, clocks: int, seconds: int, runs: int
) -> Iterator[tuple[Measured, str]]:
    """For each run: a worker starts on the same open clocks, then falls due what the load asks for."""
    with Installation(bootstrap, folder) as installation:
        now_ms = _now_ms()
        empty = installation.worker()
        empty.wait_until_recovered()
        empty_bytes = empty.resident_bytes()
        empty.stop()
        installation.seed(
            seeded(
                partition,
                PARTITIONS,
                installation.policies,
                clocks=clocks // PARTITIONS,
                due_from_ms=now_ms + 23 * HOUR_MS,
                due_within_ms=HOUR_MS,
                now_ms=now_ms,
            )
            for partition in range(PARTITIONS)
        )
        for run in range(runs):
            tag = f"R{run}"
            sign = installation.reader("sla-journal")
            sign.wait_for_lines(PARTITIONS, within_s=60)  # what stood there before: a line for each partition at least
            installation.send([_question(seller, f"{tag}-FIRST", _now_ms()) for seller in _one_seller_each()])
            before = sign.lines
            worker = installation.worker()
            _wait_for_more(sign, before, within_s=300)
            restart_s = time.monotonic() - worker.started_s
            sign.close()
            grown = (worker.resident_bytes() - empty_bytes) / clocks
            late, idle = _under_load(installation, seed + run, tag, seconds)
            worker.stop()
            yield (
                {
                    "lateness.p50_s": percentile(late, 50),
                    "lateness.p99_s": percentile(late, 99),
                    "lateness.max_s": max(late),
                    "lateness.idle_p99_s": percentile(idle, 99),
                    "start.seconds_1m": restart_s,
                    "memory.worker_bytes_per_open_clock": grown,
                },
                f"{len(late)} breaches a run at {PER_SECOND} notifications/s",
            )


def _wait_for_more(reader: Reader, lines: int, *, within_s: float) -> None:
    """Wait until one more notification than so many is in the journal."""
    deadline = time.monotonic() + within_s
    while reader.lines <= lines:
        reader.take()
        if time.monotonic() > deadline:
            raise NotMeasuredError(f"the worker has journaled nothing after {within_s:.0f} s")


def _under_load(installation: Installation, seed: int, tag: str, seconds: int) -> tuple[list[float], list[float]]:
    """Send the load as it happens; how late each breach of our questions was, and each on the idle partition."""
    reader = installation.reader("sla-breach")
    reader.take(1.0)
    begin_ms = _now_ms() + 500
    asked = list(_asked(begin_ms, tag, seconds))
    told = workload(seed, 2 * PER_SECOND * seconds, start_ms=begin_ms - 3 * DAY_MS, span_ms=3 * DAY_MS)
    busy = [one for one in told if partition_of(one.key, PARTITIONS) != IDLE][: PER_SECOND * seconds]
    load = [one._replace(at_ms=begin_ms + n * 1000 // PER_SECOND) for n, one in enumerate(busy)]
    given_up = Event()
    sender = Thread(target=_send_in_time, args=(installation, sorted([*asked, *load]), given_up))
    sender.start()
    late: list[float] = []
    idle: list[float] = []
    deadline = time.monotonic() + seconds + 60
    try:
        while len(late) < len(asked):
            messages = reader.take(0.01)
            at_ms = time.time() * 1000
            for message in messages:
                event = orjson.loads(message.value() or b"{}")
                if event["type"] == "clock.breached" and f"T-{tag}-P" in event["clock_id"]:
                    late.append((at_ms - parse_instant(event["due_at"]) - FIRE_MS) / 1000)
                    if message.partition() == IDLE:
                        idle.append(late[-1])
            if time.monotonic() > deadline:
                raise NotMeasuredError(f"{len(late)} of {len(asked)} breaches came, {installation.folder.name}")
    finally:
        given_up.set()
        sender.join()
        reader.close()
    return late, idle


def _asked(begin_ms: int, tag: str, seconds: int) -> Iterator[Sent]:
    """Questions that fall due all over the run: just before on busy partitions, all at first on the idle one."""
    sellers = {partition: sellers_on(partition, PARTITIONS, 20, prefix="DUE") for partition in range(PARTITIONS)}
    for number in range(BREACHES_PER_SECOND * seconds):
        at_ms = begin_ms + number * 1000 // BREACHES_PER_SECOND
        partition = number % PARTITIONS
        seller = sellers[partition][number // PARTITIONS % 20]
        sent = _question(seller, f"{tag}-P{number:06}", at_ms + DUE_AFTER_MS - DAY_MS)
        yield sent._replace(at_ms=begin_ms if partition == IDLE else at_ms)


def _send_in_time(installation: Installation, load: list[Sent], given_up: Event) -> None:
    producer = installation.producer()
    for one in load:
        wait_s = (one.at_ms - _now_ms()) / 1000
        if wait_s > 0 and given_up.wait(wait_s):
            return
        produce(producer, installation.settings.topic(one.topic), one.key, one.value)
    flushed(producer)


def burst(bootstrap: str, folder: Path, *, clocks: int = BURST) -> Measured:
    """Clocks that fall due in one second: how long after it until the last of the breaches is visible."""
    with Installation(bootstrap, folder) as installation:
        now_ms = _now_ms()
        due_ms = now_ms + 20_000 + clocks // 8
        installation.seed(
            seeded(
                partition,
                PARTITIONS,
                installation.policies,
                clocks=clocks // PARTITIONS,
                due_from_ms=due_ms,
                due_within_ms=999,
                now_ms=now_ms,
            )
            for partition in range(PARTITIONS)
        )
        worker = installation.worker()
        worker.wait_until_recovered()
        if _now_ms() > due_ms - 500:
            raise NotMeasuredError("the clocks fell due before the worker had recovered them")
        reader = installation.reader("sla-breach")
        breaches = 0
        deadline = time.monotonic() + 300
        while breaches < clocks:
            breaches += sum(b'"type":"clock.breached"' in (one.value() or b"") for one in reader.take())
            if time.monotonic() > deadline:
                raise NotMeasuredError(f"{breaches} of {clocks} breaches came: {_last_words(worker)}")
        took_s = (_now_ms() - due_ms - FIRE_MS) / 1000
        return {"burst.seconds_100k": took_s, "burst.rebalances": worker.recoveries() - 1}


def _last_words(worker: Process) -> str:
    return worker.log()[-300:]


def _one_seller_each() -> list[str]:
    return [sellers_on(partition, PARTITIONS, 1, prefix="SIGN")[0] for partition in range(PARTITIONS)]


def _question(seller: str, name: str, occurred_ms: int) -> Sent:
    asked = question(seller, name, occurred_ms)
    return Sent(0, INPUT_TOPIC_OF["message.received"], f"{seller}/{MARKETPLACE}".encode(), journal_value(asked))


def _now_ms() -> int:
    return int(time.time() * 1000)
