"""One partition's journal cut at its snapshots, so that its pieces are audited side by side, and joined again.

A snapshot is never believed: its rows must have the digest that the seal behind it says, and the piece before it must
come to that very state at that very record. So the pieces prove what one fold from the first line proves. Where they do
not join (a snapshot or a seal is wrong, a line is broken, an event stands among those of another piece), nothing that
they found is told: the partition is audited as a whole, and what is found is said as it always was.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar

from aiokafka import TopicPartition

from agents.auditing.outputs import first_offsets
from agents.auditing.partition_audit import Audited, Part, Stretch
from agents.errors import UserError
from agents.journal.beginning import line_before, snapshot_lines
from agents.kafka.log_cursor import LogCursor, log_cursor
from agents.kafka.log_reader import LogEnds, LogReader, log_reader
from agents.settings import Settings
from agents.topic_roles import JOURNAL, OUTPUTS
from schemas.headers import line_of
from schemas.registry import Logical

LEAST_LINES = 20_000
"""In a piece, from which on a process of its own pays."""
_PROBE_BYTES = 64 * 1024

Name = TypeVar("Name", str, int)


class Cuts(NamedTuple):
    """Where a partition is cut: behind the snapshots of these lines, and there in each output topic at this offset."""

    partition: int
    first_line: int = 1
    lines: tuple[int, ...] = ()
    offsets: tuple[tuple[int, ...], ...] = ()
    refused: tuple[str, ...] = ()

    def stretches(self) -> list[Stretch]:
        """What is audited for itself; all of the partition where it is not cut."""
        if not self.lines:
            return [Stretch(self.partition)]
        untils = [*(line + 1 for line in self.lines), None]
        firsts = [(0,) * len(OUTPUTS), *self.offsets]
        befores: list[tuple[int | None, ...]] = [*self.offsets, (None,) * len(OUTPUTS)]
        return [
            Stretch(self.partition, behind, until, self.first_line, tuple(zip(first, before, strict=True)))
            for behind, until, first, before in zip((0, *self.lines), untils, firsts, befores, strict=True)
        ]

    def whole(self) -> "Cuts":
        """Not cut any more."""
        return self._replace(lines=(), offsets=())

    def without(self, line: int, sentence: str) -> "Cuts":
        """Not cut at this snapshot, for this reason; at none where it is the beginning that is wrong."""
        kept = [number for number, one in enumerate(self.lines) if one != line] if line else []
        return self._replace(
            lines=tuple(self.lines[number] for number in kept),
            offsets=tuple(self.offsets[number] for number in kept),
            refused=(*self.refused, sentence),
        )


async def cuts_of(settings: Settings, partition: int, pieces: int) -> Cuts:
    """Cut a partition into so many pieces of about as many lines, as far as it has snapshots and is long enough."""
    whole = Cuts(partition)
    if pieces <= 1 or not settings.snapshots:
        return whole
    try:
        async with log_cursor(settings) as cursor, log_reader(settings, _PROBE_BYTES) as reader:
            before = await line_before(settings, cursor, partition)
            kept = await snapshot_lines(settings, cursor, partition)
            last = (await reader.journal_ends(settings.topic(JOURNAL), [partition]))[partition].line
            lines = _chosen(kept, before, last, pieces)
            offsets = [await _offsets(settings, reader, partition, line + 1) for line in lines]
    except UserError:  # what is wrong with it is said where all of it is read
        return whole
    return Cuts(partition, before + 1, tuple(lines), tuple(offsets))


def _chosen(kept: Sequence[int], first: int, last: int, pieces: int) -> list[int]:
    """Of these lines those that are nearest to where even pieces would end, each far enough from the one before it."""
    chosen: list[int] = []
    for number in range(1, pieces):
        wanted, before = first + (last - first) * number // pieces, chosen[-1] if chosen else first
        near = [line for line in kept if line >= before + LEAST_LINES and line <= last - LEAST_LINES]
        if near:
            chosen.append(min(near, key=lambda line: abs(line - wanted)))
    return chosen


async def _offsets(settings: Settings, reader: LogReader, partition: int, line: int) -> tuple[int, ...]:
    """In each output topic where what this line brought ends. Where one is in no order, that shows when it is read."""
    places = [TopicPartition(settings.topic(topic), partition) for topic in OUTPUTS]
    ends = await reader.ends(places)
    return tuple([await _behind(reader, place, ends[place], line) for place in places])


async def _behind(reader: LogReader, place: TopicPartition, ends: LogEnds, line: int) -> int:
    low, high = ends.first, ends.next
    while low < high:
        middle = (low + high) // 2
        numbered = [(record.offset, line_of(record.headers)) for record in await reader.some(place, middle, high)]
        beyond: int | None = next((offset for offset, number in numbered if number is not None and number > line), None)
        if not numbered:
            high = middle
        elif beyond is None:
            low = numbered[-1][0] + 1
        elif beyond == numbered[0][0]:
            high = middle
        else:
            return beyond
    return low


async def joined(settings: Settings, cuts: Cuts, parts: Sequence[Part]) -> Audited | None:
    """What the pieces of a partition found, as one fold would have; None where they do not join."""
    if not all(part.is_whole for part in parts) or not _is_one_journal(parts):
        return None
    comparison = parts[0].comparison
    for part in parts[1:]:
        if not comparison.take_in(part.comparison):
            return None
    if comparison.awaited or comparison.strays():
        async with log_cursor(settings) as cursor:
            cursors = dict.fromkeys(OUTPUTS, cursor)
            for topic in OUTPUTS:
                if (line := await _first_line(settings, cursor, topic, cuts.partition)) is not None:
                    comparison.drop_before(topic, line or parts[-1].lines + 1)
            comparison.close(await first_offsets(settings, cursors, comparison))
    else:
        comparison.close({})
    return Audited(
        cuts.partition,
        parts[-1].lines,
        comparison.events,
        _in_order(part.policies for part in parts),
        _in_order(part.logics for part in parts),
        parts[-1].later,
        comparison.gone,
        sum(part.seals for part in parts) - len(cuts.lines),  # where two meet both have seen the seal
        cuts.first_line,
        [*comparison.findings, *parts[0].border],
        taken={topic: offset for part in parts for topic, offset in part.taken.items()},
        proved=cuts.lines,
        refused=cuts.refused,
    )


def _is_one_journal(parts: Sequence[Part]) -> bool:
    """Whether each piece begins with the record that the one before it ends with, and takes up its inputs."""
    taken: dict[str, int] = {}
    for part, following in pairwise(parts):
        taken |= part.taken
        if part.offsets[1] != following.offsets[0] or following.is_heir:
            return False
        if any(taken.get(topic, -1) >= offset for topic, offset in following.first_taken.items()):
            return False
    return True


async def _first_line(settings: Settings, cursor: LogCursor, topic: Logical, partition: int) -> int | None:
    """The line of the first record, 0 where there is none or it names none; None where retention has taken nothing."""
    await cursor.start(settings.topic(topic), partition)
    if not cursor.first:
        return None
    records = await cursor.batch()
    return (line_of(records[0].headers) or 0) if records else 0


def _in_order(several: Iterable[Sequence[Name]]) -> tuple[Name, ...]:
    """One behind the other; what is said again by the next is said once."""
    names: list[Name] = []
    for some in several:
        for name in some:
            if name not in names[-1:]:
                names.append(name)
    return tuple(names)
