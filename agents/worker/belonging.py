"""What belongs together: a partition's row says which topics it tells of, and on others no worker runs.

Offsets say nothing about a topic that was made anew: they would skip its first records in silence. Another number of
partitions moves accounts away from their clocks, and a duty done in time would be called a breach. Another journal does
not prove what was sent. So the row keeps, beside its positions, the id of each input topic, the number of partitions
and the journal it belongs to (`ShellNotes`). They are compared before a worker joins its group, whenever a partition
is taken over, and every few seconds while it is kept. Where a row says nothing yet, what is found is noted.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence, Set
from hashlib import sha256

from aiokafka import TopicPartition

from agents.errors import UserError
from agents.journal.notes import kept_notes
from agents.kafka.clients import reader, run_with_broker
from agents.kafka.group import members_of
from agents.kafka.log_reader import LogReader
from agents.kafka.private import TopicNow, topics_now
from agents.kafka.transactions import is_no_answer
from agents.settings import Settings
from agents.topic_roles import CHANGELOG, JOURNAL, READ_TOPICS, WRITTEN_TOPICS
from agents.worker.slices import Record
from streams.rows import LastRead, ShellNotes

log = logging.getLogger("dueclock.worker")

LOOK_EVERY_S = 2.0
GONE_FOR_LOOKS = 3
"""A broker that has just started may not know of a topic yet: it is gone when so many looks in a row miss it."""

Topics = Mapping[str, TopicNow]


def names_of(settings: Settings) -> tuple[str, ...]:
    """The topics that have a share in each partition."""
    return tuple(map(settings.topic, (*READ_TOPICS, *WRITTEN_TOPICS)))


def inputs_named(settings: Settings, named: Iterable[str]) -> frozenset[str]:
    """The input topics that `--read-anew` names. UserError (status 2) for one that is none."""
    inputs = set(map(settings.topic, READ_TOPICS))
    if strange := sorted(set(named) - inputs):
        raise UserError(f"--read-anew {strange[0]} names no input topic; these are: {', '.join(sorted(inputs))}.", 2)
    return frozenset(named)


def last_read(record: Record) -> LastRead:
    """What is noted of a record, to know its topic again."""
    digest = sha256(b"%d:" % len(record.key or b"") + (record.key or b"") + (record.value or b"")).digest()
    return LastRead(record.offset, record.timestamp, digest)


class Belonging:
    """Compares notes with the topics that there are; `anew` are the inputs that an operator has read from the start."""

    def __init__(self, settings: Settings, anew: Set[str] = frozenset()) -> None:
        self._names = names_of(settings)
        self._inputs = tuple(map(settings.topic, READ_TOPICS))
        self._journal = settings.topic(JOURNAL)
        self._group = settings.group
        self._anew = anew

    def missing(self, found: Topics) -> list[str]:
        """The topics that are not there."""
        return [name for name in self._names if name not in found]

    def check(self, number: int, notes: ShellNotes, found: Topics) -> None:
        """UserError where these topics are not those that the notes of this partition tell of."""
        if notes.moved_to:
            raise UserError(
                f"Partition {number} has moved to {notes.moved_to} (`dueclock grow`): start the workers with the "
                "settings of that generation, or go back with `dueclock grow --back`."
            )
        if gone := self.missing(found):
            raise UserError(
                f"The topic {gone[0]} is gone; restore it, or make it anew with `dueclock topics create` and start the "
                "workers again: they say then what is missing."
            )
        self._check_counts(number, notes, found)
        known, now = notes.journal_topic, _journal_named(self._journal, found)
        if known and not _is_one(known, now):
            raise UserError(
                f"The journal of partition {number} was {_readable(known)}, and the one named now is {_readable(now)}: "
                "what was sent cannot be proved from it. Name or restore the journal that it was, or begin "
                "with topics of their own under another `topic_prefix`."
            )
        for name in self._inputs:
            if self._is_other(name, notes, found) and name not in self._anew:
                raise _made_anew(name, number, notes)

    async def check_last(self, number: int, notes: ShellNotes, logs: LogReader) -> None:
        """The same for topics without an id, by the last record that was finished, where it is there to be read again.

        UserError where another stands in its place.
        """
        for name, last in sorted(notes.last_read.items()):
            if name not in self._inputs or name in notes.topics:
                continue
            tp = TopicPartition(name, number)
            end = (await logs.ends([tp]))[tp]
            if end.first > last.offset:
                continue  # retention has taken it
            is_same = False
            async for records in logs.spans({tp: (last.offset, min(last.offset + 1, end.next))}):
                is_same = is_same or any(last_read(record) == last for record in records)
            if is_same:
                continue
            if name not in self._anew:
                raise _made_anew(name, number, notes)
            notes.positions.pop(name, None)
            del notes.last_read[name]

    def note(self, notes: ShellNotes, found: Topics) -> bool:
        """Note what is found, after `check`; whether that is news. What was made anew is read from its start."""
        for name in self._inputs:
            if self._is_other(name, notes, found):
                notes.positions.pop(name, None)
        before = (notes.partitions, dict(notes.topics), notes.journal_topic, notes.group)
        notes.partitions = found[self._journal].partitions
        notes.topics.update({name: found[name].id for name in self._inputs if found[name].id})
        notes.last_read = {name: last for name, last in notes.last_read.items() if name not in notes.topics}
        notes.journal_topic = _journal_named(self._journal, found)
        notes.group = self._group
        return before != (notes.partitions, notes.topics, notes.journal_topic, notes.group)

    def _is_other(self, name: str, notes: ShellNotes, found: Topics) -> bool:
        known, now = notes.topics.get(name, b""), found[name].id
        return bool(known and now) and known != now

    def _check_counts(self, number: int, notes: ShellNotes, found: Topics) -> None:
        wanted = notes.partitions or found[self._journal].partitions
        others = [name for name in self._names if found[name].partitions != wanted]
        if others:
            which = others[0] if len(others) == 1 else f"{others[0]} (and {len(others) - 1} more)"
            raise UserError(
                f"The topic {which} has {found[others[0]].partitions} partitions, but accounts are kept in {wanted} "
                f"(partition {number} says so): they would move away from their clocks, and false breaches would "
                "follow. A topic cannot lose partitions: make one with that number and name it in the settings "
                "(`topics`), or make all anew under another `topic_prefix`, and send there what this one holds."
            )


def _made_anew(name: str, number: int, notes: ShellNotes) -> UserError:
    return UserError(
        f"The topic {name} was made anew since partition {number} read it up to offset "
        f"{notes.positions.get(name, 0)}: what stands there now would be skipped. To read it from its start, start "
        f"each worker once with `dueclock worker --read-anew {name}`; a repeat is no second fact."
    )


def _journal_named(name: str, found: Topics) -> str:
    return f"{name}/{found[name].id.hex()}"


def _is_one(known: str, now: str) -> bool:
    """Whether these are one journal: a broker that tells no ids leaves the name to go by."""
    (known_name, _, known_id), (now_name, _, now_id) = known.partition("/"), now.partition("/")
    return known_name == now_name and (not known_id or not now_id or known_id == now_id)


def _readable(journal: str) -> str:
    name, _, topic_id = journal.partition("/")
    return f"{name} (topic id {topic_id[:8]}…)" if topic_id else name


def require_together(settings: Settings, anew: Set[str] = frozenset()) -> None:
    """Before a worker joins its group: UserError where any partition's row tells of other topics than there are."""
    run_with_broker(settings, lambda: _required(settings, Belonging(settings, anew)))


def told_by_rows(settings: Settings) -> list[str]:
    """What `require_together` would say of the topics, in one sentence; nothing where all belongs together."""
    try:
        run_with_broker(settings, lambda: _checked(settings, Belonging(settings)))
    except UserError as error:
        return [error.sentence]
    return []


async def _required(settings: Settings, belonging: Belonging) -> None:
    notes = await _checked(settings, belonging)
    await _check_groups(settings, sorted({one.group for one in notes} - {"", settings.group}))


async def _checked(settings: Settings, belonging: Belonging) -> list[ShellNotes]:
    """The notes of all partitions, each of which belongs to these topics. None while topics are missing."""
    async with reader(settings) as consumer:
        found = await topics_now(consumer, names_of(settings))
    if belonging.missing(found):
        return []  # said by whoever checks the topics; it may just have been made
    kept = await kept_notes(settings, range(found[settings.topic(CHANGELOG)].partitions))
    for number, notes in kept.items():
        belonging.check(number, notes, found)
    return list(kept.values())


async def _check_groups(settings: Settings, others: list[str]) -> None:
    """UserError where another group keeps our topics now, or our group reads those of another installation."""
    ours = set(names_of(settings))
    strange = [one for one in await members_of(settings) if one.topics - ours]
    if strange:
        raise UserError(
            f"The group {settings.group} has a member ({strange[0].client_id}) that reads other topics, e.g. "
            f"{min(strange[0].topics - ours)}: another installation, or other settings. Give each installation a "
            "group of its own (`--group`), or all workers of one the same topics; one that was killed counts until "
            "its session ends."
        )
    for group in others:
        if members := [one.client_id for one in await members_of(settings, group) if one.topics & ours]:
            raise UserError(
                f"Workers of the group {group} keep these topics ({', '.join(members)}); stop them, or start this one "
                f"with `--group {group}`; one that was killed counts until its session ends."
            )


class Lookout:
    """Looks every few seconds whether what is kept still belongs together; what does not ends the worker."""

    def __init__(
        self,
        belonging: Belonging,
        look: Callable[[], Awaitable[Topics]],
        kept: Callable[[], Sequence[tuple[int, ShellNotes]]],
        fail: Callable[[BaseException], Awaitable[None]],
    ) -> None:
        self._belonging = belonging
        self._look = look
        self._kept = kept
        self._fail = fail
        self._missed = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, if it has not begun."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="lookout")

    async def stop(self) -> None:
        """End."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        is_said = False
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                self._compare(await self._look())
                is_said = False
            except UserError as error:
                await self._fail(error)
                return
            except Exception as error:
                if not is_no_answer(error) and not is_said:
                    is_said = True
                    log.exception("the topics could not be looked at; it is tried again")

    def _compare(self, found: Topics) -> None:
        self._missed = self._missed + 1 if self._belonging.missing(found) else 0
        if 0 < self._missed < GONE_FOR_LOOKS:
            return
        for number, notes in self._kept():
            self._belonging.check(number, notes, found)

    async def look_before(self, known: Sequence[tuple[int, ShellNotes]]) -> None:
        """Before these are taken over again: UserError that says why the group is assigned anew, where that is why."""
        if not known:
            return
        try:
            found = await self._look()
            for _ in range(GONE_FOR_LOOKS):
                if not self._belonging.missing(found):
                    break
                await asyncio.sleep(LOOK_EVERY_S)  # it is being made anew, or is gone
                found = await self._look()
        except Exception as error:
            if not is_no_answer(error):
                raise
            return  # the broker is waited for by whoever opens
        for number, notes in known:
            self._belonging.check(number, notes, found)
