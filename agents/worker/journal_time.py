"""Journal time: W(p), the broker's time up to which everything that was told to partition p is finished.

W(p) is the smallest, over the input topics of p, of what is known of each topic, less an allowance (time.md). Known
of a topic is the broker timestamp of the last record that was finished there; or, where it is caught up, the time at
which the fetch was *sent* whose answer said so, on the broker's clock. It never goes back. Where nothing is known of a
topic there is no W, and nothing may be written.

The allowance covers clocks of brokers that differ and records that a leader has stamped but its followers have not
copied yet: such a record is not in the log that a fetch can see. A record that comes later than that is late news,
which the rules can bear. At least 1 ms is always kept: two records of one millisecond may be told one after the other.

Nothing here reads a wall clock. The broker's clock is known from the append time of a record written to a topic that
the broker stamps, and goes on by this machine's monotonic clock in between.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from agents.worker.slices import Answer
from schemas.registry import ANY_TIME_MS

SAMPLES = 5


class _Sample(NamedTuple):
    """Bounds, in ms, of the broker's clock less the monotonic clock."""

    low: float
    high: float


class BrokerClock:
    """The broker's clock, never ahead of it: by what was measured last, and the monotonic clock since."""

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque(maxlen=SAMPLES)
        self._offset_ms: float | None = None

    def measured(self, append_ms: int, sent_s: float, answered_s: float) -> None:
        """A record was sent and its answer came at these monotonic times; the broker stamped it `append_ms`.

        The stamp was made between the two, so each measurement bounds the offset from both sides. The best lower bound
        of the last few is used, unless the newest upper bound shows that the broker's clock was set back.
        """
        sample = _Sample(append_ms - answered_s * 1000, append_ms + 1 - sent_s * 1000)
        self._samples.append(sample)
        self._offset_ms = min(max(known.low for known in self._samples), sample.high)

    def at(self, monotonic_s: float) -> int | None:
        """The broker's time in ms at a time of the monotonic clock; None before the first measurement."""
        return None if self._offset_ms is None else int(monotonic_s * 1000 + self._offset_ms)


class _InputTime:
    """What is known of one input topic of the partition."""

    def __init__(self, position: int) -> None:
        self.position = position
        self.known_ms: int | None = None

    def learn(self, known_ms: int) -> None:
        """Everything that the broker stamped before `known_ms` is finished."""
        self.known_ms = known_ms if self.known_ms is None else max(self.known_ms, known_ms)


class JournalTime:
    """W(p) of one partition."""

    def __init__(
        self,
        positions: dict[str, int],
        clock: BrokerClock,
        answer: Callable[[str], Answer | None],
        allowance_ms: int,
    ) -> None:
        self._inputs = {topic: _InputTime(position) for topic, position in positions.items()}
        self._clock = clock
        self._answer = answer
        self._allowance_ms = max(1, allowance_ms)

    @property
    def positions(self) -> dict[str, int]:
        """Next offset to finish of each input topic."""
        return {topic: known.position for topic, known in self._inputs.items()}

    def finished(self, topic: str, position: int, at_ms: int | None = None) -> None:
        """Everything below `position` is finished; `at_ms` is the broker's time of the last record, where known."""
        known = self._inputs[topic]
        known.position = position
        if at_ms:
            known.learn(at_ms)

    def known_ms(self, topic: str) -> int:
        """Everything that the broker appended to this topic before that is finished; 0 where nothing is known."""
        return self._known_of(topic) or 0

    def _known_of(self, topic: str) -> int | None:
        known = self._inputs[topic]
        answer = self._answer(topic)
        if answer is not None and known.position >= answer.end:
            sent_ms = self._clock.at(answer.sent_s)
            if sent_ms is not None:
                known.learn(sent_ms)
        return known.known_ms

    def floor_ms(self, topics: Iterable[str]) -> int | None:
        """The smallest time known of these topics, none of whose records are in hand; None if one is unknown.

        Of no topics at all nothing holds the time back: the largest time there is.
        """
        floor = ANY_TIME_MS
        for topic in topics:
            known_ms = self._known_of(topic)
            if known_ms is None:
                return None
            floor = min(floor, known_ms)
        return floor

    def stamp(self, at_ms: int) -> int:
        """The journal time that a time of the broker allows."""
        return at_ms - self._allowance_ms

    def watermark_ms(self) -> int | None:
        """W(p) with nothing in hand; None where it is unknown."""
        floor = self.floor_ms(self._inputs)
        return None if floor is None else self.stamp(floor)

    def due_at_broker_ms(self, fire_ms: int) -> int:
        """The broker's time at which W(p) can reach a timer, at the earliest."""
        return fire_ms + self._allowance_ms

    def lag_records(self) -> dict[str, int]:
        """Records on the broker that are not finished, by topic, as far as the newest answers tell."""
        answers = {topic: self._answer(topic) for topic in self._inputs}
        return {
            topic: max(0, answer.end - self._inputs[topic].position)
            for topic, answer in answers.items()
            if answer is not None
        }

    def held_back_by(self) -> tuple[str, int | None]:
        """The topic of which least is known, and what is known of it."""
        unknown = [topic for topic in self._inputs if self._known_of(topic) is None]
        if unknown:
            return unknown[0], None
        topic = min(self._inputs, key=lambda name: self._inputs[name].known_ms or 0)
        return topic, self._inputs[topic].known_ms
