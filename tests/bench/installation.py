"""Topics of their own on the broker, workers as processes, and what is sent to them and seen of them.

A worker's CPU is what the operating system booked for its process. What is visible is what a `read_committed` consumer
has received. A load stands in the topics inside an open transaction: nobody sees any of it until it is committed, so
that workers are warm and idle when it comes, and nothing is still being produced while they work.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self
from uuid import uuid4

import psutil
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, Producer, TopicPartition

from agents.kafka.topics import create_topics, delete_topics
from agents.settings import Settings
from schemas.policies import shipped_policies
from schemas.registry import DEAD_LETTER_TOPIC, OUTPUT_TOPICS, Logical
from tests.bench.seeding import Row, Seeded
from tests.bench.workload import Sent

ROOT: Final = Path(__file__).parents[2]
PARTITIONS: Final = 4
OUTPUTS: Final = tuple(topic.name for topic in OUTPUT_TOPICS)
MEANWHILE_S: Final = 0.25
_RECOVERED: Final = "recovered: partitions"


class NotMeasuredError(Exception):
    """Why a figure could not be measured, in one sentence."""


def wait_until(holds: Callable[[], bool], missing: Callable[[], str], *, within_s: float) -> None:
    """Wait until the condition holds; NotMeasuredError with what was missing when it does not within the time."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            raise NotMeasuredError(f"after {within_s:.0f} s still missing: {missing()}")
        time.sleep(0.005)


class Process:
    """A process that is measured. It is gone when the benchmark ends."""

    def __init__(self, arguments: list[str], log_file: Path) -> None:
        self.log_file = log_file
        self.started_s = time.monotonic()
        environ = {key: value for key, value in os.environ.items() if not key.startswith("DUECLOCK_")}
        with log_file.open("wb") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=ROOT,
                env=environ,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._watched = psutil.Process(self._child.pid)

    def cpu_s(self) -> float:
        """What the system has booked for it."""
        times = self._watched.cpu_times()
        return times.user + times.system

    def resident_bytes(self) -> int:
        """Its memory."""
        return int(self._watched.memory_info().rss)

    def log(self) -> str:
        """What it has logged so far."""
        return self.log_file.read_text(errors="replace")

    def recoveries(self) -> int:
        """How often it has taken partitions over."""
        return self.log().count(_RECOVERED)

    def wait_for_log(self, words: str, *, within_s: float = 60.0) -> None:
        """Wait until these words stand in the log."""
        wait_until(
            lambda: words in self.log() or self._child.poll() is not None,
            lambda: f"{words!r} in {self.log_file.name}: {self.log()[-300:]}",
            within_s=within_s,
        )
        if words not in self.log():
            raise NotMeasuredError(f"{self.log_file.name} ended: {self.log()[-300:]}")

    def wait_until_recovered(self, *, within_s: float = 300.0) -> None:
        """Wait until it keeps its partitions."""
        self.wait_for_log(_RECOVERED, within_s=within_s)

    def stop(self) -> None:
        """SIGTERM, and wait; SIGKILL if that does not end it."""
        self._child.terminate()
        try:
            self._child.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """SIGKILL, and wait."""
        self._child.kill()
        self._child.wait(30)


class Seen(NamedTuple):
    """What had been received at an instant."""

    at_s: float
    lines: int
    events: int


class Reader:
    """A `read_committed` consumer of the journal, all output topics, or others that are asked for."""

    def __init__(self, installation: Installation, *logical: Logical) -> None:
        self._journal = installation.settings.topic("sla-journal")
        self._dead_letters = installation.settings.topic(DEAD_LETTER_TOPIC.name)
        self._consumer = Consumer(
            {
                "bootstrap.servers": installation.bootstrap,
                "group.id": "none",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 50,
                "fetch.error.backoff.ms": 20,
            }
        )
        topics = [installation.settings.topic(name) for name in logical or ("sla-journal", *OUTPUTS)]
        partitions = range(installation.settings.partitions)
        self._consumer.assign([TopicPartition(t, p, OFFSET_BEGINNING) for t in topics for p in partitions])
        self.lines = 0
        self.letters = 0
        self.events = 0

    def take(self, wait_s: float = 0.02) -> list[Message]:
        """The messages that have come; notifications journaled and events are counted."""
        messages = self._consumer.consume(20_000, wait_s)
        for message in messages:
            if message.error() is not None:
                raise NotMeasuredError(f"the broker says {message.error()}")
            if message.topic() == self._dead_letters:
                self.letters += 1
            elif message.topic() != self._journal:
                self.events += 1
            elif b"/" in (message.key() or b""):  # ticks and activations have a partition's number as key
                self.lines += 1
        return messages

    def wait_for_lines(self, count: int, *, within_s: float, meanwhile: Callable[[], None] | None = None) -> list[Seen]:
        """Take until so many notifications are in the journal or, if read, dead letters, and nothing more comes.

        When there was how much is the answer.

        `meanwhile` is done now and then: every quarter of a second.
        """
        deadline = time.monotonic() + within_s
        done_s = time.monotonic()
        seen = [Seen(time.monotonic(), self.lines, self.events)]
        while self.lines + self.letters < count or time.monotonic() - seen[-1].at_s < 0.5:
            if self.take():
                seen.append(Seen(time.monotonic(), self.lines, self.events))
            if meanwhile is not None and time.monotonic() - done_s > MEANWHILE_S:
                meanwhile()
                done_s = time.monotonic()
            if time.monotonic() > deadline:
                raise NotMeasuredError(f"after {within_s:.0f} s {self.lines} of {count} notifications are journaled")
        return seen

    def close(self) -> None:
        self._consumer.close()


class Load:
    """Notifications that stand in the input topics and are seen by nobody until they are released."""

    def __init__(self, installation: Installation, sent: Iterable[Sent]) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": installation.bootstrap,
                "transactional.id": f"load-{uuid4().hex}",
                "transaction.timeout.ms": 600_000,
                "queue.buffering.max.messages": 1_000_000,
                "linger.ms": 20,
                "partitioner": "murmur2_random",
            }
        )
        self._producer.init_transactions(30)
        self._producer.begin_transaction()
        self.count = 0
        for one in sent:
            produce(self._producer, installation.settings.topic(one.topic), one.key, one.value)
            self.count += 1
        self._producer.flush(120)

    def release(self) -> float:
        """Let them be seen; the monotonic time just before."""
        at_s = time.monotonic()
        self._producer.commit_transaction(60)
        self._producer.close()
        return at_s


class Installation:
    """Topics, settings and workers of one measurement; topics are deleted at its end."""

    def __init__(
        self,
        bootstrap: str,
        folder: Path,
        policies: str | None = None,
        *,
        partitions: int = PARTITIONS,
        standby_replicas: int = 0,
        rows_folder: str = "",
    ) -> None:
        self.bootstrap = bootstrap
        self.prefix = f"b{uuid4().hex[:8]}-"
        self.folder = folder / self.prefix
        self.folder.mkdir(parents=True)
        self.policies = shipped_policies() if policies is None else policies
        policies_file = self.folder / "policies.toml"
        policies_file.write_text(self.policies)
        self.settings = Settings(
            broker=bootstrap,
            group=f"{self.prefix}group",
            topic_prefix=self.prefix,
            partitions=partitions,
            policies_path=str(policies_file),
            standby_replicas=standby_replicas,
            rows_folder=rows_folder,
        )
        self.settings_file = self.folder / "dueclock.toml"
        chosen = ("broker", "group", "topic_prefix", "partitions", "policies_path", "standby_replicas", "rows_folder")
        self.settings_file.write_text(
            "".join(f"{name} = {json.dumps(getattr(self.settings, name))}\n" for name in chosen)
        )
        self._workers: list[Process] = []
        self._readers: list[Reader] = []

    def __enter__(self) -> Self:
        create_topics(self.settings)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for reader in self._readers:
            reader.close()
        for worker in self._workers:
            worker.kill()
        delete_topics(self.settings)

    def worker(self, *, instance: str = "", slice_records: int | None = None) -> Process:
        """Start a worker; it may not be ready yet. Its slices hold as many records as it likes, or as is said."""
        name = f"worker-{len(self._workers) + 1}"
        flags = ["--client-id", name, *(["--group-instance-id", instance] if instance else [])]
        program = ["agents"] if slice_records is None else ["tests.bench.sliced_worker", str(slice_records)]
        arguments = [*program, "--settings", str(self.settings_file), "worker", "--stop-with-stdin", *flags]
        worker = Process(arguments, self.folder / f"{name}.log")
        self._workers.append(worker)
        return worker

    def reader(self, *logical: Logical) -> Reader:
        """A consumer of these topics from their start; of the journal and all outputs if none is named."""
        reader = Reader(self, *logical)
        self._readers.append(reader)
        return reader

    def producer(self) -> Producer:
        """A producer for a load that is sent as it happens."""
        return _producer(self.bootstrap)

    def send(self, sent: Iterable[Sent]) -> None:
        """Send notifications at once, and wait until the broker has them."""
        producer = self.producer()
        for one in sent:
            produce(producer, self.settings.topic(one.topic), one.key, one.value)
        flushed(producer)

    def seed(self, partitions: Iterable[Seeded]) -> None:
        """Write the rows and the last journal line of these partitions."""
        seed_into(self.settings, partitions)


def seed_into(settings: Settings, partitions: Iterable[Seeded]) -> None:
    """Write the rows and the last journal line of these partitions."""
    producer = _producer(settings.broker)
    changelog, journal = settings.topic("changelog"), settings.topic("sla-journal")
    for one in partitions:
        row: Row
        for row in one.rows:
            produce(producer, changelog, row.key, row.value, partition=one.partition)
        produce(
            producer,
            journal,
            one.journal_key,
            one.journal_value,
            partition=one.partition,
            timestamp=one.journal_ms,
            headers=one.journal_headers,
        )
    flushed(producer)


def _producer(bootstrap: str) -> Producer:
    settings: dict[str, Any] = {
        "bootstrap.servers": bootstrap,
        "linger.ms": 2,
        "partitioner": "murmur2_random",
    }
    settings["queue.buffering.max.messages"] = 1_000_000
    return Producer(settings)


def produce(producer: Producer, topic: str, key: bytes, value: bytes, **more: Any) -> None:
    """Produce a record, waiting where the producer's queue is full."""
    while True:
        try:
            producer.produce(topic, value, key, on_delivery=_refuse_failure, **more)
            break
        except BufferError:
            producer.poll(0.1)
    producer.poll(0)


def flushed(producer: Producer) -> None:
    """Wait until the broker has all of it; the producer is closed then."""
    if producer.flush(120):
        raise NotMeasuredError("the broker did not take the load within two minutes")
    producer.close()


def _refuse_failure(error: Any, message: Message) -> None:
    if error is not None:
        raise NotMeasuredError(f"the broker refused a record of {message.topic()}: {error}")
