"""All that leans on private parts of aiokafka 0.14.0, apart from what Faust's consumer needs.

    AIOKafkaClient._metadata_update, coordinator_lookup   a broker that is away is waited for, with pauses
    AIOKafkaConsumer._client                              the client of a consumer, which is to be patient too
    AIOKafkaClient.fetch_all_metadata                     the broker is asked anew what partitions there are
    AIOKafkaProducer._txn_manager                         a partition joins a transaction without a record

The worker's private parts are in agents/worker/faust_private.py; commands need these without Faust. The first test to
fail when they change is tests/agents/test_faust_private.py.
"""

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError, NodeNotReadyError

RECONNECT_S = 0.2


def be_patient(client: Any) -> None:
    """Let a client of aiokafka wait for a broker that is away.

    By itself it looks again at once for as long as there is something to send or fetch: that costs most of a core, and
    meets a broker that comes back with a storm. And a producer dies for good if its connection breaks while it asks who
    coordinates it, where it asks again if there is no connection in the first place.
    """
    look, ask = client._metadata_update, client.coordinator_lookup

    async def look_or_rest(cluster: Any, topics: Any) -> bool:
        is_found: bool = await look(cluster, topics)
        if not is_found:
            await asyncio.sleep(RECONNECT_S)
        return is_found

    async def ask_again(coordinator_type: Any, coordinator_key: Any) -> Any:
        try:
            return await ask(coordinator_type, coordinator_key)
        except KafkaConnectionError as error:
            raise NodeNotReadyError(str(error)) from error

    client._metadata_update, client.coordinator_lookup = look_or_rest, ask_again


def be_patient_reader(consumer: AIOKafkaConsumer) -> None:
    """The same for a consumer's client."""
    be_patient(consumer._client)


async def partitions_now(consumer: AIOKafkaConsumer, topic: str) -> list[int]:
    """The partitions that a topic has by now, none where there is no such topic. What a consumer knows may be old."""
    metadata = await consumer._client.fetch_all_metadata()
    return sorted(metadata.partitions_for_topic(topic) or ())


def join_transaction(producer: AIOKafkaProducer, partition: TopicPartition) -> None:
    """Make a partition part of the open transaction without writing to it."""
    producer._txn_manager.maybe_add_partition_to_txn(partition)
