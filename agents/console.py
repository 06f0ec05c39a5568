"""Where answers for people go: standard output, as wide as the terminal; without one nothing is folded.

What reads a pipe or a file wants a row on one line, however long an id is.
"""

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

WIDTH_WITHOUT_TERMINAL = 220


def for_people() -> "Console":
    """Standard output. `COLUMNS` says how wide it is where that is wanted."""
    from rich.console import Console

    is_free = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(file=sys.stdout, highlight=False, width=WIDTH_WITHOUT_TERMINAL if is_free else None)
