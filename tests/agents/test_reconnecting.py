"""A broker that is away is waited for: with a pause after each look that failed, and whenever the connection breaks."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from time import monotonic
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError

from agents.kafka.clients import writer
from agents.kafka.private import RECONNECT_S, client_of, transports_of
from agents.kafka.transactions import Outbox, Transactions
from agents.settings import Settings
from deploy.embedded import EmbeddedKafka
from tests.kafka_fixtures import create_topics, read_to_end

pytestmark = [pytest.mark.broker]

LOOKS = 5


@pytest.mark.timeout(120)
async def test_a_producer_does_not_look_for_a_broker_that_is_away_without_a_pause(
    own_kafka: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed_s: list[float] = []
    enough = asyncio.Event()
    look = AIOKafkaClient._metadata_update

    async def noted(self: Any, cluster: Any, topics: Any) -> bool:
        is_found: bool = await look(self, cluster, topics)
        if not is_found:
            failed_s.append(monotonic())
            if len(failed_s) == LOOKS:
                enough.set()
        return is_found

    monkeypatch.setattr(AIOKafkaClient, "_metadata_update", noted)
    await create_topics(own_kafka.bootstrap, {"away": 1})
    producer = Transactions("away", Settings(broker=own_kafka.bootstrap, client_id="test"))
    await producer.start()
    outbox = Outbox()
    outbox.put("away", 0, b"k", b"v")
    await producer.write(outbox)
    await asyncio.to_thread(own_kafka.stop)
    writing = asyncio.create_task(producer.write(outbox))
    await asyncio.wait_for(enough.wait(), 60)
    writing.cancel()
    await asyncio.wait([writing])
    # A timer may be a little early by this clock.
    assert min(later - earlier for earlier, later in pairwise(failed_s)) > 0.9 * RECONNECT_S
    await asyncio.to_thread(own_kafka.start)  # a producer that has something to send ends only when it is sent
    await producer.stop()


@pytest.mark.timeout(120)
async def test_a_client_that_cannot_end_what_it_does_leaves_no_connection_open(own_kafka: EmbeddedKafka) -> None:
    await create_topics(own_kafka.bootstrap, {"silent": 1})
    async with writer(Settings(broker=own_kafka.bootstrap, client_id="test")) as producer:
        await producer.send_and_wait("silent", b"v")
        await asyncio.to_thread(own_kafka.pause)
        await producer.send("silent", b"never acknowledged")
        transports = transports_of(client_of(producer))
        assert transports
        assert not any(transport.is_closing() for transport in transports)
    await asyncio.to_thread(own_kafka.resume)
    assert all(transport.is_closing() for transport in transports)


async def test_a_connection_that_breaks_while_a_producer_asks_for_its_coordinator_costs_nothing(
    kafka: EmbeddedKafka, kafka_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = AIOKafkaClient.coordinator_lookup
    breaks = 0

    async def broken(self: Any, kind: Any, key: Any) -> Any:
        nonlocal breaks
        if breaks:
            breaks -= 1
            raise KafkaConnectionError("closed")
        return await ask(self, kind, key)

    monkeypatch.setattr(AIOKafkaClient, "coordinator_lookup", broken)
    topic = f"{kafka_prefix}broken"
    await create_topics(kafka.bootstrap, {topic: 1})
    producer = Transactions(f"{kafka_prefix}tx", Settings(broker=kafka.bootstrap, client_id="test"))
    breaks = 1
    await producer.start()
    outbox = Outbox()
    outbox.put(topic, 0, b"k", b"v")
    for _ in range(2):
        assert not breaks
        breaks = 1
        assert producer._producer is not None
        producer._producer._sender._coordinators.clear()
        await producer.write(outbox)
    assert not breaks
    assert [record.value for record in await read_to_end(kafka.bootstrap, topic)] == [b"v", b"v"]
    await producer.stop()
