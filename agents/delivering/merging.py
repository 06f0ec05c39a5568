"""The events of one partition, put in order again from the four topics on which they stand. Pure.

One keeper wrote them all, line after line, each line's in one transaction; but a transaction may show on one topic
before it shows on another. So a line is `whole` only where every topic has an event of a later line waiting, or is
`quiet`: it was read past the end that it had when the event in question was there already. Whoever reads the topics
says which are; nothing here reads anything.

The order: by the journal's line; of one line each topic's events as they stand there (offsets are committed one behind
the other), and never an event of a clock while one of it with a smaller `seq` waits (contract §4). The order in which
they were decided is one of these, so there always is a next one.
"""

from collections import Counter, deque
from collections.abc import Collection, Iterable
from heapq import heapify, heappop, heappush
from itertools import takewhile
from typing import Any, NamedTuple, TypeAlias

Place: TypeAlias = str
"""A topic, by its name."""


class Item(NamedTuple):
    """A record of an output topic. `event` is None where it is no event: it is passed by in its order."""

    topic: Place
    offset: int
    at_ms: int
    line: int
    event: dict[str, Any] | None
    value: bytes = b""

    @property
    def clock(self) -> str:
        """The clock that it is of; empty where it is of none."""
        return self.event.get("clock_id", "") if self.event else ""

    @property
    def seq(self) -> int:
        """Which of the clock's events it is."""
        return self.event.get("seq", 0) if self.event else 0


class Merge:
    """What waits of one partition."""

    def __init__(self, topics: Iterable[Place]) -> None:
        self._waiting: dict[Place, deque[tuple[int, Item]]] = {topic: deque() for topic in topics}
        self._last_line = dict.fromkeys(self._waiting, -1)
        self._seqs: dict[str, list[int]] = {}  # of each clock that has events waiting, a heap
        self.offered = 0
        """How many were ever offered: what a question about the topics' ends has to know to be answered."""

    def offer(self, items: Iterable[Item]) -> None:
        """More of a topic, in the order of that topic."""
        for item in items:
            self._waiting[item.topic].append((self.offered, item))
            self._last_line[item.topic] = item.line
            if item.clock:
                heappush(self._seqs.setdefault(item.clock, []), item.seq)
            self.offered += 1

    def is_more_than(self, enough: int, topic: Place) -> bool:
        """Whether so many events of a topic wait, of more than one line: of one line all have to be known."""
        items = self._waiting[topic]
        return len(items) >= enough and items[0][1].line != items[-1][1].line

    def oldest_ms(self) -> int | None:
        """When the oldest that waits was written; None where none does."""
        return min((items[0][1].at_ms for items in self._waiting.values() if items), default=None)

    def needs_ends(self, asked: int) -> bool:
        """Whether something waits that only the topics' ends can release, and came after they were last asked for."""
        head = self._head()
        return head is not None and self.offered > asked and not self._is_whole(head[1].line, ())

    def following(self, taken: Item) -> Item | None:
        """The next event of the same clock that the same line brought: all of them are known when one is taken."""
        found: list[Item] = []
        for items in self._waiting.values():
            of_line = (item for _, item in takewhile(lambda waiting: waiting[1].line == taken.line, items))
            found.extend(item for item in of_line if item.clock == taken.clock)
        return min(found, key=lambda item: item.seq, default=None)

    def take(self, quiet: Collection[Place] = (), asked: int = 0) -> Item | None:
        """The next of all; None where that is not known yet.

        `quiet` topics were read past their ends, and when these ends were asked for, `asked` items had been offered.
        """
        head = self._head()
        if head is None:
            return None
        number, item = head
        if not self._is_whole(item.line, ()) and (number >= asked or not self._is_whole(item.line, quiet)):
            return None
        self._waiting[item.topic].popleft()
        self._let_go(item)
        return item

    def _head(self) -> tuple[int, Item] | None:
        heads = [items[0] for items in self._waiting.values() if items]
        free = [head for head in heads if not head[1].clock or self._seqs[head[1].clock][0] == head[1].seq]
        return min(free or heads, key=lambda head: (head[1].line, head[0]), default=None)

    def _is_whole(self, line: int, quiet: Collection[Place]) -> bool:
        return all(last > line or topic in quiet for topic, last in self._last_line.items())

    def _let_go(self, item: Item) -> None:
        if not item.clock:
            return
        seqs = self._seqs[item.clock]
        if seqs[0] == item.seq:
            heappop(seqs)
        else:  # nothing of it was free: somebody wrote events that no keeper writes
            left = Counter(seqs) - Counter([item.seq])
            seqs[:] = left.elements()
            heapify(seqs)
        if not seqs:
            del self._seqs[item.clock]
