"""The bytes of a file that a person downloaded: named, or standard input; packed or not, within a size."""

import gzip
import sys
import zlib
from pathlib import Path
from typing import BinaryIO

from agents.errors import UserError

STANDARD_INPUT = "-"
MAX_BYTES = 512 * 1024 * 1024
"""More than any report of 60 days; what unpacks to more was made to fill a memory."""
_GZIP = b"\x1f\x8b"


def shown_name(file: str) -> str:
    """How a person is told of a file."""
    return "standard input" if file == STANDARD_INPUT else Path(file).name


def bytes_of(file: str, max_bytes: int = MAX_BYTES) -> bytes:
    """All of a file, unpacked where it is gzip. UserError for what cannot be read or is too large."""
    try:
        if file == STANDARD_INPUT:
            raw = sys.stdin.buffer.read(max_bytes + 1)
        else:
            with Path(file).open("rb") as opened:
                raw = opened.read(max_bytes + 1)
    except OSError as error:
        raise UserError(f"Cannot read {file} ({error.strerror}); give a file that this user can read.", 2) from None
    if raw.startswith(_GZIP):
        raw = _unpacked(file, raw, max_bytes)
    if len(raw) > max_bytes:
        raise UserError(f"{shown_name(file)} has more than {max_bytes:,} bytes; give it in parts.", 2)
    return raw


def _unpacked(file: str, raw: bytes, max_bytes: int) -> bytes:
    from io import BytesIO

    packed: BinaryIO = BytesIO(raw)
    try:
        with gzip.GzipFile(fileobj=packed) as unpacking:
            return unpacking.read(max_bytes + 1)
    except (OSError, EOFError, zlib.error):
        raise UserError(f"{shown_name(file)} begins as gzip and is none, or is cut; download it again.", 2) from None
