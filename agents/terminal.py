"""Where answers go and how they look: for people as wide as the terminal, without one nothing is folded; or as JSON.

What reads a pipe or a file wants a row on one line, however long an id is. A word of progress goes to standard error,
where a person watches it. What several reports say (tables, instants, targets) is said here, so that it is said alike.
"""

import os
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
import msgspec
import orjson

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import ProgressColumn
    from rich.table import Table


WIDTH_WITHOUT_TERMINAL = 220


def for_people() -> "Console":
    """Standard output. `COLUMNS` says how wide it is where that is wanted."""
    from rich.console import Console

    is_free = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(file=sys.stdout, highlight=False, width=WIDTH_WITHOUT_TERMINAL if is_free else None)


def print_document(document: object) -> None:
    """One JSON document on standard output."""
    click.echo(json_document(document), nl=False)


def json_document(document: object) -> bytes:
    """A JSON document to be read by people too: indented, keys in order, a newline at its end."""
    return _json(document, orjson.OPT_INDENT_2)


def print_compact(document: object, *, err: bool = False) -> None:
    """One JSON object of many, on a line of its own, keys in order; `err` on standard error, where output is taken."""
    click.echo(_json(document, 0), nl=False, err=err)


def _json(document: object, option: int) -> bytes:
    options = option | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(document, default=msgspec.to_builtins, option=options)


def table(*headings: str, right: Collection[str] = (), whole: Collection[str] = (), is_ruled: bool = False) -> "Table":
    """A table with these columns: numbers stand to the `right`, `whole` ones are never folded.

    `is_ruled`: a line below the headings, where several tables stand in one text.
    """
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD if is_ruled else None, pad_edge=False, show_edge=not is_ruled, header_style="bold")
    for heading in headings:
        is_whole = heading in whole
        made.add_column(
            heading,
            justify="right" if heading in right else "left",
            no_wrap=is_whole,
            overflow="ellipsis" if is_whole else "fold",
        )
    return made


def short_instant(at: str) -> str:
    """An instant without its milliseconds."""
    return at[:19] + "Z"


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
