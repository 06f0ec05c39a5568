"""What other tests lean on: the shared broker and the functions around it."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import AIOKafkaProducer

from deploy.embedded import EmbeddedKafka
from tests.kafka_fixtures import Outgoing, create_topics, produce, read_to_end, topic_config

pytestmark = pytest.mark.broker


async def test_records_come_back_from_all_partitions_in_order(kafka: EmbeddedKafka, kafka_prefix: str) -> None:
    topic = f"{kafka_prefix}orders"
    await create_topics(kafka.bootstrap, {topic: 3})
    sent = [Outgoing(topic, b"%d" % n, key=b"k%d" % n, partition=n % 3, headers=(("h", b"x"),)) for n in range(9)]
    assert await produce(kafka.bootstrap, sent) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    records = await read_to_end(kafka.bootstrap, topic)
    assert [(r.partition, r.offset, r.value) for r in records] == [
        (p, n, b"%d" % (n * 3 + p)) for p in range(3) for n in range(3)
    ]
    assert records[0].headers == (("h", b"x"),)


async def test_a_topic_has_the_settings_it_was_given(kafka: EmbeddedKafka, kafka_prefix: str) -> None:
    topic = f"{kafka_prefix}stamped"
    await create_topics(kafka.bootstrap, {topic: 1}, {"message.timestamp.type": "LogAppendTime"})
    assert (await topic_config(kafka.bootstrap, topic))["message.timestamp.type"] == "LogAppendTime"


async def test_what_was_aborted_is_not_read(kafka: EmbeddedKafka, kafka_prefix: str) -> None:
    topic = f"{kafka_prefix}transactions"
    await create_topics(kafka.bootstrap, {topic: 1})
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=f"{kafka_prefix}tx")
    await producer.start()
    try:
        async with producer.transaction():
            await producer.send_and_wait(topic, b"kept")
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"dropped")
        await producer.abort_transaction()
    finally:
        await producer.stop()
    assert [r.value for r in await read_to_end(kafka.bootstrap, topic)] == [b"kept"]
    everything = await read_to_end(kafka.bootstrap, topic, isolation_level="read_uncommitted")
    assert [r.value for r in everything] == [b"kept", b"dropped"]


def test_a_plain_test_can_use_the_broker_too(kafka: EmbeddedKafka, kafka_prefix: str) -> None:
    topic = f"{kafka_prefix}plain"

    async def there_and_back() -> list[bytes | None]:
        await create_topics(kafka.bootstrap, {topic: 1})
        await produce(kafka.bootstrap, [Outgoing(topic, b"one")])
        return [record.value for record in await read_to_end(kafka.bootstrap, [topic])]

    assert asyncio.run(there_and_back()) == [b"one"]
