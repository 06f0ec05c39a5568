"""Which clocks are open or stand breached: read from rows as they are kept, for people and scripts.

A question about the state, not a decision: the same rows give the same answer, whoever holds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import nsmallest
from typing import Final

import msgspec

from streams.row_codec import decode_row
from streams.rows import BREACHED, OPEN, STANDING, AccountRow


class DueClock(msgspec.Struct, frozen=True, gc=False):
    """A clock that is open or stands breached; instants in ms UTC.

    `state` is `open`, or what its due event was: `breached`, `reminder_due`, `lapsed`. `order_id` is "" where there is
    none, `calendar` where the target counts no days.
    """

    due_ms: int
    clock_id: str
    state: str
    account: str
    rule: str
    rule_version: int
    subject: str
    started_ms: int
    order_id: str
    calendar: str


class Asked(msgspec.Struct, frozen=True, gc=False):
    """Which clocks are asked for; what is empty leaves nothing out. `due_until_ms` includes what is due already."""

    seller: str = ""
    marketplace: str = ""
    rule: str = ""
    due_until_ms: int | None = None
    only_breached: bool = False
    limit: int = 50

    def includes(self, clock: DueClock) -> bool:
        """Whether a clock of an account that is meant is among them."""
        return (
            (not self.rule or clock.rule == self.rule)
            and (self.due_until_ms is None or clock.due_ms <= self.due_until_ms)
            and (not self.only_breached or clock.state != _OPEN)
        )

    def is_of(self, row_id: str) -> bool:
        """Whether a row belongs to an account that is meant."""
        seller, marketplace, *_ = row_id.split("/", 2)
        return (not self.seller or seller == self.seller) and (not self.marketplace or marketplace == self.marketplace)


_OPEN: Final = "open"


def due_clocks(rows: Iterable[tuple[str, bytes]], asked: Asked) -> list[DueClock]:
    """The clocks that are asked for, by due instant and clock id, `limit` of them. Rows of accounts and matters."""
    found = (clock for row_id, value in rows if asked.is_of(row_id) for clock in _of_row(row_id, value))
    return nsmallest(asked.limit, (clock for clock in found if asked.includes(clock)), key=_order)


def in_order(clocks: Iterable[DueClock], asked: Asked) -> list[DueClock]:
    """The answers of several partitions as one."""
    return nsmallest(asked.limit, clocks, key=_order)


def _order(clock: DueClock) -> tuple[int, str]:
    return (clock.due_ms, clock.clock_id)


def _of_row(row_id: str, value: bytes) -> Iterator[DueClock]:
    row = decode_row(row_id, value)
    if isinstance(row, AccountRow):
        return
    seller, marketplace, *_ = row_id.split("/", 2)
    account = f"{seller}/{marketplace}"
    for clock in row.clocks:
        if clock.outcome in (OPEN, BREACHED):
            state = _OPEN if clock.outcome == OPEN else STANDING[clock.standing[0][0]].removeprefix("clock.")
            yield DueClock(
                clock.due_ms,
                f"{account}/{clock.name}",
                state,
                account,
                clock.rule,
                clock.version,
                clock.subject,
                clock.start_ms,
                clock.order_id or "",
                clock.calendar,
            )
