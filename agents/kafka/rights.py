"""Who needs which rights at the broker: the roles, each with exactly what its whole job needs. Least privilege as data.

At Kafka's own authorizer Read and Write imply Describe, and AlterConfigs implies DescribeConfigs: what is implied is
not named. No role but the administrator makes topics, and nobody deletes them. `subscriber` and `producer` are programs
of others: the rights are those of Kafka's own clients. Tests hold each row against a real StandardAuthorizer.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from agents.errors import UserError
from agents.settings import Settings
from agents.topic_roles import CHANGELOG, DEAD_LETTER, JOURNAL, OUTPUTS, PROBE, READ_TOPICS, REPARTITION, SNAPSHOTS
from schemas.registry import INPUT_TOPICS, Logical

Role: TypeAlias = Literal[
    "worker", "producer", "subscriber", "auditor", "operator", "administrator", "grow-from", "grow-to"
]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
Resource: TypeAlias = Literal["topic", "group", "transactional-id"]
Operation: TypeAlias = Literal["Read", "Write", "Create", "Describe", "DescribeConfigs", "AlterConfigs"]
INPUTS: Final = tuple(topic.name for topic in INPUT_TOPICS)

COMMANDS: Final[dict[str, tuple[Role, ...]]] = {
    "audit": ("auditor",),
    "audit seals": ("auditor",),
    "board": ("auditor",),
    "canary": ("producer",),
    "clocks": ("auditor",),
    "deadletter list": ("auditor",),
    "deadletter redrive": ("operator",),
    "deadletter show": ("auditor",),
    "deliver": ("subscriber",),
    "explain": ("auditor",),
    "gateway": ("producer",),
    "grow": ("grow-from", "grow-to"),
    "ingest mail": ("producer",),
    "ingest performance-report": ("producer",),
    "ingest returns-report": ("producer",),
    "ingest settlement": ("producer",),
    "ingest transactions": ("producer",),
    "journal archive": ("auditor",),
    "journal export": ("auditor",),
    "notify": ("producer",),
    "rebuild": ("operator",),
    "report": ("subscriber",),
    "source mailbox": ("producer",),
    "source sp-api": ("producer",),
    "source sqs": ("producer",),
    "topics check": ("auditor",),
    "topics create": ("administrator",),
    "what-if": ("auditor",),
    "worker": ("worker",),
}
"""Whose rights each command needs: all that go to a broker, but `doctor`, which goes as any of them. Tests hold it."""


class Right(NamedTuple):
    """One right to one resource, or to all whose names begin so."""

    resource: Resource
    name: str
    operation: Operation
    is_prefix: bool = False

    def __str__(self) -> str:
        kind = self.resource.replace("-", " ")
        if self.is_prefix:
            return f"{self.operation} on every {kind} that begins with {self.name}"
        return f"{self.operation} on the {kind} {self.name}"


def rights_of(role: Role, settings: Settings, topic: str | None = None) -> list[Right]:
    """What a role needs under these settings, in a fixed order. `topic` is a logical name, for those with one topic."""
    if topic is not None and role not in ("producer", "subscriber"):
        raise UserError(f"--topic goes with the roles producer and subscriber; a {role} needs all its topics.", 2)
    if role == "producer":
        return list(_producer(settings, topic))
    if role == "subscriber":
        return list(_subscriber(settings, topic))
    made = {
        "worker": _worker,
        "auditor": _auditor,
        "operator": _operator,
        "administrator": _administrator,
        "grow-from": _grow_from,
        "grow-to": _grow_to,
    }
    return list(dict.fromkeys(made[role](settings)))


def transactional_prefix(settings: Settings) -> str:
    """What the transactional ids of the workers begin with."""
    return f"{settings.topic(JOURNAL)}-"


def _topics(settings: Settings, logical: Iterable[Logical], *operations: Operation) -> Iterator[Right]:
    for name in logical:
        for operation in operations:
            yield Right("topic", settings.topic(name), operation)


def _snapshots(settings: Settings, *operations: Operation) -> Iterator[Right]:
    """To their topic, where they are kept in one; who writes there reads what is there already."""
    yield from _topics(settings, (SNAPSHOTS,) if settings.has_snapshot_topic else (), *operations)


def _worker(settings: Settings) -> Iterator[Right]:
    yield from _topics(settings, READ_TOPICS, "Read")
    yield from _topics(settings, (JOURNAL, CHANGELOG), "Read", "Write")
    yield from _topics(settings, (REPARTITION, *OUTPUTS, DEAD_LETTER, PROBE), "Write")
    yield from _snapshots(settings, "Read", "Write")
    yield from _topics(settings, settings.logical_topics, "DescribeConfigs")
    yield Right("group", settings.group, "Read")
    yield Right("transactional-id", transactional_prefix(settings), "Write", is_prefix=True)


def _producer(settings: Settings, topic: str | None) -> Iterator[Right]:
    if topic not in INPUTS:
        raise UserError(f"The role producer needs --topic, one of {', '.join(INPUTS)}.", 2)
    yield from _topics(settings, (topic,), "Write")


def _subscriber(settings: Settings, topic: str | None) -> Iterator[Right]:
    if topic is not None and topic not in OUTPUTS:
        raise UserError(f"A subscriber's --topic is one of {', '.join(OUTPUTS)}.", 2)
    yield from _topics(settings, OUTPUTS if topic is None else (topic,), "Read")
    yield Right("group", f"{settings.group}-subscriber", "Read", is_prefix=True)
    if topic is None:
        yield Right("group", f"{settings.group}-deliver-", "Read", is_prefix=True)


def _auditor(settings: Settings) -> Iterator[Right]:
    yield from _topics(settings, (JOURNAL, *OUTPUTS, CHANGELOG, DEAD_LETTER), "Read")
    yield from _snapshots(settings, "Read")
    yield from _topics(settings, (*READ_TOPICS, PROBE), "Describe")  # no audit reads what producers sent
    yield from _topics(settings, settings.logical_topics, "DescribeConfigs")


def _operator(settings: Settings) -> Iterator[Right]:
    inputs = set(map(settings.topic, READ_TOPICS))
    yield from (right for right in _auditor(settings) if right.operation != "Describe" or right.name not in inputs)
    yield from _topics(settings, (REPARTITION,), "Read")  # `rebuild` looks there for what was misrouted
    yield from _topics(settings, (*READ_TOPICS, JOURNAL, *OUTPUTS, CHANGELOG, DEAD_LETTER), "Write")
    yield from _alone(settings)
    yield Right("transactional-id", redrive_id(settings), "Write")


def redrive_id(settings: Settings) -> str:
    """The transactional id of `deadletter redrive`. By the topic: whoever sends its letters again is a rival."""
    return f"{settings.topic(DEAD_LETTER)}-redrive"


def _administrator(settings: Settings) -> Iterator[Right]:
    for name in settings.logical_topics:
        # `topics check` says what the rows say of the topics; who may read may describe.
        seeing: Operation = "Read" if name == CHANGELOG else "Describe"
        yield from _topics(settings, (name,), "Create", seeing, "AlterConfigs")


def _grow_from(settings: Settings) -> Iterator[Right]:
    yield from _topics(settings, READ_TOPICS, "Read")  # what nobody has read is sent on, or becomes a dead letter
    yield from _topics(settings, (JOURNAL, CHANGELOG, DEAD_LETTER), "Read", "Write")
    yield from _topics(settings, OUTPUTS, "Describe")
    yield from _alone(settings)


def _grow_to(settings: Settings) -> Iterator[Right]:
    yield from _topics(settings, (JOURNAL, CHANGELOG), "Read", "Write")
    yield from _topics(settings, READ_TOPICS, "Write")
    yield from _snapshots(settings, "Read", "Write")
    yield from _topics(settings, (*OUTPUTS, DEAD_LETTER, PROBE), "Describe")
    yield from _topics(settings, settings.logical_topics, "DescribeConfigs")
    yield from _alone(settings)


def _alone(settings: Settings) -> Iterator[Right]:
    """To write partitions in the place of workers, and to see that none of them runs."""
    yield Right("group", settings.group, "Describe")
    yield Right("transactional-id", transactional_prefix(settings), "Write", is_prefix=True)


def sees_settings(rights: Iterable[Right]) -> bool:
    """Whether who has these rights may see the settings of topics."""
    return any(right.operation in ("DescribeConfigs", "AlterConfigs") for right in rights)


def by_resource(rights: Sequence[Right]) -> dict[tuple[Resource, str, bool], list[Operation]]:
    """The rights with those to one resource together, in order."""
    found: dict[tuple[Resource, str, bool], list[Operation]] = {}
    for right in rights:
        found.setdefault((right.resource, right.name, right.is_prefix), []).append(right.operation)
    return found
