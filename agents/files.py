"""Files that a person named: read and written as bytes, with one sentence where that fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from agents.errors import UserError


def read_text(path: Path, what: str) -> str:
    """The text of a file, newlines untouched."""
    try:
        return read_bytes(path, what).decode()
    except UnicodeDecodeError:
        raise UserError(f"The {what} {path} is not UTF-8 text; save it as UTF-8.", 2) from None


def read_bytes(path: Path, what: str) -> bytes:
    """What is in a file."""
    try:
        return path.read_bytes()
    except OSError as error:
        sentence = f"Cannot read the {what} {path} ({error.strerror}); give a path that this user can read."
        raise UserError(sentence, 2) from None


@contextmanager
def opened(file: str, mode: str, flag: str, *, buffer_bytes: int = -1) -> Iterator[BinaryIO]:
    """A file that a flag or argument names, open in a binary mode for as long as the `with` lasts."""
    try:
        stream = Path(file).open(mode, buffering=buffer_bytes)  # noqa: SIM115 - a failure of the body is none of the opening
    except OSError as error:
        does = "read" if "r" in mode else "write"
        raise UserError(f"Cannot {does} {file} ({error.strerror}); give another file for {flag}.", 2) from None
    with stream:
        yield stream  # type: ignore[misc] # the mode is binary
