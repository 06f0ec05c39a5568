"""Where those who look back begin: at the first line, or, where retention has taken the head, as early as can be.

What the archive has is read as if it stood on the topic. Where the first line is nowhere, the oldest snapshot is taken
whose following lines are all there. It is believed only if the seal that follows it says the same.
"""

from typing import NamedTuple

from agents.errors import COULD_NOT_RUN, UserError
from agents.journal.archive import Segment, segments_in
from agents.journal.records import Snapshot
from agents.journal.snapshots import Named, fetched_snapshot, journal_folder, snapshots_in
from agents.journal.store import Store, StoreError
from agents.kafka.log_cursor import LogCursor
from agents.settings import Settings
from agents.topic_roles import JOURNAL
from schemas.headers import inherited_by, line_of
from schemas.notifications import StateSealed


class Beginning(NamedTuple):
    """A state to begin with (None: there was none before), archived segments, then the topic from this offset on.

    `named` is the name of the snapshot in the store; None too where a person gave it as a file.
    """

    start: Snapshot | None = None
    named: str | None = None
    store: Store | None = None
    segments: tuple[Segment, ...] = ()
    from_offset: int = 0

    def snapshot_file(self) -> bytes | None:
        """The snapshot's file as it lies in the store. UserError (status 2) where the store does not give it."""
        if self.named is None or self.store is None:
            return None
        try:
            return self.store.read(self.named)
        except StoreError as error:
            raise UserError(f"The snapshot cannot be read: {error}; try again.", COULD_NOT_RUN) from None

    @property
    def behind_line(self) -> int:
        """The last line that is not read; 0 where all are."""
        return 0 if self.start is None else self.start.seal.line

    @property
    def seal(self) -> StateSealed | None:
        """What the state to begin with is said to be; None where there was none before."""
        return None if self.start is None else self.start.seal


def at_snapshot(start: Snapshot) -> Beginning:
    """Begin at this snapshot, on the topic."""
    return Beginning(start, from_offset=_behind(start))


async def beginning_of(settings: Settings, cursor: LogCursor, partition: int) -> Beginning:
    """Where to begin in this partition. UserError (status 2) where the store that is named does not answer."""
    kept = await _kept(settings, cursor, partition)
    if kept is None:
        return Beginning()
    store, named, segments = kept
    if named is None:
        return Beginning(None, None, store, tuple(segments), segments[-1].last_offset + 1) if segments else Beginning()
    start = fetched_snapshot(store, named)
    segments = [one for one in segments if one.last_line > start.seal.line]
    from_offset = segments[-1].last_offset + 1 if segments else _behind(start)
    return Beginning(start, named.name, store, tuple(segments), from_offset)


async def line_before(settings: Settings, cursor: LogCursor, partition: int) -> int:
    """The last line that is not read, as the name of the snapshot says that `beginning_of` would read; 0: all are."""
    kept = await _kept(settings, cursor, partition)
    return 0 if kept is None or kept.named is None else kept.named.line


class _Kept(NamedTuple):
    """What is kept of a journal whose first line is not on the topic, or no first one: a snapshot to begin at."""

    store: Store
    named: Named | None
    segments: list[Segment]


async def _kept(settings: Settings, cursor: LogCursor, partition: int) -> _Kept | None:
    """What is needed beside the topic; None: nothing is."""
    topic = settings.topic(JOURNAL)
    await cursor.start(topic, partition)
    if not settings.snapshots:
        return None
    first = next(iter(await cursor.batch()), None)
    first_line = 0 if first is None else line_of(first.headers) or 0
    if first is not None and first_line == 1 and not inherited_by(first.headers):
        return None
    folder = journal_folder(topic, await cursor.topic_id(topic))
    store = Store(settings.snapshots)
    try:
        segments = segments_in(store, folder, partition)
        if not segments or (first_line and segments[-1].last_line + 1 < first_line):
            segments = []  # what it has does not reach what is left
        first_line = segments[0].first_line if segments else first_line
        found = [one for one in snapshots_in(store, folder, partition) if first_line and one.line + 1 >= first_line]
    except StoreError as error:
        raise UserError(
            f"The head of partition {partition} of the journal is gone, and what is kept of it cannot be read: "
            f"{error}; see the setting `snapshots`.",
            COULD_NOT_RUN,
        ) from None
    if first_line == 1 and found and found[0].line:
        found = []  # it is whole, and goes on from nothing
    return _Kept(store, found[0] if found else None, segments)


async def beginning_behind(settings: Settings, cursor: LogCursor, partition: int, line: int) -> Beginning:
    """Begin at the snapshot of this line; 0: where the partition begins.

    UserError (status 2) where there is none, or what follows it is not there.
    """
    if not line:
        return await beginning_of(settings, cursor, partition)
    topic = settings.topic(JOURNAL)
    await cursor.start(topic, partition)
    folder, store = journal_folder(topic, await cursor.topic_id(topic)), Store(settings.snapshots)
    try:
        named = next((one for one in snapshots_in(store, folder, partition) if one.line == line), None)
        if named is None:
            raise UserError(f"There is no snapshot of partition {partition}, line {line}, any more.", COULD_NOT_RUN)
        start = fetched_snapshot(store, named)
        if cursor.first <= _behind(start):
            return Beginning(start, named.name, store, from_offset=_behind(start))
        segments = tuple(one for one in segments_in(store, folder, partition) if one.last_line > line)
    except StoreError as error:
        raise UserError(f"A snapshot cannot be read: {error}", COULD_NOT_RUN) from None
    return Beginning(start, named.name, store, segments, segments[-1].last_offset + 1 if segments else _behind(start))


async def snapshot_lines(settings: Settings, cursor: LogCursor, partition: int) -> list[int]:
    """The lines of this partition that a snapshot is kept of, the first of all first; none where nobody can say."""
    topic = settings.topic(JOURNAL)
    folder = journal_folder(topic, await cursor.topic_id(topic))
    try:
        return [one.line for one in snapshots_in(Store(settings.snapshots), folder, partition)]
    except StoreError:
        return []


def _behind(start: Snapshot) -> int:
    """The offset behind the last line that a snapshot seals; line 0 has none."""
    return start.seal.offset + 1 if start.seal.line else 0
