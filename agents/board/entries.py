"""A clock as the board lists it, read from its matter's row. A view for people: nothing here decides anything."""

from collections.abc import Iterator
from typing import Final

import msgspec

from streams.row_codec import account_of, decode_row
from streams.rows import BREACHED, GONE, OPEN, OUTCOME_NAMES, STANDING, AccountRow, Clock, MatterRow

OVER: Final = ("breached", "lapsed", "reminder_due")
"""States of a clock whose due has been declared passed and that nothing has ended."""
LIVE: Final = ("open", *OVER)
ENDED: Final = ("met", "closed_late", "superseded", "exempt")
STATES: Final = (*LIVE, *ENDED)


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A clock. Instants in ms UTC; `order_id` and `calendar` are "" where there is none.

    `ended_ms` is 0 while it is live; of an exempt clock, whose row does not say when that was, its start.
    """

    due_ms: int
    clock_id: str
    state: str
    account: str
    rule: str
    rule_version: int
    started_ms: int
    order_id: str
    ended_ms: int

    @property
    def subject(self) -> str:
        """What it is on: the order and return, the thread and message, the case."""
        return self.clock_id.split("/", 3)[3]

    @property
    def is_live(self) -> bool:
        """Whether anything is still to be done."""
        return not self.ended_ms


def state_of(clock: Clock) -> str:
    """The state's name: of a clock that stands breached, what its due event was."""
    if clock.outcome == BREACHED:
        return STANDING[clock.standing[0][0]].removeprefix("clock.")
    return OUTCOME_NAMES[clock.outcome]


def matter_of(row_id: str, value: bytes) -> MatterRow | None:
    """The row of a matter; None for an account's. RowError, OtherVersionError where it cannot be read."""
    row = decode_row(row_id, value)
    return None if isinstance(row, AccountRow) else row


def entries_of(row_id: str, row: MatterRow, accounts: dict[str, str]) -> Iterator[Entry]:
    """The clocks of a matter that are not gone. `accounts` holds each account's name once, for all its clocks."""
    account = account_of(row_id)
    account = accounts.setdefault(account, account)
    for clock in row.clocks:
        if clock.outcome == GONE:
            continue
        is_live = clock.outcome in (OPEN, BREACHED)
        yield Entry(
            clock.due_ms,
            f"{account}/{clock.name}",
            state_of(clock),
            account,
            clock.rule,
            clock.version,
            clock.start_ms,
            clock.order_id or "",
            0 if is_live else max(1, clock.start_ms + clock.elapsed_ms),
        )
