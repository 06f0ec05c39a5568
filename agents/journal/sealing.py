"""Seals: once a period of journal time the owner of a partition writes down what stands (seals.md).

A seal is a line like any other, with the journal time of the line before it: it moves no time and fires nothing. Its
digests are those of `streams.sealing`. The state's is worked out in a thread, while this partition rests and the others
go on. With a place for snapshots the state is written down on the way, and goes there once the seal is committed.
"""

import asyncio
import contextlib
import logging

from agents.journal.keeping import place_to_keep
from agents.journal.snapshots import SnapshotWriter, journal_folder
from agents.journal.store import StoreError
from agents.settings import Settings
from agents.topic_roles import JOURNAL
from schemas.notifications import StateSealed
from streams.engine import State
from streams.sealing import canonical_rows, line_digest, next_link, record_digest, rows_digest

log = logging.getLogger("dueclock.keeper")

LET_GO_WITHIN_S = 10.0
"""How long whoever takes a partition over waits for a snapshot that may be broken off."""


class Sealer:
    """The seals of one partition. `offset` is that of the last record in its journal, None where it is unknown."""

    def __init__(self, settings: Settings, state: State, offset: int | None) -> None:
        self._state = state
        self._every_ms = settings.seal_every_s * 1000
        self._store = place_to_keep(settings)
        self._kept_days = settings.snapshots_kept_days
        self._topic = settings.topic(JOURNAL)
        self._offset = offset
        self._snapshot: SnapshotWriter | None = None
        self._keeping: asyncio.Future[None] | None = None
        self._is_let_go = False

    def add(self, at_ms: int, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> None:
        """A record goes into the journal."""
        journal = next_link(self._state.row.notes.journal, record_digest(at_ms, key, value, headers))
        self._state.note_record(journal, self._period(at_ms))

    def add_line(self, at_ms: int, key: bytes, value: bytes, line: bytes, origin: bytes) -> None:
        """A notification goes into the journal, with these two headers: `add`, quicker."""
        notes = self._state.row.notes
        notes.journal = next_link(notes.journal, line_digest(at_ms, key, value, line, origin))
        if not notes.sealed_period:
            notes.sealed_period = self._period(at_ms)

    def _period(self, at_ms: int) -> int:
        return at_ms // self._every_ms if self._every_ms else 0

    def written(self, offset: int | None) -> None:
        """A transaction with journal records has been committed; `offset` is that of its last one."""
        self._offset = offset

    def is_due(self) -> bool:
        """Whether the last line has entered a period that no seal has been written in."""
        row = self._state.row
        return 0 < row.notes.sealed_period < self._period(row.journal_ms) and self._offset is not None

    async def seal(self) -> StateSealed:
        """What there is to seal after the last line. Nothing may be folded meanwhile."""
        return self.seal_of(await asyncio.to_thread(self._digest))

    def seal_of(self, state: bytes) -> StateSealed:
        """The same, where the digest of the rows is known."""
        row = self._state.row
        if self._offset is None:
            raise RuntimeError("a seal needs the offset of the last journal record")
        self._state.note_seal(self._period(row.journal_ms))
        return StateSealed(
            line=row.lines, offset=self._offset, state=state.hex(), journal=row.notes.journal.hex(), logic=row.logic
        )

    def _digest(self) -> bytes:
        rows = canonical_rows(self._state)
        if self._store is None:
            return rows_digest(rows)
        self._snapshot = None
        try:
            name, _, topic_id = self._state.row.notes.journal_topic.partition("/")
            folder = journal_folder(name or self._topic, topic_id)
            self._snapshot = SnapshotWriter(self._store, folder, self._state.partition, self._kept_days)
            return rows_digest(self._snapshot.passing(rows))
        except OSError as error:
            self._give_up(f"{error.strerror} {error.filename or ''}".strip())
            return rows_digest(canonical_rows(self._state))

    async def sealed(self, seal: StateSealed) -> None:
        """The seal is committed: the snapshot that it confirms goes to the store."""
        log.info("partition %d: sealed after line %d, state %s", self._state.partition, seal.line, seal.state[:12])
        snapshot, self._snapshot = self._snapshot, None
        if snapshot is not None:
            self._keeping = asyncio.ensure_future(snapshot.finish(seal, self._state.row.journal_ms))
            if self._is_let_go:
                self.let_go()
            try:
                await self._keeping
            except (OSError, StoreError) as error:
                self._give_up(str(error))
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise  # it is we who are cancelled
                self._give_up("the partition was let go meanwhile")
            finally:
                self._keeping = None

    def let_go(self) -> None:
        """The partition is to be given away: a snapshot that is on its way, or starts yet, is not waited for long."""
        self._is_let_go = True
        if self._store is not None and self._store.may_be_broken_off and self._keeping is not None:
            asyncio.get_running_loop().call_later(LET_GO_WITHIN_S, self._keeping.cancel)

    def _give_up(self, reason: str) -> None:
        snapshot, self._snapshot = self._snapshot, None
        if snapshot is not None:
            with contextlib.suppress(OSError):
                snapshot.drop()
        log.warning("partition %d: the snapshot failed (%s); the seal itself stands", self._state.partition, reason)
