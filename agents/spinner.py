"""A word of progress on standard error, where a person watches it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console


@contextmanager
def spinning(*, is_shown: bool) -> Iterator[Callable[[str], None]]:
    """What is being done now, and gone at the end; nothing where standard error is no terminal."""
    console = Console(stderr=True)
    if not is_shown or not console.is_terminal:
        yield lambda _: None
        return
    with console.status("") as status:
        yield status.update
