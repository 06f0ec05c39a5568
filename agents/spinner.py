"""A word of progress on standard error, where a person watches it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, ProgressColumn, TextColumn, TimeElapsedColumn


@contextmanager
def spinning(*, is_shown: bool) -> Iterator[Callable[[str], None]]:
    """What is being done now, and gone at the end; nothing where standard error is no terminal."""
    console = Console(stderr=True)
    if not is_shown or not console.is_terminal:
        yield lambda _: None
        return
    with console.status("") as status:
        yield status.update


@contextmanager
def telling(first: str, *columns: ProgressColumn, is_shown: bool) -> Iterator[Callable[[str], None]]:
    """A line with the time gone by, `columns` between them: `first`, then what is told; nothing without a terminal."""
    console = Console(stderr=True)
    if not is_shown or not console.is_terminal:
        yield lambda _: None
        return
    shown_columns = (TextColumn("{task.description}"), *columns, TimeElapsedColumn())
    with Progress(*shown_columns, console=console, transient=True) as shown:
        task = shown.add_task(first, total=None)
        yield lambda text: shown.update(task, description=text)
