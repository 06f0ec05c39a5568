"""A transaction that a broker ended without saying so in one partition: `rebuild` ends it there, then looks.

Kafka does that by a fault of its own; here the producer leaves a partition out of the transaction that it writes to,
on a broker that does not check. What then stands on the disk is the same: records of a transaction without its end.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import TopicPartition

from agents.desk.hanging import hanging
from agents.kafka.rights import redrive_id
from agents.kafka.topics import create_topics
from agents.kafka.transactions import Outbox, Transactions
from agents.settings import Settings
from deploy.embedded import EmbeddedKafka
from schemas.dead_letters import HEADER_REDRIVEN
from schemas.registry import Logical
from tests.audit.history import BREACH, HOME, PARTITIONS, History
from tests.cli.command import Ended, dueclock
from tests.kafka_fixtures import Outgoing, read_to_end
from tests.secured.observed import BRIEF

pytestmark = [pytest.mark.broker, pytest.mark.chaos, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def loose_kafka() -> Iterator[EmbeddedKafka]:
    """A broker that takes records of a transaction for a partition that is no part of it."""
    with EmbeddedKafka(settings={"transaction.partition.verification.enable": "false"}, options=BRIEF) as broker:
        yield broker


@pytest.fixture
def settings(loose_kafka: EmbeddedKafka, kafka_prefix: str) -> Settings:
    settings = Settings(
        broker=loose_kafka.bootstrap, topic_prefix=kafka_prefix, group=f"{kafka_prefix}group", partitions=PARTITIONS
    )
    create_topics(settings)
    return settings


def leave_hanging(settings: Settings, records: list[Outgoing], *topics: Logical) -> None:
    """Write these records as one transaction of the partition's owner; in these topics it gets no end."""

    async def run() -> None:
        owner = Transactions(f"{settings.topic('sla-journal')}-{HOME}", settings.changed(client_id="owner"))
        await owner.start()
        producer = owner._producer
        assert producer is not None
        begin = producer.begin_transaction

        async def begin_with_some_left_out() -> None:
            await begin()
            left_out = [TopicPartition(settings.topic(topic), HOME) for topic in topics]
            producer._txn_manager._txn_partitions.update(left_out)  # it takes them for added

        producer.begin_transaction = begin_with_some_left_out
        outbox = Outbox()
        for record in records:
            headers = list(record.headers)
            outbox.put(record.topic, HOME, record.key, record.value, headers=headers, at_ms=record.timestamp_ms)
        await owner.write(outbox)
        await owner.stop()

    asyncio.run(run())
    assert asyncio.run(hanging(settings, HOME)) is not None, "the transaction has an end everywhere"


def rebuild(settings: Settings, folder: Path, *arguments: str) -> Ended:
    names = ["--broker", settings.broker, "--topic-prefix", settings.topic_prefix, "--group", settings.group]
    return dueclock("rebuild", "--json", *names, *arguments, folder=folder)


def audited(settings: Settings, folder: Path) -> Ended:
    return dueclock("audit", "--broker", settings.broker, "--topic-prefix", settings.topic_prefix, folder=folder)


@pytest.mark.parametrize("topic", ["sla-breach", "sla-journal"])
def test_what_hangs_is_committed_where_the_rest_of_its_transaction_is(
    settings: Settings, tmp_path: Path, topic: Logical
) -> None:
    history = History().tell(BREACH)
    events = history.event_records(settings)
    leave_hanging(settings, history.journal_records(settings) + events, topic)
    looked = rebuild(settings, tmp_path, "--dry-run")
    assert (looked.status, "never ended a transaction" in looked.out) == (1, True), looked
    done = rebuild(settings, tmp_path)
    assert done.status == 0, done
    said = json.loads(done.out)["partitions"][HOME]
    assert (said["ended"], said["sent"], said["lines"]) == (1, {}, len(history.lines))
    assert audited(settings, tmp_path).status == 0
    sent = asyncio.run(read_to_end(settings.broker, sorted({event.topic for event in events})))
    assert len(sent) == len(events)


def test_what_hangs_is_aborted_where_nothing_of_its_transaction_is_committed(
    settings: Settings, tmp_path: Path
) -> None:
    history = History().tell(BREACH)
    unrelated = [(name, b"0") for name in ("dl_topic", "dl_partition", "dl_offset")]
    letter = Outgoing(settings.topic("dead-letter"), b"of no input topic", headers=tuple(unrelated))
    records = [*history.journal_records(settings), letter]
    leave_hanging(settings, records, "sla-journal")
    done = rebuild(settings, tmp_path)
    assert done.status == 0, done
    assert json.loads(done.out)["partitions"][HOME]["ended"] == 1
    assert asyncio.run(hanging(settings, HOME)) is None
    assert asyncio.run(read_to_end(settings.broker, settings.topic("sla-journal"))) == []


def test_a_redrive_that_is_under_way_or_was_broken_off_hangs_nothing(settings: Settings, tmp_path: Path) -> None:
    """It marks letters in a transaction of its own, which ends by itself; a rebuild goes on beside it."""
    history = History().tell(BREACH)
    records = [*history.journal_records(settings), *history.event_records(settings)]

    async def run() -> None:
        owner = Transactions(f"{settings.topic('sla-journal')}-{HOME}", settings)
        outbox = Outbox()
        for record in records:
            headers = list(record.headers)
            outbox.put(record.topic, HOME, record.key, record.value, headers=headers, at_ms=record.timestamp_ms)
        await owner.start()
        await owner.write(outbox)
        await owner.stop()
        redrive = Transactions(redrive_id(settings), settings)
        await redrive.start()
        producer = redrive._producer
        assert producer is not None
        await producer.begin_transaction()
        mark = [(HEADER_REDRIVEN, b"0")]
        await producer.send_and_wait(settings.topic("dead-letter"), None, key=b"a letter", partition=HOME, headers=mark)
        assert await hanging(settings, HOME) is None
        await redrive.stop()

    asyncio.run(run())
    done = rebuild(settings, tmp_path)
    assert done.status == 0, done
    assert audited(settings, tmp_path).status == 0
