"""The rows of one partition: at rest as they were encoded last, at work as lines have touched them.

Rows at rest are kept encoded; a row is decoded when a line touches its matter and encoded again by `changes`. It stays
decoded for the next line as long as not too many are: what is decoded and unchanged equals what is at rest. Where they
rest is streams/at_rest.py's. Nothing here decides.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from heapq import merge
from operator import itemgetter
from typing import Final, cast

from streams.at_rest import RowsAtRest, RowsInMemory
from streams.at_work import Matter, Party
from streams.census import Census
from streams.pieces import RUN
from streams.policies import PolicyBook
from streams.row_codec import decode_matter, decode_row, encode_row, encode_row_by
from streams.rows import ROW_TYPES, AccountRow, Row

PARTIES_AT_WORK: Final = 4_096
MATTERS_AT_WORK: Final = 1_024
"""That stay decoded over `changes`, at most: an account is told of again and again, a matter mostly within a slice."""


class RowStore:
    """Every account's and matter's row. `book`: the policies that what is at work has agreed to."""

    def __init__(self, census: Census, at_rest: RowsAtRest | None = None) -> None:
        self.at_rest: RowsAtRest = RowsInMemory() if at_rest is None else at_rest
        self.parties: dict[str, Party] = {}
        self.matters: dict[str, Matter] = {}
        self.book: PolicyBook | None = None
        self._census = census
        self._buffer = bytearray()
        self._changed: list[Party | Matter] = []
        self._forgotten: dict[str, None] = {}

    def agree(self, book: PolicyBook) -> None:
        """These policies are in force from here on."""
        self.book = book
        for party in self.parties.values():
            party.agreement = book.agreement(party.row_id)

    # --- at work -----------------------------------------------------------------------------------------------------

    def party(self, account: str) -> Party:
        """An account, ready to work with; its row is made where there is none."""
        party = self.parties.get(account) or self.known_party(account)
        if party is None:
            self._census.count_row("account", +1)
            party = self.parties[account] = self._party(account, AccountRow())
        return party

    def known_party(self, account: str) -> Party | None:
        """An account, ready to work with, None where it has no row."""
        party = self.parties.get(account)
        if party is None and (value := self.at_rest.get(account)) is not None:
            row = cast(AccountRow, decode_row(account, value))
            party = self.parties[account] = self._party(self.at_rest.own(account), row)
        return party

    def _party(self, account: str, row: AccountRow) -> Party:
        if self.book is None:
            raise ValueError(f"the account {account} comes before any policies")
        return Party(account, row, self.book.agreement(account))

    def matter(self, party: Party, kind: str, name: str) -> Matter:
        """A matter of an account, ready to work with; its row is made where there is none."""
        row_id = f"{party.row_id}/{kind}/{name}"
        matter = self.matters.get(row_id)
        if matter is None:
            matter = self._at_rest(row_id, party, kind, name)
            if matter is None:
                matter = Matter(row_id, party, kind, name, ROW_TYPES[kind]())
                self._forgotten.pop(row_id, None)
                self._census.count_row(kind, +1)
            self.matters[row_id] = matter
        return matter

    def known_matter(self, row_id: str) -> Matter | None:
        """The matter with this id, ready to work with, or None."""
        matter = self.matters.get(row_id)
        if matter is None:
            matter = self.visited(row_id, self.at_rest.get(row_id))
            if matter is not None:
                self.matters[matter.row_id] = matter
        return matter

    def every_matter(self) -> Iterator[Matter]:
        """Every matter, by id; one at rest is decoded for the visit only."""
        for row_id, value in self.in_order():
            matter = self.visited(row_id, value)
            if matter is not None:
                yield matter

    def matters_as_they_lie(self) -> Iterator[Matter]:
        """Every matter, in the order that costs least."""
        new = [row_id for row_id in self.matters if row_id not in self.at_rest]
        for row_id, value in self.at_rest.as_they_lie():
            matter = self.visited(row_id, value)
            if matter is not None:
                yield matter
        for row_id in new:
            yield self.matters[row_id]

    def visited(self, row_id: str, value: bytes | None) -> Matter | None:
        """The matter with this id, whose row at rest is this; None where there is none, or the id is an account's."""
        matter = self.matters.get(row_id)
        if matter is not None or value is None:
            return matter
        parts = row_id.split("/", 3)
        if len(parts) < 4:
            return None
        seller, marketplace, kind, name = parts
        return self._decoded(row_id, value, self.party(f"{seller}/{marketplace}"), kind, name)

    def _at_rest(self, row_id: str, party: Party, kind: str, name: str) -> Matter | None:
        value = self.at_rest.get(row_id)
        return None if value is None else self._decoded(row_id, value, party, kind, name)

    def _decoded(self, row_id: str, value: bytes, party: Party, kind: str, name: str) -> Matter:
        return Matter(self.at_rest.own(row_id), party, kind, name, decode_matter(row_id, kind, value))

    def mark_changed(self, one: Party | Matter) -> None:
        """A row at work has changed: it goes out with the next `changes`."""
        if not one.is_changed:
            one.is_changed = True
            self._changed.append(one)

    def forget(self, matter: Matter) -> None:
        """A matter is forgotten: its row becomes a tombstone."""
        row_id = matter.row_id
        self._census.count_clocks(matter.party.marketplace, matter.row.clocks, -1)
        self._census.count_row(matter.kind, -1)
        self.matters.pop(row_id, None)
        self.at_rest.pop(row_id, None)
        matter.is_changed = False
        self._forgotten[row_id] = None

    # --- all rows ----------------------------------------------------------------------------------------------------

    def in_order(self) -> Iterator[tuple[str, bytes | None]]:
        """The id of each row, in byte order, with its bytes at rest, None for one that has not come to rest yet.

        Nothing may be changed meanwhile.
        """
        new = sorted(row_id for row_id in (*self.parties, *self.matters) if row_id not in self.at_rest)
        resting: Iterator[tuple[str, bytes | None]] = self.at_rest.in_order()
        return merge(resting, ((row_id, None) for row_id in new), key=itemgetter(0)) if new else resting

    def find(self, row_id: str) -> Row | None:
        """The row of an account or a matter as it stands, None where there is none; one at rest is decoded for this."""
        one = self.parties.get(row_id) or self.matters.get(row_id)
        if one is not None:
            return one.row
        value = self.at_rest.get(row_id)
        return None if value is None else decode_row(row_id, value)

    def encoded(self) -> Iterator[tuple[str, bytes]]:
        """Each row as it stands, encoded, in byte order of the ids. Nothing may be changed meanwhile."""
        for row_id, value in self.in_order():
            one = self.parties.get(row_id) or self.matters.get(row_id)
            if one is not None and one.is_changed:
                yield row_id, encode_row(one.row)
            else:
                assert value is not None  # what is not at rest is at work, and changed
                yield row_id, value

    def changes(self) -> Iterator[tuple[str, bytes | None]]:
        """Rows changed since the last call, None for a tombstone. To be taken to the end.

        They stand by id; where more than a run of them have changed, in runs, as they changed.
        """
        changed = deque([one for one in self._changed if one.is_changed])
        forgotten = deque(self._forgotten)
        is_crowded = len(self.matters) > MATTERS_AT_WORK
        self._changed.clear()
        while changed or forgotten:
            run: dict[str, Party | Matter | None] = {}
            while changed and len(run) < RUN:
                one = changed.popleft()
                run[one.row_id] = one
            while forgotten and len(run) < RUN:
                run[forgotten.popleft()] = None
            for row_id in sorted(run):
                touched = run.pop(row_id)
                if touched is None:
                    yield row_id, None
                else:
                    value = self.at_rest[row_id] = encode_row_by(self._buffer, touched.row)
                    touched.is_changed = False
                    if is_crowded:  # to rest now, not all together at the end: freeing them takes long too
                        self.matters.pop(row_id, None)
                    yield row_id, value
        self._forgotten.clear()
        if len(self.parties) > PARTIES_AT_WORK:
            self.rest()
        elif is_crowded:
            self.matters.clear()

    def rest(self) -> None:
        """Put all rows to rest. Nothing may be changed: a matter and its account rest together."""
        self.parties.clear()
        self.matters.clear()
