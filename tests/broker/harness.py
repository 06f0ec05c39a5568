"""Real workers on a real broker: what the tests of the live path start, feed, disturb and read.

`Live` is one installation: topics of its own on a broker, policies of its own, workers as processes. `Live.told` reads
everything that was written; `Told.prove` holds it against the contract: each input record is finished exactly once, the
journal has no gap, its replay gives the exact values on the output topics, and the state rows are those of its fold.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from agents.journal.export import export_journal
from agents.kafka.topics import create_topics
from agents.settings import Settings
from agents.zones import machine_zones
from schemas.decoding import decode_journal_value
from schemas.headers import line_number
from schemas.registry import INPUT_TOPIC_OF, INPUT_TOPICS, OUTPUT_TOPICS, Logical
from streams.engine import Line, new_state, step
from streams.partitioner import partition_of
from streams.replay import Replay
from streams.rows import PARTITION_KEY
from tests.kafka_fixtures import Outgoing, pause_s, produce, read_to_end, topic_config
from tests.secured.observed import settings_as

ROOT = Path(__file__).parents[2]
MARKETPLACE = "ATVPDKIKX0DER"
INPUTS = tuple(topic.name for topic in INPUT_TOPICS)
OUTPUTS = tuple(topic.name for topic in OUTPUT_TOPICS)

CALENDAR = """
[calendars.us]
timezone = "America/Los_Angeles"
weekend = ["sat", "sun"]
covers = [2024-01-01, 2036-12-31]

[marketplaces.ATVPDKIKX0DER]
calendar = "us"
"""


def reply_within(target: str, *, escalate_before: Sequence[str] = (), confirm_after: str = "0s") -> str:
    """A policy file of one rule: a buyer's message is to be answered within this time, e.g. `seconds = 5`."""
    return f"""{CALENDAR}
[[rules.buyer-message-reply]]
version = 1
effective_from = 2015-01-01T00:00:00Z
target = {{ {target} }}
confirm_after = "{confirm_after}"
escalate_before = {json.dumps(list(escalate_before))}
escalate_after = []
obligor = "seller"
on_due = "clock.breached"
consequences = []
applies_to = "new"
"""


class Notice(NamedTuple):
    """A notification as a test says it; `account` chooses the partition."""

    type: str
    seller: str
    fields: dict[str, Any]
    occurred_at: str | None = None

    def value(self, event_id: str) -> bytes:
        """The record's value. It happens now, unless said otherwise."""
        said = {
            "event_id": event_id,
            "type": self.type,
            "seller_id": self.seller,
            "marketplace_id": MARKETPLACE,
            "occurred_at": self.occurred_at or instant(),
            **self.fields,
        }
        return json.dumps(said).encode()

    def record(self, event_id: str, prefix: str, *, topic: str | None = None) -> Outgoing:
        """The record, on the topic of its type, under its account's key."""
        name = prefix + (topic or INPUT_TOPIC_OF[self.type])
        return Outgoing(name, self.value(event_id), key=f"{self.seller}/{MARKETPLACE}".encode())


def instant(ms: int | None = None) -> str:
    """A time of this machine's clock in the contract's form; now, where none is given."""
    at = datetime.now(UTC) if ms is None else datetime.fromtimestamp(ms / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def question(seller: str, name: str, *, occurred_at: str | None = None) -> Notice:
    """A buyer writes."""
    fields = {"message_id": f"M-{name}", "thread_id": f"T-{name}", "from_role": "buyer"}
    return Notice("message.received", seller, fields, occurred_at)


def answer(seller: str, name: str, *, occurred_at: str | None = None) -> Notice:
    """The seller answers."""
    fields = {"message_id": f"A-{name}", "thread_id": f"T-{name}", "to_roles": ["buyer"]}
    return Notice("message.sent", seller, fields, occurred_at)


def seller_on(partition: int, partitions: int, number: int = 0) -> str:
    """The number-th seller whose account is kept in this partition."""
    found = (f"S{n}" for n in range(10_000) if partition_of(f"S{n}/{MARKETPLACE}".encode(), partitions) == partition)
    for _ in range(number):
        next(found)
    return next(found)


def wait_until(holds: Callable[[], bool], missing: Callable[[], str], *, within_s: float) -> None:
    """Wait until the condition holds; fail with what was missing when it does not within the time."""
    deadline = time.monotonic() + within_s
    asked_s = time.monotonic()
    while not holds():
        assert time.monotonic() < deadline, f"after {within_s} s still missing: {missing()}"
        time.sleep(pause_s(time.monotonic() - asked_s))
        asked_s = time.monotonic()


BUILD = "compiled" if os.environ.get("DUECLOCK_TEST_COMPILED") == "1" else "pure Python"
"""Which build is tried, as `dueclock --version` says it; workers have to be of it."""


def require_build(log: str, build: str = BUILD) -> None:
    """By its log, a worker that has started is of the build that is tried, and not of the other one by accident."""
    named = re.findall(r" starts on \S+ \(dueclock \S+, (.+)\)", log)
    assert set(named) <= {build}, named
    assert named or "recovered: partitions" not in log, "nothing says which build this worker is"


class WorkerProcess:
    """One `dueclock worker`, as a process, with its log in a file."""

    def __init__(
        self,
        live: Live,
        name: str,
        *,
        instance: str = "",
        module: str = "agents",
        variables: Mapping[str, str] | None = None,
        flags: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.log_file = live.folder / f"{name}.log"
        self._log = self.log_file.open("ab")
        self.started_s = time.monotonic()
        flags = ["--client-id", name, *flags]
        if instance:
            flags += ["--group-instance-id", instance]
        environ = {key: value for key, value in os.environ.items() if not key.startswith("DUECLOCK_")}
        environ.update(variables or {})
        environ["PYTHONPATH"] = str(ROOT)
        self.started_in = live.folder / f"{name}.cwd"
        self.started_in.mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, "--settings", str(live.settings_file), "worker", *flags],
            cwd=self.started_in,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def log(self) -> str:
        """What it has logged so far."""
        return self.log_file.read_text(errors="replace")

    def wait_for(self, words: str, *, times: int = 1, within_s: float = 30.0) -> None:
        """Wait until these words stand in the log."""
        wait_until(
            lambda: self.log().count(words) >= times or self.process.poll() is not None,
            lambda: f"{words!r} in the log of {self.name}:\n{self.log()[-3000:]}",
            within_s=within_s,
        )
        assert self.log().count(words) >= times, f"{self.name} ended without {words!r}:\n{self.log()[-3000:]}"
        require_build(self.log())

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        self.process.kill()
        self.process.wait(10)

    def terminate(self, *, within_s: float = 20.0) -> int:
        """SIGTERM; returns the exit status."""
        self.process.terminate()
        return self.wait_for_end(within_s=within_s)

    def wait_for_end(self, *, within_s: float = 40.0) -> int:
        """Its exit status, when it ends."""
        try:
            status = self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} does not end:\n{self.log()[-3000:]}") from None
        require_build(self.log())
        return status

    def wait_until_it_knows(self, *, recovered: int) -> None:
        """Wait until a worker that was frozen has ended, or is a member again and has recovered so many times."""
        wait_until(
            lambda: self.process.poll() is not None or self.log().count("recovered: partitions") >= recovered,
            lambda: f"the end of {self.name}, or its return to the group\n{self.log()[-2000:]}",
            within_s=60,
        )

    def prove_that_it_was_fenced(self) -> None:
        """If it has ended, then with the one sentence of a worker whose partition was taken."""
        if self.process.poll() is not None:
            assert self.wait_for_end() == 1
            assert "Another worker took over partition" in self.log()
            assert "Traceback" not in self.log()

    def close(self) -> None:
        """Whatever happened, it is gone."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self._log.close()


LOGIN = ("security_protocol", "ssl_ca_location", "sasl_mechanism", "sasl_username", "sasl_password_file")
MORE = (
    "metrics_port",
    "seal_every_s",
    "snapshots",
    "rows_folder",
    "clocks_token",
    "http_token_file",
    "dead_letter_ratio",
    "standby_replicas",
)


class Live:
    """One installation on a broker."""

    def __init__(
        self, bootstrap: str, prefix: str, folder: Path, policies: str, *, partitions: int = 2, **changes: Any
    ):
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.folder = folder
        self.partitions = partitions
        self.policies_file = folder / "policies.toml"
        self.policies_file.write_text(policies)
        self.settings = Settings(
            broker=bootstrap,
            group=f"{prefix}group",
            topic_prefix=prefix,
            partitions=partitions,
            policies_path=str(self.policies_file),
            **{"session_timeout_s": 6.0, "heartbeat_s": 0.3, **changes},
        )
        self.as_worker = settings_as("worker", self.settings)
        self.settings_file = self._write_settings("dueclock.toml", self.as_worker)
        self.auditor_file = self._write_settings("auditor.toml", settings_as("auditor", self.settings))
        self._workers: list[WorkerProcess] = []
        self.sent = 0
        self._numbered = 0
        create_topics(self.settings)
        self._finished = Finished(self)

    def _write_settings(self, name: str, settings: Settings) -> Path:
        chosen = ("broker", "group", "topic_prefix", "partitions", "policies_path", "session_timeout_s", "heartbeat_s")
        lines = [f"{name} = {json.dumps(getattr(settings, name))}" for name in (*chosen, *LOGIN, *MORE)]
        (self.folder / name).write_text("\n".join(lines) + "\n")
        return self.folder / name

    def worker(self, name: str = "", *, is_ready: bool = True, **options: Any) -> WorkerProcess:
        """Start a worker, and wait until it has recovered its partitions; `options` are those of `WorkerProcess`."""
        started = WorkerProcess(self, name or f"worker-{len(self._workers) + 1}", **options)
        self._workers.append(started)
        if is_ready:
            started.wait_for("recovered: partitions", within_s=60)
        return started

    async def alter_topic(self, logical: Logical, changes: dict[str, str]) -> None:
        """Change settings of a topic as an operator does; those that matter here and are not named stay."""
        topic = self.settings.topic(logical)
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            has = {**await topic_config(self.bootstrap, topic), **changes}
            wanted = {name: has[name] for name in ("message.timestamp.type", "retention.ms")}
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=wanted)])
        finally:
            await admin.close()

    def send(self, notices: Iterable[Notice]) -> list[int]:
        """Produce notifications under their accounts' keys, all acknowledged; their offsets."""
        records = []
        for notice in notices:
            self._numbered += 1
            records.append(notice.record(f"e{self._numbered:06d}", self.prefix))
        offsets = asyncio.run(produce(self.bootstrap, records))
        self.sent += len(offsets)
        return offsets

    def send_raw(self, records: Iterable[Outgoing]) -> list[int]:
        """Produce records as they are; topic names without prefix."""
        return asyncio.run(produce(self.bootstrap, [r._replace(topic=self.prefix + r.topic) for r in records]))

    def read(self, *logical: Logical) -> list[Any]:
        """All committed records of these topics."""
        return asyncio.run(read_to_end(self.bootstrap, [self.settings.topic(name) for name in logical]))

    def told(self) -> Told:
        """All that was written until now."""
        return Told(self)

    def finished(self) -> int:
        """How many input records are in the journal or the dead letters."""
        return self._finished.count()

    def wait_until_finished(self, count: int, *, within_s: float = 30.0) -> None:
        """Wait until this many input records are in the journal or the dead letters."""
        wait_until(
            lambda: self._finished.count() >= count,
            lambda: f"{count} finished records, there are {self._finished.count()}\n{self.logs()}",
            within_s=within_s,
        )

    def wait_for_event(
        self, kind: str, topic: Logical, *, times: int = 1, within_s: float = 20.0
    ) -> list[dict[str, Any]]:
        """Wait until this many events of a type stand on a topic; the events."""
        found: list[dict[str, Any]] = []

        def is_there() -> bool:
            found[:] = [e for e in map(json.loads, (r.value for r in self.read(topic))) if e["type"] == kind]
            return len(found) >= times

        wait_until(is_there, lambda: f"{times} {kind}, there are {len(found)}\n{self.logs()}", within_s=within_s)
        return found

    def logs(self) -> str:
        """The ends of all logs."""
        return "\n".join(f"--- {worker.name}\n{worker.log()[-1500:]}" for worker in self._workers)

    def running(self) -> list[WorkerProcess]:
        """The workers that have not ended."""
        return [worker for worker in self._workers if worker.process.poll() is None]

    def close(self) -> None:
        """End all workers."""
        for worker in self._workers:
            worker.close()
        self._finished.close()


def origin_of(record: Any) -> str | None:
    """Where a journal line came from, as `topic/partition/offset`."""
    value = dict(record.headers).get("origin")
    return None if value is None else value.decode()


class Finished:
    """Counts the input records that stand finished in the journal or the dead letters, as they come."""

    def __init__(self, live: Live) -> None:
        self._seen = 0
        self._consumer = Consumer(
            {"bootstrap.servers": live.bootstrap, "group.id": "none", "enable.auto.commit": False, "log_level": 2}
        )
        topics = [live.settings.topic(logical) for logical in ("sla-journal", "dead-letter")]
        self._consumer.assign([TopicPartition(t, p, OFFSET_BEGINNING) for t in topics for p in range(live.partitions)])

    def count(self) -> int:
        """How many there are now. A tick and an activation have no origin and are not counted."""
        while messages := self._consumer.consume(10_000, 0.05):
            for message in messages:
                assert message.error() is None, message.error()
                names = set(dict(message.headers() or ()))
                self._seen += bool(names & {"origin", "dl_topic"})
        return self._seen

    def close(self) -> None:
        """End."""
        self._consumer.close()


class Told:
    """Everything that stands in the topics of an installation."""

    def __init__(self, live: Live) -> None:
        self.live = live
        by_topic: dict[str, list[Any]] = defaultdict(list)
        for record in live.read(*INPUTS, "sla-repartition", "sla-journal", "dead-letter", *OUTPUTS, "changelog"):
            by_topic[record.topic].append(record)

        def of(*logical: Logical) -> list[Any]:
            return [record for name in logical for record in by_topic[live.settings.topic(name)]]

        self.inputs = of(*INPUTS)
        self.repartition = of("sla-repartition")
        self.journal = of("sla-journal")
        self.dead_letters = of("dead-letter")
        self.outputs = of(*OUTPUTS)
        self.rows = of("changelog")

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The events on the output topics, by topic and partition."""
        events = [json.loads(record.value) for record in self.outputs]
        return [event for event in events if kind in (None, event["type"])]

    def prove(self) -> None:
        """Nothing is lost, nothing repeated, and everything follows from the journal."""
        self._prove_each_input_once()
        self.prove_no_half_slice()

    def prove_no_half_slice(self) -> None:
        """What stands there follows from the journal, though not all that was sent may be finished."""
        for partition in range(self.live.partitions):
            self._prove_partition(partition)

    def _prove_each_input_once(self) -> None:
        finished: Counter[str] = Counter()
        for record in self.journal:
            if origin := origin_of(record):
                finished[origin] += 1
        for record in self.dead_letters:
            said = {name: value.decode() for name, value in record.headers}
            if "dl_topic" not in said:
                continue  # the mark of a letter that was sent again
            finished[f"{said['dl_topic']}/{said['dl_partition']}/{said['dl_offset']}"] += 1
        for record in self.repartition:
            if origin := origin_of(record):
                finished[origin] += 1
        wanted = Counter(f"{r.topic}/{r.partition}/{r.offset}" for r in (*self.inputs, *self.repartition))
        assert finished - wanted == Counter(), f"finished twice, or never told: {(finished - wanted).most_common(5)}"
        assert wanted - finished == Counter(), f"lost: {(wanted - finished).most_common(5)}, {len(wanted - finished)}"

    def _prove_partition(self, partition: int) -> None:
        journal = [record for record in self.journal if record.partition == partition]
        assert [line_number(record.headers) for record in journal] == list(range(1, len(journal) + 1))
        times = [record.timestamp for record in journal]
        assert times == sorted(times), "journal time goes back"
        replayed = self._replay(partition)
        for topic in OUTPUTS:
            name = self.live.settings.topic(topic)
            live = [r.value for r in self.outputs if (r.topic, r.partition) == (name, partition)]
            assert live == replayed[topic], f"{name} {partition} differs from the replay of the exported journal"
        self._prove_rows(partition, journal)

    def _replay(self, partition: int) -> dict[str, list[bytes]]:
        exported = io.BytesIO()
        export_journal(self.live.settings, partition, exported)
        refused: list[int] = []
        replay = Replay(None, lambda number, raw, why: refused.append(number), machine_zones)
        values: dict[str, list[bytes]] = defaultdict(list)
        for raw in exported.getvalue().splitlines():
            for event in replay.feed(raw):
                values[event.topic].append(event.value)
        assert refused == [], "a journaled line is never invalid"
        return values

    def _prove_rows(self, partition: int, journal: list[Any]) -> None:
        state, folded = new_state(partition), dict[bytes, bytes | None]()
        for record in journal:
            step(state, Line(line_number(record.headers), record.timestamp, decode_journal_value(record.value)))
            folded.update(state.take_changes())
        live = {record.key: record.value for record in self.rows if record.partition == partition}
        live.pop(PARTITION_KEY, None)
        folded.pop(PARTITION_KEY, None)
        wanted = {key: value for key, value in folded.items() if value is not None}
        assert {key: value for key, value in live.items() if value is not None} == wanted, "rows differ from the fold"
