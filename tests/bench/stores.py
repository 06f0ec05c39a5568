"""Which embedded store for rows at rest (docs/how-to/keep-rows-on-disk.md): three with the keeper's own access.

`python -m tests.bench.stores FOLDER [ROWS]`: fills each store as a rebuilt partition is filled, changes a few keys a
line in slices, each one transaction with its mark, then opens it again and reads all of it in the order of keys. Each
store has a process of its own. `lmdb` is no dependency of ours: the stores that are installed are measured.
"""

from __future__ import annotations

import importlib
import random
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from tests.bench.pure import alone, resident_bytes

ROWS: Final = 1_000_000
ROW_BYTES: Final = 450
SLICES: Final = 100
LINES: Final = 2_000
"""Of a slice; each reads a row and writes it, and parks it in the hour in which it is to be forgotten."""
_FILL: Final = 10_000
_MARK: Final = b"mark"
_CACHE_BYTES: Final = 32 << 20

Put = tuple[bytes, bytes]


class Measured(Protocol):
    """One store at work."""

    def get(self, key: bytes) -> bytes | None:
        """A row."""

    def put(self, rows: Sequence[Put], parked: Sequence[bytes]) -> None:
        """One transaction."""

    def scan(self) -> Iterator[tuple[bytes, bytes]]:
        """All rows, by key."""

    def close(self) -> None:
        """Let go of it."""


class Sqlite:
    """The one of the standard library, with a write-ahead log."""

    def __init__(self, folder: Path) -> None:
        self._db = sqlite3.connect(folder / "rows.db", isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", f"cache_size=-{_CACHE_BYTES >> 10}"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.execute("CREATE TABLE IF NOT EXISTS rows (id BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")
        self._db.execute("CREATE TABLE IF NOT EXISTS parked (id BLOB PRIMARY KEY) WITHOUT ROWID")

    def get(self, key: bytes) -> bytes | None:
        found = self._db.execute("SELECT value FROM rows WHERE id = ?", (key,)).fetchone()
        return None if found is None else found[0]

    def put(self, rows: Sequence[Put], parked: Sequence[bytes]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?)", rows)
        self._db.executemany("INSERT OR IGNORE INTO parked VALUES (?)", [(key,) for key in parked])
        self._db.execute("COMMIT")

    def scan(self) -> Iterator[tuple[bytes, bytes]]:
        yield from self._db.execute("SELECT id, value FROM rows ORDER BY id")

    def close(self) -> None:
        self._db.close()


class Lmdb:
    """Memory-mapped B+ trees; without a sync of every commit it is whole after a kill, not after a loss of power."""

    def __init__(self, folder: Path) -> None:
        self._env: Any = importlib.import_module("lmdb").open(
            str(folder), map_size=1 << 38, max_dbs=2, sync=False, readahead=False
        )
        self._rows, self._parked = self._env.open_db(b"rows"), self._env.open_db(b"parked")

    def get(self, key: bytes) -> bytes | None:
        with self._env.begin(db=self._rows) as reading:
            found: bytes | None = reading.get(key)
        return found

    def put(self, rows: Sequence[Put], parked: Sequence[bytes]) -> None:
        with self._env.begin(write=True) as writing:
            for key, value in rows:
                writing.put(key, value, db=self._rows)
            for key in parked:
                writing.put(key, b"", db=self._parked)

    def scan(self) -> Iterator[tuple[bytes, bytes]]:
        with self._env.begin(db=self._rows) as reading:
            yield from reading.cursor()

    def close(self) -> None:
        self._env.close()


class Rocks:
    """A log-structured tree; its log is written and not synced."""

    def __init__(self, folder: Path) -> None:
        rocks: Any = importlib.import_module("rocksdict")
        options = rocks.Options(raw_mode=True)
        options.create_if_missing(True)
        options.create_missing_column_families(True)
        tables = rocks.BlockBasedOptions()
        tables.set_block_cache(rocks.Cache(_CACHE_BYTES))
        tables.set_bloom_filter(10, False)
        options.set_block_based_table_factory(tables)
        self._batch = rocks.WriteBatch
        self._db = rocks.Rdict(str(folder), options)

    def get(self, key: bytes) -> bytes | None:
        found: bytes | None = self._db.get(b"r" + key)
        return found

    def put(self, rows: Sequence[Put], parked: Sequence[bytes]) -> None:
        batch = self._batch(raw_mode=True)
        for key, value in rows:
            batch.put(b"r" + key, value)
        for key in parked:
            batch.put(b"p" + key, b"")
        self._db.write(batch)

    def scan(self) -> Iterator[tuple[bytes, bytes]]:
        for key, value in self._db.items(from_key=b"r"):
            yield key[1:], value

    def close(self) -> None:
        self._db.close()


STORES: Final[dict[str, tuple[str, Callable[[Path], Measured]]]] = {
    "sqlite": ("sqlite3", Sqlite),
    "lmdb": ("lmdb", Lmdb),
    "rocksdb": ("rocksdict", Rocks),
}


def measured(name: str, folder: Path, count: int) -> dict[str, float]:
    """Seconds, microseconds and bytes of one store."""
    place = folder / name
    place.mkdir(parents=True)
    chance = random.Random(17)
    value = chance.randbytes(ROW_BYTES * 64)
    store = STORES[name][1](place)
    figures: dict[str, float] = {}

    def row(number: int) -> Put:
        start = number * 7 % (ROW_BYTES * 63)
        return _key(number), value[start : start + ROW_BYTES]

    before = resident_bytes()
    with _Stretch(figures, "fill", count):
        for first in range(0, count, _FILL):
            rows = [row(number) for number in range(first, min(first + _FILL, count))]
            store.put([*rows, (_MARK, b"%d" % first)], [_hour(key, chance) for key, _ in rows])
    figures["fill_rss_mb"] = (resident_bytes() - before) / 1e6
    with _Stretch(figures, "line", SLICES * LINES):
        for number in range(SLICES):
            touched = dict.fromkeys(chance.randrange(count + count // 10) for _ in range(LINES))
            found = [(one, store.get(_key(one))) for one in touched]
            rows = [(_key(one), (old or row(one)[1])[::-1]) for one, old in found]
            store.put([*rows, (_MARK, b"%d" % number)], [_hour(key, chance) for key, _ in rows])
    figures["line_rss_mb"] = (resident_bytes() - before) / 1e6
    store.close()
    store = STORES[name][1](place)
    with _Stretch(figures, "scan", count):
        figures["rows"] = sum(1 for _ in store.scan())
    store.close()
    figures["disk_mb"] = sum(file.stat().st_blocks * 512 for file in place.iterdir()) / 1e6
    return figures


class _Stretch:
    """Wall and CPU of a stretch of work, in microseconds for each of so many."""

    def __init__(self, figures: dict[str, float], name: str, count: int) -> None:
        self._figures, self._name, self._count = figures, name, count

    def __enter__(self) -> None:
        self._wall_s, self._cpu_s = time.monotonic(), time.process_time()

    def __exit__(self, *_: object) -> None:
        self._figures[f"{self._name}_us"] = (time.monotonic() - self._wall_s) / self._count * 1e6
        self._figures[f"{self._name}_cpu_us"] = (time.process_time() - self._cpu_s) / self._count * 1e6


def _key(number: int) -> bytes:
    """Ids come in no order, as orders and threads do."""
    return b"SELLER%04d/ATVPDKIKX0DER/order/%03d-%07d-%07d" % (
        number % 500, number * 7919 % 1000, number * 104_729 % 9_999_991, number,
    )  # fmt: skip


def _hour(key: bytes, chance: random.Random) -> bytes:
    return chance.randrange(4_300).to_bytes(4, "big") + key


def main(words: Sequence[str]) -> None:
    """Print a line of figures for each store that is installed."""
    folder, count = Path(words[0]), int(words[1]) if len(words) > 1 else ROWS
    for name in _installed():
        figures = alone(measured, name, folder, count)
        print(name, " ".join(f"{figure}={value:.2f}" for figure, value in figures.items()), flush=True)


def _installed() -> Iterable[str]:
    for name, (module, _) in STORES.items():
        try:
            importlib.import_module(module)
        except ImportError:
            print(f"{name}: not measured, {module} is not installed", file=sys.stderr)
        else:
            yield name


if __name__ == "__main__":
    main(sys.argv[1:])
