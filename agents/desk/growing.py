"""`dueclock grow`: from one generation of topics to the next, with another number of partitions, losing no promise.

What it means is a proposal (docs/reference/proposals/more-partitions.md): each old partition is sealed, its accounts
are dealt to the new partitions, each new journal begins with a line that names the seals that it comes from, and what
was unread in the inputs is sent to the new ones. The same walk renames a prefix and moves to another cluster.

It may be interrupted at any point and run again; until every new partition has begun, the old workers may go on as if
nothing had been, and afterwards too, once `--back` has taken the marks away.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from agents.desk.last_seal import LastSeal, last_seal, mark
from agents.desk.rebuild import refuse_while_workers_run
from agents.desk.unread import Passed, pass_on
from agents.errors import COULD_NOT_RUN, UserError
from agents.journal.keeping import place_to_keep
from agents.journal.notes import kept_notes
from agents.journal.snapshots import journal_folder, keep_snapshot
from agents.journal.store import StoreError, WritableStore
from agents.kafka.clients import failures_of
from agents.kafka.log_cursor import log_cursor
from agents.kafka.log_reader import log_reader
from agents.kafka.skipped import NOTHING_SKIPPED, Skipped
from agents.kafka.topics import partitions_of
from agents.kafka.transactions import BrokerAwayError, Outbox, transactions_of
from agents.settings import Settings
from agents.topic_roles import CHANGELOG, JOURNAL, WRITTEN_TOPICS
from schemas.decoding import journal_value
from schemas.headers import HEADER_INHERITS, Headers, journal_headers
from schemas.notifications import StateSealed
from streams.dealing import dealt
from streams.row_codec import decode_partition, encode_row
from streams.rows import PARTITION_KEY, PartitionRow, ShellNotes
from streams.sealing import UNBROKEN, next_link, record_digest, rows_digest

ROWS_AT_ONCE = 2_000
"""In one transaction."""

Rows = list[tuple[bytes, bytes]]
Tell = Callable[[str], None]


class Grown(NamedTuple):
    """Old partitions that had anything, their lines, rows dealt by new partition, what became of unread records."""

    old_partitions: int
    lines: int
    rows: list[int]
    unread: Passed


async def grow(old: Settings, new: Settings, tell: Tell, skipped: Skipped = NOTHING_SKIPPED) -> Grown:
    """Go from the topics of `old` to those of `new`, which are there. UserError (status 2) where it fails.

    `skipped` are unread records that are set aside, not sent on.
    """
    if old.topic(JOURNAL) == new.topic(JOURNAL) and old.bootstrap_servers == new.bootstrap_servers:
        raise UserError("The next generation needs topics of its own: give another prefix.", COULD_NOT_RUN)
    if (store := place_to_keep(new)) is None:
        raise UserError("A new journal begins at a snapshot: name a place for it by `snapshots`.", COULD_NOT_RUN)
    count_old = await _ready(old)
    with failures_of(new):
        count_new = await _ready(new)
    try:
        sealed: list[LastSeal] = []
        for number in range(count_old):
            tell(f"sealing partition {number} of {count_old}")
            if (one := await last_seal(old, number, store, new.snapshots_kept_days)) is not None:
                sealed.append(one)
        homes = _dealt(sealed, count_new)
        for number, rows in enumerate(homes):
            tell(f"beginning partition {number} of {count_new}: {len(rows):,} rows")
            with failures_of(new):
                await _Beginner(new, number, store).begin(rows, sealed)
        for one in sealed:
            await mark(old, one.inherited.partition, one.row, f"{new.broker}/{new.topic(JOURNAL)}")
        positions = {one.inherited.partition: one.row.notes.positions for one in sealed}
        unread = await pass_on(old, new, positions, skipped, tell)
    except StoreError as error:
        raise UserError(f"A snapshot was not written: {error}; try again.", COULD_NOT_RUN) from None
    except BrokerAwayError as error:
        raise UserError(
            f"The broker did not answer ({error}); run the same command again, it goes on where it was.", COULD_NOT_RUN
        ) from None
    return Grown(len(sealed), sum(one.row.lines for one in sealed), [len(rows) - 2 for rows in homes], unread)


async def _ready(settings: Settings) -> int:
    """How many partitions there are. UserError (status 2) while workers keep them."""
    count = await partitions_of(settings, *WRITTEN_TOPICS)
    await refuse_while_workers_run(settings)
    return count


def _dealt(sealed: Sequence[LastSeal], count: int) -> list[Rows]:
    try:
        return dealt([one.rows for one in sealed], count)
    except ValueError as error:
        raise UserError(
            f"The partitions cannot be dealt: {error}; let the workers of one policy file run until each partition has "
            "it in force, then stop them and try again.",
            COULD_NOT_RUN,
        ) from None


class _Beginner:
    """Begins one new partition."""

    def __init__(self, settings: Settings, number: int, store: WritableStore) -> None:
        self._settings = settings
        self._number = number
        self._store = store
        self._journal, self._changelog = settings.topic(JOURNAL), settings.topic(CHANGELOG)

    async def begin(self, rows: Rows, sealed: Sequence[LastSeal]) -> None:
        """Write its rows, then, with the partition's own, its first line. What has begun so before stays."""
        own = decode_partition(rows[0][1])
        digest, zeros = rows_digest(rows).hex(), UNBROKEN.hex()
        seal = StateSealed(line=0, offset=0, state=digest, journal=zeros, logic=own.logic)
        inherits = [(HEADER_INHERITS, str(one.inherited).encode()) for one in sealed]
        headers = [*journal_headers(1, None), *inherits]
        producer = transactions_of(self._settings, self._number)
        try:
            await producer.start()
            if await self._has_begun(headers):
                return
            await self._keep(rows, seal, own.journal_ms)
            outbox = Outbox()
            for some in _in_turns(await self._changes(dict(rows[1:]))):
                for key, value in some:
                    outbox.put(self._changelog, self._number, key, value)
                await producer.write(outbox)
                outbox = Outbox()
            key, value = str(self._number).encode(), journal_value(seal)
            outbox.put(self._journal, self._number, key, value, headers=headers, at_ms=own.journal_ms)
            link = next_link(b"", record_digest(own.journal_ms, key, value, headers))
            outbox.put(self._changelog, self._number, PARTITION_KEY, encode_row(self._first(own, link)))
            await producer.write(outbox)
        finally:
            await producer.stop()

    def _first(self, own: PartitionRow, link: bytes) -> PartitionRow:
        """The partition's row after its first line."""
        every_ms = self._settings.seal_every_s * 1000
        own.lines, own.notes = 1, ShellNotes(journal=link, sealed_period=own.journal_ms // every_ms if every_ms else 0)
        return own

    async def _has_begun(self, headers: Headers) -> bool:
        """Whether the journal begins so already. UserError where it begins otherwise."""
        async with log_cursor(self._settings) as cursor:
            await cursor.start(self._journal, self._number)
            records = await cursor.batch()
        if not records:
            return False
        if list(records[0].headers) != headers:
            goes_on = HEADER_INHERITS in dict(records[0].headers)
            what = "goes on from another state" if goes_on else "has lines of its own"
            raise UserError(
                f"Partition {self._number} of {self._journal} {what}; delete the topics of the next generation and "
                "make them anew, or give another prefix.",
                COULD_NOT_RUN,
            )
        return True

    async def _keep(self, rows: Rows, seal: StateSealed, journal_ms: int) -> None:
        async with log_cursor(self._settings) as cursor:
            folder = journal_folder(self._journal, await cursor.topic_id(self._journal))
        kept_days = self._settings.snapshots_kept_days
        await keep_snapshot(self._store, folder, self._number, kept_days, rows, seal, journal_ms)

    async def _changes(self, rows: dict[bytes, bytes]) -> list[tuple[bytes, bytes | None]]:
        """What the changelog lacks, and what an attempt that was broken off has left there."""
        async with log_reader(self._settings) as logs:
            found = (await logs.rows(self._changelog, [self._number]))[self._number]
        keys = sorted(rows.keys() | found.keys())
        return [(key, rows.get(key)) for key in keys if rows.get(key) != found.get(key)]


def _in_turns(changes: list[tuple[bytes, bytes | None]]) -> Iterator[list[tuple[bytes, bytes | None]]]:
    for start in range(0, len(changes), ROWS_AT_ONCE):
        yield changes[start : start + ROWS_AT_ONCE]


async def go_back(old: Settings) -> int:
    """Take the marks from the old partitions, so that workers keep them again; how many had one."""
    await refuse_while_workers_run(old)
    count = await partitions_of(old, CHANGELOG)
    marked = 0
    async with log_reader(old) as logs:
        rows = await logs.newest(old.topic(CHANGELOG), range(count), PARTITION_KEY)
    for number, value in sorted(rows.items()):
        row = decode_partition(value)
        if row.notes.moved_to:
            await mark(old, number, row, "")
            marked += 1
    return marked


async def gone_to(settings: Settings) -> str:
    """Where the partitions of these settings have gone; empty where they are here."""
    notes = await kept_notes(settings, range(await partitions_of(settings, CHANGELOG)))
    return next((one.moved_to for one in notes.values() if one.moved_to), "")
