"""Each role does its whole job with exactly its rights, and what it has no right to is refused by the broker."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from agents.kafka.embedded import settings_file
from agents.kafka.rights import INPUTS
from agents.topic_roles import JOURNAL, OUTPUTS
from tests.broker.harness import MARKETPLACE, question, seller_on
from tests.cli.command import Ended, dueclock
from tests.kafka_fixtures import eventually_now
from tests.secured.conftest import PARTITIONS, Secured, run
from tests.secured.workers import ask, read, send, working

SELLER = seller_on(0, PARTITIONS)
KEY = f"{SELLER}/{MARKETPLACE}".encode()
pytestmark = pytest.mark.broker


def command(secured: Secured, role: str, *arguments: str) -> Ended:
    file = settings_file(secured.settings, role)
    return dueclock("--settings", file, *arguments, folder=Path(secured.settings.state_dir))


@pytest.mark.timeout(180)
def test_each_role_does_its_whole_job_with_exactly_its_rights(secured: Secured) -> None:
    folder = Path(secured.settings.state_dir)
    file = settings_file(secured.settings, "worker")
    with working("worker", file, folder, {"DUECLOCK_BIND_TYPES": "true"}):
        ask(secured.of("producer"), SELLER, "q1")
        told = run(lambda: read(secured.of("subscriber"), OUTPUTS, group="dueclock-subscriber-1", wanted=[b"T-q1"]))
        assert b"clock.opened" in told[b"T-q1"]
        elsewhere = question(SELLER, "q2").value("q2")
        run(lambda: send(secured.of("producer"), "seller-account", elsewhere, KEY))

        def letters() -> str:
            return command(secured, "auditor", "deadletter", "list").out

        eventually_now(lambda: "wrong_topic" in letters(), letters, within_s=30)
        said = command(secured, "operator", "deadletter", "redrive", "--reason", "wrong_topic", "--yes")
        assert said.out == "1 dead letters sent to where they came from.\n", said
    for arguments in (["topics", "check"], ["audit"], ["clocks"], ["journal", "export"]):
        done = command(secured, "auditor", *arguments)
        assert done.status == 0, (arguments, done)
    rebuilt = command(secured, "operator", "rebuild")
    assert rebuilt.status == 0, rebuilt
    for words in ("topics check", "topics create --partitions 2"):
        assert command(secured, "administrator", *words.split()).status == 0


def test_a_subscriber_writes_nothing_a_producer_reads_no_journal_an_auditor_writes_nothing(secured: Secured) -> None:
    for role, topics in (("subscriber", (*INPUTS, *OUTPUTS)), ("auditor", (*INPUTS, *OUTPUTS, JOURNAL))):
        for topic in topics:
            with pytest.raises(TopicAuthorizationFailedError):
                run(lambda role=role, topic=topic: send(secured.of(role), topic, b"{}", KEY))  # type: ignore[misc] # bound now
    with pytest.raises(KafkaError):
        run(lambda: read(secured.of("producer"), [JOURNAL], group="dueclock-subscriber-2", wanted=[b"{"]))
