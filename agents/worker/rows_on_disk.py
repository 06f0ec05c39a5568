"""Rows at rest in a RocksDB of this machine, for a state larger than memory (setting `rows_folder`).

The page keep-rows-on-disk.md says when and why.

The store holds what is committed and nothing else. What lines write is kept beside it in memory until the slice's
transaction stands; then it goes in with the next offset of the changelog, as one batch. So whatever kills the worker
leaves it at some committed offset, and who opens it reads the changelog from there. It is never believed over the
changelog: one of another topic, from before a time at which tombstones may be gone, ahead of the changelog's end,
damaged, or of another count of rows than it says, is put away and made anew.

Each store is a folder of its own, `<rows_folder>/<changelog>/<partition>/<number>`, locked by who has it open. Who was
fenced and does not let go keeps a folder that nobody looks at any more: its successor makes the next number.

    m                                       the mark
    o<key>                                  rows of the partition itself
    r<row id>                               rows of accounts and matters
    p<hour, 4 bytes><instant, 8 bytes><id>  what is parked: an index, made anew whenever it is opened
"""

import asyncio
import contextlib
import importlib
import logging
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from agents.errors import UserError
from agents.kafka.log_reader import LogEnds
from agents.kafka.transactions import Outgoing
from streams.rows import PARTITION_KEY, POLICIES_KEY, RowError

log = logging.getLogger("dueclock.worker")

FORMAT: Final = 1
CACHE_BYTES: Final = 64 << 20
"""Of all partitions of a process together."""
WRITE_BUFFER_BYTES: Final = 8 << 20
"""Of a partition; there may be three."""
INLINE_RECORDS: Final = 256
"""More are written in a thread: the loop is not to be held."""
PARKED_AT_ONCE: Final = 4_096
TAKEN_IN_AT_ONCE: Final = 1_024
"""Records of the changelog: the library holds the interpreter while it writes."""
_FILES_OPEN: Final = 256
_FILES_BEFORE_A_WAIT: Final = 64
_BITS_A_KEY: Final = 10
_MARK, _OWN, _ROW, _PARKED, _BEHIND_PARKED = b"m", b"o", b"r", b"p", b"q"
_BEHIND_ROWS: Final = b"s"
_OWN_KEYS: Final = (PARTITION_KEY, POLICIES_KEY)


class StoreUnfitError(Exception):
    """What is in a store cannot be used: it is made anew from the changelog."""


class StoreFailedError(UserError):
    """A store that was in use cannot be read or written."""


class Mark(msgspec.Struct, array_like=True, frozen=True):
    """What a store says of itself: the topic it is of, and up to where.

    `rows`: how many there are; -1 while it was first being filled. `at_ms`: the broker's time when it was written.
    """

    format: int
    topic: bytes
    partition: int
    following: int
    at_ms: int
    rows: int


class RowsOnDisk:
    """The store of one partition: a `Shelf` for its keeper, `RowsAtRest` and `Parking` for the core."""

    def __init__(self, place: Path, lock: int, partition: int) -> None:
        self._place = place
        self._lock: int | None = lock
        self._partition = partition
        self._rocks: Any = importlib.import_module("rocksdict")
        self._db: Any = None
        self._written: dict[str, bytes | None] = {}
        self._known: set[bytes] = set()  # rows that the store was seen to have since it was written last
        self._waiting: list[bytes] = []
        self._count = -1
        self._walked = 0
        self._walks: list[list[Any]] = []
        self._topic = b""
        self._at_ms = 0
        self._open()

    def _open(self) -> None:
        rocks = self._rocks
        options, tables = rocks.Options(raw_mode=True), rocks.BlockBasedOptions()
        tables.set_block_cache(_cache(rocks))
        # Not in the cache, whose parts are smaller than the filter of a file: it would be read anew for each row. In
        # memory it takes little more than its bits.
        tables.set_cache_index_and_filter_blocks(False)
        tables.set_bloom_filter(_BITS_A_KEY, False)
        options.set_block_based_table_factory(tables)
        options.create_if_missing(True)
        options.set_paranoid_checks(True)
        options.set_write_buffer_size(WRITE_BUFFER_BYTES)
        options.set_max_write_buffer_number(3)
        # The library holds the interpreter while it writes: rather more files to look through than a write that waits.
        options.set_level_zero_slowdown_writes_trigger(_FILES_BEFORE_A_WAIT)
        options.set_level_zero_stop_writes_trigger(2 * _FILES_BEFORE_A_WAIT)
        options.set_max_open_files(_FILES_OPEN)
        options.set_keep_log_file_num(1)
        options.set_max_log_file_size(1 << 20)
        with self._trouble("opened"):
            # By its name too: of a store that is there the library takes the options that were written down, which have
            # lost the filter, and cached an index that no part of the cache can hold.
            self._db = rocks.Rdict(str(self._place / "rows"), options, column_families={"default": options})
            self._db.delete_range(_PARKED, _BEHIND_PARKED)

    @contextlib.contextmanager
    def _trouble(self, what: str) -> Iterator[None]:
        """The library raises nothing more telling than Exception."""
        try:
            yield
        except Exception as error:
            if isinstance(error, UserError):
                raise
            raise StoreUnfitError(f"cannot be {what}: {error}") from error

    # --- being filled -------------------------------------------------------------------------------------------------

    def begin(self, topic: bytes, ends: LogEnds, now_ms: int, tombstones_ms: int) -> int:
        """The offset of the changelog to read on from. StoreUnfitError where this store is not of use.

        `topic` is the changelog's id, empty where the broker tells none: then nobody knows what a store is of.
        `tombstones_ms` is for how long the topic keeps tombstones: an older store could miss one.
        """
        with self._trouble("read"):
            raw = self._db.get(_MARK)
        # What was deleted behind the place that is read from is told by tombstones of this time or later.
        self._topic, self._at_ms = topic, now_ms
        if raw is None:
            return ends.first
        try:
            mark = msgspec.msgpack.decode(raw, type=Mark)
        except msgspec.MsgspecError:
            raise StoreUnfitError("is in no form of this program") from None
        if mark.format != FORMAT:
            raise StoreUnfitError(f"has the form {mark.format}")
        if not topic or mark.topic != topic or mark.partition != self._partition:
            raise StoreUnfitError("is of another changelog")
        if not ends.first <= mark.following <= ends.next:
            raise StoreUnfitError(f"stands at offset {mark.following} of a changelog of {ends.first} to {ends.next}")
        if not -tombstones_ms < 2 * (now_ms - mark.at_ms) < tombstones_ms:
            raise StoreUnfitError("is so old that the changelog may have left out what was deleted since")
        self._count, self._at_ms = mark.rows, mark.at_ms
        return mark.following

    def take_in(self, records: Sequence[Outgoing], following: int) -> None:
        """Records of the changelog, in their order, and the next offset."""
        try:
            self._write(records, following)
        except Exception as error:  # noqa: BLE001 - the library raises nothing more telling
            raise self.failed(error) from None

    def own_rows(self) -> Mapping[bytes, bytes]:
        """The rows of the partition itself."""
        with self._trouble("read"):
            found = {key: self._db.get(_OWN + key) for key in _OWN_KEYS}
        return {key: value for key, value in found.items() if value is not None}

    def confirm(self, following: int, now_ms: int) -> None:
        """All of it was read to this end, and then walked. StoreUnfitError where rows were lost on the way."""
        if self._count not in (-1, self._walked):
            raise StoreUnfitError(f"has {self._walked} rows where {self._count} were written")
        self._count, self._at_ms = self._walked, now_ms
        self.take_in((), following)

    # --- a slice ------------------------------------------------------------------------------------------------------

    async def committed(self, records: Sequence[Outgoing], following: int | None, now_ms: int | None) -> None:
        """As in `Shelf`."""
        if following is None:
            return
        self._at_ms = now_ms or self._at_ms
        try:
            if len(records) > INLINE_RECORDS:
                await asyncio.to_thread(self._write, records, following)
            else:
                self._write(records, following)
        except Exception as error:  # noqa: BLE001 - the library raises nothing more telling
            raise self.failed(error) from None
        self._written.clear()
        self._known.clear()

    def failed(self, error: Exception) -> StoreFailedError:
        """What a person can do about it."""
        return StoreFailedError(
            f"The rows of partition {self._partition} in {self._place} cannot be kept ({error}); nothing is lost: make "
            "room on the disk or give another `rows_folder`, then start the worker again, which makes anew what it "
            "cannot use."
        )

    def _write(self, records: Sequence[Outgoing], following: int) -> None:
        """One batch, with the mark."""
        batch, is_there = self._rocks.WriteBatch(raw_mode=True), dict[bytes, bool]()
        for _, key, value, _ in records:
            if key is None:
                continue
            if key in _OWN_KEYS:
                name = _OWN + key
            else:
                name = _ROW + key
                if self._count >= 0:
                    was = is_there.get(key)
                    if was is None:
                        was = key in self._known or self._db.get(name) is not None
                    self._count += (value is not None) - was
                    is_there[key] = value is not None
            if value is None:
                batch.delete(name)
            else:
                batch.put(name, value)
        self._park_in(batch)
        mark = Mark(FORMAT, self._topic, self._partition, following, self._at_ms, self._count)
        batch.put(_MARK, msgspec.msgpack.encode(mark))
        self._db.write(batch)

    def close(self) -> None:
        """As in `Shelf`; once is enough."""
        for walk in self._walks:
            walk.clear()  # while one lives the library stays open, and locked
        if self._db is not None:
            with contextlib.suppress(Exception):
                self._db.close()
            self._db = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def remove(self) -> None:
        """Close it and take it away."""
        self.close()
        shutil.rmtree(self._place, ignore_errors=True)

    # --- rows at rest (streams/at_rest.py) ----------------------------------------------------------------------------

    def get(self, row_id: str) -> bytes | None:
        """A row; what was written since the last commit first."""
        if row_id in self._written:
            return self._written[row_id]
        key = row_id.encode()
        try:
            value: bytes | None = self._db.get(_ROW + key)
        except Exception as error:  # noqa: BLE001 - as above
            raise self.failed(error) from None
        if value is not None:
            self._known.add(key)
        return value

    def __contains__(self, row_id: object) -> bool:
        return isinstance(row_id, str) and self.get(row_id) is not None

    def __getitem__(self, row_id: str) -> bytes:
        value = self.get(row_id)
        if value is None:
            raise KeyError(row_id)
        return value

    def __setitem__(self, row_id: str, value: bytes) -> None:
        self._written[row_id] = value

    def pop(self, row_id: str, default: None) -> None:
        """A row is forgotten."""
        self._written[row_id] = default

    def own(self, row_id: str) -> str:
        """Whatever text it was asked by: none is kept here."""
        return row_id

    def in_order(self) -> Iterator[tuple[str, bytes]]:
        """All rows. What was written and is not in the store yet is laid over it. RowError: a key is no text."""
        if self._written:
            yield from _laid_over(self._stored(), sorted(self._written.items()))
        else:
            yield from self._stored()

    as_they_lie = in_order

    def copy(self) -> "Seen":
        """The rows as the store has them now, to be read by another thread; nothing is copied."""
        return Seen(self._db.snapshot(), self._within(_ROW, _BEHIND_ROWS))

    def _stored(self) -> Iterator[tuple[str, bytes]]:
        self._walked = 0
        walk = [iter(self._db.items(from_key=_ROW, read_opt=self._within(_ROW, _BEHIND_ROWS)))]
        self._walks = [one for one in self._walks if one] + [walk]
        while True:
            if not walk:
                raise self.failed(RuntimeError("it was closed while it was read"))
            try:
                key, value = next(walk[0])
            except StopIteration:
                walk.clear()
                return
            except Exception as error:  # noqa: BLE001 - as above
                raise self.failed(error) from None
            self._walked += 1
            yield _row_id(key[1:]), value

    def _within(self, first: bytes, behind: bytes) -> Any:
        options = self._rocks.ReadOptions()
        options.set_iterate_lower_bound(first)
        options.set_iterate_upper_bound(behind)
        options.fill_cache(False)
        return options

    # --- what is parked (streams/at_rest.py) --------------------------------------------------------------------------

    def park(self, hour: int, fire_ms: int, row_id: str) -> None:
        """One entry more; it goes in with the next batch."""
        self._waiting.append(_hour(hour) + fire_ms.to_bytes(8, "big") + row_id.encode())
        if len(self._waiting) >= PARKED_AT_ONCE:
            self._park_now()

    def take(self, hour: int) -> Iterable[tuple[int, str]]:
        """All of an hour."""
        first, behind = _hour(hour), _hour(hour + 1)
        try:
            self._park_now()
            found = list(self._db.keys(from_key=first, read_opt=self._within(first, behind)))
            self._db.delete_range(first, behind)
        except Exception as error:  # noqa: BLE001 - as above
            raise self.failed(error) from None
        return [(int.from_bytes(key[5:13], "big"), key[13:].decode()) for key in found]

    def _park_now(self) -> None:
        batch = self._rocks.WriteBatch(raw_mode=True)
        self._park_in(batch)
        self._db.write(batch)

    def _park_in(self, batch: Any) -> None:
        for key in self._waiting:
            batch.put(key, b"")
        self._waiting.clear()


class Seen:
    """Rows as they were."""

    def __init__(self, snapshot: Any, options: Any) -> None:
        self._snapshot = snapshot
        self._options = options

    def items(self) -> Iterator[tuple[str, bytes]]:
        """Each with its id."""
        for key, value in self._snapshot.items(from_key=_ROW, read_opt=self._options):
            yield key[1:].decode(), value


def _row_id(key: bytes) -> str:
    try:
        return key.decode()
    except UnicodeDecodeError:
        raise RowError(f"the key {key!r} is no row's: it is not UTF-8") from None


def _hour(number: int) -> bytes:
    return _PARKED + number.to_bytes(4, "big")


def _laid_over(
    stored: Iterator[tuple[str, bytes]], written: Sequence[tuple[str, bytes | None]]
) -> Iterator[tuple[str, bytes]]:
    """Rows of a store, in order, with those in their place that were written since."""
    newer = iter(written)
    following = next(newer, None)
    for row_id, value in stored:
        while following is not None and following[0] < row_id:
            if following[1] is not None:
                yield following[0], following[1]
            following = next(newer, None)
        if following is None or following[0] != row_id:
            yield row_id, value
    while following is not None:
        if following[1] is not None:
            yield following[0], following[1]
        following = next(newer, None)


_CACHES: dict[str, Any] = {}


def _cache(rocks: Any) -> Any:
    """One for all stores of a process."""
    return _CACHES.setdefault("blocks", rocks.Cache(CACHE_BYTES))
