"""What stands, mirrored from the rows of all partitions: clocks in the order of their dues, accounts, policies.

Rows come one by one, as a changelog has them; each change costs what its matter costs, however many clocks there are.
Only matters with a clock that is live, or that ended lately, are kept. The canary's account is nobody's duty and is
left out. Pure but for that it remembers: no clock is read here.
"""

import heapq
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Final

from agents.board.entries import Entry, entries_of, matter_of
from schemas.policies import load_policies
from schemas.policy_types import PolicyError
from streams.explaining import clock_name
from streams.logic import OtherVersionError
from streams.policies import PolicyBook
from streams.row_codec import account_of, decode_policies, decode_row, kind_of, marketplace_of
from streams.rows import POLICIES_KEY, AccountRow, MatterRow, PoliciesRow, RowError

ENDED_KEPT: Final = 20_000
"""Clocks that have ended, the newest: an installation keeps millions of them for months."""
CANARY: Final = "CANARY"

Place = tuple[int, str, Entry]
"""Due, clock id, clock: in this order they are sorted, and no two have the same id."""


class Mirror:
    """What stands now."""

    def __init__(self) -> None:
        self.live: dict[str, Entry] = {}
        self.ended: dict[str, Entry] = {}
        self.by_due: list[Place] = []
        self.counts: Counter[tuple[str, str, str]] = Counter()
        """Live clocks by account, rule and state."""
        self.accounts: dict[str, str] = {}
        self.books: dict[int, PolicyBook] = {}
        """The policies in force, by partition."""
        self.unreadable: set[str] = set()
        """Ids of rows that cannot be read: the clocks in them are missing here."""
        self.versions: Counter[str] = Counter()
        """How often each account has changed: whoever watches it compares."""
        self._rows: dict[str, bytes] = {}
        self._account_rows: dict[str, bytes] = {}
        self._partition_of: dict[str, int] = {}
        self._oldest_ended: list[tuple[int, str]] = []
        self._is_loading = True

    # --- rows come in ------------------------------------------------------------------------------------------------

    def see(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Take in one record of the changelog; None takes a row away."""
        if b"/" not in key:
            self._see_own(partition, key, value)
            return
        row_id = key.decode(errors="replace")
        if row_id.count("/") >= 1 and marketplace_of(row_id) == CANARY:
            return
        account = account_of(row_id)
        account = self.accounts.setdefault(account, account)
        self._partition_of.setdefault(account, partition)
        self.versions[account] += 1
        if kind_of(row_id) == "account":
            if value is None:
                self._account_rows.pop(account, None)
            else:
                self._account_rows[account] = value
            return
        self._see_matter(row_id, value)

    def loaded(self) -> None:
        """All rows that were there at the start have come: from here on the order is kept as clocks change."""
        if self._is_loading:
            self.by_due = sorted((one.due_ms, one.clock_id, one) for one in self.live.values())
            self._is_loading = False

    def _see_own(self, partition: int, key: bytes, value: bytes | None) -> None:
        try:
            if value is not None and key == POLICIES_KEY:
                self.books[partition] = self._book(decode_policies(value))
        except (RowError, OtherVersionError, PolicyError):
            self.unreadable.add(f"{key.decode()} {partition}")

    def _book(self, row: PoliciesRow) -> PolicyBook:
        """Policies made ready: once, where partitions have the same."""
        for other in self.books.values():
            if (other.policies.toml, dict(other.zones)) == (row.toml, row.zones):
                return other
        return PolicyBook(load_policies(row.toml, zone_names=row.zones), row.zones)

    def _see_matter(self, row_id: str, value: bytes | None) -> None:
        try:
            row = None if value is None else matter_of(row_id, value)
        except (RowError, OtherVersionError):
            self.unreadable.add(row_id)
            return
        self.unreadable.discard(row_id)
        before = self._rows.pop(row_id, None)
        if before is not None:
            old = matter_of(row_id, before)
            for entry in () if old is None else entries_of(row_id, old, self.accounts):
                self._take_away(entry.clock_id)
        is_kept = False
        for entry in () if row is None else entries_of(row_id, row, self.accounts):
            is_kept = True
            self._put(entry)
        if is_kept and value is not None:
            self._rows[row_id] = value
            self._drop_oldest()

    def _put(self, entry: Entry) -> None:
        if entry.is_live:
            self.live[entry.clock_id] = entry
            self.counts[entry.account, entry.rule, entry.state] += 1
            if not self._is_loading:
                insort(self.by_due, (entry.due_ms, entry.clock_id, entry))
        else:
            self.ended[entry.clock_id] = entry
            heapq.heappush(self._oldest_ended, (entry.ended_ms, entry.clock_id))

    def _take_away(self, clock_id: str) -> None:
        self.ended.pop(clock_id, None)
        entry = self.live.pop(clock_id, None)
        if entry is None:
            return
        of = (entry.account, entry.rule, entry.state)
        self.counts[of] -= 1
        if not self.counts[of]:
            del self.counts[of]
        if not self._is_loading:
            del self.by_due[bisect_left(self.by_due, (entry.due_ms, clock_id))]

    def _drop_oldest(self) -> None:
        if len(self._oldest_ended) > 4 * ENDED_KEPT:  # most of it is of clocks that have gone on since
            self._oldest_ended = [(one.ended_ms, one.clock_id) for one in self.ended.values()]
            heapq.heapify(self._oldest_ended)
        while len(self.ended) > ENDED_KEPT:
            ended_ms, clock_id = heapq.heappop(self._oldest_ended)
            entry = self.ended.get(clock_id)
            if entry is not None and entry.ended_ms == ended_ms:
                del self.ended[clock_id]
                row_id = clock_name(clock_id).row_id
                if not any(one in self.live or one in self.ended for one in self._clock_ids(row_id)):
                    self._rows.pop(row_id, None)

    def _clock_ids(self, row_id: str) -> Iterator[str]:
        row = self.matter(row_id)
        return iter(()) if row is None else (one.clock_id for one in entries_of(row_id, row, self.accounts))

    # --- questions ---------------------------------------------------------------------------------------------------

    def find(self, clock_id: str) -> Entry | None:
        """The clock, live or ended lately."""
        return self.live.get(clock_id) or self.ended.get(clock_id)

    def matter(self, row_id: str) -> MatterRow | None:
        """The row of a matter, if it is kept."""
        value = self._rows.get(row_id)
        return None if value is None else matter_of(row_id, value)

    def account_row(self, account: str) -> AccountRow | None:
        """The row of an account; None where there is none that can be read."""
        value = self._account_rows.get(account)
        try:
            row = None if value is None else decode_row(account, value)
        except (RowError, OtherVersionError):
            return None
        return row if isinstance(row, AccountRow) else None

    def book_of(self, account: str) -> PolicyBook | None:
        """The policies in force in the account's partition."""
        return self.books.get(self._partition_of.get(account, -1))

    def places(self, from_ms: int | None, until_ms: int | None) -> Iterator[Place]:
        """Live clocks due from then (included) until then (not included), in order."""
        start = 0 if from_ms is None else bisect_left(self.by_due, (from_ms, ""))
        end = len(self.by_due) if until_ms is None else bisect_left(self.by_due, (until_ms, ""))
        return islice(self.by_due, start, end)
