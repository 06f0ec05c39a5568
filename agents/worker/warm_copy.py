"""A warm copy of a partition's rows, and what becomes of it when the partition is taken over.

It is a convenience, and never trusted over the changelog: who takes the partition over reads the rest of it after the
fence, to the end that recovery would read to, and holds the whole against the journal. It is thrown away where what it
has read may not be all there was: the topic is another, it begins behind or ends before the copy, a row cannot be read,
or the copy has been behind for so long that tombstones may have gone which it has not seen.
"""

import logging
from collections.abc import Mapping
from time import monotonic

from aiokafka import TopicPartition

from agents.errors import UserError
from agents.kafka.batches import Fetched
from agents.kafka.log_reader import LogEnds, LogReader
from agents.worker.breathing import Breath, in_pieces
from streams.spare import Spare
from streams.state import State

log = logging.getLogger("dueclock.standby")

UNFIT = (ValueError, LookupError)
"""What rows raise that cannot be followed: RowError and PolicyError are such."""


class Copy:
    """The warm copy of one partition. `position` is the offset of the changelog that it goes on from."""

    def __init__(self, partition: int, topic_id: bytes, first: int, trusted_for_s: float) -> None:
        self.spare = Spare(partition)
        self.position = first
        self.end = first
        self.whole_s = monotonic()
        """Monotonic time at which it last had all that there was; before it had, when it began at the start."""
        self.heard_ms: int | None = None
        """When the answer came by which it had, as this machine's clock said: another answer has another time."""
        self.is_warm = False
        """It had all that there was once."""
        self.is_lent = False
        """The partition is being taken over: whoever does that reads on."""
        self._topic_id = topic_id
        self._trusted_for_s = trusted_for_s

    def take(self, record: Fetched) -> None:
        """Take in one record, if it is not in it already."""
        if record.offset >= self.position:
            if record.key is not None:  # without a key it is no row
                self.spare.take(record.key, record.value)
            self.position = record.offset + 1

    def is_stale(self, now_s: float) -> bool:
        """Whether it was behind for so long that tombstones may have come and gone."""
        return now_s - self.whole_s > self._trusted_for_s

    def doubt(self, topic_id: bytes, ends: LogEnds) -> str:
        """Why it cannot be believed, where the changelog is this; empty where it can."""
        if not topic_id or topic_id != self._topic_id:
            return "the changelog is another topic, or the broker does not say which"
        if not ends.first <= self.position <= ends.next:
            return f"it goes on from offset {self.position}, and the changelog has {ends.first} to {ends.next}"
        return "it has been behind for too long" if self.is_stale(monotonic()) else ""


async def caught_up(logs: LogReader, topic: str, topic_id: bytes, copies: Mapping[int, Copy]) -> dict[int, State]:
    """What becomes of these copies with the rest of the changelog, up to its end now; without those that are of no use.

    To be asked after the fence. What it returns stands where recovery would stand that had read all.
    """
    if not copies:
        return {}
    ends = await logs.ends(TopicPartition(topic, number) for number in copies)
    spans: dict[TopicPartition, tuple[int, int]] = {}
    fit: dict[int, Copy] = {}
    for tp, end in ends.items():
        copy = copies[tp.partition]
        if why := copy.doubt(topic_id, end):
            _not_used(tp.partition, why)
        else:
            fit[tp.partition], spans[tp] = copy, (copy.position, end.next)
    breath = Breath()
    try:
        for copy in fit.values():
            if copy.spare.is_indexing:
                await in_pieces(copy.spare.indexing(), breath)
        async for records in logs.spans(spans):
            for record in records:
                copies[record.partition].take(record)
                if breath.is_due:
                    await breath.take()
    except (*UNFIT, UserError) as error:
        for number in fit:
            _not_used(number, str(error))
        return {}
    return {number: state for number, copy in fit.items() if (state := await _indexed(copy, breath)) is not None}


async def _indexed(copy: Copy, breath: Breath) -> State | None:
    """The state that a copy is when all of it is indexed; None where it cannot be."""
    try:
        await in_pieces(copy.spare.indexing(), breath)
        return copy.spare.state()
    except UNFIT as error:
        _not_used(copy.spare.partition, str(error))
        return None


def _not_used(number: int, why: str) -> None:
    log.warning("partition %d: its warm copy is not used: %s", number, why)
