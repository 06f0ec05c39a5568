"""The soak's plot, as an SVG written by hand: memory over time, a mark for each fault."""

from __future__ import annotations

from collections.abc import Sequence

WIDTH, HEIGHT, LEFT, BOTTOM = 900, 320, 60, 40


def plot(points: Sequence[tuple[float, float]], faults: Sequence[tuple[float, str, float]]) -> str:
    """Seconds and MiB; the axis of memory begins at 0, so that flat looks flat."""
    most_s = max([at_s for at_s, _ in points] + [at_s for at_s, _, _ in faults], default=1.0)
    most_mib = max((mib for _, mib in points), default=1.0) * 1.2

    def x(at_s: float) -> float:
        return LEFT + (WIDTH - LEFT - 20) * at_s / most_s

    def y(mib: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - 20) * mib / most_mib

    lines = [
        f'<line x1="{x(s):.1f}" x2="{x(s):.1f}" y1="20" y2="{y(0):.1f}" stroke="#d62728" stroke-dasharray="3">'
        f"<title>{name}, went on after {took:.1f} s</title></line>"
        for s, name, took in faults
    ]
    dots = " ".join(f"{x(s):.1f},{y(mib):.1f}" for s, mib in points)
    labels = [
        f'<text x="{LEFT - 6}" y="{y(mib) + 4:.1f}" text-anchor="end">{mib:.0f}</text>'
        for mib in (0, most_mib / 2, most_mib)
    ]
    labels += [
        f'<text x="{x(s):.1f}" y="{HEIGHT - 18}" text-anchor="middle">{s:.0f} s</text>' for s in (0, most_s / 2, most_s)
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-size="12">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
            f'<text x="{LEFT}" y="14">resident memory of both workers, MiB; dashed: a fault</text>',
            f'<line x1="{LEFT}" x2="{WIDTH - 20}" y1="{y(0):.1f}" y2="{y(0):.1f}" stroke="black"/>',
            *lines,
            f'<polyline points="{dots}" fill="none" stroke="#1f77b4" stroke-width="2"/>',
            *labels,
            "</svg>",
            "",
        ]
    )
