"""Failures that a person can mend.

A `UserError` is one sentence that says what is wrong and what to do about it. The command line prints it to standard
error and leaves with its exit status; no traceback is shown. Anything else that is raised is a bug of ours and shows
its traceback.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class UserError(Exception):
    """One sentence for the person at the keyboard, and the exit status of the command."""

    def __init__(self, sentence: str, exit_code: int = 1) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.exit_code = exit_code

    def __reduce__(self) -> tuple[type["UserError"], tuple[str, int]]:
        """What another process raised is raised here (agents/parallel.py)."""
        return type(self), (self.sentence, self.exit_code)


COULD_NOT_RUN = 2
"""Exit status of a command whose 1 says that it ran and what it found."""


@contextmanager
def or_could_not_run() -> Iterator[None]:
    """A failure of the surroundings ends such a command with a status of its own."""
    try:
        yield
    except UserError as error:
        raise UserError(error.sentence, COULD_NOT_RUN) from None


class ReaderGoneError(Exception):
    """Who read our output has closed the pipe, as `head` does: nothing is wrong, and nothing more is to be said."""
