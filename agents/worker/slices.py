"""Slices: what Faust hands to the keeper is no single record but all records of one partition that one fetch brought.

A slice stands between two offsets: `start`, where the slice before it ended, and `end`, where the next one starts; both
are exact, also where transactions leave markers in the log. A partition's hand holds the slices of all its input topics
that are not finished yet and gives them out in the order of their broker timestamps: what waited on any topic is told
before time moves past it. The order within a topic is never changed.
"""

from collections import deque
from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple, Protocol

from agents.kafka.batches import Placed, end_of
from schemas.headers import Origin

LOG_APPEND_TIME = 1
MAX_RECORDS_IN_HAND = 8_000
MAX_BYTES_IN_HAND = 4 * 1024 * 1024
"""Of one topic and partition; fetching it is suspended above either (back-pressure)."""
MAX_RECORDS_AT_ONCE = 8_000
"""In one transaction: half a second of work in a backlog, and the loop is given up all the while. What a transaction
costs by itself is shared by so many; in an ordinary stream there are never so many in hand.
"""


class Record(Placed, Protocol):
    """What is asked of an input record: what a fetch brought is one (agents/kafka/batches.py)."""

    @property
    def timestamp(self) -> int:
        """Ms UTC; whose clock it is of, the next one says."""

    @property
    def timestamp_type(self) -> int:
        """0: the producer's clock, 1: the broker's."""

    @property
    def key(self) -> bytes | None: ...

    @property
    def value(self) -> bytes | None: ...

    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


def size_of(record: Record) -> int:
    """How much of a record is in memory: all that its producer may make large."""
    size = len(record.value or b"") + len(record.key or b"")
    if record.headers:
        for name, value in record.headers:
            size += len(name) + len(value or b"")
    return size


def origin_of(record: Record) -> Origin:
    """Which input record this is."""
    return Origin(record.topic, record.partition, record.offset)


class BrokenPromiseError(RuntimeError):
    """Something that this program relies on does not hold: it must end, loudly, before it writes anything."""


class GapError(BrokenPromiseError):
    """A slice does not stand where the one before it ended."""

    def __init__(self, piece: "Slice", expected: int) -> None:
        super().__init__(
            f"partition {piece.partition} of {piece.topic} goes on at offset {piece.start} instead of {expected}"
        )
        self.topic, self.partition, self.expected = piece.topic, piece.partition, expected


class Answer(NamedTuple):
    """What one fetch said of one topic partition: the end of the log, known at the monotonic time of the request."""

    sent_s: float
    end: int


class Slice(NamedTuple):
    """Records of one topic and partition, in order, and the offsets between which they stand."""

    topic: str
    partition: int
    start: int
    end: int
    records: Sequence[Record]
    seeks: int
    """How many seeks the consumer had made when this was fetched: a slice from before the last one is stale."""


class Held(NamedTuple):
    """One record in hand. `at_ms`: its broker timestamp, never less than that of a record before it on its topic.

    A record that its producer stamped has the time that was known of its topic before it came, 0 where none was: it
    came later than that, and nobody knows when.
    """

    at_ms: int
    next_offset: int
    record: Record


class Hand:
    """The records that one partition has been given and has not finished, for each input topic."""

    def __init__(self, positions: dict[str, int]) -> None:
        self._held: dict[str, deque[Held]] = {topic: deque() for topic in positions}
        self._next: dict[str, int] = dict(positions)
        self._bytes: dict[str, int] = dict.fromkeys(positions, 0)

    def give(self, piece: Slice, known_ms: int = 0) -> int | None:
        """Take a slice in; `known_ms` is what is known of its topic before it.

        Returns the new position of its topic if there is nothing in hand before it to finish.
        Raises GapError if it does not stand where the one before it ended.
        """
        expected = self._next[piece.topic]
        if piece.start != expected:
            raise GapError(piece, expected)
        self._next[piece.topic] = piece.end
        held = self._held[piece.topic]
        at_ms = held[-1].at_ms if held else 0
        for record in piece.records:
            at_ms = max(at_ms, record.timestamp if record.timestamp_type == LOG_APPEND_TIME else known_ms)
            held.append(Held(at_ms, end_of(record), record))
        self._bytes[piece.topic] += sum(map(size_of, piece.records))
        if not held:
            return piece.end
        held[-1] = held[-1]._replace(next_offset=piece.end)
        return None

    def is_full(self, topic: str) -> bool:
        """Whether no more of this topic should be fetched for now."""
        return len(self._held[topic]) >= MAX_RECORDS_IN_HAND or self._bytes[topic] >= MAX_BYTES_IN_HAND

    def __bool__(self) -> bool:
        return any(self._held.values())

    def empty_topics(self) -> list[str]:
        """Topics of which nothing is in hand."""
        return [topic for topic, held in self._held.items() if not held]

    def stamped_ms(self) -> int | None:
        """The earliest time known of what is in hand; 0 where a record is first that came at an unknown time."""
        return min((held[0].at_ms for held in self._held.values() if held), default=None)

    def take(self, limit: int = MAX_RECORDS_AT_ONCE) -> list[Held]:
        """Up to `limit` records, in the order of their broker timestamps; they stay in hand until `finish`."""
        first: list[Held] = []
        for held in self._held.values():
            first += list(held)[:limit]
        first.sort(key=attrgetter("at_ms"))
        return first[:limit]

    def finish(self, topic: str, count: int) -> None:
        """Drop the first `count` records in hand of a topic: they have been dealt with."""
        held = self._held[topic]
        for _ in range(count):
            self._bytes[topic] -= size_of(held.popleft().record)

    def count(self, topic: str) -> int:
        """How many records of a topic are in hand."""
        return len(self._held[topic])
