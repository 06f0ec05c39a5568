"""A spare: the state of a partition that another worker keeps, brought up to date from its changelog row by row.

Rows are taken in as they are written, as bytes; which of them the indexes have not seen yet is noted, and `indexing`
catches up with those, each once however often it was written. What comes of it is what `restore_state` would make of
the same rows: the same rows at rest, timers, crossings and counts. New policies give every row another timer: all of
them are indexed anew then. Nothing here decides, and nothing here knows where rows come from.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from streams.at_rest import RowsInMemory
from streams.at_work import Matter, Party
from streams.census import GOOD
from streams.health import worst_status
from streams.own_ids import own_id
from streams.policies import PolicyBook
from streams.row_codec import account_of, decode_row, kind_of
from streams.rows import PARTITION_KEY, POLICIES_KEY, AccountRow, MatterRow, RowError
from streams.state import State, new_state


class Spare:
    """One partition's spare state."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self._state = new_state(partition)
        self._accounts: set[str] = set()
        self._kept: dict[bytes, bytes] = {}
        """The newest rows of the partition and of its policies, where they have not been looked at yet."""
        self._unindexed: dict[str, bytes | None] | None = None
        """Rows that were written since they were indexed, each as it was indexed. None: no row is indexed."""
        self._pieces: Iterator[None] | None = None

    def __len__(self) -> int:
        """How many rows there are of accounts and matters."""
        return len(self._at_rest)

    @property
    def _at_rest(self) -> RowsInMemory:
        return cast(RowsInMemory, self._state.rows.at_rest)  # `new_state` has given it no other place

    @property
    def unindexed(self) -> int:
        """How many rows `indexing` has to look at."""
        return len(self) if self._unindexed is None else len(self._unindexed)

    @property
    def is_indexing(self) -> bool:
        """Whether pieces of `indexing` were begun and are not ended: `take` would do the rest of them at once."""
        return self._pieces is not None

    def take(self, key: bytes, value: bytes | None) -> None:
        """Take in one record of the changelog, None for a tombstone. RowError for what a worker does not write.

        What is being indexed is indexed first.
        """
        if self._pieces is not None:
            self.index_all()
        if key in _OF_THE_PARTITION:
            if value is None:
                raise RowError(f"the row {key.decode()} was taken away")
            self._kept[key] = value
            return
        try:
            row_id = key.decode()
        except UnicodeDecodeError:
            raise RowError(f"the key {key!r} is no row's: it is not UTF-8") from None
        rows = self._state.rows.at_rest
        if self._unindexed is not None:
            self._unindexed.setdefault(row_id, rows.get(row_id))
        if value is None:
            rows.pop(row_id, None)
            self._accounts.discard(row_id)
        else:
            rows[row_id] = value
            if row_id.count("/") == 1:
                self._accounts.add(row_id)

    def indexing(self) -> Iterator[None]:
        """Bring the indexes up to date, in pieces of one row each; goes on with what was begun and not ended.

        Without policies nothing can be indexed: there is no piece then. RowError for a row of another form,
        OtherVersionError for what another version of the program has written, PolicyError for policies that do not
        load. What has failed is worth nothing.
        """
        pieces = self._pieces = self._pieces or self._indexing()
        for _ in pieces:  # not `yield from`: that would end them all for who stops half way
            yield
        if self._pieces is pieces:
            self._pieces = None

    def index_all(self) -> None:
        """Bring the indexes up to date at once."""
        for _ in self.indexing():
            pass

    def state(self) -> State:
        """The state, all of it indexed; it is the caller's from now on. ValueError for rows without policies."""
        self.index_all()
        if self.unindexed:
            raise ValueError(f"partition {self.partition} has rows and no policies")
        return self._state

    # --- indexing ----------------------------------------------------------------------------------------------------

    def _indexing(self) -> Iterator[None]:
        self._look_at_partition()
        book = self._state.book
        if book is None:
            return
        rows = self._to_index()
        self._unindexed = {}
        parties: dict[str, Party] = {}
        for row_id, before in rows:
            self._index(row_id, before, book, parties)
            yield
        self._let_pass()

    def _to_index(self) -> Iterator[tuple[str, bytes | None]]:
        """Each row that the indexes have not seen as it is now, by the id that is kept, and as they have seen it."""
        rows, unindexed = self._at_rest, self._unindexed
        if unindexed is None:
            return ((row_id, None) for row_id in rows)
        return ((own_id(rows, row_id) if row_id in rows else row_id, was) for row_id, was in unindexed.items())

    def _look_at_partition(self) -> None:
        """Take the newest rows of the partition and its policies, and note what follows for the others."""
        kept, self._kept = self._kept, {}
        if POLICIES_KEY in kept:
            self._begin_anew()
        state = self._state
        lines, midnight_ms = state.row.lines, state.ledger.midnight_ms
        for key, value in kept.items():
            state.rest(key, value)
        if state.row.lines < lines:
            raise RowError(f"the rows stood at line {lines} and stand at line {state.row.lines} now")
        if state.ledger.midnight_ms != midnight_ms and self._unindexed is not None:
            for account in self._accounts:  # its next midnight may be another now
                self._unindexed.setdefault(account, state.rows.at_rest[account])

    def _begin_anew(self) -> None:
        """The same rows, and nothing indexed."""
        old, self._state, self._unindexed = self._state, new_state(self.partition), None
        self._state.rows.at_rest = old.rows.at_rest
        self._state.row = old.row
        self._state.ledger.midnight_ms = old.ledger.midnight_ms

    def _index(self, row_id: str, before: bytes | None, book: PolicyBook, parties: dict[str, Party]) -> None:
        """Bring the indexes from one form of a row to the one that it has now."""
        state = self._state
        now = state.rows.at_rest.get(row_id)
        if kind_of(row_id) == "account":
            self._index_account(row_id, before, now, book)
            return
        account = account_of(row_id)
        party = parties.get(account)
        if party is None:  # its row is not asked for: it may be on its way
            party = parties[account] = Party(account, AccountRow(), book.agreement(account))
        if before is not None:
            self._drop_matter(_matter(row_id, party, before))
        if now is not None:
            matter = _matter(row_id, party, now)
            state.index_matter(matter)
            state.ledger.arm(matter)
            state.census.count_row(matter.kind, +1)
            state.census.count_clocks(party.marketplace, matter.row.clocks, +1)

    def _drop_matter(self, matter: Matter) -> None:
        self._state.unindex_matter(matter)
        self._state.census.count_row(matter.kind, -1)
        self._state.census.count_clocks(matter.party.marketplace, matter.row.clocks, -1)

    def _index_account(self, account: str, before: bytes | None, now: bytes | None, book: PolicyBook) -> None:
        state = self._state
        if before is not None:
            state.census.count_row("account", -1)
            state.census.set_status(account, GOOD)
            state.timers.disarm(account)
        if now is not None:
            party = Party(account, cast(AccountRow, decode_row(account, now)), book.agreement(account))
            state.census.count_row("account", +1)
            state.census.set_status(account, worst_status(party.row))
            state.ledger.arm_midnight(party)

    def _let_pass(self) -> None:
        """Let go of parked entries whose hour the owner has passed: their rows are forgotten, or armed anew."""
        state = self._state
        if state.timers.may_be_due(state.journal_ms):
            state.timers.peek()
            state.rows.rest()


_OF_THE_PARTITION = (PARTITION_KEY, POLICIES_KEY)


def _matter(row_id: str, party: Party, value: bytes) -> Matter:
    _, _, kind, name = row_id.split("/", 3)
    return Matter(row_id, party, kind, name, cast(MatterRow, decode_row(row_id, value)))
