"""The board in a file: what a terminal of a fixed size would show, as SVG (`dueclock demo --picture`).

Who opens the file fetches nothing: rich's own frame would load a font from elsewhere, ours takes the reader's.
"""

import io
from typing import BinaryIO

from rich.console import Console

from agents.demo.board import Board
from agents.demo.view import Frame, picture

WIDTH, HEIGHT = 132, 34
_FRAME = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width }}
.{unique_id}-title {{ font-family: ui-sans-serif, system-ui, sans-serif; font-size: 18px; font-weight: bold }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g></g></svg>
"""


def write_picture(out: BinaryIO, board: Board, frame: Frame) -> None:
    """Write the board as it stands."""
    console = Console(file=io.StringIO(), width=frame.width, height=frame.height, record=True, force_terminal=True)
    console.print(picture(board, frame))
    drawn = console.export_svg(title="dueclock demo", code_format=_FRAME, unique_id="board")
    out.write("".join(f"{line.rstrip()}\n" for line in drawn.splitlines()).encode())
