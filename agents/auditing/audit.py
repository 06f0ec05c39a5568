"""`dueclock audit`: does everything that was sent follow from the journal, once, and is nothing that follows missing?

Each journal partition is folded again from its first line, by the same `step`, under the policies that stand in it, and
held against the output topics (`agents/auditing/comparison.py`). Read-only: consumers in no group, committed records.
The bound is where the journal ends when the audit of its partition starts; events of later lines are counted, not
judged.
From files: an exported journal against a file of events, of which only the values are known.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from typing import Final

import orjson
from aiokafka import TopicPartition

from agents.auditing.comparison import Comparison, Found, Sent, names_of
from agents.auditing.partition_audit import Audited, Part, Refused, Stretch, audited, closed
from agents.auditing.pieces import Cuts, cuts_of, joined
from agents.auditing.refold import Fold
from agents.files import opened
from agents.journal.lines import JournalError, Progress
from agents.journal.notes import kept_notes
from agents.journal.records import Snapshot
from agents.journal.source import from_file
from agents.kafka.log_reader import log_reader
from agents.kafka.topics import chosen_partitions, has_topic, partitions_of
from agents.parallel import LEAST_RECORDS, Tell, cores, side_by_side
from agents.settings import Settings
from agents.topic_roles import CHANGELOG, JOURNAL, OUTPUTS
from schemas.codec import format_instant
from schemas.events import topic_of
from schemas.registry import Logical

HARDLY: Final = 0.1
"""Of what falls to a process: so much more makes no further piece."""


async def audit_live(
    settings: Settings,
    wanted: Sequence[int],
    progress: Progress,
    starts: Mapping[int, Snapshot] | None = None,
    *,
    processes: int | None = None,
    pieces: int | None = None,
) -> list[Audited]:
    """Audit these partitions of a cluster, or all of them; from its snapshot on where there is one in `starts`.

    Several at a time, in so many processes, each cut into so many pieces where it has the snapshots; None: as it pays.
    UserError (status 2) where that cannot be done.
    """
    starts = starts or {}
    count = await partitions_of(settings, JOURNAL, *OUTPUTS)
    chosen = chosen_partitions((*wanted, *starts), count)
    records = await _records(settings, chosen) if (processes or cores()) > 1 else dict.fromkeys(chosen, 0)
    if processes is None:
        processes = _processes(records)
    shares = _shares(records, processes) if pieces is None else dict.fromkeys(chosen, pieces)
    cuts = {number: await cuts_of(settings, number, 1 if number in starts else shares[number]) for number in chosen}
    found = await _Auditing(settings, count, starts, cuts, progress, processes).all()
    notes = await kept_notes(settings, chosen) if await has_topic(settings, CHANGELOG) else {}
    return [
        one._replace(lost=tuple(notes[one.partition].lost), lost_records=notes[one.partition].lost_records)
        if one.partition in notes
        else one
        for one in found
    ]


class _Auditing:
    """Partitions, whole or in pieces, as often as it takes until all are audited."""

    def __init__(
        self,
        settings: Settings,
        count: int,
        starts: Mapping[int, Snapshot],
        cuts: dict[int, Cuts],
        progress: Progress,
        processes: int,
    ) -> None:
        self._settings = settings
        self._count = count
        self._starts = starts
        self._cuts = cuts
        self._progress = progress
        self._processes = processes
        self._found: dict[Stretch, Audited | Part] = {}
        self._audited: dict[int, Audited] = {}

    async def all(self) -> list[Audited]:
        """What was found, in the order of the partitions."""
        while left := [number for number in self._cuts if number not in self._audited]:
            await self._ask([one for number in left for one in self._cuts[number].stretches()])
            for number in left:
                await self._take(number)
        return [self._audited[number] for number in self._cuts]

    async def _ask(self, stretches: Sequence[Stretch]) -> None:
        """Audit what was not yet; where a snapshot is none to begin at, its partition is not cut there any more."""
        asked = [one for one in stretches if one not in self._found]
        done = [0] * len(asked)

        def tell(place: int, lines: int) -> None:
            done[place] = lines - asked[place].behind_line
            partition = asked[place].partition
            self._progress(
                partition, sum(some for one, some in zip(asked, done, strict=True) if one.partition == partition)
            )

        tasks = [
            (self._settings, one, self._count, self._starts.get(one.partition), place)
            for place, one in enumerate(asked)
        ]
        answers = await side_by_side(_audit, tasks, tell, processes=self._processes)
        for one, answer in zip(asked, answers, strict=True):
            if isinstance(answer, Refused):
                self._cuts[one.partition] = self._cuts[one.partition].without(one.behind_line, answer.sentence)
            else:
                self._found[one] = answer

    async def _take(self, number: int) -> None:
        """The partition is audited, once all its pieces are and join; as a whole where they do not."""
        cuts = self._cuts[number]
        stretches = cuts.stretches()
        parts = [part for one in stretches if isinstance(part := self._found.get(one), Part)]
        whole = self._found.get(stretches[0])
        if isinstance(whole, Audited):
            self._audited[number] = whole._replace(refused=cuts.refused)
        elif parts and len(parts) == len(stretches):
            found = await joined(self._settings, cuts, parts)
            if found is None:
                self._cuts[number] = cuts.whole()
            else:
                self._audited[number] = found


async def _audit(
    settings: Settings, stretch: Stretch, count: int, start: Snapshot | None, place: int, tell: Tell
) -> Audited | Part | Refused:
    return await audited(settings, stretch, count, start, lambda _, lines: tell(place, lines))


def _shares(records: Mapping[int, int], processes: int) -> dict[int, int]:
    """Into how many pieces each partition is cut: none is to be longer than what falls to a process, or hardly.

    More would cost more: each piece begins with a state that is read and held against its digest.
    """
    if processes <= 1:
        return dict.fromkeys(records, 1)
    each = max(1, sum(records.values())) / processes
    return {number: ceil(count / each - HARDLY) for number, count in records.items()}


async def processes_for(settings: Settings, partitions: Sequence[int]) -> int:
    """How many processes it takes to read these partitions of the journal: one for each core, if they are long."""
    return _processes(await _records(settings, partitions)) if cores() > 1 else 1


def _processes(records: Mapping[int, int]) -> int:
    return cores() if sum(records.values()) >= LEAST_RECORDS else 1


async def _records(settings: Settings, partitions: Sequence[int]) -> dict[int, int]:
    """How many records of the journal each of these partitions has, about: markers of transactions are counted too."""
    topic = settings.topic(JOURNAL)
    async with log_reader(settings) as reader:
        ends = await reader.ends(TopicPartition(topic, partition) for partition in partitions)
    return {place.partition: end.next - end.first for place, end in ends.items()}


async def audit_files(
    journal: str, events: Sequence[str], progress: Progress, start: Snapshot | None = None
) -> list[Audited]:
    """Audit an exported journal against files of the events that its partition sent, in any order.

    From a snapshot on, where the journal's head is gone: the events are then those that its lines brought, no others.
    """
    fold = Fold(0, has_headers=False, start=start)
    comparison = Comparison(0, OUTPUTS, is_order_known=False)
    since = b"" if start is None else format_instant(fold.state.journal_ms).encode()
    try:
        async with from_file(journal, start=None if start is None else start.seal) as source:
            async for lines in source.batches:
                for topic, expected in fold.expected(lines).items():
                    comparison.hold(topic, expected, [])
                if fold.broken is not None:
                    break
                progress(0, fold.state.lines)
    except JournalError as error:
        fold.broken = error
    bound = None if fold.broken is None else format_instant(fold.state.journal_ms).encode()
    for place, (topic, value) in enumerate(_values(events), 1):
        found = Found(None, place, Sent(None, value, None))
        decided_at = _decided_at(value)
        is_judged = (bound is None or decided_at < bound) and (not since or decided_at > since)
        if is_judged or comparison.is_awaited(topic, found.sent):
            comparison.hold(topic, [], [found])
    first: dict[tuple[str, str], int] = {}
    strays = comparison.strays()
    if strays:
        for place, (topic, value) in enumerate(_values(events), 1):
            for name in strays.get(topic, set()).intersection(names_of(Sent(None, value, None))):
                first.setdefault((topic, name), place)
    comparison.close(first)
    return [closed(comparison, fold, fold.broken, 0)]


_DECIDED_AT = b'"decided_at":"'


def _decided_at(value: bytes) -> bytes:
    """When an event was decided, as it says: nothing is judged before a snapshot, or where the journal broke off."""
    return value.partition(_DECIDED_AT)[2].partition(b'"')[0]


def _values(files: Sequence[str]) -> Iterator[tuple[Logical, bytes]]:
    """The events of these files, each with the topic of its type; what has none is looked for where most are."""
    for file in files:
        with opened(file, "rb", "--events") as stream:
            for raw in stream:
                if value := raw.strip(b" \t\r\n"):
                    try:
                        event = orjson.loads(value)
                        yield topic_of(event["type"], event.get("of")), value
                    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
                        yield topic_of("clock.opened", None), value
