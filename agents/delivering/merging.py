"""The events of one partition in the order in which they were decided, from the four topics on which they stand. Pure.

One keeper wrote them all, line after line, each line's in one transaction; but the transaction of a line may show on
one topic before it shows on another. So the first of all is known only where every topic has an event waiting, or is
`quiet`: it was read past the end that it had when the newest of those waiting was there already. Whoever reads the
topics says which are; nothing here reads anything. `Item.line` is the journal's, `seq` the clock's (contract §4).
"""

from collections import deque
from collections.abc import Collection, Iterable
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
    def order(self) -> tuple[int, int]:
        """What comes first: the earlier line, and of one line the earlier of a clock's events."""
        return (self.line, self.event.get("seq", 0) if self.event else 0)


class Merge:
    """What waits of one partition."""

    def __init__(self, topics: Iterable[Place]) -> None:
        self._waiting: dict[Place, deque[tuple[int, Item]]] = {topic: deque() for topic in topics}
        self.offered = 0
        """How many were ever offered: what a question about the topics' ends has to know to be answered."""

    def offer(self, items: Iterable[Item]) -> None:
        """More of a topic, in the order of that topic."""
        for item in items:
            self._waiting[item.topic].append((self.offered, item))
            self.offered += 1

    def waiting(self, topic: Place) -> int:
        """How many events of a topic wait."""
        return len(self._waiting[topic])

    def silent(self) -> list[Place]:
        """The topics of which none waits."""
        return [topic for topic, items in self._waiting.items() if not items]

    def oldest_ms(self) -> int | None:
        """When the oldest that waits was written; None where none does."""
        return min((items[0][1].at_ms for items in self._waiting.values() if items), default=None)

    def take(self, quiet: Collection[Place] = (), asked: int = 0) -> Item | None:
        """The first of all; None where that is not known yet.

        `quiet` topics were read past their ends, and when these ends were asked for, `asked` items had been offered.
        """
        heads = [items[0] for items in self._waiting.values() if items]
        if not heads:
            return None
        number, first = min(heads, key=lambda head: (head[1].order, head[0]))
        silent = self.silent()
        if silent and (number >= asked or not set(silent) <= set(quiet)):
            return None
        self._waiting[first.topic].popleft()
        return first
