"""Rights as the commands and files of those who give them: Kafka's own tool, Strimzi, Redpanda, Confluent.

One command a resource; a right that is there already is no error to any of them. The formats of Strimzi, rpk and the
Confluent CLI are from their documentation (`KafkaUser` v1 in strimzi.py; `rpk security acl create`; `confluent kafka
acl create`): only the first was tried on a broker, Strimzi's on the schema of its kind.
"""

import re
import shlex
from collections.abc import Callable, Sequence
from typing import Final, Literal, TypeAlias, get_args

from agents.errors import UserError
from agents.kafka.rights import Operation, Right, by_resource
from agents.kafka.strimzi import user_text
from agents.settings import Settings

Format: TypeAlias = Literal["kafka-acls", "strimzi", "rpk", "confluent"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)


def rights_text(rights: Sequence[Right], principal: str, settings: Settings, form: Format) -> str:
    """The commands or the file that gives these rights to this principal."""
    if not re.fullmatch(r"[A-Za-z]+:[^\x00-\x1f]+", principal):
        raise UserError(f"--principal {principal!r} is none; it is User:NAME, as the broker calls who logs in.", 2)
    made: dict[Format, Callable[[Sequence[Right], str, Settings], str]] = {
        "kafka-acls": _kafka_acls,
        "strimzi": _strimzi,
        "rpk": _rpk,
        "confluent": _confluent,
    }
    return made[form](rights, principal, settings)


def _kafka_acls(rights: Sequence[Right], principal: str, settings: Settings) -> str:
    lines = []
    for (resource, name, is_prefix), operations in by_resource(rights).items():
        words = ["kafka-acls", "--bootstrap-server", settings.broker, "--add", "--allow-principal", principal]
        words += [word for operation in operations for word in ("--operation", operation)]
        words += [f"--{resource}", name, *(["--resource-pattern-type", "prefixed"] if is_prefix else [])]
        lines.append(shlex.join(words))
    return "\n".join(lines)


def _rpk(rights: Sequence[Right], principal: str, settings: Settings) -> str:
    lines = []
    for (resource, name, is_prefix), operations in by_resource(rights).items():
        words = ["rpk", "security", "acl", "create", "--brokers", settings.broker, "--allow-principal", principal]
        words += ["--operation", ",".join(_snake(operation) for operation in operations), f"--{resource}", name]
        lines.append(shlex.join([*words, *(["--resource-pattern-type", "prefixed"] if is_prefix else [])]))
    return "\n".join(lines)


def _confluent(rights: Sequence[Right], principal: str, settings: Settings) -> str:
    del settings  # the command knows its cluster
    account = principal.partition(":")[2]
    lines = []
    for (resource, name, is_prefix), operations in by_resource(rights).items():
        flag = {"topic": "--topic", "group": "--consumer-group", "transactional-id": "--transactional-id"}[resource]
        words = ["confluent", "kafka", "acl", "create", "--allow", "--service-account", account]
        words += ["--operations", ",".join(_snake(operation) for operation in operations), flag, name]
        lines.append(shlex.join([*words, *(["--prefix"] if is_prefix else [])]))
    return "\n".join(lines)


def _strimzi(rights: Sequence[Right], principal: str, settings: Settings) -> str:
    del settings  # the label of the manifest names the cluster
    return user_text(rights, principal.partition(":")[2])


def _snake(operation: Operation) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", operation).lower()
