"""Where answers go: for people as wide as the terminal, without one nothing is folded; for scripts as JSON.

What reads a pipe or a file wants a row on one line, however long an id is. A word of progress goes to standard error,
where a person watches it.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
import orjson

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import ProgressColumn

WIDTH_WITHOUT_TERMINAL = 220


def for_people() -> "Console":
    """Standard output. `COLUMNS` says how wide it is where that is wanted."""
    from rich.console import Console

    is_free = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(file=sys.stdout, highlight=False, width=WIDTH_WITHOUT_TERMINAL if is_free else None)


def write_json(said: object) -> None:
    """One JSON document on standard output, keys in order."""
    click.echo(orjson.dumps(said, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2).decode())


@contextmanager
def spinning(*, is_shown: bool) -> Iterator[Callable[[str], None]]:
    """What is being done now, and gone at the end; nothing where standard error is no terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    if not is_shown or not console.is_terminal:
        yield lambda _: None
        return
    with console.status("") as status:
        yield status.update


@contextmanager
def telling(first: str, *columns: "ProgressColumn", is_shown: bool) -> Iterator[Callable[[str], None]]:
    """A line with the time gone by, `columns` between them: `first`, then what is told; nothing without a terminal."""
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not is_shown or not console.is_terminal:
        yield lambda _: None
        return
    shown_columns = (TextColumn("{task.description}"), *columns, TimeElapsedColumn())
    with Progress(*shown_columns, console=console, transient=True) as shown:
        task = shown.add_task(first, total=None)
        yield lambda text: shown.update(task, description=text)
