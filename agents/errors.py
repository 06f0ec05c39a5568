"""Failures that a person can mend.

A `UserError` is one sentence that says what is wrong and what to do about it. The command line prints it to standard
error and leaves with its exit status; no traceback is shown. Anything else that is raised is a bug of ours and shows
its traceback.
"""


class UserError(Exception):
    """One sentence for the person at the keyboard, and the exit status of the command."""

    def __init__(self, sentence: str, exit_code: int = 1) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.exit_code = exit_code


class BrokenPromiseError(Exception):
    """Something that must hold does not: a bug, or a broker that lost data. The worker dies rather than write on."""


class ReaderGoneError(Exception):
    """Who read our output has closed the pipe, as `head` does: nothing is wrong, and nothing more is to be said."""
