"""Rights at a real broker: give and take them (the embedded Kafka, tests), and ask for one's own.

A broker tells each client what that client may do with a topic or group (KIP-430), so that `missing_rights` needs no
right to read ACLs. For transactional ids there is no such question: of a prefix, a producer of a name that no worker
has is started and stopped, which fences nobody; of a single one, its coordinator is asked for, which Write allows too.
"""

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import CoordinationType
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, TransactionalIdAuthorizationFailed, for_code

from agents.errors import UserError
from agents.kafka.clients import admin_client, new_producer, run_with_broker
from agents.kafka.group import COORDINATOR_WITHIN_S, ON_ITS_WAY, RETRY_S, coordinator_of
from agents.kafka.private import client_of
from agents.kafka.refusals import who
from agents.kafka.rights import Right, Role, rights_of
from agents.kafka.wire import CreateAcls, DeleteAcls, GroupWithRights, TopicsWithRights, ask
from agents.settings import Settings

# Kafka's numbers: AclOperation, ResourceType, PatternType, AclPermissionType.
_OPERATIONS: Final = {"Read": 3, "Write": 4, "Create": 5, "Describe": 8, "DescribeConfigs": 10, "AlterConfigs": 11}
_RESOURCES: Final = {"topic": 2, "group": 3, "transactional-id": 5}
_LITERAL, _PREFIXED = 3, 4
_ALLOW: Final = 3
_UNSEEN: Final = 1 << 5 | 1 << 10 | 1 << 11
_TOPIC_REFUSED: Final = 29
_UNKNOWN_TOPIC: Final = 3


async def give(admin: AIOKafkaAdminClient, principal: str, rights: Sequence[Right]) -> None:
    """Give rights to a principal; one that it has already stays. UserError where the broker refuses."""
    answer = await ask(admin, CreateAcls([_entry(principal, right) for right in rights]))
    for code, words in answer.creation_responses:
        if code:
            raise UserError(f"The broker would not give rights to {principal} ({words or for_code(code).description}).")


async def take(admin: AIOKafkaAdminClient, principal: str, rights: Sequence[Right]) -> None:
    """Take rights from a principal."""
    answer = await ask(admin, DeleteAcls([_entry(principal, right) for right in rights]))
    for code, words, _ in answer.filter_responses:
        if code:
            raise UserError(f"The broker would not take rights of {principal} ({words or for_code(code).description}).")


def _entry(principal: str, right: Right) -> tuple[Any, ...]:
    pattern = _PREFIXED if right.is_prefix else _LITERAL
    operation = _OPERATIONS[right.operation]
    return (_RESOURCES[right.resource], right.name, pattern, principal, "*", operation, _ALLOW)


def missing_rights(settings: Settings, role: Role, topic: str | None = None) -> list[Right]:
    """What this login lacks of what the role needs, in the role's order."""

    async def asked() -> list[Right]:
        wanted = rights_of(role, settings, topic)
        async with admin_client(settings) as admin:
            lacking = await _lacking_topics(admin, wanted)
            lacking |= await _lacking_groups(admin, wanted)
        lacking |= await _lacking_transactions(settings, wanted)
        return [right for right in wanted if right in lacking]

    return run_with_broker(settings, asked)


def lacks(settings: Settings, role: Role, rights: Sequence[Right]) -> UserError:
    """The sentence for a role that cannot do its job: the first right that is missing, by name."""
    more = f" (and {len(rights) - 1} more)" if len(rights) > 1 else ""
    named = f" --principal User:{settings.sasl_username}" if settings.sasl_username else " --principal User:NAME"
    return UserError(
        f"The Kafka at {settings.broker} does not give {who(settings)} the right to {rights[0]}{more}, which the role "
        f"{role} needs; `dueclock acls --role {role}{named}` prints all that it needs."
    )


async def _lacking_topics(admin: AIOKafkaAdminClient, wanted: Sequence[Right]) -> set[Right]:
    topics = sorted({right.name for right in wanted if right.resource == "topic"})
    if not topics:
        return set()
    may: dict[str, int] = {}
    for code, name, _, _, operations in (await ask(admin, TopicsWithRights(topics))).topics:
        if code == _UNKNOWN_TOPIC:
            continue  # nothing can be said of a topic that is not there; `topics check` says that it is missing
        # Of a topic that we may not see, no more is known than that all rights are missing that would show it.
        may[name] = _UNSEEN if code == _TOPIC_REFUSED else operations
    return {
        right
        for right in wanted
        if right.resource == "topic" and right.name in may and not may[right.name] >> _OPERATIONS[right.operation] & 1
    }


async def _told(admin: AIOKafkaAdminClient, group: str) -> Any:
    """What the coordinator says of a group; one that is still loading is waited for."""
    deadline_s = monotonic() + COORDINATOR_WITHIN_S
    while True:
        answer = await ask(admin, GroupWithRights(group), await coordinator_of(admin, group))
        if not any(for_code(of[0]).retriable for of in answer.groups) or monotonic() > deadline_s:
            return answer
        await asyncio.sleep(RETRY_S)


async def _lacking_groups(admin: AIOKafkaAdminClient, wanted: Sequence[Right]) -> set[Right]:
    lacking: set[Right] = set()
    for right in wanted:
        if right.resource != "group":
            continue
        name = right.name + "-doctor" if right.is_prefix else right.name
        try:
            answer = await _told(admin, name)
        except GroupAuthorizationFailedError:
            lacking.add(right)
            continue
        ((code, _, _, _, _, _, operations),) = answer.groups
        if code == GroupAuthorizationFailedError.errno or (
            not code and not operations >> _OPERATIONS[right.operation] & 1
        ):
            lacking.add(right)
        elif code:  # a coordinator that is still loading says nothing of rights
            raise for_code(code)(f"the group {name}")
    return lacking


async def _lacking_transactions(settings: Settings, wanted: Sequence[Right]) -> set[Right]:
    lacking: set[Right] = set()
    for right in wanted:
        if right.resource != "transactional-id":
            continue
        # One that is not a prefix is somebody's: starting it would fence them.
        asked = _is_found(settings, right.name) if not right.is_prefix else _starts(settings, f"{right.name}doctor")
        if not await asked:
            lacking.add(right)
    return lacking


async def _starts(settings: Settings, name: str) -> bool:
    """Whether we may write by a transactional id."""
    producer = new_producer(settings, transactional_id=name)
    try:
        await producer.start()
    except TransactionalIdAuthorizationFailed:
        return False
    except KafkaError as error:
        if "TRANSACTIONAL_ID_AUTHORIZATION" not in str(error).upper():
            raise
        return False
    finally:
        await producer.stop()
    return True


async def _is_found(settings: Settings, name: str) -> bool:
    """Whether we may see a transactional id, as whoever writes by it may."""
    deadline_s = monotonic() + COORDINATOR_WITHIN_S
    async with admin_client(settings) as admin:
        while True:
            try:
                await client_of(admin).coordinator_lookup(CoordinationType.TRANSACTION, name)
            except TransactionalIdAuthorizationFailed:
                return False
            except ON_ITS_WAY:  # a new cluster is still making the topic of its transactions
                if monotonic() > deadline_s:
                    raise
                await asyncio.sleep(RETRY_S)
            else:
                return True
