"""The board as a person sees it: a picture for a terminal of any size, lines for everything else.

Draws what `agents/demo/board.py` knows; the frame says how large the terminal is and what time it is. 80 by 24 shows
all rules, what is due next and the newest events; more room shows more of the latter two, and why clocks were exempt,
events taken back and records refused.
"""

import textwrap
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from agents.demo.board import Board, Clock, Seen
from agents.topic_roles import DEAD_LETTER
from schemas.codec import format_instant
from schemas.rules import RULES

WIDE = 130
_TABLE_ROWS = len(RULES) + 1
_ROOMY = 34
"""Rows of a terminal from which on the reasons have a place on the board."""
_TABLE_WIDTH = 95
_NARROW_LEFT = 37
_UNBROKEN = "\N{NO-BREAK SPACE}"
_COLUMNS = (
    # heading, narrow heading, outcome or None, event type or None, style
    ("open", "open", "open", None, "cyan"),
    ("met", "met", "met", None, "green"),
    ("superseded", "supers", "superseded", None, "blue"),
    ("exempt", "exempt", "exempt", None, "blue"),
    ("overdue", "overdue", "due", None, "bold red"),
    ("closed late", "late", "closed late", None, "yellow"),
    ("escalated", "escal", None, "clock.escalated", "magenta"),
    ("retracted", "retract", None, "clock.retracted", "white"),
)
_STYLES = {
    "clock.breached": "bold red",
    "clock.lapsed": "bold red",
    "clock.reminder_due": "red",
    "policy.violation": "bold red",
    "clock.escalated": "magenta",
    "clock.closed_late": "yellow",
    "clock.met": "green",
    "clock.opened": "cyan",
}


@dataclass(frozen=True)
class Frame:
    """What the picture needs besides the board."""

    width: int
    height: int
    now_ms: int
    started_ms: int
    sent: int
    where: str


def picture(board: Board, frame: Frame) -> RenderableType:
    """The whole screen."""
    is_wide = frame.width >= WIDE
    why = reasons(board, frame.width) if frame.height >= _ROOMY else []
    room = max(1, frame.height - _TABLE_ROWS - len(why) - 3)
    if is_wide:
        top = _side_by_side(
            _rules(board, is_wide=True), _due_next(board, frame, _TABLE_ROWS - 1), _TABLE_WIDTH, frame.width
        )
        bottom: RenderableType = _newest(board, frame, room, frame.width)
    else:
        top = _rules(board, is_wide=False)
        bottom = _side_by_side(
            _due_next(board, frame, room),
            _newest(board, frame, room, frame.width - _NARROW_LEFT - 1),
            _NARROW_LEFT,
            frame.width,
        )
    return Group(_headline(frame), top, _figures(board, frame.width), *map(Text, why), bottom)


def plain_text(seen: Seen) -> str:
    """An event as one line of text."""
    where = f"{_clock(seen.at_ms)}  {seen.topic:<14} {_short(seen):<12} {seen.rule:<19}"
    return f"{where} {seen.subject}  {seen.note}".rstrip()


def summary(board: Board, width: int) -> Table:
    """The table at the end."""
    return _rules(board, is_wide=width > _TABLE_WIDTH)


def figures(board: Board, width: int) -> str:
    """What the table does not hold, in one line."""
    parts = [
        f"{board.events:,} events",
        f"{sum(board.violations.values())} violations",
        f"{board.count('account.health')} health",
        f"{sum(board.dead_letters.values())} dead letters",
    ]
    median, tail = board.breach_lag_ms(0.5), board.breach_lag_ms(0.99)
    if median is not None and tail is not None:
        parts.append(f"breach after {median / 1000:.2f} s")
        if width >= WIDE:
            parts[-1] = f"on the topic {median / 1000:.2f} s after due (p99 {tail / 1000:.2f} s)"
    return " · ".join(parts)


def reasons(board: Board, width: int) -> list[str]:
    """Why clocks were exempt, events taken back and records refused, in the contract's words: lines of this width."""
    counted = {
        "exempt": board.counted_reasons("clock.exempt"),
        "retracted": board.counted_reasons("clock.retracted"),
        "dead letters": board.dead_letters,
    }
    lines: list[str] = []
    for of, numbers in counted.items():
        counts = " · ".join(f"{reason}{_UNBROKEN}{number}" for reason, number in numbers.items())
        if counts:
            lines += textwrap.wrap(f"{of + ':':<13} {counts}", width, subsequent_indent=" " * 14)
    return [line.replace(_UNBROKEN, " ") for line in lines]


def _headline(frame: Frame) -> Text:
    played_s = max(0, frame.now_ms - frame.started_ms) // 1000
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append("dueclock", "bold")
    text.append(f"  {played_s // 60:02}:{played_s % 60:02} (1 h is 0.5 s)  ")
    text.append(f"{frame.sent:,} sent  ", "cyan")
    text.append(f"{frame.where}  " if frame.width >= WIDE else "", "dim")
    text.append("Ctrl-C ends", "dim")
    return text


def _rules(board: Board, *, is_wide: bool) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("rule", width=20, no_wrap=True)
    for heading, narrow, *_ in _COLUMNS:
        width = max(6, len(heading)) if is_wide else max(4, len(narrow))
        table.add_column(heading if is_wide else narrow, width=width, justify="right", no_wrap=True)
    for rule in RULES:
        table.add_row(rule, *(_cell(board, rule, *column[2:]) for column in _COLUMNS))
    return table


def _cell(board: Board, rule: str, outcome: str | None, kind: str | None, style: str) -> Text:
    number = board.standing[rule, outcome] if outcome else board.kinds[rule, kind or ""]
    return Text(str(number), style) if number else Text("·", "dim")


def _figures(board: Board, width: int) -> Text:
    text = Text(figures(board, width), "bold", no_wrap=True, overflow="ellipsis")
    text.truncate(width, overflow="ellipsis")
    return text


def _due_next(board: Board, frame: Frame, rows: int) -> Table:
    width = frame.width - _TABLE_WIDTH - 2 if frame.width >= WIDE else _NARROW_LEFT
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, width=width)
    table.add_column("due in", width=7, justify="right", no_wrap=True)
    table.add_column("what is due next", ratio=1, no_wrap=True, overflow="ellipsis")
    for clock in board.due_next(rows):
        left_s = (clock.due_ms - frame.now_ms) / 1000
        style = "bold red" if left_s < 2 else "yellow" if left_s < 6 else ""
        table.add_row(Text(f"{left_s:.1f} s", style), Text(_what(clock, frame), style))
    return table


def _what(clock: Clock, frame: Frame) -> str:
    return f"{clock.rule}  {clock.subject}" if frame.width >= WIDE else clock.rule


def _newest(board: Board, frame: Frame, rows: int, width: int) -> Table:
    is_wide = frame.width >= WIDE
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, width=width)
    if is_wide:
        table.add_column("newest", width=12, no_wrap=True)
        table.add_column("", width=14, no_wrap=True)
        table.add_column("rule", width=20, no_wrap=True)
        table.add_column("subject", ratio=3, no_wrap=True, overflow="ellipsis")
        table.add_column("", ratio=2, no_wrap=True, overflow="ellipsis")
    else:
        table.add_column("newest", width=12, no_wrap=True, overflow="ellipsis")
        table.add_column("", ratio=2, no_wrap=True, overflow="ellipsis")
    for seen in list(board.newest)[-rows:][::-1]:
        style = _STYLES.get(seen.type, "yellow" if seen.topic == DEAD_LETTER else "")
        kind = Text(_short(seen), style)
        if is_wide:
            table.add_row(_clock(seen.at_ms), kind, seen.rule or seen.topic, seen.subject, seen.note)
        else:
            table.add_row(kind, f"{seen.rule}  {seen.note}".strip() or seen.subject)
    return table


def _clock(ms: int) -> str:
    return format_instant(ms)[11:23]


def _short(seen: Seen) -> str:
    """A type without what its topic says already."""
    return seen.type.rpartition(".")[2].replace("_", " ")


def _side_by_side(left: RenderableType, right: RenderableType, left_width: int, width: int) -> Table:
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=left_width)
    grid.add_column(width=width - left_width - 1)
    grid.add_row(left, right)
    return grid
