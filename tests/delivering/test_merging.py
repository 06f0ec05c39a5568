"""Events of four topics come in the order in which they were decided, however late a topic shows its part."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.delivering.merging import Item, Merge
from schemas.registry import OUTPUT_TOPICS
from tests.audit.history import History
from tests.delivering.deliverer import in_order

TOPICS: tuple[str, ...] = tuple(topic.name for topic in OUTPUT_TOPICS)
CASES = (
    "02-weekend-breach-late-refund", "18-late-news-retracts-the-breach", "57-breach-taken-back-and-forth",
    "13-thread-of-three", "43-forgotten-and-expired", "31-stalled-case",
)  # fmt: skip


def told(*cases: str) -> list[Item]:
    """What follows from golden cases, in the order in which it was decided."""
    history = History()
    for case in cases:
        history.tell(case)
    offsets: Counter[str] = Counter()
    items = []
    for line, event, _ in history.events:
        items.append(Item(event.topic, offsets[event.topic], line, line, json.loads(event.value), event.value))
        offsets[event.topic] += 1
    return items


ITEMS = told(*CASES)


def logs_of(items: list[Item]) -> dict[str, list[Item]]:
    return {topic: [item for item in items if item.topic == topic] for topic in TOPICS}


def merged(items: list[Item], chance: random.Random) -> list[Item]:
    """Read the topics bit by bit, as somebody who sees each part of a transaction at another time."""
    logs, read, merge = logs_of(items), dict.fromkeys(TOPICS, 0), Merge(TOPICS)
    came: list[Item] = []
    asked, ends = 0, dict.fromkeys(TOPICS, 0)
    while len(came) < len(items):
        topic = chance.choice(TOPICS)
        some = logs[topic][read[topic] : read[topic] + chance.randint(1, 4)]
        merge.offer(some)
        read[topic] += len(some)
        if merge.needs_ends(asked):
            asked, ends = merge.offered, {topic: len(log) for topic, log in logs.items()}
        while (item := merge.take({topic for topic in TOPICS if read[topic] >= ends[topic]}, asked)) is not None:
            came.append(item)
    return came


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_however_the_topics_are_read_clocks_and_topics_keep_their_order(seed: int) -> None:
    came = merged(ITEMS, random.Random(seed))
    assert in_order(item.event or {} for item in came) == in_order(item.event or {} for item in ITEMS)
    for topic, log in logs_of(ITEMS).items():
        assert [item for item in came if item.topic == topic] == log
    assert [item.line for item in came] == sorted(item.line for item in ITEMS)


def item(topic: int, line: int, clock: str = "", seq: int = 0, offset: int = 0) -> Item:
    event = {"clock_id": clock, "seq": seq} if clock else {}
    return Item(TOPICS[topic], offset, 0, line, event)


def test_nothing_is_taken_while_another_topic_may_still_show_an_earlier_part() -> None:
    merge = Merge(TOPICS)
    merge.offer([item(0, 5, "C", 2)])
    assert merge.needs_ends(0)
    assert merge.take() is None
    assert merge.take(set(TOPICS[:3]), 1) is None, "the fourth topic is not read to its end"
    merge.offer([item(2, 5, "C", 1)])
    assert merge.take(set(TOPICS), 1) is None, "this came after the ends had been asked for"
    assert [merge.take(set(TOPICS), 2), merge.take(set(TOPICS), 2)] == [item(2, 5, "C", 1), item(0, 5, "C", 2)]
    assert merge.take(set(TOPICS), 2) is None


def test_a_later_line_on_every_topic_needs_no_question() -> None:
    merge = Merge(TOPICS)
    for number in range(4):
        merge.offer([item(number, 5), item(number, 6, offset=1)])
    assert not merge.needs_ends(0)
    assert [merge.take() for _ in range(5)] == [*(item(number, 5) for number in range(4)), None]


def test_a_line_that_brings_very_much_is_read_whole() -> None:
    merge = Merge(TOPICS)
    merge.offer(item(0, 5, offset=number) for number in range(700))
    assert not merge.is_more_than(500, TOPICS[0])
    merge.offer([item(0, 6, offset=700)])
    assert merge.is_more_than(500, TOPICS[0])


def test_events_that_no_keeper_writes_come_too() -> None:
    """Somebody wrote a clock's events against its order on one topic: they come as they stand."""
    merge = Merge(TOPICS)
    merge.offer([item(0, 5, "C", 9), item(0, 5, "C", 1, 1), Item(TOPICS[1], 0, 0, -1, None)])
    came = [merge.take(set(TOPICS), 3) for _ in range(4)]
    assert came == [Item(TOPICS[1], 0, 0, -1, None), item(0, 5, "C", 9), item(0, 5, "C", 1, 1), None]


@pytest.mark.parametrize("case", CASES)
def test_what_follows_on_the_same_line_is_known_when_an_event_is_taken(case: str) -> None:
    items = told(case)
    merge = Merge(TOPICS)
    for log in logs_of(items).values():
        merge.offer(log)
    for _ in items:
        taken = merge.take(set(TOPICS), len(items))
        assert taken is not None
        if taken.clock:
            later = [one for one in items if (one.line, one.clock, one.seq) == (taken.line, taken.clock, taken.seq + 1)]
            assert merge.following(taken) == (later[0] if later else None)
