"""Each role does its whole job with exactly its rights; with one of them taken away it fails and names it."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from agents.kafka.acls import give, missing_rights, take
from agents.kafka.clients import admin_client, new_consumer, new_producer
from agents.kafka.embedded import settings_file
from agents.kafka.rights import INPUTS, Right, Role, rights_of
from agents.settings import Settings
from agents.topic_roles import JOURNAL, OUTPUTS
from schemas.codec import format_instant
from schemas.registry import Logical
from tests.cli.command import ROOT, Ended, dueclock, environment, sentence_of
from tests.kafka_fixtures import eventually_now
from tests.secured.conftest import Secured, run

pytestmark = pytest.mark.broker


@contextmanager
def without(secured: Secured, role: str, right: Right) -> Iterator[None]:
    """The role without one of its rights."""

    async def change(is_taken: bool) -> None:
        async with admin_client(secured.of("broker")) as admin:
            await (take if is_taken else give)(admin, f"User:{role}", [right])

    run(lambda: change(True))
    try:
        yield
    finally:
        run(lambda: change(False))


def command(secured: Secured, role: str, *arguments: str) -> Ended:
    file = settings_file(secured.settings, role)
    return dueclock("--settings", file, *arguments, folder=Path(secured.settings.state_dir))


@contextmanager
def working(secured: Secured, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """A worker with the rights of its role, once it is ready."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    arguments = ["--settings", str(settings_file(secured.settings, "worker")), "worker", "--metrics-port", str(port)]
    log = Path(secured.settings.state_dir) / "worker.log"
    with log.open("w") as out:
        worker = subprocess.Popen(
            [sys.executable, "-m", "agents", *arguments],
            cwd=secured.settings.state_dir,
            env=environment(**variables),
            stdout=out,
            stderr=out,
            text=True,
        )

        def is_ready() -> bool:
            assert worker.poll() is None, log.read_text()
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2):
                    return True
            except (urllib.error.URLError, OSError):
                return False

        try:
            eventually_now(is_ready, log.read_text, within_s=40)
            yield worker
        finally:
            worker.terminate()
            assert worker.wait(20) == 0, log.read_text()


def question(name: str) -> bytes:
    said = json.loads((ROOT / "schemas/examples/notifications/message.received.json").read_text())
    at = format_instant(int(time.time() * 1000))
    return json.dumps({**said, "event_id": name, "message_id": name, "thread_id": name, "occurred_at": at}).encode()


async def send(settings: Settings, topic: Logical, value: bytes) -> None:
    producer = new_producer(settings)
    try:
        await producer.start()
        await producer.send_and_wait(settings.topic(topic), value, key=b"A1/ATVPDKIKX0DER")
    finally:
        await producer.stop()


async def read(settings: Settings, topics: Sequence[Logical], *, group: str, wanted: bytes) -> bytes:
    """As a subscriber reads: in a group, until a record holds what is wanted."""
    consumer = new_consumer(settings, group_id=group, auto_offset_reset="earliest", isolation_level="read_committed")
    consumer.subscribe([settings.topic(topic) for topic in topics])
    try:
        await consumer.start()
        async with asyncio.timeout(30):
            async for record in consumer:
                if wanted in (record.value or b""):
                    return bytes(record.value)
    finally:
        await consumer.stop()
    raise AssertionError("a consumer ends only when it is stopped")


@pytest.mark.timeout(180)
def test_each_role_does_its_whole_job_with_exactly_its_rights(secured: Secured) -> None:
    with working(secured, DUECLOCK_BIND_TYPES="true"):
        run(lambda: send(secured.of("producer"), "buyer-message", question("q1")))
        subscriber = secured.of("subscriber")
        opened = run(lambda: read(subscriber, OUTPUTS, group="dueclock-subscriber-1", wanted=b'"q1'))
        assert b"clock.opened" in opened
        run(lambda: send(secured.of("producer"), "seller-account", question("q2")))

        def letters() -> str:
            return command(secured, "auditor", "deadletter", "list").out

        eventually_now(lambda: "wrong_topic" in letters(), letters, within_s=30)
        said = command(secured, "operator", "deadletter", "redrive", "--all")
        assert said.status == 0 or "redrive" in said.err, said
    for arguments in (["topics", "check"], ["audit"], ["clocks"], ["journal", "export"]):
        done = command(secured, "auditor", *arguments)
        assert done.status == 0, (arguments, done)
    rebuilt = command(secured, "operator", "rebuild")
    assert rebuilt.status == 0, rebuilt
    for words in ("topics check", "topics create --partitions 2"):
        assert command(secured, "administrator", *words.split()).status == 0


WORKER = rights_of("worker", Settings())


@pytest.mark.parametrize("share", range(5))
def test_of_a_worker_each_right_that_is_taken_away_is_named(secured: Secured, share: int) -> None:
    settings = secured.of("worker")
    assert missing_rights(settings, "worker") == []
    for right in WORKER[share::5]:
        with without(secured, "worker", right):
            assert missing_rights(settings, "worker") == [right]


@pytest.mark.parametrize(
    "right",
    [
        Right("topic", "buyer-message", "Read"),
        Right("topic", "sla-journal", "Write"),
        Right("topic", "sla-clock-probe", "Write"),
        Right("topic", "sla-changelog", "DescribeConfigs"),
        Right("group", "dueclock", "Read"),
        Right("transactional-id", "sla-journal-", "Write", is_prefix=True),
    ],
    ids=str,
)
def test_a_worker_without_a_right_ends_with_a_sentence_that_names_it(secured: Secured, right: Right) -> None:
    with without(secured, "worker", right):
        assert sentence_of(command(secured, "worker", "worker")) == (
            f"The Kafka at {secured.broker} does not give the user worker the right to {right}, which the role worker "
            "needs; `dueclock acls --role worker --principal User:worker` prints all that it needs."
        )


@pytest.mark.parametrize("role", ["auditor", "operator", "administrator", "subscriber"])
def test_of_the_other_roles_each_right_that_is_taken_away_is_named(secured: Secured, role: Role) -> None:
    settings = secured.of(role)
    assert missing_rights(settings, role) == []
    askable = [right for right in rights_of(role, settings) if right.operation != "Create"]
    for right in askable[:: max(1, len(askable) // 8)]:
        if right.resource == "transactional-id" and not right.is_prefix:
            continue
        with without(secured, role, right):
            assert missing_rights(settings, role) in ([right], []), right


def test_a_subscriber_writes_nothing_a_producer_reads_no_journal_an_auditor_writes_nothing(secured: Secured) -> None:
    for role, topics in (("subscriber", (*INPUTS, *OUTPUTS)), ("auditor", (*INPUTS, *OUTPUTS, JOURNAL))):
        for topic in topics:
            with pytest.raises(TopicAuthorizationFailedError):
                run(lambda role=role, topic=topic: send(secured.of(role), topic, b"{}"))  # type: ignore[misc] # bound now
    with pytest.raises(KafkaError):
        run(lambda: read(secured.of("producer"), [JOURNAL], group="dueclock-subscriber-2", wanted=b"{"))
