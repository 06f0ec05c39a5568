"""Requests of Kafka's protocol that aiokafka 0.14.0 has not, or not so: rights, and what this client may do.

CreateAcls and DeleteAcls take many entries at once here; Metadata of version 8 tells the rights to each topic (KIP-430)
and makes no topic that is asked for by name. Schemas: https://kafka.apache.org/protocol.html.
"""

from collections.abc import Sequence
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest_v1, DeleteAclsRequest_v1, DescribeGroupsResponse_v3
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String

from agents.kafka.private import client_of

Entry = tuple[Any, ...]


class CreateAcls(Request[CreateAclsRequest_v1]):  # type: ignore[misc] # aiokafka has no types
    """Give rights: (resource type, name, pattern type, principal, host, operation, permission)."""

    API_KEY = 30

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = list(entries)

    def build(self, request_struct_class: Any) -> Any:
        """The request as it goes out."""
        return request_struct_class(self._entries)


class DeleteAcls(Request[DeleteAclsRequest_v1]):  # type: ignore[misc] # aiokafka has no types
    """Take rights: the same entries, as filters that match exactly one each."""

    API_KEY = 31

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = list(entries)

    def build(self, request_struct_class: Any) -> Any:
        """The request as it goes out."""
        return request_struct_class(self._entries)


class MetadataResponse_v8(Response):  # type: ignore[misc] # noqa: N801 - aiokafka has no types, and names versions so
    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            Array(("node_id", Int32), ("host", String("utf-8")), ("port", Int32), ("rack", String("utf-8"))),
        ),
        ("cluster_id", String("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", String("utf-8")),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
        ("cluster_authorized_operations", Int32),
    )


class MetadataRequest_v8(RequestStruct):  # type: ignore[misc] # noqa: N801 - aiokafka has no types, and names versions so
    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = MetadataResponse_v8
    SCHEMA = Schema(
        ("topics", Array(String("utf-8"))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class TopicsWithRights(Request[MetadataRequest_v8]):  # type: ignore[misc] # aiokafka has no types
    """These topics, and what this client may do with them; a bit for each of Kafka's operations."""

    API_KEY = 3

    def __init__(self, topics: Sequence[str]) -> None:
        self._topics = list(topics)

    def build(self, request_struct_class: Any) -> Any:
        """The request as it goes out."""
        return request_struct_class(self._topics, False, False, True)


class DescribeGroupsRequestV3(RequestStruct):  # type: ignore[misc] # aiokafka has no types
    """As aiokafka's own, which reads the answer by the schema of version 2, without the rights."""

    API_KEY = 15
    API_VERSION = 3
    RESPONSE_TYPE = DescribeGroupsResponse_v3
    SCHEMA = Schema(("groups", Array(String("utf-8"))), ("include_authorized_operations", Boolean))


class GroupWithRights(Request[DescribeGroupsRequestV3]):  # type: ignore[misc] # aiokafka has no types
    """A group, and what this client may do with it; asked of its coordinator."""

    API_KEY = 15

    def __init__(self, group: str) -> None:
        self._group = group

    def build(self, request_struct_class: Any) -> Any:
        """The request as it goes out."""
        return request_struct_class([self._group], True)


async def ask(admin: AIOKafkaAdminClient, request: Any, node: int | None = None) -> Any:
    """Send to this broker, or to any, which passes on what only the controller may do."""
    client = client_of(admin)
    return await client.send(client.get_random_node() if node is None else node, request)
