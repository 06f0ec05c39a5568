"""Clocks for people (a table with a countdown) and for scripts (JSON lines, CSV)."""

import csv
from collections.abc import Sequence
from typing import TextIO

from msgspec.structs import astuple
from rich.console import Console
from rich.text import Text

from agents.terminal import short_instant, table
from schemas.answers.operations import ListedClock
from schemas.codec import format_instant
from streams.due_list import DueClock

_STYLES = {"open": "", "breached": "bold red", "lapsed": "bold red", "reminder_due": "red"}


def listed(clock: DueClock) -> ListedClock:
    """A clock by the names of the contract."""
    seller, marketplace = clock.account.split("/", 1)
    return ListedClock(
        clock_id=clock.clock_id,
        state=clock.state,
        due_at=format_instant(clock.due_ms),
        started_at=format_instant(clock.started_ms),
        seller_id=seller,
        marketplace_id=marketplace,
        rule=clock.rule,
        rule_version=clock.rule_version,
        subject=clock.subject,
        order_id=clock.order_id,
        calendar=clock.calendar,
    )


def write_csv(clocks: Sequence[DueClock], out: TextIO) -> None:
    """With a line of headings."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(ListedClock.__struct_fields__)
    writer.writerows(astuple(listed(clock)) for clock in clocks)


def write_table(clocks: Sequence[DueClock], console: Console, now_ms: int, limit: int) -> None:
    """What is due next comes first."""
    rows = table("due in", "due at", "state", "clock", right=("due in",), whole=("due in", "due at", "state"))
    for one in clocks:
        due_at = short_instant(format_instant(one.due_ms))
        rows.add_row(countdown(one.due_ms - now_ms), due_at, Text(one.state, _STYLES[one.state]), one.clock_id)
    if clocks:
        console.print(rows)
    more = " or more (--limit shows more)" if len(clocks) == limit else ""
    console.print(Text(f"{len(clocks):,} clocks{more}."))


def countdown(left_ms: int) -> str:
    """Time left in its two largest units; what is past has a minus."""
    sign = "-" if left_ms < 0 else ""
    seconds = abs(left_ms) // 1000
    days, hours, minutes = seconds // 86_400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{sign}{days} d {hours} h"
    if hours:
        return f"{sign}{hours} h {minutes} min"
    return f"{sign}{minutes} min {seconds % 60} s" if minutes else f"{sign}{seconds} s"
