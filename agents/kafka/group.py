"""The consumer group of the workers, as the broker knows it."""

import asyncio
from time import monotonic
from typing import NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    NotCoordinatorForGroupError,
    for_code,
)

from agents.kafka.clients import admin_client
from agents.settings import Settings

COORDINATOR_WITHIN_S = 15.0
RETRY_S = 0.2
ON_ITS_WAY = (GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError)
"""A broker that has just started or moved a group answers so, and knows better a moment later."""


class Member(NamedTuple):
    """A member of a group: the name of its client, and the topics it reads (none while it joins)."""

    client_id: str
    topics: frozenset[str]


async def members_of(settings: Settings, group: str = "", *, must_know: bool = False) -> list[Member]:
    """The members of a group (default: ours), by client id; one that was killed is a member until its session ends.

    None where we may not ask; GroupAuthorizationFailedError there, if somebody must know.
    """
    deadline_s = monotonic() + COORDINATOR_WITHIN_S
    async with admin_client(settings) as admin:
        while True:
            try:
                (answer,) = await admin.describe_consumer_groups([group or settings.group])
                return sorted(_member(member) for found in answer.groups for member in _members(found))
            except GroupAuthorizationFailedError:
                if must_know:
                    raise
                return []
            except ON_ITS_WAY:  # a new cluster is still making the topic of its groups, or loads it
                if monotonic() > deadline_s:
                    raise
                await asyncio.sleep(RETRY_S)


def _members(found: tuple[object, ...]) -> list[tuple[object, ...]]:
    code, *_, members = found[:6]
    if code:
        raise for_code(code)
    return members  # type: ignore[return-value]  # aiokafka has no types


def _member(member: tuple[object, ...]) -> Member:
    _, client_id, _, metadata, *_ = member
    topics = ConsumerProtocolMemberMetadata.decode(metadata).subscription if metadata else ()
    return Member(str(client_id), frozenset(topics))


async def coordinator_of(admin: AIOKafkaAdminClient, group: str) -> int:
    """The broker that keeps a group. A new cluster, which is still making the topic of its groups, is waited for."""
    deadline_s = monotonic() + COORDINATOR_WITHIN_S
    while True:
        try:
            return int(await admin.find_coordinator(group))
        except ON_ITS_WAY:
            if monotonic() > deadline_s:
                raise
            await asyncio.sleep(RETRY_S)
