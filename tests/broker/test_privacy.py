"""How long what should be gone is kept: measured on a broker that looks often, on a topic whose days are seconds."""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.embedded import EmbeddedKafka
from schemas.codec import DAY_MS, HOUR_MS
from schemas.registry import DEAD_LETTER_TOPIC, INPUT_TOPICS, TOPICS, Topic
from tests.kafka_fixtures import Outgoing, create_topics, produce
from tests.secured.observed import BRIEF

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "privacy.md"
LOOKS_EVERY_S = 0.5
MARK = b"jo@example.com"


@pytest.fixture(scope="module")
def broker_that_looks_often() -> Iterator[EmbeddedKafka]:
    every_ms = str(int(LOOKS_EVERY_S * 1000))
    settings = {
        "log.retention.check.interval.ms": every_ms,
        "log.initial.task.delay.ms": every_ms,
        "log.segment.delete.delay.ms": every_ms,
    }
    with EmbeddedKafka(settings=settings, options=BRIEF) as broker:
        yield broker


def is_on_disk(broker: EmbeddedKafka, topic: str) -> bool:
    """Whether the marked record is in any file of the topic, deleted ones that are still there included."""
    found = False
    for file in (broker.folder / "data").glob(f"{topic}-0*/*"):
        try:
            found = found or MARK in file.read_bytes()
        except OSError:  # gone between the two
            continue
    return found


@pytest.mark.broker
@pytest.mark.parametrize("topic", [DEAD_LETTER_TOPIC, INPUT_TOPICS[0]], ids=lambda topic: topic.name)
def test_a_record_is_gone_from_disk_when_its_time_is_over_though_others_follow(
    broker_that_looks_often: EmbeddedKafka, topic: Topic
) -> None:
    broker = broker_that_looks_often
    settings = topic.kafka_settings()
    faster = topic.retention_ms // 4_000 if topic.retention_ms else 1
    kept_s = int(settings["retention.ms"]) / faster / 1000
    segment_ms = max(1, int(settings["segment.ms"]) // faster)
    days = {"retention.ms": str(int(kept_s * 1000)), "segment.ms": str(segment_ms)}
    forever = {"retention.ms": days["retention.ms"], "segment.ms": str(7 * DAY_MS)}
    names = {f"short-{topic.name}": days, f"default-{topic.name}": forever}
    for name, lasting in names.items():
        asyncio.run(create_topics(broker.bootstrap, {name: 1}, {**settings, **lasting}))
    asyncio.run(produce(broker.bootstrap, [Outgoing(name, MARK, partition=0) for name in names]))
    sent_s = time.monotonic()
    assert all(is_on_disk(broker, name) for name in names)
    latest_s = kept_s + segment_ms / 1000 + 3 * LOOKS_EVERY_S + 10  # a busy machine
    for number in itertools.count():
        asyncio.run(produce(broker.bootstrap, [Outgoing(name, b"%d" % number, partition=0) for name in names]))
        if not is_on_disk(broker, f"short-{topic.name}"):
            break
        assert time.monotonic() - sent_s < latest_s, f"still there after {latest_s:.1f} s"
    assert time.monotonic() - sent_s >= kept_s, "kept as long as promised"
    assert is_on_disk(broker, f"default-{topic.name}"), "with Kafka's own segments it would stay while others follow"


def words_of(ms: int) -> str:
    days, hours = divmod(ms // HOUR_MS, DAY_MS // HOUR_MS)
    return f"{days} days" + (f" and {hours} hour" if hours else "")


def test_the_privacy_page_says_of_each_topic_what_its_settings_do() -> None:
    rows = dict(re.findall(r"^\| `([\w-]+)` \| .* \| ([^|]+ \| [^|]+) \|$", PAGE.read_text(), re.MULTILINE))
    wanted = {
        topic.name: f"{words_of(topic.retention_ms)} | {words_of(topic.retention_ms + topic.segment_ms)}"
        for topic in TOPICS
        if topic.retention_ms is not None
    }
    assert {name: rows.get(name) for name in wanted} == wanted
    assert rows.keys() == {topic.name for topic in TOPICS}
