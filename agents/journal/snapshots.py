"""Snapshots: the state of a partition after a sealed line, as a file that an audit can begin at.

One JSON line that says what it is, then the canonical rows (`streams.sealing`), each as two lengths (4 bytes, big
endian) and its bytes. A file has its name only when it is whole and its seal is committed; the newest few are kept. Who
reads one believes nothing: its rows must have the digest that a seal in the journal confirms.
"""

import os
import re
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import orjson

from agents.errors import UserError
from agents.journal.records import Snapshot
from schemas.codec import canonical_json
from schemas.notifications import StateSealed
from streams.logic import BEFORE_LOGIC

KEPT = 8
"""Snapshots of each partition."""
FORMAT = "dueclock snapshot 2"
_FORMAT_OF_0_1 = "dueclock snapshot 1"
_LENGTHS = struct.Struct(">II")
_BUFFER_BYTES = 1 << 20


def no_snapshot(error: OSError) -> str:
    """What a person is told who asked for snapshots."""
    where = f" {error.filename}" if error.filename else ""
    return f"no snapshot was written ({error.strerror}{where}); the seal itself stands"


class SnapshotWriter:
    """One file being written. OSError from all of it."""

    def __init__(self, folder: Path, partition: int, line: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._partition = partition
        self._rows = folder / f".{partition}-{line:012d}.rows"

    def passing(self, rows: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
        """The rows, each written down as it passes."""
        with self._rows.open("wb", _BUFFER_BYTES) as out:
            for key, value in rows:
                out.write(_LENGTHS.pack(len(key), len(value)))
                out.write(key)
                out.write(value)
                yield key, value

    def finish(self, seal: StateSealed) -> None:
        """Put the head before the rows, give the file its name, and drop the oldest."""
        name = self._folder / f"{self._partition}-{seal.line:012d}.snapshot"
        whole = name.with_name(f".{name.name}")
        head = {
            "format": FORMAT,
            "partition": self._partition,
            "line": seal.line,
            "offset": seal.offset,
            "state": seal.state,
            "journal": seal.journal,
            "logic": seal.logic,
        }
        with whole.open("wb") as out, self._rows.open("rb") as rows:
            out.write(canonical_json(head) + b"\n")
            while some := rows.read(_BUFFER_BYTES):
                out.write(some)
            out.flush()
            os.fsync(out.fileno())
        whole.replace(name)
        self._rows.unlink()
        for old in snapshots(self._folder, self._partition)[:-KEPT]:
            old.unlink()

    def drop(self) -> None:
        """It will not be finished."""
        with suppress(FileNotFoundError):
            self._rows.unlink()


def snapshots(folder: Path, partition: int) -> list[Path]:
    """The snapshots of a partition, the oldest first."""
    named = re.compile(rf"{partition}-(\d{{12,}})\.snapshot")
    return sorted((path for path in folder.iterdir() if named.fullmatch(path.name)), key=lambda path: path.name)


def read_snapshot(path: Path) -> Snapshot:
    """A snapshot from a file. UserError (status 2) where it is none, or cut short."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UserError(f"Cannot read the snapshot {path} ({error.strerror}); give another file.", 2) from None
    first, _, rest = raw.partition(b"\n")
    try:
        head = orjson.loads(first)
        if head["format"] == _FORMAT_OF_0_1:
            raise UserError(f"The snapshot {path} was written by {BEFORE_LOGIC}", 2)
        if head["format"] != FORMAT:
            raise ValueError(head["format"])
        seal = StateSealed(
            line=head["line"], offset=head["offset"], state=head["state"], journal=head["journal"], logic=head["logic"]
        )
        return Snapshot(head["partition"], seal, list(_rows(rest)))
    except (ValueError, KeyError, TypeError, struct.error):
        raise UserError(f"{path} is no snapshot that dueclock has written, or not a whole one.", 2) from None


def _rows(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 0
    while place < len(raw):
        of_key, of_value = _LENGTHS.unpack_from(raw, place)
        place += _LENGTHS.size
        end = place + of_key + of_value
        if end > len(raw):
            raise ValueError("cut short")
        yield raw[place : place + of_key], raw[place + of_key : end]
        place = end
