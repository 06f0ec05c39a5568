"""What an audit in pieces costs: a year in one partition with a snapshot each month, beside the same over four.

Both journals are written as workers would have written them, by the same `step`, with the time of the load. What is
compared is the CPU of the command and of all its processes; `python -m tests.bench.pieces COUNT` measures it alone.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from confluent_kafka import Producer

from agents.journal.snapshots import SnapshotWriter, journal_folder
from agents.journal.store import Files
from agents.kafka.clients import run_with_broker
from agents.kafka.log_cursor import log_cursor
from agents.kafka.topics import create_topics, delete_topics
from agents.settings import Settings
from deploy.embedded import EmbeddedKafka
from schemas.decoded import Decoded
from schemas.decoding import decode_notification, journal_value
from schemas.headers import Origin, journal_headers
from schemas.notifications import Body, Notification, StateSealed
from schemas.policies import shipped_policies
from schemas.registry import INPUT_TOPIC_OF, Logical
from streams.admission import admit
from streams.engine import Line, new_state, step
from streams.partitioner import partition_of
from streams.routing import account_key
from streams.sealing import canonical_rows, next_link, record_digest, rows_digest
from tests.bench.installation import ROOT, NotMeasuredError, flushed, produce
from tests.bench.workload import DAY_MS, Sent, workload
from tests.zones import activation

MONTH_MS: Final = 30 * DAY_MS
SPAN_MS: Final = 11 * MONTH_MS


class Cost(NamedTuple):
    """Of one audit: CPU of all its processes, and wall time."""

    cpu_s: float
    seconds: float


class _Partition:
    """One partition's journal being written, with what follows from it."""

    def __init__(self, number: int, settings: Settings, folder: str, producer: Producer) -> None:
        self._number = number
        self._settings = settings
        self._folder = folder
        self._producer = producer
        self._state = new_state(number)
        self._journal = b""
        self._taken: dict[str, int] = {}
        self._month = 0
        self.lines = 0
        self.seals = 0

    def tell(self, body: Body, journal_ms: int) -> None:
        """One more line, if it may be journaled; before it a seal, if it is the first of its month."""
        if isinstance(body, Notification) and admit(self._state, body, journal_ms, None) is not None:
            return  # the largest account outgrows a bound
        if self._month and journal_ms // MONTH_MS > self._month:
            self._seal()
        self._month = journal_ms // MONTH_MS
        self._write(body, journal_ms)

    def _seal(self) -> None:
        at_ms = self._state.journal_ms
        writer = SnapshotWriter(Files(self._settings.snapshots), self._folder, self._number, kept_days=430)
        digest = rows_digest(writer.passing(canonical_rows(self._state))).hex()
        seal = StateSealed(
            line=self.lines,
            offset=self.lines - 1,
            state=digest,
            journal=self._journal.hex(),
            logic=self._state.logic,
        )
        self._write(seal, at_ms)
        asyncio.run(writer.finish(seal, at_ms))
        self.seals += 1

    def _write(self, body: Body, journal_ms: int) -> None:
        self.lines += 1
        key, origin = str(self._number), None
        if isinstance(body, Notification):
            key = account_key(body)
            topic = self._settings.topic(INPUT_TOPIC_OF[str(body.__struct_config__.tag)])
            self._taken[topic] = self._taken.get(topic, -1) + 1
            origin = Origin(topic, self._number, self._taken[topic])
        line = Line(self.lines, max(journal_ms, self._state.journal_ms), body)
        value, headers = journal_value(body), journal_headers(self.lines, origin)
        digest = record_digest(line.journal_ms, key.encode(), value, headers)
        self._journal = next_link(self._journal, digest)
        self._send("sla-journal", key.encode(), value, headers, timestamp=line.journal_ms)
        for event in step(self._state, line):
            headers = event.headers(line.number, self._state.digest, self._state.logic)
            self._send(event.topic, event.account.encode(), event.value, headers)
        self._state.take_changes()

    def _send(self, logical: Logical, key: bytes, value: bytes, headers: object, **more: int) -> None:
        topic = self._settings.topic(logical)
        produce(self._producer, topic, key, value, partition=self._number, headers=headers, **more)


def written(bootstrap: str, folder: Path, told: Sequence[Sent], partitions: int) -> Settings:
    """The journals and events of this load, in so many partitions of new topics."""
    settings = Settings(
        broker=bootstrap,
        topic_prefix=f"p{partitions}-{time.monotonic_ns() % 10**9}-",
        partitions=partitions,
        snapshots=str(folder / f"snapshots-{partitions}"),
    )
    create_topics(settings)

    async def named() -> str:
        async with log_cursor(settings) as cursor:
            return journal_folder(settings.topic("sla-journal"), await cursor.topic_id(settings.topic("sla-journal")))

    place = run_with_broker(settings, named)
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "linger.ms": 20,
            "queue.buffering.max.messages": 500_000,
            "enable.idempotence": True,
        }
    )
    homes = [_Partition(number, settings, place, producer) for number in range(partitions)]
    for home in homes:
        home.tell(activation(shipped_policies()), told[0].at_ms)
    for sent in told:
        decoded = decode_notification(sent.value, from_file=False)
        if isinstance(decoded, Decoded):
            homes[partition_of(sent.key, partitions)].tell(decoded.body, sent.at_ms)
    flushed(producer)
    return settings


def audited(settings: Settings) -> Cost:
    """What the command costs, as a person starts it."""
    before, began_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    where = ["--broker", settings.broker, "--topic-prefix", settings.topic_prefix, "--snapshots", settings.snapshots]
    command = [sys.executable, "-m", "agents", "audit", "--json", *where]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=3_600)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if ran.returncode != 0:
        found = json.loads(ran.stdout)["findings"][:3] if ran.stdout else ran.stderr[-300:].decode()
        raise NotMeasuredError(f"the audit left with {ran.returncode}: {found}")
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(cpu_s, time.monotonic() - began_s)


def costs(bootstrap: str, folder: Path, *, seed: int, count: int, runs: int) -> Iterator[tuple[Cost, Cost]]:
    """Write both journals, then audit them in turn so often: what one partition costs, and what four cost."""
    start_ms = int(time.time() * 1000) - SPAN_MS - DAY_MS
    told = workload(seed, count, start_ms=start_ms, span_ms=SPAN_MS)
    both = [written(bootstrap, folder, told, partitions) for partitions in (1, 4)]
    del told
    try:
        for _ in range(runs):
            one, four = [audited(settings) for settings in both]
            yield one, four
    finally:
        for settings in both:
            delete_topics(settings)


def ratios(bootstrap: str, folder: Path, *, seed: int, count: int, runs: int) -> Iterator[dict[str, float]]:
    """The same as figures."""
    for one, four in costs(bootstrap, folder, seed=seed, count=count, runs=runs):
        yield {"audit.pieces_cpu_ratio": one.cpu_s / four.cpu_s}


def main(count: int, runs: int) -> None:
    """Measure with a broker of its own, and print what both cost."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedKafka() as kafka:
        for both in costs(kafka.bootstrap, Path(folder), seed=7, count=count, runs=runs):
            for name, cost in zip(("one partition", "four partitions"), both, strict=True):
                print(f"{name}: {cost.cpu_s:.1f} s of CPU, {cost.seconds:.1f} s", flush=True)
            print(f"ratio {both[0].cpu_s / both[1].cpu_s:.2f}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
