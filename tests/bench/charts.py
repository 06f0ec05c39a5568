"""Plots of the growth figures as SVG, drawn by hand: points, a line through them, and the value beside each point.

No library: a dozen lines of SVG say all of it, and the files open in any browser.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import log10
from pathlib import Path
from typing import Final, NamedTuple

from tests.bench.figures import number
from tests.bench.growth import BYTES, LINE_US, PER_SECOND, RESTART_S, RESTORE_S, Curves, Point

WIDTH: Final = 640
HEIGHT: Final = 360
LEFT, RIGHT, TOP, BOTTOM = 70, 30, 50, 50


class Chart(NamedTuple):
    """What one plot shows."""

    file: str
    title: str
    across: str
    curves: tuple[tuple[str, str], ...]
    """Key and name of each."""


CHARTS: Final = (
    Chart("growth-line.svg", "CPU of a line, µs", "open clocks", ((LINE_US, "one line of the mixed load"),)),
    Chart("growth-memory.svg", "Memory for each open clock, bytes", "open clocks", ((BYTES, "the state alone"),)),
    Chart(
        "growth-restart.svg",
        "Restart, s",
        "open clocks",
        ((RESTART_S, "process start to first journal line"), (RESTORE_S, "CPU of restoring the state")),
    ),
    Chart(
        "throughput-slices.svg", "Notifications/s, one worker", "records in a slice, at most", ((PER_SECOND, "live"),)
    ),
)
_COLOURS: Final = ("#1f77b4", "#d62728")


def write_charts(curves: Curves, folder: Path) -> list[Path]:
    """Draw each chart that has points; the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for chart in CHARTS:
        if any(curves.get(key) for key, _ in chart.curves):
            path = folder / chart.file
            path.write_text(_svg(chart, curves), encoding="utf-8")
            written.append(path)
    return written


def _svg(chart: Chart, curves: Curves) -> str:
    lines = [(name, curves[key]) for key, name in chart.curves if curves.get(key)]
    points = [point for _, line in lines for point in line]
    low, high = log10(min(point.x for point in points)), log10(max(point.x for point in points))
    most = max(point.y for point in points) or 1.0

    def place(point: Point) -> tuple[float, float]:
        share = (log10(point.x) - low) / ((high - low) or 1.0)
        x = LEFT + share * (WIDTH - LEFT - RIGHT)
        return round(x, 1), round(HEIGHT - BOTTOM - point.y / most * (HEIGHT - TOP - BOTTOM) * 0.9, 1)

    base = HEIGHT - BOTTOM
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif"'
            ' font-size="13"><rect width="100%" height="100%" fill="white"/>'
        ),
        _text(LEFT, 24, chart.title, size=16),
        _text(WIDTH / 2, HEIGHT - 10, f"{chart.across} (logarithmic)", anchor="middle"),
        f'<path d="M{LEFT} {TOP}V{base}H{WIDTH - RIGHT}" fill="none" stroke="#888"/>',
        _text(LEFT - 8, base, "0", anchor="end"),
    ]
    parts += [_text(place(point)[0], base + 18, f"{point.x:,.0f}", anchor="middle") for point in lines[0][1]]
    for index, (name, line) in enumerate(lines):
        parts += _line(name, [(place(point), point.y) for point in line], index)
    return "\n".join([*parts, "</svg>", ""])


def _line(name: str, placed: Sequence[tuple[tuple[float, float], float]], index: int) -> list[str]:
    colour = _COLOURS[index]
    path = " ".join(f"{x},{y}" for (x, y), _ in placed)
    parts = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>']
    for (x, y), value in placed:
        parts.append(f'<circle cx="{x}" cy="{y}" r="4" fill="{colour}"/>')
        parts.append(_text(x, y - 9, number(value), anchor="middle", colour=colour))
    parts.append(_text(WIDTH - RIGHT, 24 + 16 * index, name, anchor="end", colour=colour))
    return parts


def _text(x: float, y: float, words: str, *, anchor: str = "start", size: int = 13, colour: str = "#222") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{escape(words)}</text>'
