"""A partition's hand: slices join, records come out in the broker's order, the order of a topic is kept."""

from __future__ import annotations

import pytest

from agents.worker.slices import MAX_BYTES_IN_HAND, MAX_RECORDS_IN_HAND, BrokenPromiseError, Hand, Slice
from tests.agents.records import InputRecord


def piece(topic: str, start: int, times: list[int], *, end: int | None = None, value: bytes | None = b"{}") -> Slice:
    records = [InputRecord(topic, 0, start + n, at_ms, value) for n, at_ms in enumerate(times)]
    return Slice(topic, 0, start, start + len(times) if end is None else end, records, seeks=1)


def taken(hand: Hand, limit: int = 100) -> list[tuple[str, int]]:
    return [(held.record.topic, held.record.offset) for held in hand.take(limit)]


def test_records_of_all_topics_come_out_in_the_order_of_their_broker_timestamps() -> None:
    hand = Hand({"a": 0, "b": 10})
    hand.give(piece("a", 0, [100, 300, 500]))
    hand.give(piece("b", 10, [200, 400]))
    assert taken(hand) == [("a", 0), ("b", 10), ("a", 1), ("b", 11), ("a", 2)]
    assert taken(hand, 2) == [("a", 0), ("b", 10)]


def test_the_order_within_a_topic_is_kept_even_where_the_brokers_clock_went_back() -> None:
    hand = Hand({"a": 0, "b": 0})
    hand.give(piece("a", 0, [500, 100, 600]))
    hand.give(piece("b", 0, [300, 550]))
    assert taken(hand) == [("b", 0), ("a", 0), ("a", 1), ("b", 1), ("a", 2)]


def test_a_slice_that_does_not_join_the_one_before_is_a_broken_promise() -> None:
    hand = Hand({"a": 5})
    hand.give(piece("a", 5, [1, 2]))
    with pytest.raises(BrokenPromiseError, match="goes on at offset 8 instead of 7"):
        hand.give(piece("a", 8, [3]))


def test_markers_behind_the_last_record_belong_to_it() -> None:
    hand = Hand({"a": 0})
    assert hand.give(piece("a", 0, [1, 2], end=3)) is None
    assert hand.give(piece("a", 3, [], end=4)) is None
    assert [held.next_offset for held in hand.take()] == [1, 4]


def test_markers_alone_are_finished_at_once() -> None:
    hand = Hand({"a": 0})
    assert hand.give(piece("a", 0, [], end=2)) == 2
    assert not hand


def test_a_topic_is_full_until_its_records_are_finished() -> None:
    hand = Hand({"a": 0, "b": 0})
    hand.give(piece("a", 0, [1] * MAX_RECORDS_IN_HAND))
    assert hand.is_full("a")
    assert not hand.is_full("b")
    hand.finish("a", 1)
    assert not hand.is_full("a")
    assert hand.empty_topics() == ["b"]


def test_a_topic_is_full_of_few_large_records_until_one_of_them_is_finished() -> None:
    hand = Hand({"a": 0})
    hand.give(piece("a", 0, [1], value=None))
    hand.give(piece("a", 1, [1, 1], value=b"x" * (MAX_BYTES_IN_HAND // 2)))
    assert hand.is_full("a")
    hand.finish("a", 2)
    assert not hand.is_full("a")
