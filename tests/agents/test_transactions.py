"""The outbox and its batches: no record is dropped, whatever does not fit into one batch goes into the next."""

from __future__ import annotations

import asyncio
import gc
import logging
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError, ProducerFenced
from aiokafka.producer.message_accumulator import BatchBuilder

from agents.kafka.transactions import Outbox, Transactions
from agents.settings import Settings
from deploy.embedded import EmbeddedKafka
from tests.kafka_fixtures import create_topics, read_to_end

BATCH_BYTES = 1000


def batches_of(outbox: Outbox) -> list[BatchBuilder]:
    producer = SimpleNamespace(create_batch=lambda: BatchBuilder(BATCH_BYTES, 0, is_transactional=1))
    (records,) = outbox.records.values()
    return list(Transactions._batches(cast(Any, producer), records))


def test_what_does_not_fit_goes_into_another_batch() -> None:
    outbox = Outbox()
    for number in range(100):
        outbox.put("t", 0, b"key", b"%03d" % number * 30)
    batches = batches_of(outbox)
    assert len(batches) > 5
    assert sum(batch.record_count() for batch in batches) == 100
    assert all(batch.closed() for batch in batches)


def test_a_record_larger_than_a_batch_has_one_to_itself() -> None:
    outbox = Outbox()
    for size in (10, 5000, 10):
        outbox.put("t", 0, b"key", b"x" * size)
    assert [batch.record_count() for batch in batches_of(outbox)] == [1, 1, 1]


def transactions(kafka: EmbeddedKafka, prefix: str) -> Transactions:
    return Transactions(f"{prefix}tx", Settings(broker=kafka.bootstrap, client_id="test"))


def forget_what_aiokafka_left() -> None:
    """Let go of its futures that nobody can ask, without a word of theirs."""
    logging.disable()
    gc.collect()
    logging.disable(logging.NOTSET)


@pytest.mark.broker
async def test_a_refused_batch_leaves_nothing_of_the_transaction(kafka: EmbeddedKafka, kafka_prefix: str) -> None:
    fits, refuses = f"{kafka_prefix}fits", f"{kafka_prefix}refuses"
    await create_topics(kafka.bootstrap, {fits: 1})
    await create_topics(kafka.bootstrap, {refuses: 1}, {"max.message.bytes": "1000"})
    first = transactions(kafka, kafka_prefix)
    await first.start()
    outbox = Outbox()
    outbox.put(fits, 0, b"k", b"small")
    outbox.put(refuses, 0, b"k", b"x" * 5000)
    with pytest.raises(MessageSizeTooLargeError):
        await first.write(outbox)
    second = transactions(kafka, kafka_prefix)
    await second.start()
    assert await read_to_end(kafka.bootstrap, [fits, refuses]) == []
    await first.stop()
    await second.stop()


@pytest.mark.broker
async def test_the_earlier_owner_of_a_partition_is_fenced(kafka: EmbeddedKafka, kafka_prefix: str) -> None:
    topic = f"{kafka_prefix}fenced"
    await create_topics(kafka.bootstrap, {topic: 1})
    earlier, later = transactions(kafka, kafka_prefix), transactions(kafka, kafka_prefix)
    outbox = Outbox()
    outbox.put(topic, 0, b"k", b"kept")
    await earlier.start()
    await earlier.write(outbox)
    await later.start()
    with pytest.raises(ProducerFenced):
        await earlier.write(outbox)
    await later.write(outbox)
    assert [record.value for record in await read_to_end(kafka.bootstrap, topic)] == [b"kept", b"kept"]
    await earlier.stop()
    await later.stop()
    del earlier
    forget_what_aiokafka_left()


@pytest.mark.broker
async def test_a_producer_that_is_fenced_while_it_still_sends_says_so(
    kafka: EmbeddedKafka, kafka_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = f"{kafka_prefix}fenced-midway"
    await create_topics(kafka.bootstrap, {topic: 2})
    earlier, later = transactions(kafka, kafka_prefix), transactions(kafka, kafka_prefix)
    outbox = Outbox()
    outbox.put(topic, 0, b"k", b"first")
    outbox.put(topic, 1, b"k", b"second")
    await earlier.start()
    await later.start()
    send = AIOKafkaProducer.send_batch

    async def and_is_answered(*args: Any, **options: Any) -> Any:
        sent = await send(*args, **options)
        await asyncio.wait([sent])
        return sent

    monkeypatch.setattr(AIOKafkaProducer, "send_batch", and_is_answered)
    with pytest.raises(ProducerFenced):
        await earlier.write(outbox)
    assert await read_to_end(kafka.bootstrap, topic) == []
    await earlier.stop()
    await later.stop()
    del earlier
    forget_what_aiokafka_left()


def test_aiokafka_still_has_what_is_used() -> None:
    assert callable(AIOKafkaProducer.create_batch)
    assert callable(AIOKafkaProducer.send_batch)
    assert callable(AIOKafkaConsumer.seek)
