"""The topics on the broker against `schemas/registry.py`: create what is missing, say what differs, refuse the wrong.

All topics have the same number of partitions, since partition p of each belongs to one worker. Some differences would
make the worker decide wrongly: a topic that is missing, another partition count, inputs that the broker does not stamp,
compaction where there should be none. With those no worker starts. Others (retention, sizes) are said, no more. The
probe of the broker's clock has one partition, and a worker makes it where it is missing. That of snapshots is looked at
where the settings ask for it; where it is missing a worker runs all the same: a snapshot that is not written is a
warning.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from agents.errors import UserError
from agents.kafka.clients import admin_client, reader, run_with_broker
from agents.kafka.private import client_of, partitions_now
from agents.kafka.refusals import who
from agents.kafka.wanted_topics import snapshots_topic, wanted_topics
from agents.kafka.wire import TopicsWithRights, ask
from agents.settings import Settings
from agents.topic_roles import DEAD_LETTER, JOURNAL, MAX_BATCH_BYTES, PROBE, SNAPSHOTS, WRITTEN_TOPICS
from schemas.registry import COPIES_FOR_MIN_INSYNC, MIN_INSYNC, PROBE_TOPIC, TOPICS, Logical

_LEADERS_WITHIN_S = 30.0
_TOPIC_EXISTS = 36
_TOPIC_REFUSED = 29
_NO_LEADER_YET = 5
_LIMITS_DOWN = {(DEAD_LETTER, "retention.ms")}  # the originals may hold personal data: a longer keep is the wrong one
_KEEPS_LONGER = {"segment.ms", "max.compaction.lag.ms"}
_LIMITS_UP = {"retention.ms", "retention.bytes", "max.message.bytes", "min.insync.replicas"}
_LIMITS_UP |= {"message.timestamp.before.max.ms", "message.timestamp.after.max.ms"}
_NO_LIMIT = -1


class Difference(NamedTuple):
    """What is not as it should be, in one sentence; `is_fatal` where a worker must not run on it."""

    sentence: str
    is_fatal: bool
    is_missing: bool = False


class OnBroker(NamedTuple):
    """A topic as the broker has it."""

    partitions: int
    has_leaders: bool
    settings: dict[str, str]
    copies: int = 1


FORBIDDEN = OnBroker(0, False, {})
"""A topic that may be there: this login has no right to see it."""


def check_topics(settings: Settings) -> list[str]:
    """A sentence for each difference; empty when all is well."""
    return [difference.sentence for difference in run_with_broker(settings, lambda: _checked(settings))]


def require_topics(settings: Settings) -> list[str]:
    """Refuse to go on where a worker would decide wrongly; the sentences of what it can live with."""
    differences = run_with_broker(settings, lambda: _checked(settings))
    for difference in differences:
        if difference.is_fatal:
            raise UserError(difference.sentence)
    return [difference.sentence for difference in differences]


def fatal_difference(settings: Settings) -> str | None:
    """The first thing that keeps a worker from running on these topics; None where all is well, or nobody answers."""
    try:
        found = run_with_broker(settings, lambda: _checked(settings))
    except UserError:
        return None
    return next((difference.sentence for difference in found if difference.is_fatal), None)


def create_topics(settings: Settings) -> list[str]:
    """Create the topics that are missing; the names of those created. Refuses where one that exists is wrong."""
    return run_with_broker(settings, lambda: _created(settings))


def delete_topics(settings: Settings) -> None:
    """Delete the topics of these settings, and all that is in them."""
    run_with_broker(settings, lambda: _deleted(settings))


def differences(settings: Settings, found: dict[str, OnBroker], partitions: int | None) -> list[Difference]:
    """What differs between the registry and these topics of the broker, in the registry's order.

    `partitions` is the count that all must have; None: that of the journal, or the first topic there is.
    """
    names = {topic: settings.topic(topic.name) for topic in TOPICS}
    if partitions is None:
        seen = [found[name] for name in (settings.topic(JOURNAL), *names.values()) if name in found]
        counts = [one.partitions for one in seen if one is not FORBIDDEN]
        partitions = counts[0] if counts else settings.partitions
    differing: list[Difference] = []
    for topic, name in names.items():
        if name not in found:
            differing.append(Difference(f"The topic {name} is missing; `dueclock topics create` makes it.", True, True))
            continue
        if found[name] is FORBIDDEN:
            differing.append(Difference(_forbidden(settings, name), is_fatal=True))
            continue
        if found[name].partitions != partitions:
            sentence = (
                f"The topic {name} has {_count(found[name].partitions)} where {partitions} are needed: all topics need "
                "the same number; make it anew with that number, or name another topic in the settings."
            )
            differing.append(Difference(sentence, is_fatal=True))
        needed = {**topic.kafka_settings(), **_durable(found[name].copies)}
        differing.extend(_setting_differences(topic.name, name, needed, found[name].settings))
    differing += _probe_differences(settings, settings.topic(PROBE), found)
    return differing + _snapshot_differences(settings, found, partitions)


def _forbidden(settings: Settings, name: str) -> str:
    return (
        f"The Kafka at {settings.broker} does not let {who(settings)} see the topic {name}: the right to Describe on "
        "it is missing; `dueclock acls --role ROLE --principal User:NAME` prints what gives it."
    )


def _probe_differences(settings: Settings, name: str, found: dict[str, OnBroker]) -> list[Difference]:
    if found.get(name) is FORBIDDEN:
        return [Difference(_forbidden(settings, name), is_fatal=True)]
    if name not in found:
        sentence = f"The topic {name} is missing; a worker makes it when it starts, or `dueclock topics create` does."
        return [Difference(sentence, is_fatal=False, is_missing=True)]
    return _setting_differences(PROBE, name, PROBE_TOPIC.kafka_settings(), found[name].settings)


def _snapshot_differences(settings: Settings, found: Mapping[str, OnBroker], partitions: int) -> list[Difference]:
    """Of the topic of snapshots, where the settings ask for it."""
    if not settings.has_snapshot_topic:
        return []
    name = settings.topic(SNAPSHOTS)
    if name not in found:
        sentence = f"The topic {name} is missing; `dueclock topics create` makes it, and until then nothing is kept."
        return [Difference(sentence, is_fatal=False, is_missing=True)]
    has = found[name]
    if has is FORBIDDEN:
        return [Difference(_forbidden(settings, name), is_fatal=True)]
    differing: list[Difference] = []
    if has.partitions != partitions:
        sentence = (
            f"The topic {name} has {_count(has.partitions)} where {partitions} should be, as of the others: owners "
            "would be in each other's way; delete it, and `dueclock topics create` makes it anew (what it has is lost)."
        )
        differing.append(Difference(sentence, is_fatal=False))
    needed = {**snapshots_topic(settings).kafka_settings(), **_durable(has.copies)}
    differing += _setting_differences(SNAPSHOTS, name, needed, has.settings)
    return [one._replace(is_fatal=False) for one in differing]


def _durable(copies: int) -> dict[str, str]:
    """With three copies, a write that stands on the leader alone may be lost with it."""
    return {"min.insync.replicas": str(MIN_INSYNC)} if copies >= COPIES_FOR_MIN_INSYNC else {}


def _setting_differences(
    logical: Logical, name: str, needed: Mapping[str, str], has: dict[str, str]
) -> list[Difference]:
    differing: list[Difference] = []
    for setting, wanted in needed.items():
        if setting not in has or _is_enough(logical, setting, wanted, has[setting]):
            continue  # an older broker does not know every setting, and then has no such limit
        is_fatal = setting in ("message.timestamp.type", "cleanup.policy")
        if setting == "max.message.bytes" and logical in WRITTEN_TOPICS and int(has[setting]) < MAX_BATCH_BYTES:
            is_fatal = True  # no batch of ours is sure to get in: each start would write half a transaction for nothing
        change = f"kafka-configs --alter --entity-type topics --entity-name {name} --add-config {setting}={wanted}"
        why = " (journal time is made of the broker's append times)" if wanted == "LogAppendTime" else ""
        sentence = f"The topic {name} has {setting}={has[setting]} where {wanted} is needed{why}; `{change}` sets it."
        differing.append(Difference(sentence, is_fatal))
    return differing


def _is_enough(logical: Logical, setting: str, wanted: str, has: str) -> bool:
    if setting == "cleanup.policy":
        return set(has.split(",")) == set(wanted.split(","))
    if (logical, setting) in _LIMITS_DOWN or setting in _KEEPS_LONGER:
        return _NO_LIMIT < int(has) <= int(wanted)
    if setting in _LIMITS_UP:
        return int(has) == _NO_LIMIT or (int(wanted) != _NO_LIMIT and int(has) >= int(wanted))
    return has == wanted


async def _checked(settings: Settings) -> list[Difference]:
    async with admin_client(settings) as admin:
        return differences(settings, await _found(admin, settings), None)


async def _created(settings: Settings) -> list[str]:
    async with admin_client(settings) as admin:
        found = await _found(admin, settings)
        for difference in differences(settings, found, settings.partitions):
            if difference.is_fatal and not difference.is_missing:
                raise UserError(difference.sentence)
        wanted = wanted_topics(settings)
        missing = {name: wanted[name] for name in wanted if name not in found}
        if missing:
            await _make(admin, settings, missing)
            await _wait_for_leaders(admin, settings)
        return list(missing)


async def largest_records(settings: Settings, names: Iterable[str]) -> dict[str, int]:
    """`max.message.bytes` of these topics of ours, as the broker has it now; those that are not there are left out."""
    async with admin_client(settings) as admin:
        found = await _found(admin, settings)
    return {name: int(found[name].settings["max.message.bytes"]) for name in names if name in found}


async def tombstones_kept_s(settings: Settings, name: str) -> float:
    """For how long (s) a compacted topic of ours keeps a tombstone, for whoever reads it to its end within that."""
    async with admin_client(settings) as admin:
        found = await _found(admin, settings)
    return int(found[name].settings["delete.retention.ms"]) / 1000 if name in found else 0.0


async def make_probe_topic(settings: Settings) -> None:
    """Make the topic of the probe where it is missing. UserError where the broker will not."""
    async with admin_client(settings) as admin:
        name = settings.topic(PROBE)
        there, forbidden = await _seen(admin, [name])
        if forbidden:
            raise UserError(_forbidden(settings, name))
        if not there:
            await _make(admin, settings, {name: (1, PROBE_TOPIC.kafka_settings())})


async def _make(
    admin: AIOKafkaAdminClient, settings: Settings, missing: Mapping[str, tuple[int, dict[str, str]]]
) -> None:
    """Make topics of so many partitions with these settings."""
    copies = settings.replication or min(3, len(client_of(admin).cluster.brokers()))
    asked = {name: (count, {**configs, **_durable(copies)}) for name, (count, configs) in missing.items()}
    new = [NewTopic(name, count, copies, topic_configs=configs) for name, (count, configs) in asked.items()]
    response = await admin.create_topics(new, timeout_ms=int(_LEADERS_WITHIN_S * 1000))
    for name, code, *words in response.topic_errors:
        if code not in (0, _TOPIC_EXISTS):  # another was quicker: as good
            reason = words[0] if words and words[0] else for_code(code).description
            count, configs = asked[name]
            needed = ", ".join(f"{setting}={wanted}" for setting, wanted in configs.items())
            raise UserError(
                f"The broker would not create the topic {name} ({reason}); "
                f"have it made with {_count(count)} and {needed}."
            )


async def _deleted(settings: Settings) -> None:
    async with admin_client(settings) as admin:
        if not (present := list(await _described(admin, settings))):
            return
        await admin.delete_topics(present)
        deadline = time.monotonic() + _LEADERS_WITHIN_S
        while await _described(admin, settings):
            if time.monotonic() > deadline:
                raise UserError(f"The topics at {settings.broker} could not be deleted; look at the brokers.")
            await asyncio.sleep(0.05)


async def _wait_for_leaders(admin: AIOKafkaAdminClient, settings: Settings) -> None:
    deadline = time.monotonic() + _LEADERS_WITHIN_S
    while True:
        described = await _described(admin, settings)
        if len(described) == len(settings.logical_topics) and all(_has_leaders(topic) for topic in described.values()):
            return
        if time.monotonic() > deadline:
            raise UserError(f"The topics at {settings.broker} have no leaders yet; look at the brokers and try again.")
        await asyncio.sleep(0.05)


async def _found(admin: AIOKafkaAdminClient, settings: Settings) -> dict[str, OnBroker]:
    described, hidden = await _seen(admin, list(map(settings.topic, settings.logical_topics)))
    forbidden = dict.fromkeys(hidden, FORBIDDEN)
    if not described:
        return forbidden
    wanted = [ConfigResource(ConfigResourceType.TOPIC, name) for name in described]
    configs: dict[str, dict[str, str]] = {}
    for response in await admin.describe_configs(wanted):
        for code, message, _, name, entries in response.resources:
            if code == _TOPIC_REFUSED:
                raise UserError(
                    f"The Kafka at {settings.broker} does not let {who(settings)} read the settings of the topic "
                    f"{name}: the right to DescribeConfigs on it is missing; `dueclock acls --role ROLE "
                    "--principal User:NAME` prints what gives it."
                )
            if code:
                raise UserError(f"The broker does not tell the settings of the topic {name}: {message}")
            configs[name] = {entry[0]: entry[1] for entry in entries}
    found = {
        name: OnBroker(len(of["partitions"]), _has_leaders(of), configs[name], _copies(of))
        for name, of in described.items()
    }
    return found | forbidden


async def _described(admin: AIOKafkaAdminClient, settings: Settings) -> dict[str, dict[str, Any]]:
    """Those of our topics that are there and may be seen."""
    return (await _seen(admin, list(map(settings.topic, settings.logical_topics))))[0]


async def _seen(admin: AIOKafkaAdminClient, names: Sequence[str]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Those of these topics that are there, and those that this login may not see.

    Asked by name, for a cluster may have thousands, and in a way in which no broker makes what is asked for; one that
    is too old for that is asked for all that it has.
    """
    try:
        told = (await ask(admin, TopicsWithRights(names))).to_object()["topics"]
    except NotImplementedError:
        told = [topic for topic in await admin.describe_topics() if topic["topic"] in names]
    there = {topic["topic"]: topic for topic in told if topic["error_code"] in (0, _NO_LEADER_YET)}
    return there, [topic["topic"] for topic in told if topic["error_code"] == _TOPIC_REFUSED]


def _has_leaders(topic: dict[str, Any]) -> bool:
    return bool(topic["partitions"]) and all(partition["leader"] >= 0 for partition in topic["partitions"])


def _copies(topic: dict[str, Any]) -> int:
    """How many brokers keep each of its partitions, at least."""
    return min((len(partition["replicas"]) for partition in topic["partitions"]), default=0)


def _count(partitions: int) -> str:
    return f"{partitions} partition" + ("s" if partitions != 1 else "")


async def partitions_of(settings: Settings, *logical: Logical) -> int:
    """How many partitions these topics have. UserError where one is missing or may not be seen, or they differ."""
    names = [settings.topic(name) for name in logical]
    async with reader(settings) as consumer:
        partitions = await partitions_now(consumer, names)
    counts: set[int] = set()
    for topic in names:
        if topic not in partitions:
            await _require_sight(settings, topic)
            raise UserError(
                f"There is no topic {topic} at {settings.broker}; `dueclock topics create` makes the topics.", 2
            )
        counts.add(partitions[topic])
    if len(counts) > 1:
        raise UserError("The topics have different numbers of partitions; `dueclock topics check` says which.", 2)
    return counts.pop()


async def has_topic(settings: Settings, logical: Logical) -> bool:
    """Whether there is this topic. UserError where it may not be seen: then nobody knows."""
    topic = settings.topic(logical)
    async with reader(settings) as consumer:
        is_there = topic in await partitions_now(consumer, [topic])
    if not is_there:
        await _require_sight(settings, topic)
    return is_there


async def _require_sight(settings: Settings, topic: str) -> None:
    """UserError where this login may not see a topic: it may be there."""
    async with admin_client(settings) as admin:
        if (await _seen(admin, [topic]))[1]:
            raise UserError(_forbidden(settings, topic), 2)


def chosen_partitions(wanted: Iterable[int], count: int) -> Sequence[int]:
    """The partitions that are named, in order, or all where none is. UserError for one that is not there."""
    chosen = sorted(set(wanted)) or range(count)
    if chosen[-1] >= count:
        raise UserError(f"There is no partition {chosen[-1]}; the topics have 0 to {count - 1}.", 2)
    return chosen
