"""Where a report's events come from: the topics of events, committed records only, in no group; or exported journals.

Of the topics only what can matter is read: a clock's events are written after it starts, so what was written before the
earlier period is passed by, with a day to spare for clocks that go wrong.
"""

from collections.abc import Callable, Sequence
from typing import Final

import orjson
from aiokafka import TopicPartition

from agents.errors import UserError
from agents.files import opened
from agents.kafka.clients import reader, run_with_broker
from agents.kafka.log_reader import BACKOFF_MS, FETCH_BYTES, LogReader
from agents.kafka.topics import partitions_of
from agents.reporting.figures import Clocks
from agents.settings import Settings
from agents.zones import machine_zones
from schemas.codec import DAY_MS
from schemas.dead_letters import Rejected
from schemas.policy_types import PolicyError
from schemas.registry import OUTPUT_TOPICS
from streams.replay import Replay

Tell = Callable[[str], None]

_OF_CLOCKS: Final = tuple(topic.name for topic in OUTPUT_TOPICS if "clock.retracted" in topic.types)
_LINES_BETWEEN_WORDS: Final = 5_000


def clocks_of_topics(settings: Settings, since_ms: int, tell: Tell) -> Clocks:
    """The clocks that started at or after an instant, from the topics as they stand now."""

    async def read() -> Clocks:
        return await read_clocks(settings, since_ms, tell)

    return run_with_broker(settings, read)


async def read_clocks(settings: Settings, since_ms: int, tell: Tell = lambda _: None) -> Clocks:
    """The same, for who is in a loop already."""
    count = await partitions_of(settings, *_OF_CLOCKS)
    wanted = [TopicPartition(settings.topic(name), number) for name in _OF_CLOCKS for number in range(count)]
    clocks = Clocks()
    read = 0
    options = {"fetch_max_wait_ms": 50, "max_partition_fetch_bytes": FETCH_BYTES, "retry_backoff_ms": BACKOFF_MS}
    async with reader(settings, **options) as consumer:
        logs = LogReader(consumer)
        ends = await logs.ends(wanted)
        starts = await consumer.offsets_for_times(dict.fromkeys(wanted, max(0, since_ms - DAY_MS)))
        spans = {tp: (starts[tp].offset if starts[tp] else end.next, end.next) for tp, end in ends.items()}
        async for records in logs.spans(spans):
            for record in records:
                _add(clocks, record.value, f"{record.topic}/{record.partition}/{record.offset}")
            read += len(records)
            tell(f"{read:,} events read")
    return clocks


def _add(clocks: Clocks, value: bytes | None, where: str) -> None:
    try:
        clocks.add(orjson.loads(value or b""))
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        raise UserError(
            f"The record {where} is no event of dueclock: somebody else writes to that topic; let nobody but the "
            "workers write there (ACLs)."
        ) from None


def clocks_of_journals(files: Sequence[str], tell: Tell) -> Clocks:
    """The clocks that follow from exported journals, each of one partition. UserError where one is none."""
    clocks = Clocks()
    for file in files:
        _replay(file, clocks, tell)
    return clocks


def _replay(file: str, clocks: Clocks, tell: Tell) -> None:
    def refuse(number: int, _: bytes, why: Rejected) -> None:
        raise UserError(
            f"Line {number} of {file} is no line of a journal ({why.reason}); export it again with `dueclock journal "
            "export`.",
            2,
        )

    replay = Replay(None, refuse, machine_zones)
    try:
        with opened(file, "rb", "--journal") as lines:
            for number, raw in enumerate(lines, 1):
                for event in replay.feed(raw):
                    clocks.add(orjson.loads(event.value))
                if not number % _LINES_BETWEEN_WORDS:
                    tell(f"{number:,} lines of {file}")
    except PolicyError as error:
        raise UserError(f"Line {replay.line_number} of {file}: {error}", 2) from None
