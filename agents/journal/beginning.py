"""Where those who look back begin: at the first line, or, where retention has taken the head, as early as can be.

What the archive has is read as if it stood on the topic. Where the first line is nowhere, the oldest snapshot is taken
whose following lines are all there. It is believed only if the seal that follows it says the same.
"""

from typing import NamedTuple

from agents.errors import COULD_NOT_RUN, UserError
from agents.journal.archive import Segment, segments_in
from agents.journal.places import archive_store, snapshot_store
from agents.journal.records import Snapshot
from agents.journal.snapshots import Named, fetched_snapshot, journal_folder, snapshots_in
from agents.journal.store import Store, StoreError
from agents.kafka.log_cursor import LogCursor
from agents.settings import Settings
from agents.topic_roles import JOURNAL
from schemas.headers import HEADER_INHERITS, line_of
from schemas.notifications import StateSealed


class Beginning(NamedTuple):
    """A state to begin with (None: there was none before), archived segments, then the topic from this offset on.

    `named` is the name of the snapshot in its store; None too where a person gave it as a file.
    """

    start: Snapshot | None = None
    named: str | None = None
    store: Store | None = None
    archive: Store | None = None
    segments: tuple[Segment, ...] = ()
    from_offset: int = 0

    async def snapshot_file(self) -> bytes | None:
        """The snapshot's file as it lies in its store. UserError (status 2) where the store does not give it."""
        if self.named is None or self.store is None:
            return None
        try:
            return await self.store.read(self.named)
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
    begin = Beginning(None, None, kept.store, kept.archive, tuple(kept.segments), 0)
    if kept.named is None or kept.store is None:
        return begin._replace(from_offset=kept.segments[-1].last_offset + 1) if kept.segments else Beginning()
    return _begun(begin, await fetched_snapshot(kept.store, kept.named), kept.named)


def _begun(begin: Beginning, start: Snapshot, named: Named) -> Beginning:
    """Begin at this snapshot instead, with what of these segments lies behind it."""
    segments = tuple(one for one in begin.segments if one.last_line > start.seal.line)
    from_offset = segments[-1].last_offset + 1 if segments else _behind(start)
    return begin._replace(start=start, named=named.name, segments=segments, from_offset=from_offset)


async def line_before(settings: Settings, cursor: LogCursor, partition: int) -> int:
    """The last line that is not read, as the name of the snapshot says that `beginning_of` would read; 0: all are."""
    kept = await _kept(settings, cursor, partition)
    return 0 if kept is None or kept.named is None else kept.named.line


class _Kept(NamedTuple):
    """What is kept of a journal whose first line is not on the topic, or no first one: a snapshot to begin at."""

    store: Store | None
    named: Named | None
    archive: Store | None
    segments: list[Segment]


async def _kept(settings: Settings, cursor: LogCursor, partition: int) -> _Kept | None:
    """What is needed beside the topic; None: nothing is."""
    topic = settings.topic(JOURNAL)
    await cursor.start(topic, partition)
    store, archive = snapshot_store(settings), archive_store(settings)
    if store is None and archive is None:
        return None
    first = next(iter(await cursor.batch()), None)
    first_line = 0 if first is None else line_of(first.headers) or 0
    if first is not None and first_line == 1 and HEADER_INHERITS not in dict(first.headers):
        return None
    folder = journal_folder(topic, await cursor.topic_id(topic))
    try:
        segments = [] if archive is None else await segments_in(archive, folder, partition)
        if not segments or (first_line and segments[-1].last_line + 1 < first_line):
            segments = []  # what it has does not reach what is left
        first_line = segments[0].first_line if segments else first_line
        kept = [] if store is None else await snapshots_in(store, folder, partition)
        found = [one for one in kept if first_line and one.line + 1 >= first_line]
    except StoreError as error:
        raise UserError(
            f"The head of partition {partition} of the journal is gone, and what is kept of it cannot be read: "
            f"{error}; see the settings `snapshots` and `archive`.",
            COULD_NOT_RUN,
        ) from None
    if first_line == 1 and found and found[0].line:
        found = []  # it is whole, and goes on from nothing
    return _Kept(store, found[0] if found else None, archive, segments)


async def beginning_behind(settings: Settings, cursor: LogCursor, partition: int, line: int) -> Beginning:
    """Begin at the snapshot of this line; 0: where the partition begins.

    UserError (status 2) where there is none, or what follows it is not there.
    """
    if not line:
        return await beginning_of(settings, cursor, partition)
    topic = settings.topic(JOURNAL)
    await cursor.start(topic, partition)
    folder, store = journal_folder(topic, await cursor.topic_id(topic)), snapshot_store(settings)
    begin = Beginning(store=store, archive=archive_store(settings))
    try:
        kept = [] if store is None else await snapshots_in(store, folder, partition)
        named = next((one for one in kept if one.line == line), None)
        if named is None or store is None:
            raise UserError(f"There is no snapshot of partition {partition}, line {line}, any more.", COULD_NOT_RUN)
        start = await fetched_snapshot(store, named)
        if cursor.first > _behind(start) and begin.archive is not None:
            begin = begin._replace(segments=tuple(await segments_in(begin.archive, folder, partition)))
    except StoreError as error:
        raise UserError(f"A snapshot cannot be read: {error}", COULD_NOT_RUN) from None
    return _begun(begin, start, named)


async def snapshot_lines(settings: Settings, cursor: LogCursor, partition: int) -> list[int]:
    """The lines of this partition that a snapshot is kept of, the first of all first; none where nobody can say."""
    topic, store = settings.topic(JOURNAL), snapshot_store(settings)
    if store is None:
        return []
    folder = journal_folder(topic, await cursor.topic_id(topic))
    try:
        return [one.line for one in await snapshots_in(store, folder, partition)]
    except StoreError:
        return []


def _behind(start: Snapshot) -> int:
    """The offset behind the last line that a snapshot seals; line 0 has none."""
    return start.seal.offset + 1 if start.seal.line else 0
