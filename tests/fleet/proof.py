"""What must hold of a fleet at rest: nothing lost, nothing twice, and all of it follows from the journal.

`verdict` is pure: it judges what was found. `found_in` reads the topics and folds each partition's journal anew, from
the rows that it was seeded with, by the engine itself and not by the audit; the audit is asked beside it.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from agents.settings import Settings
from schemas.decoding import decode_journal_value
from schemas.headers import line_number
from schemas.registry import Logical
from streams import logic
from streams.engine import Line, restore_state, step
from tests.bench.installation import NotMeasuredError
from tests.bench.seeding import state_of
from tests.broker.harness import INPUTS, OUTPUTS
from tests.fleet.population import Population
from tests.upgrades.newer import LATER


class Found(NamedTuple):
    """What stands in the topics of a fleet."""

    acknowledged: frozenset[str]
    """Event ids that the brokers said they have."""
    inputs: Mapping[str, str]
    """Event id of each input record, by its place `topic/partition/offset`."""
    finished: Mapping[str, int]
    """How often each place stands in the journal or the dead letters."""
    asked: frozenset[str]
    """Threads whose deadline has passed unanswered."""
    breached: Mapping[str, int]
    """How many breaches stand for each of these threads."""
    outputs: Mapping[str, int]
    """How often each `output_id` stands on the output topics."""
    differences: Sequence[str]
    """What the journal, folded anew, gives otherwise than the topics have it."""
    audit: str
    """What the audit finds; empty where it is clean."""
    lines: int = 0
    """How many lines the journals have."""


def verdict(found: Found) -> list[str]:
    """A sentence for each promise that is broken; none where all are kept."""
    there = set(found.inputs.values())
    places = set(found.inputs)
    sentences = [
        _said("acknowledged, and in no input topic", found.acknowledged - there),
        _said("input records that nothing finished", places - found.finished.keys()),
        _said("input records finished twice", {place for place, times in found.finished.items() if times > 1}),
        _said("finished, and in no input topic", found.finished.keys() - places),
        _said("breaches lost", found.asked - found.breached.keys()),
        _said("breaches twice", {thread for thread, times in found.breached.items() if times > 1}),
        _said("breaches that nobody asked for", found.breached.keys() - found.asked),
        _said("events twice", {output_id for output_id, times in found.outputs.items() if times > 1}),
        _said("differences from the replay", found.differences),
        f"The audit: {found.audit}" if found.audit else "",
        "" if found.asked else "Nothing was asked, so nothing is proved.",
    ]
    return [sentence for sentence in sentences if sentence]


def _said(what: str, which: Iterable[str]) -> str:
    names = sorted(which)
    return f"{len(names):,} {what}: {', '.join(names[:3])}." if names else ""


def found_in(
    settings: Settings, people: Population, *, acknowledged: Iterable[str], asked: Iterable[str], audit: str, cores: int
) -> Found:
    """Read all topics and fold all partitions, with so many processes."""
    inputs = {_place(one): str(json.loads(one.value() or b"{}")["event_id"]) for one in read(settings, INPUTS)}
    journal: dict[int, list[tuple[int, int, bytes]]] = defaultdict(list)
    lines = 0
    finished: Counter[str] = Counter()
    for one in read(settings, ("sla-journal",)):
        lines += 1
        headers = _headers(one)
        journal[one.partition() or 0].append(
            (line_number(list(headers.items())), one.timestamp()[1], one.value() or b"")
        )
        if origin := headers.get("origin"):
            finished[origin.decode()] += 1
    for one in read(settings, ("dead-letter",)):
        said = {name: value.decode() for name, value in _headers(one).items()}
        finished[f"{said['dl_topic']}/{said['dl_partition']}/{said['dl_offset']}"] += 1
    outputs: dict[tuple[int, str], list[bytes]] = defaultdict(list)
    standing: Counter[str] = Counter()
    ids: Counter[str] = Counter()
    names = {settings.topic(name): name for name in OUTPUTS}
    for one in read(settings, OUTPUTS):
        value = one.value() or b""
        outputs[one.partition() or 0, names[one.topic() or ""]].append(value)
        event = json.loads(value)
        ids[event["output_id"]] += 1
        if event["type"] == "clock.breached" and "/T-ASKED" in event["clock_id"]:
            standing[event["clock_id"].split("/")[3]] += 1
    with ProcessPoolExecutor(cores) as pool:
        folded = [
            pool.submit(
                differences, people, partition, journal[partition], {name: outputs[partition, name] for name in OUTPUTS}
            )
            for partition in range(people.partitions)
        ]
        differing = [sentence for one in folded for sentence in one.result()]
    return Found(frozenset(acknowledged), inputs, finished, frozenset(asked), standing, ids, differing, audit, lines)


def differences(
    people: Population,
    partition: int,
    journal: Sequence[tuple[int, int, bytes]],
    outputs: Mapping[Logical, Sequence[bytes]],
) -> list[str]:
    """Fold a partition's journal (line, time, value) from the rows that it was seeded with; how the topics differ."""
    logic.CHANGES.setdefault(LATER, "Nothing: a number of the tests.")
    state = restore_state(partition, state_of(people.seeded(partition).rows))
    told: dict[str, list[bytes]] = {name: [] for name in OUTPUTS}
    for number, journal_ms, value in journal[1:]:  # the first is the last of the seeded ones
        for event in step(state, Line(number, journal_ms, decode_journal_value(value))):
            told[event.topic].append(event.value)
    return [
        f"{name} {partition} has {len(outputs[name]):,} events where the replay gives {len(told[name]):,}, "
        f"the same up to event {_same(told[name], outputs[name]) + 1:,}"
        for name in OUTPUTS
        if told[name] != list(outputs[name])
    ]


def _same(some: Sequence[bytes], others: Sequence[bytes]) -> int:
    pairs = zip(some, others, strict=False)
    return next((number for number, (one, other) in enumerate(pairs) if one != other), min(len(some), len(others)))


def _headers(message: Message) -> dict[str, bytes]:
    pairs: Any = message.headers() or []
    return {name: value for name, value in pairs if isinstance(value, bytes)}


def _place(message: Message) -> str:
    return f"{message.topic()}/{message.partition()}/{message.offset()}"


def read(settings: Settings, names: Sequence[Logical]) -> Iterable[Message]:
    """All committed records of these topics, by partition in their order."""
    consumer = Consumer(
        {
            "bootstrap.servers": settings.broker,
            "group.id": "none",
            "log_level": 2,  # a broker that is taken away is no news
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )
    topics = [settings.topic(name) for name in names]
    left = {(topic, partition) for topic in topics for partition in range(settings.partitions)}
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for topic, partition in left])
    idle = 0
    try:
        while left:
            messages = consumer.consume(10_000, 1.0)
            idle = 0 if messages else idle + 1
            if idle > 60:
                raise NotMeasuredError(f"the ends of {sorted(left)[:3]} could not be read within a minute")
            for message in messages:
                error = message.error()
                if error is None:
                    yield message
                elif error.name() == "_PARTITION_EOF":
                    left.discard((message.topic() or "", message.partition() or 0))
                else:
                    raise NotMeasuredError(f"the broker says {error}")
    finally:
        consumer.close()
