"""The return book: which parcel brings which return back. `ingest` writes it, the gateway reads it.

One file in the state folder for each broker, replaced whole. It holds no name and no address: numbers and ids only. An
entry that has not been seen for as long as an unsettled matter is kept is dropped. Deliveries of numbers that the book
does not know yet wait in a second file, by number and time alone, and are tried again whenever the book has changed.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from agents.errors import UserError
from agents.settings import Settings
from schemas.codec import DAY_MS
from streams.sources.deliveries import Delivery, book_key
from streams.sources.findings import Tracked

PARKED_DAYS = 14
"""How long a delivery waits for the report or mail that tells whose it is."""
PARKED_AT_MOST = 10_000
"""Parcels to buyers come over the same hooks, and nobody will ever tell whose return they are: the oldest give way."""


class Noted(msgspec.Struct, frozen=True):
    """A parcel in the book, and when a source last told of it."""

    tracked: Tracked
    seen_ms: int


class Parked(msgspec.Struct, frozen=True):
    """A delivery that waits, who may tell of it, and since when."""

    delivery: Delivery
    accounts: tuple[str, ...]
    since_ms: int


def source_folder(settings: Settings) -> Path:
    """Where the sources of a broker keep what they must not forget."""
    broker = sha256(f"{','.join(settings.bootstrap_servers)} {settings.topic_prefix}".encode()).hexdigest()[:12]
    return Path(settings.state_dir) / "sources" / broker


class ReturnBook:
    """The book of one broker. Read again by `refresh` where another process has changed it."""

    def __init__(self, settings: Settings, *, kept_ms: int) -> None:
        self._path = source_folder(settings) / "return-book.json"
        self._parked_path = source_folder(settings) / "parked.json"
        self._kept_ms = kept_ms
        self._version: int | None = None
        self._noted: dict[str, Noted] = {}
        self.parked: dict[str, Parked] = _read(self._parked_path, dict[str, Parked])
        self.refresh()

    def refresh(self) -> bool:
        """Read the file if it has changed; whether it had."""
        try:
            version: int | None = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            version = None
        if version == self._version:
            return False
        self._noted, self._version = _read(self._path, dict[str, Noted]), version
        return True

    def find(self, tracking: str) -> Tracked | None:
        """Whose return a parcel brings."""
        noted = self._noted.get(tracking)
        return None if noted is None else noted.tracked

    def note(self, tracked: Iterable[Tracked], now_ms: int) -> None:
        """Write parcels into the book."""
        new = {book_key(one.tracking): Noted(one, now_ms) for one in tracked}
        if not new:
            return
        since_ms = now_ms - self._kept_ms
        with held(self._path):
            self._noted = {**_read(self._path, dict[str, Noted]), **new}
            self._noted = {name: one for name, one in self._noted.items() if one.seen_ms > since_ms}
            write_whole(self._path, msgspec.json.encode(self._noted, order="sorted"))
            self._version = self._path.stat().st_mtime_ns

    def park(self, delivery: Delivery, accounts: Iterable[str], now_ms: int) -> None:
        """Let a delivery wait. It is on the disk when this returns."""
        self.parked.setdefault(delivery.tracking, Parked(delivery, tuple(sorted(accounts)), now_ms))
        self._keep_parked(now_ms)

    def unpark(self, tracking: str, now_ms: int) -> None:
        """It has found its return."""
        self.parked.pop(tracking, None)
        self._keep_parked(now_ms)

    def _keep_parked(self, now_ms: int) -> None:
        since_ms = now_ms - PARKED_DAYS * DAY_MS
        young = [(name, one) for name, one in self.parked.items() if one.since_ms > since_ms]
        self.parked = dict(young[-PARKED_AT_MOST:])
        write_whole(self._parked_path, msgspec.json.encode(self.parked))


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Nobody else who asks for it changes the file meanwhile: several sources write into one folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a process that ends lets go of it, however it ends
        yield


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}.new")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _read(path: Path, kind: Any) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError):
        raise UserError(f"Cannot read {path}; remove it, and give the returns reports of 60 days again.") from None
