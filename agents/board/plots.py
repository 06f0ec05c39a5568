"""Plots as geometry: points for the inline SVG that the templates draw. No drawing library, no script, no style."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from agents.board.happenings import Figure
from schemas.codec import DAY_MS

WIDTH: Final = 640
HEIGHT: Final = 180
LEFT: Final = 56
RIGHT: Final = 8
TOP: Final = 10
BOTTOM: Final = 24
DAYS: Final = 90


class Course(NamedTuple):
    """One window's course: a polyline in steps, and where it stands now."""

    window: int
    points: str
    end: tuple[float, float]


class Notch(NamedTuple):
    """A place on an axis, and what it stands for: a value, or an instant in ms UTC."""

    at: float
    value: int


class Plot(NamedTuple):
    """The course of one metric over the last quarter."""

    lines: tuple[Course, ...]
    y: tuple[Notch, ...]
    x: tuple[Notch, ...]
    limit_y: float | None


Place = Callable[[int, int], tuple[float, float]]
"""Where an instant and a value stand."""

LIMITS: Final = {"late_response_rate": 100_000, "order_defect_rate": 10_000}
"""Parts of a million above which the account is warned (contract §6)."""


def plot(metric: str, courses: Mapping[int, Sequence[Figure]], now_ms: int) -> Plot:
    """The metric's course by window. What was said at a midnight holds until something else is said."""
    since_ms = now_ms - DAYS * DAY_MS
    limit = LIMITS.get(metric)
    highest = max((one.value for course in courses.values() for one in course), default=0)
    top = _round_up(max(highest, (limit or 0) * 12 // 10, 1), is_time=metric.endswith("_ms"))
    if metric == "refund_on_time_rate":
        top = 1_000_000

    def place(at_ms: int, value: int) -> tuple[float, float]:
        x = LEFT + (WIDTH - LEFT - RIGHT) * (max(at_ms, since_ms) - since_ms) / (DAYS * DAY_MS)
        y = HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(value, top) / top
        return round(x, 1), round(y, 1)

    lines = tuple(
        _course(window, [(max(one.at_ms, since_ms), one.value) for one in course], now_ms, place)
        for window, course in sorted(courses.items())
        if course
    )
    y = tuple(Notch(place(now_ms, value)[1], value) for value in (0, top // 2, top))
    x = tuple(Notch(place(now_ms - days * DAY_MS, 0)[0], now_ms - days * DAY_MS) for days in (90, 60, 30, 0))
    return Plot(lines, y, x, None if limit is None else place(now_ms, limit)[1])


def _course(window: int, course: list[tuple[int, int]], now_ms: int, place: Place) -> Course:
    points: list[tuple[float, float]] = []
    for at_ms, value in course:
        x, y = place(at_ms, value)
        if points:
            points.append((x, points[-1][1]))
        points.append((x, y))
    points.append((place(now_ms, 0)[0], points[-1][1]))
    return Course(window, " ".join(f"{x},{y}" for x, y in points), points[-1])


def _round_up(value: int, *, is_time: bool) -> int:
    """The next round number: of hours for a time, of parts of a million for a rate (never above all of it)."""
    if is_time:
        hours = max(1, -(-value // 3_600_000))
        step = next(one for one in (1, 2, 4, 6, 12, 24, 48, 96, 240, 1_000_000) if one * 2 >= hours or one == 1_000_000)
        return step * 2 * 3_600_000
    rates = (10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000)
    return next(one for one in rates if one >= min(value, rates[-1]))


class Mark(NamedTuple):
    """Something on a clock's line: where (0 to 1000), what kind."""

    at: float
    kind: str
    label: str


def along(start_ms: int, end_ms: int, instant_ms: int) -> float:
    """Where an instant stands between two others, from 0 to 1000; what lies outside stands at the edge."""
    if end_ms <= start_ms:
        return 0.0
    return round(min(1.0, max(0.0, (instant_ms - start_ms) / (end_ms - start_ms))) * 1000, 1)
