"""Files that a person named: read and written as bytes, with one sentence where that fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from agents.errors import UserError

TEXT_BYTES: Final = 16 * 1024 * 1024
"""No text that a person names is larger; what is, like a device without an end, is something else."""


def read_text(path: Path, what: str) -> str:
    """The text of a file, newlines untouched."""
    try:
        return _read(path, what, TEXT_BYTES).decode()
    except UnicodeDecodeError:
        raise UserError(f"The {what} {path} is not UTF-8 text; save it as UTF-8.", 2) from None


def read_bytes(path: Path, what: str) -> bytes:
    """What is in a file."""
    return _read(path, what, None)


def _read(path: Path, what: str, most: int | None) -> bytes:
    try:
        with path.open("rb") as file:
            found = file.read() if most is None else file.read(most + 1)
    except OSError as error:
        sentence = f"Cannot read the {what} {path} ({error.strerror}); give a path that this user can read."
        raise UserError(sentence, 2) from None
    if most is not None and len(found) > most:
        raise UserError(f"The {what} {path} holds more than {most:,} bytes, so it is none; give the right path.", 2)
    return found


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
