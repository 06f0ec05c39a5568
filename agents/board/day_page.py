"""The day view: what falls due in which hour of a day, and how many on the days around it, in the reader's zone."""

from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from agents.board.asked import Asked, chosen_accounts
from agents.board.entries import OVER, Entry
from agents.board.languages import local, midnight_ms
from agents.board.mirror import Mirror
from agents.board.queue_page import Row, row_of
from agents.board.visit import Visit
from schemas.codec import HOUR_MS

SHOWN_PER_HOUR: Final = 4
DAYS_AHEAD: Final = 13


class Hour(NamedTuple):
    """An hour of the day: what falls due in it."""

    from_ms: int
    until_ms: int
    label: str
    total: int
    over: int
    width: float
    over_width: float
    rows: list[Row]
    href: str
    is_now: bool


class Day(NamedTuple):
    """A day of the strip."""

    on: date
    total: int
    over: int
    height: float
    over_height: float
    is_shown: bool


def day_page(mirror: Mirror, asked: Asked, on: str, visit: Visit) -> dict[str, Any]:
    """What the template needs for one day; today where the address names none."""
    today = local(visit.now_ms, visit.zone).date()
    shown = _date(on) or today
    strip = [today + timedelta(n) for n in range(-1, DAYS_AHEAD)]
    if shown not in strip:
        strip = [shown + timedelta(n) for n in range(-3, DAYS_AHEAD - 2)]
    accounts = chosen_accounts(mirror, asked, visit.sees)

    def due(from_ms: int, until_ms: int) -> list[Entry]:
        return [
            one
            for _, _, one in mirror.places(from_ms, until_ms)
            if one.account in accounts and (not asked.rule or one.rule == asked.rule)
        ]

    days = [(one, due(midnight_ms(one, visit.zone), midnight_ms(one + timedelta(1), visit.zone))) for one in strip]
    most = max((len(clocks) for _, clocks in days), default=0) or 1
    of_shown = next(clocks for one, clocks in days if one == shown)
    return {
        "asked": asked,
        "on": shown,
        "today": today,
        "before": shown - timedelta(1),
        "after": shown + timedelta(1),
        "days": [_day(one, clocks, most, is_shown=one == shown) for one, clocks in days],
        "hours": _hours(shown, of_shown, asked, visit),
        "total": len(of_shown),
        "sellers": sorted({one.partition("/")[0] for one in mirror.accounts if visit.sees(one)}),
    }


def _day(on: date, clocks: list[Entry], most: int, *, is_shown: bool) -> Day:
    over = sum(one.state in OVER for one in clocks)
    return Day(on, len(clocks), over, round(56 * len(clocks) / most, 1), round(56 * over / most, 1), is_shown)


def _hours(on: date, clocks: list[Entry], asked: Asked, visit: Visit) -> list[Hour]:
    """The hours of the day: 23 or 25 where the zone's clocks change."""
    begin_ms, end_ms = midnight_ms(on, visit.zone), midnight_ms(on + timedelta(1), visit.zone)
    by_hour: dict[int, list[Entry]] = {}
    for one in clocks:
        by_hour.setdefault((one.due_ms - begin_ms) // HOUR_MS, []).append(one)
    most = max(map(len, by_hour.values()), default=1)
    found: list[Hour] = []
    for number in range((end_ms - begin_ms) // HOUR_MS):
        inside = by_hour.get(number, [])
        from_ms = begin_ms + number * HOUR_MS
        over = sum(one.state in OVER for one in inside)
        found.append(
            Hour(
                *(from_ms, from_ms + HOUR_MS, visit.language.instant(from_ms, visit.zone, "Hm"), len(inside), over),
                *(round(100 * len(inside) / most, 1), round(100 * over / most, 1)),
                [row_of(one, visit) for one in inside[:SHOWN_PER_HOUR]],
                asked.address(from_ms=from_ms, until_ms=from_ms + HOUR_MS, within="", state="", q=""),
                from_ms <= visit.now_ms < from_ms + HOUR_MS,
            )
        )
    return found


def _date(text: str) -> date | None:
    try:
        found = date.fromisoformat(text[:10])
    except ValueError:
        return None
    return found if 1970 < found.year < 9000 else None
