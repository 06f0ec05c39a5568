"""Drawings of a life, states and the moves between them, as SVG: no program to draw them, nothing fetched to show them.

The same table gives the same bytes. A state stands where it is told to; a state that nobody has placed joins a circle.
Colours suit a light and a dark page alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final, NamedTuple

HIGH: Final = 36
LETTER: Final = 7.6  # how wide a letter of the names is
STYLE: Final = """
  text { font: 14px ui-sans-serif, system-ui, sans-serif; fill: #17303a; text-anchor: middle }
  .label { font-size: 12px; fill: #33525e; paint-order: stroke; stroke: #ffffff; stroke-width: 5px }
  rect { fill: #e6f2f1; stroke: #2a7f7a; stroke-width: 1.5 }
  .last { fill: #f3ece0; stroke: #a07a32 }
  path { fill: none; stroke: #2a5f7a; stroke-width: 1.5 }
  .back { stroke: #a0522d; stroke-dasharray: 5 4 }
  .paper { fill: #ffffff; stroke: none }
"""


class Place(NamedTuple):
    """Where a state stands: its middle."""

    x: float
    y: float


class Move(NamedTuple):
    """From one state to another; `bend` moves the middle of the line aside, `is_back` draws it dashed."""

    start: str
    end: str
    label: str = ""
    bend: float = 0.0
    is_back: bool = False


def drawn(
    title: str,
    places: Mapping[str, Place],
    moves: Sequence[Move],
    *,
    last: frozenset[str] = frozenset(),
    size: tuple[int, int] = (900, 420),
    notes: Sequence[str] = (),
) -> str:
    """The drawing. `last` are states that nothing leaves, `notes` stand below."""
    width, height = size
    tall = height + 20 * len(notes)
    name = escape(title)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {tall}" role="img" aria-label="{name}">',
        f"<title>{name}</title>",
        f"<style>{STYLE}</style>",
        "<defs>",
        *(_head(name, colour) for name, colour in (("head", "#2a5f7a"), ("head-back", "#a0522d"))),
        "</defs>",
        f'<rect class="paper" width="{width}" height="{tall}" rx="8"/>',
    ]
    lines = [_line(move, places) for move in moves]
    parts += [line for line, *_ in lines]
    parts += [label for _, *labels in lines for label in labels]
    for name, place in places.items():
        parts += _state(name, place, is_last=name in last)
    for number, note in enumerate(notes):
        parts.append(f'<text class="label" x="{width / 2:g}" y="{height + 20 * number + 4}">{escape(note)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def on_a_circle(names: Sequence[str], middle: Place, radius: float) -> dict[str, Place]:
    """States that nobody has placed: clockwise from the top."""
    return {
        name: Place(
            round(middle.x + 1.6 * radius * math.sin(2 * math.pi * number / len(names)), 1),
            round(middle.y - radius * math.cos(2 * math.pi * number / len(names)), 1),
        )
        for number, name in enumerate(names)
    }


def _head(name: str, colour: str) -> str:
    return (
        f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto">'
        f'<path d="M0 0L10 5L0 10z" style="fill:{colour};stroke:none"/></marker>'
    )


def _wide(name: str) -> float:
    return len(name) * LETTER + 28


def _state(name: str, place: Place, *, is_last: bool) -> list[str]:
    wide = _wide(name)
    style = ' class="last"' if is_last else ""
    left, top = place.x - wide / 2, place.y - HIGH / 2
    return [
        f'<rect{style} x="{left:.1f}" y="{top:.1f}" width="{wide:.1f}" height="{HIGH}" rx="9"/>',
        f'<text x="{place.x:g}" y="{place.y + 5:g}">{escape(name)}</text>',
    ]


def _line(move: Move, places: Mapping[str, Place]) -> list[str]:
    start, end = places[move.start], places[move.end]
    length = math.hypot(end.x - start.x, end.y - start.y) or 1.0
    aside = Place(-(end.y - start.y) / length * move.bend, (end.x - start.x) / length * move.bend)
    middle = Place((start.x + end.x) / 2 + aside.x, (start.y + end.y) / 2 + aside.y)
    first, last = _edge(move.start, start, middle), _edge(move.end, end, middle)
    style, head = (' class="back"', "head-back") if move.is_back else ("", "head")
    curve = f"M{first.x:.1f} {first.y:.1f}Q{middle.x:.1f} {middle.y:.1f} {last.x:.1f} {last.y:.1f}"
    parts = [f'<path{style} d="{curve}" marker-end="url(#{head})"/>']
    if move.label:
        at = _on_the_way(first, middle, last, 0.6)
        parts.append(f'<text class="label" x="{at.x:.1f}" y="{at.y + 4:.1f}">{escape(move.label)}</text>')
    return parts


def _on_the_way(first: Place, middle: Place, last: Place, share: float) -> Place:
    """A point of the curve."""
    one, two, three = (1 - share) ** 2, 2 * share * (1 - share), share**2
    return Place(one * first.x + two * middle.x + three * last.x, one * first.y + two * middle.y + three * last.y)


def _edge(name: str, place: Place, towards: Place) -> Place:
    """Where a line leaves the box of a state."""
    dx, dy = towards.x - place.x, towards.y - place.y
    wide, high = _wide(name) / 2 + 3, HIGH / 2 + 3
    scale = min(wide / abs(dx) if dx else math.inf, high / abs(dy) if dy else math.inf)
    return Place(place.x + dx * scale, place.y + dy * scale)
