"""What leans on private parts of aiokafka 0.14.0, apart from how it unpacks a fetch and what Faust's consumer needs.

    AIOKafkaClient._metadata_update, coordinator_lookup   a broker that is away is waited for, with pauses
    AIOKafkaClient._security_protocol, _ssl_context,      protocol, certificates and login, as they are when a
      _sasl_..., bootstrap, _get_conn, _conns               connection is made
    AIOKafkaConnection._writer, _protocol                 a connection is cut whose other side does not let go
    AIOKafkaAdminClient._client                           the client of an admin client
    AIOKafkaConsumer._client                              the client of a consumer
    AIOKafkaClient.fetch_all_metadata                     an older broker is asked anew what partitions there are
    AIOKafkaClient.add_topic, cluster                     a consumer learns of many topics by one question
    AIOKafkaProducer._txn_manager, _message_accumulator   a partition joins a transaction without a record; a
                                                            transaction that has failed is given up at once
    aiokafka.protocol, AIOKafkaClient.send                a metadata request that tells the ids of topics

Those two are agents/kafka/fetches.py and agents/worker/faust_private.py; commands need these without Faust. The first
test to fail when they change is tests/agents/test_faust_private.py.
"""

import asyncio
import itertools
import random
from collections.abc import Iterable
from io import BytesIO
from typing import Any, ClassVar, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import ConnectionGroup
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import (
    IllegalOperation,
    KafkaConnectionError,
    KafkaError,
    NodeNotReadyError,
    RequestTimedOutError,
    for_code,
)
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

from agents.kafka.connection import Connection

RECONNECT_S = 0.2
_NO_ERROR, _UNKNOWN_TOPIC, _NO_LEADER, _REFUSED = 0, 3, 5, 29


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


def connect_as(client: Any, connection: Connection) -> None:
    """Let a client make its connections as our settings say, each with what the files hold by then.

    aiokafka keeps one certificate and one password for good; here both are looked up before a connection is made. It
    checks none of this when it is built, so that the same way serves the clients that Faust makes.
    """
    bootstrap, get_connection = client.bootstrap, client._get_conn

    def look_up() -> None:
        login = connection.login()
        client._ssl_context = login.ssl_context
        client._sasl_plain_username, client._sasl_plain_password = login.username, login.password

    async def bootstrap_anew() -> None:
        look_up()
        await bootstrap()

    async def connected(node_id: Any, **how: Any) -> Any:
        known = client._conns.get((node_id, how.get("group", ConnectionGroup.DEFAULT)))
        if known is None or not known.connected():
            look_up()
        return await get_connection(node_id, **how)

    client._security_protocol, client._sasl_mechanism = connection.protocol, connection.mechanism
    client._sasl_oauth_token_provider = connection.tokens
    client._sasl_kerberos_service_name = connection.kerberos_service
    client.bootstrap, client._get_conn = bootstrap_anew, connected


def client_of(user: AIOKafkaConsumer | AIOKafkaProducer | AIOKafkaAdminClient) -> Any:
    """The client through which a consumer, producer or admin client talks."""
    return user._client if isinstance(user, AIOKafkaConsumer | AIOKafkaAdminClient) else user.client


def transports_of(client: Any) -> list[asyncio.WriteTransport]:
    """What the open connections of a client stand on."""
    return [connection._writer.transport for connection in client._conns.values() if connection._writer is not None]


_LEARNS_WITHIN_S = 2.0


async def learn_topics(consumer: AIOKafkaConsumer, names: Iterable[str]) -> None:
    """Let a consumer know where these topics are, by one question for all of them.

    By itself it asks for each topic when it meets it, and rests `retry_backoff_ms` each time before it looks at what it
    was answered. What nobody tells it here, or not soon, it goes on to ask for in that way.
    """
    client = consumer._client
    unknown = sorted({name for name in names if client.cluster.partitions_for_topic(name) is None})
    if unknown:
        await asyncio.wait(
            [asyncio.ensure_future(client.add_topic(name)) for name in unknown], timeout=_LEARNS_WITHIN_S
        )


class TopicNow(NamedTuple):
    """A topic as the broker has it: its id, empty where the broker tells none, and how many partitions."""

    id: bytes
    partitions: int


async def topics_now(user: AIOKafkaConsumer | AIOKafkaProducer, names: Iterable[str]) -> dict[str, TopicNow]:
    """Those of these topics that are there now. KafkaError where the broker does not say.

    A topic that was deleted and made anew has another id (KIP-516). Brokers before Kafka 2.8, and some that only speak
    its protocol, have none.
    """
    found, refused = await _asked_for(client_of(user), list(names))
    for name, code in refused.items():
        raise for_code(code)(name)
    return found


async def partitions_now(user: AIOKafkaConsumer | AIOKafkaProducer, names: Iterable[str]) -> dict[str, int]:
    """How many partitions each of these topics has now: those that are there, and that this login may see."""
    found, refused = await _asked_for(client_of(user), list(names))
    for name, code in refused.items():
        if code != _REFUSED:
            raise for_code(code)(name)
    return {name: topic.partitions for name, topic in found.items() if topic.partitions}


async def _asked_for(client: Any, wanted: list[str]) -> tuple[dict[str, TopicNow], dict[str, int]]:
    """Those that are there, and the codes of those of which the broker says something else than that they are not.

    By name, for a cluster may have thousands; only a broker that does not speak that version is asked for all.
    """
    try:
        answer = await _answer_of_any(client, _TopicsRequest(wanted))
    except NotImplementedError:
        metadata = await client.fetch_all_metadata()
        counts = {name: len(metadata.partitions_for_topic(name) or ()) for name in wanted}
        return {name: TopicNow(b"", count) for name, count in counts.items() if count}, {}
    found: dict[str, TopicNow] = {}
    refused: dict[str, int] = {}
    for code, name, topic_id, _, partitions, *_ in answer.topics:
        if code == _NO_ERROR:
            found[name] = TopicNow(topic_id, len(partitions))
        elif code not in (_UNKNOWN_TOPIC, _NO_LEADER):
            refused[name] = code
    return found, refused


async def _answer_of_any(client: Any, request: Any) -> Any:
    """The answer of one of the brokers: one may be away. KafkaError where none gives it."""
    nodes = [broker.nodeId for broker in client.cluster.brokers()]
    random.shuffle(nodes)
    away: KafkaError = NodeNotReadyError("no broker is known")
    for node in nodes:
        try:
            return await client.send(node, request)
        except (NodeNotReadyError, KafkaConnectionError, RequestTimedOutError) as error:
            away = error
    raise away


class _Uuid:
    """The protocol's 16 bytes."""

    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        return data.read(16)

    @classmethod
    def repr(cls, value: bytes) -> str:
        return value.hex()


class _TopicsResponse(Response):  # type: ignore[misc]  # aiokafka has no types
    API_KEY: ClassVar[int] = 3
    API_VERSION: ClassVar[int] = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("topic", CompactString("utf-8")),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class _TopicsRequestV10(RequestStruct):  # type: ignore[misc]  # as above
    FLEXIBLE_VERSION: ClassVar[bool] = True
    API_KEY: ClassVar[int] = 3
    API_VERSION: ClassVar[int] = 10
    RESPONSE_TYPE = _TopicsResponse
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(("topic_id", _Uuid), ("topic", CompactString("utf-8")), ("tags", TaggedFields)),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_operations", Boolean),
        ("include_topic_operations", Boolean),
        ("tags", TaggedFields),
    )


class _TopicsRequest(Request[_TopicsRequestV10]):  # type: ignore[misc]  # as above
    """Metadata of these topics, in the first version whose answer tells their ids; it creates none."""

    API_KEY: ClassVar[int] = 3

    def __init__(self, names: list[str]) -> None:
        self._names = names

    def build(self, request_struct_class: type[_TopicsRequestV10]) -> _TopicsRequestV10:
        topics: list[tuple[bytes, str, dict[int, bytes]]] = [(bytes(16), name, {}) for name in self._names]
        return request_struct_class(topics, False, False, False, {})


def join_transaction(producer: AIOKafkaProducer, partition: TopicPartition) -> None:
    """Make a partition part of the open transaction without writing to it."""
    producer._txn_manager.maybe_add_partition_to_txn(partition)


def drop_unsent(producer: AIOKafkaProducer) -> None:
    """Give up what waits to be sent: a transaction that has failed brings it nowhere.

    Stopped otherwise, aiokafka tries on until the request's time is over, without a pause where a right is missing.
    """
    waiting = producer._message_accumulator
    batches = [*itertools.chain(*waiting._batches.values()), *waiting._pending_batches]
    waiting.fail_all(IllegalOperation("the transaction was given up"))
    failed = [producer._txn_manager._transaction_waiter]
    for batch in batches:
        failed += [batch.future, batch._drain_waiter]
    for one in failed:  # looked at, or the loop would complain that nobody did
        if one is not None and one.done() and not one.cancelled():
            one.exception()


# --- what a group committed, and single connections -------------------------------------------------------------------


async def committed_note(consumer: AIOKafkaConsumer, partition: TopicPartition) -> str:
    """What the consumer's group committed beside the offset of a partition; empty where it committed nothing.

    `AIOKafkaConsumer.committed` gives the offset alone, what its coordinator was answered has the metadata too.
    """
    found = await consumer._coordinator.fetch_committed_offsets([partition])
    return str(found[partition].metadata) if partition in found else ""


def connection_to(host: str, port: int, client_id: str, connection: Connection, *, within_s: float) -> Any:
    """One connection as our settings say, not made yet."""
    login = connection.login()
    return AIOKafkaConnection(
        host,
        port,
        client_id=client_id,
        request_timeout_ms=int(within_s * 1000),
        ssl_context=login.ssl_context,
        security_protocol=connection.protocol,
        sasl_mechanism=connection.mechanism,
        sasl_plain_username=login.username,
        sasl_plain_password=login.password,
        sasl_oauth_token_provider=connection.tokens,
        sasl_kerberos_service_name=connection.kerberos_service,
    )


async def ended(connection: Any, *, within_s: float) -> None:
    """Close a connection; cut it where the other side does not let go of it in time, as TLS waits for that."""
    protocol = connection._protocol
    if protocol is not None:  # else there was never one
        await asyncio.wait([connection.close()], timeout=within_s)
        if protocol._transport is not None:
            protocol._transport.abort()


async def first_answer(connection: Any) -> Any:
    """Ask for the brokers and no topics: the first thing that a broker answers only to those whom it lets in."""
    return await connection.send(MetadataRequest([]))


def api_versions(connection: Any) -> dict[int, tuple[int, int]]:
    """Which versions of each request the broker at the other end knows, by the request's number."""
    return dict(connection._versions)
