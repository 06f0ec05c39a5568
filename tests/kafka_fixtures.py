"""A real broker for every test that asks for one, and the few things tests do with it.

`kafka` is one EmbeddedKafka for the whole session, started when the first test asks. It ends with pytest, however
pytest ends. Tests share it: each takes its topic, group and transaction names from `kafka_prefix`, and a test that
stops, kills or pauses a broker takes `own_kafka`, which is its alone. The functions are coroutines; a plain test calls
them through `asyncio.run`.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code

from agents.kafka.private import partitions_now
from deploy.embedded import EmbeddedKafka, status
from tests.secured.observed import new_kafka

_counter = itertools.count(1)
_session = uuid4().hex[:6]


@pytest.fixture(scope="session")
def kafka() -> Iterator[EmbeddedKafka]:
    """The broker that all tests share. `kafka.bootstrap` is its address."""
    yield from _broker()


@pytest.fixture
def own_kafka() -> Iterator[EmbeddedKafka]:
    """A broker for one test, to stop, kill, pause and start again."""
    yield from _broker()


def _broker() -> Iterator[EmbeddedKafka]:
    """A broker that is killed in the end: nobody wants what it has, and to lay down thousands of topics takes long."""
    with new_kafka() as broker:
        yield broker
        if status(broker.folder).is_running:
            broker.kill()


@pytest.fixture
def kafka_prefix() -> str:
    """Begins the names of one test's topics, groups and transactions; no other test has it."""
    return f"t{_session}-{next(_counter)}-"


class Outgoing(NamedTuple):
    """A record to produce. No partition: by the key, as Kafka's clients do it."""

    topic: str
    value: bytes | None
    key: bytes | None = None
    partition: int | None = None
    timestamp_ms: int | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


async def create_topics(bootstrap: str, topics: Mapping[str, int], config: Mapping[str, str] | None = None) -> None:
    """Create topics (name: partitions), all with the same settings, and wait until each partition has a leader."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        wanted = [NewTopic(name, count, 1, topic_configs=dict(config or {})) for name, count in topics.items()]
        response = await admin.create_topics(wanted)
        for name, code, *words in response.topic_errors:
            if code:
                raise for_code(code)(f"{name}: {words}")

        async def has_leaders() -> bool:
            described = await admin.describe_topics(list(topics))
            partitions = {topic["topic"]: topic["partitions"] for topic in described}
            return all(
                len(partitions.get(name, ())) == count
                and all(partition["leader"] >= 0 for partition in partitions[name])
                for name, count in topics.items()
            )

        await eventually(has_leaders, f"leaders for all partitions of {', '.join(topics)}")
    finally:
        await admin.close()


async def topic_config(bootstrap: str, topic: str) -> dict[str, str]:
    """The settings of a topic as the broker sees them."""
    from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        (response,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        ((code, message, _, _, entries),) = response.resources
        if code:
            raise for_code(code)(message)
        return {entry[0]: entry[1] for entry in entries}
    finally:
        await admin.close()


async def produce(bootstrap: str, records: Iterable[Outgoing]) -> list[int]:
    """Produce the records, all acknowledged, and return their offsets in the same order."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True, linger_ms=5)
    try:
        await producer.start()
        sent = [
            await producer.send(
                record.topic,
                record.value,
                key=record.key,
                partition=record.partition,
                timestamp_ms=record.timestamp_ms,
                headers=list(record.headers),
            )
            for record in records
        ]
        return [(await one).offset for one in sent]
    finally:
        await producer.stop()


async def read_to_end(
    bootstrap: str, topics: str | Sequence[str], *, isolation_level: str = "read_committed", within_s: float = 30.0
) -> list[Any]:
    """All records that stand in all partitions of the topics now, ordered by topic, partition and offset."""
    names = [topics] if isinstance(topics, str) else list(topics)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level=isolation_level,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=50,
    )
    await consumer.start()
    try:
        partitions = await _partitions(consumer, names)
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning(*partitions)
        records: list[Any] = []
        deadline = time.monotonic() + within_s
        left = partitions
        while left := [partition for partition in left if await consumer.position(partition) < ends[partition]]:
            assert time.monotonic() < deadline, f"not read to the end within {within_s} s: {left}, wanted {ends}"
            for some in (await consumer.getmany(timeout_ms=200)).values():
                records.extend(
                    record for record in some if record.offset < ends[TopicPartition(record.topic, record.partition)]
                )
        return sorted(records, key=lambda record: (names.index(record.topic), record.partition, record.offset))
    finally:
        await consumer.stop()


async def _partitions(consumer: AIOKafkaConsumer, topics: Sequence[str]) -> list[TopicPartition]:
    """All partitions of these topics. Asked for by name: the broker of all tests comes to have thousands of topics."""
    found: dict[str, int] = {}

    async def are_known() -> bool:
        found.update(await partitions_now(consumer, topics))
        return len(found) == len(set(topics))

    await eventually(are_known, lambda: f"the topics {sorted(set(topics) - set(found))}")
    return [TopicPartition(topic, number) for topic in topics for number in range(found[topic])]


async def eventually(
    condition: Callable[[], bool | Awaitable[bool]], missing: str | Callable[[], str], *, within_s: float = 20.0
) -> None:
    """Wait until the condition holds; fail with what was missing when it does not within the time."""
    deadline = time.monotonic() + within_s
    while True:
        asked_s = time.monotonic()
        holds: Any = condition()
        if inspect.isawaitable(holds):
            holds = await holds
        if holds:
            return
        if time.monotonic() > deadline:
            pytest.fail(f"after {within_s} s still missing: {missing if isinstance(missing, str) else missing()}")
        await asyncio.sleep(pause_s(time.monotonic() - asked_s))


def pause_s(took_s: float) -> float:
    """How long to let be before a condition is looked at again that took so long to look at.

    As long as that: whoever waits takes no more than half of a core from what is waited for.
    """
    return min(0.25, max(0.02, took_s))


def eventually_now(condition: Callable[[], bool], missing: str | Callable[[], str], *, within_s: float = 20.0) -> None:
    """`eventually` for a plain test."""
    asyncio.run(eventually(condition, missing, within_s=within_s))
