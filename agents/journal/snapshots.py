"""Snapshots: the state of a partition after a sealed line, as a file that those who look back can begin at.

One JSON line that says what it is, then, compressed (zstd), the canonical rows (`streams.sealing`), each as two lengths
(4 bytes, big endian) and its bytes. A file has its name only when it is whole and its seal is committed. Who reads one
believes nothing: its rows must have the digest that a seal in the journal confirms.

Old ones are thinned out: the newest three stay, of the last week one a day, before that one in thirty days, until the
setting `snapshots_kept_days` has passed in journal time. So there is one behind each cut that retention makes.
"""

import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import cramjam
import orjson

from agents.errors import UserError
from agents.journal.records import Snapshot
from agents.journal.spool import Spool
from agents.journal.store import Store, StoreError, WritableStore
from schemas.codec import canonical_json, format_instant, parse_instant
from schemas.notifications import StateSealed
from streams.logic import BEFORE_LOGIC

FORMAT: Final = "dueclock snapshot 3"
NEWEST: Final = 3
DAY_MS: Final = 86_400_000
_DAYS: Final = 7
_THEN_EACH_DAYS: Final = 30
_FORMAT_OF_0_1 = "dueclock snapshot 1"
_LENGTHS = struct.Struct(">II")
_NAME = re.compile(r"(\d{12,})-(\d{8}T\d{6}Z)\.snapshot")


class Named(NamedTuple):
    """A snapshot in a store: its name, the line that it stands behind, its journal time (ms UTC, of whole seconds)."""

    name: str
    line: int
    journal_ms: int


def journal_folder(topic: str, topic_id: str) -> str:
    """Where a store keeps what belongs to a journal: by the topic's id (hex), so that one made anew is another."""
    return f"{topic}-{topic_id}" if topic_id else topic


class SnapshotWriter:
    """A snapshot being written, its rows in a nameless file until it has a seal. OSError, StoreError from all of it."""

    def __init__(self, store: WritableStore, folder: str, partition: int, kept_days: int) -> None:
        self._store = store
        self._folder = f"{folder}/{partition}/snapshots"
        self._partition = partition
        self._kept_days = kept_days
        self._rows = Spool()

    def passing(self, rows: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
        """The rows, each written down as it passes."""
        for key, value in rows:
            self._rows.add(_LENGTHS.pack(len(key), len(value)) + key + value)
            yield key, value

    async def finish(self, seal: StateSealed, journal_ms: int) -> None:
        """Put it into the store, behind the head that its seal gives it, and take away what is not kept any longer."""
        stamp = format_instant(journal_ms).replace("-", "").replace(":", "")
        name = f"{self._folder}/{seal.line:012d}-{stamp[:15]}Z.snapshot"
        head = {
            "format": FORMAT,
            "partition": self._partition,
            "line": seal.line,
            "offset": seal.offset,
            "state": seal.state,
            "journal": seal.journal,
            "logic": seal.logic,
        }
        try:
            await self._store.write(name, self._rows.whole(canonical_json(head) + b"\n"))
        finally:
            self._rows.drop()
        try:
            if gone := thinned(await _named(self._store, self._folder), self._kept_days):
                await self._store.remove([one.name for one in gone])
        except StoreError as error:
            raise StoreError(f"it stands, but what is too old was not taken away: {error}") from None

    def drop(self) -> None:
        """It will not be finished."""
        self._rows.drop()


async def keep_snapshot(
    store: WritableStore,
    folder: str,
    partition: int,
    kept_days: int,
    rows: Iterable[tuple[bytes, bytes]],
    seal: StateSealed,
    journal_ms: int,
) -> None:
    """Keep these canonical rows, whose seal is there already. OSError, StoreError."""
    writer = SnapshotWriter(store, folder, partition, kept_days)
    for _ in writer.passing(rows):
        pass
    await writer.finish(seal, journal_ms)


async def snapshots_in(store: Store, folder: str, partition: int) -> list[Named]:
    """The snapshots of a partition, the oldest first. StoreError where the store does not say."""
    return await _named(store, f"{folder}/{partition}/snapshots")


async def _named(store: Store, folder: str) -> list[Named]:
    found = []
    for name in await store.names(folder):
        if match := _NAME.fullmatch(name.rpartition("/")[2]):
            day, time = match[2][:8], match[2][9:15]
            at = f"{day[:4]}-{day[4:6]}-{day[6:]}T{time[:2]}:{time[2:4]}:{time[4:]}Z"
            found.append(Named(name, int(match[1]), parse_instant(at)))
    return sorted(found, key=lambda one: one.line)


def thinned(found: Sequence[Named], kept_days: int) -> list[Named]:
    """Those, of all of a partition (the oldest first), that are not kept any longer."""
    if not found:
        return []
    now_ms, held = found[-1].journal_ms, set[tuple[str, int]]()
    gone = []
    for one in found[:-NEWEST]:
        age_days = (now_ms - one.journal_ms) // DAY_MS
        each_ms = DAY_MS if age_days < _DAYS else _THEN_EACH_DAYS * DAY_MS
        period = (str(each_ms), one.journal_ms // each_ms)
        if age_days > kept_days or period in held:
            gone.append(one)
        held.add(period)
    return gone


def read_snapshot(path: Path) -> Snapshot:
    """A snapshot from a file. UserError (status 2) where it is none, or cut short."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UserError(f"Cannot read the snapshot {path} ({error.strerror}); give another file.", 2) from None
    return snapshot_of(raw, str(path))


async def fetched_snapshot(store: Store, named: Named) -> Snapshot:
    """A snapshot from a store. UserError (status 2) where it is none, or the store does not give it."""
    try:
        raw = await store.read(named.name)
    except StoreError as error:
        raise UserError(f"A snapshot cannot be read: {error}; try again, or name another with --snapshot.", 2) from None
    return snapshot_of(raw, f"{store.place}/{named.name}")


def snapshot_of(raw: bytes, name: str) -> Snapshot:
    """What such a file says. UserError (status 2) where it is no snapshot, or not a whole one."""
    first, _, rest = raw.partition(b"\n")
    try:
        head = orjson.loads(first)
        if head["format"] == _FORMAT_OF_0_1:
            raise UserError(f"The snapshot {name} was written by {BEFORE_LOGIC}", 2)
        if head["format"] != FORMAT:
            raise ValueError(head["format"])
        seal = StateSealed(
            line=head["line"], offset=head["offset"], state=head["state"], journal=head["journal"], logic=head["logic"]
        )
        return Snapshot(head["partition"], seal, list(_rows(bytes(cramjam.zstd.decompress(rest)))))
    except (ValueError, KeyError, TypeError, struct.error, cramjam.DecompressionError):
        raise UserError(f"{name} is no snapshot that dueclock has written, or not a whole one.", 2) from None


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
