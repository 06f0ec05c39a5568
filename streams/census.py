"""The census of a partition: rows by kind, clocks open and breached, accounts by status. For people who watch.

Counts that follow from the rows, kept in the step that changes them and counted anew at recovery. No decision reads
them; they are in no row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from schemas.codec import HOUR_MS
from streams.rows import BREACHED, OPEN, Clock

DueKey = tuple[str, str, int]
"""Of open clocks: rule, marketplace, and the hour in which they fall due (ms UTC)."""

GOOD: Final = "good"
STATUSES: Final = (GOOD, "warn", "bad", "review_risk")
"""An account's worst status, the mildest first; `excellent` counts as good (contract §6)."""


class Census:
    """The counts of one partition."""

    __slots__ = ("_not_good", "breached", "due", "rows")

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}
        self.breached: dict[tuple[str, str], int] = {}
        self.due: dict[DueKey, int] = {}
        """How many clocks are open, by when they fall due."""
        self._not_good: dict[str, str] = {}

    def count_row(self, kind: str, sign: int) -> None:
        """A row of this kind (`order`, `thread`, `case`, `evidence`, `account`) appears (+1) or is forgotten (-1)."""
        self.rows[kind] = self.rows.get(kind, 0) + sign

    def count_breached(self, marketplace: str, rule: str, sign: int) -> None:
        """A clock stands breached (+1), or does no longer (-1)."""
        key = (rule, marketplace)
        self.breached[key] = self.breached.get(key, 0) + sign

    def count_open(self, marketplace: str, clock: Clock, sign: int) -> None:
        """An open clock appears (+1) or goes (-1)."""
        key = (clock.rule, marketplace, clock.due_ms // HOUR_MS * HOUR_MS)
        count = self.due.get(key, 0) + sign
        if count:
            self.due[key] = count
        else:
            del self.due[key]

    def count_clocks(self, marketplace: str, clocks: Sequence[Clock], sign: int) -> None:
        """Those of these clocks that are open or stand breached."""
        for clock in clocks:
            if clock.outcome == BREACHED:
                self.count_breached(marketplace, clock.rule, sign)
            elif clock.outcome == OPEN:
                self.count_open(marketplace, clock, sign)

    def set_status(self, account: str, status: str) -> None:
        """The worst status last emitted for an account."""
        if status == GOOD:
            self._not_good.pop(account, None)
        else:
            self._not_good[account] = status

    def accounts(self) -> dict[str, int]:
        """How many accounts there are of each status."""
        counts = dict.fromkeys(STATUSES, 0)
        for status in self._not_good.values():
            counts[status] += 1
        counts[GOOD] = self.rows.get("account", 0) - len(self._not_good)
        return counts
