"""The fleet's plots as SVG, drawn by hand: lateness, memory and CPU over the run, with a band for each step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from html import escape
from math import ceil, log10
from pathlib import Path
from typing import Final, NamedTuple

from tests.bench.figures import percentile
from tests.fleet.figures import Run, cores
from tests.fleet.steps import CALM, Step
from tests.fleet.watch import Usage

WIDTH: Final = 960
HEIGHT: Final = 380
LEFT, RIGHT, TOP, BOTTOM = 60, 20, 84, 40
_ROOM_OF_A_NAME: Final = 190
EACH_S: Final = 5.0
"""Of so many seconds is one point of a line."""
PLOTS: Final = ("fleet-lateness.svg", "fleet-memory.svg", "fleet-cpu.svg")
_COLOURS: Final = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#8c564b", "#e377c2", "#17becf", "#bcbd22", "#7f7f7f")
_BANDS: Final = ("#ffffff", "#eef3f8")
_FONT: Final = 'font-family="sans-serif" font-size="12"'

Points = list[tuple[float, float]]


class Curve(NamedTuple):
    """One line: its name where it is to be told apart, and its points; None is a gap."""

    name: str
    points: Sequence[tuple[float, float] | None]
    colour: str
    width: float = 1.5


def write_plots(run: Run, folder: Path) -> None:
    """Draw all three."""
    for name, draw in zip(PLOTS, (lateness, memory, cpu), strict=True):
        (folder / name).write_text(draw(run), encoding="utf-8")


def lateness(run: Run) -> str:
    """Breach visible after fire_at: half of them, 99 of 100, and the latest, of each five seconds; logarithmic."""
    by: dict[int, list[float]] = defaultdict(list)
    for one in run.breaches:
        by[int(one.at_s // EACH_S)].append(max(one.late_s, 0.01))

    def curve(name: str, of: Callable[[list[float]], float], colour: str, width: float = 2.0) -> Curve:
        return Curve(name, [((slot + 0.5) * EACH_S, of(by[slot])) for slot in sorted(by)], colour, width)

    curves = [
        curve("the latest", max, "#bbbbbb", 1.0),
        curve("99 of 100", lambda some: percentile(some, 99), "#d62728"),
        curve("half of them", lambda some: percentile(some, 50), "#1f77b4"),
    ]
    latest = max((one.late_s for one in run.breaches), default=1.0)
    ticks = [10.0**power for power in range(-2, ceil(log10(max(latest, 1.1))) + 1)]
    title = "Breach visible after it was due, s (of each 5 s; logarithmic)"
    return _svg(run, title, curves, ticks, lambda value: (log10(value) + 2) / (log10(ticks[-1]) + 2))


def memory(run: Run) -> str:
    """Resident size of each worker and broker."""
    curves = _by_process(run, lambda one: one.resident_mib)
    return _linear(run, "Resident memory of each worker (colours) and broker (grey), MiB", curves)


def cpu(run: Run) -> str:
    """What all workers took, and all brokers."""
    slots: dict[int, list[Usage]] = defaultdict(list)
    for one in run.usage:
        slots[int(one.at_s // EACH_S)].append(one)
    curves = [
        Curve(name, [((slot + 0.5) * EACH_S, cores(slots[slot], kind)) for slot in sorted(slots)], colour, 2.0)
        for name, kind, colour in (("workers", "pod", "#1f77b4"), ("brokers", "broker", "#d62728"))
    ]
    return _linear(run, "CPU, cores", curves)


def _by_process(run: Run, of: Callable[..., float]) -> list[Curve]:
    by: dict[str, Points] = defaultdict(list)
    for one in run.usage:
        by[one.who].append((one.at_s, of(one)))
    curves = []
    for number, who in enumerate(sorted(by)):
        broken: list[tuple[float, float] | None] = []
        for point in by[who]:
            if broken and broken[-1] is not None and point[0] - broken[-1][0] > EACH_S:
                broken.append(None)
            broken.append(point)
        colour = "#999999" if who.startswith("broker") else _COLOURS[number % len(_COLOURS)]
        curves.append(Curve("", broken, colour))
    return curves


def _linear(run: Run, title: str, curves: Sequence[Curve]) -> str:
    most = max((point[1] for curve in curves for point in curve.points if point is not None), default=1.0) or 1.0
    step = next(
        each for power in range(-2, 8) for each in (10.0**power, 2 * 10.0**power, 5 * 10.0**power) if most / each <= 6
    )
    ticks = [number * step for number in range(ceil(most / step) + 1)]
    return _svg(run, title, curves, ticks, lambda value: value / ticks[-1])


def _svg(run: Run, title: str, curves: Sequence[Curve], ticks: Sequence[float], share: Callable[[float], float]) -> str:
    begin_s = min((step.began_s for step in run.steps), default=0.0)
    end_s = max((step.ended_s for step in run.steps), default=1.0)
    base = HEIGHT - BOTTOM

    def x(at_s: float) -> float:
        return round(LEFT + (at_s - begin_s) / (end_s - begin_s) * (WIDTH - LEFT - RIGHT), 1)

    def y(value: float) -> float:
        return round(base - share(value) * (base - TOP), 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {_FONT}>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(LEFT, 20, title, size=15),
    ]
    parts += _bands(run.steps, x, base)
    for tick in ticks:
        parts.append(f'<path d="M{LEFT} {y(tick)}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(_text(LEFT - 6, y(tick) + 4, f"{tick:,.10g}", anchor="end"))
    every_s = 60.0 if end_s - begin_s < 900 else 300.0
    for number in range(int((end_s - begin_s) // every_s) + 1):
        parts.append(
            _text(x(begin_s + number * every_s), base + 16, f"{number * every_s / 60:.0f} min", anchor="middle")
        )
    for curve in curves:
        parts += _lines(curve, x, y, begin_s, end_s)
    named = [curve for curve in curves if curve.name]
    for number, curve in enumerate(named):
        at = WIDTH - RIGHT - 130 * (len(named) - number)
        parts.append(f'<path d="M{at} 16h18" stroke="{curve.colour}" stroke-width="3"/>')
        parts.append(_text(at + 24, 20, curve.name))
    return "\n".join([*parts, "</svg>", ""])


def _bands(steps: Sequence[Step], x: Callable[[float], float], base: float) -> Iterable[str]:
    """A band for each step, its name above: those that are no calm, in rows by turns so that none covers another."""
    row = 0
    for number, step in enumerate(steps):
        left, right = x(step.began_s), x(step.ended_s)
        size = f'width="{right - left:.1f}" height="{base - TOP}"'
        yield f'<rect x="{left}" y="{TOP}" {size} fill="{_BANDS[number % 2]}"/>'
        if step.name != CALM:
            yield f'<path d="M{left} {44 + 16 * row}V{base}" stroke="#888" stroke-dasharray="2 3"/>'
            is_near_the_edge = left > WIDTH - _ROOM_OF_A_NAME
            at, anchor = (left - 3, "end") if is_near_the_edge else (left + 3, "start")
            yield _text(at, 44 + 16 * row, step.name, anchor=anchor, colour="#333")
            row = (row + 1) % 3


def _lines(
    curve: Curve, x: Callable[[float], float], y: Callable[[float], float], begin_s: float, end_s: float
) -> Iterable[str]:
    some: list[str] = []
    for point in [*curve.points, None]:
        if point is not None and begin_s <= point[0] <= end_s:
            some.append(f"{x(point[0])},{y(point[1])}")
        elif some and point is None:
            path = " ".join(some)
            yield (
                f'<polyline points="{path}" fill="none" stroke="{curve.colour}" stroke-width="{curve.width}"'
                ' stroke-linejoin="round"/>'
            )
            some = []


def _text(x: float, y: float, words: str, *, anchor: str = "start", size: int = 12, colour: str = "#222") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{escape(words)}</text>'
