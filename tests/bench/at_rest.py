"""Rows at rest in memory and on disk: what a line, a matter that is settled and a restart cost (figures.md).

`python -m tests.bench.at_rest FOLDER COUNT [WAY...]`: so many settled threads (a question and its answer) are restored
from a changelog's rows (`memory`), put on disk (`anew`), and restored from the store that this left (`again`), each in
a process of its own; then lines of the mixed load are folded and taken, a thousand to a slice. Rows are taken in piece
by piece, as a worker does it, and for how long the loop was held at the most is measured too.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from agents.kafka.log_reader import LogEnds
from agents.kafka.transactions import Outgoing
from agents.memory import look_for_cycles_when_asked, sweep
from agents.worker.breathing import Breath, in_pieces
from agents.worker.opening import _taken_out
from agents.worker.rows_folder import anew, open_store
from agents.worker.rows_on_disk import TAKEN_IN_AT_ONCE, RowsOnDisk
from schemas.decoded import Decoded
from schemas.decoding import decode_notification, journal_value
from schemas.headers import journal_headers
from schemas.notifications import MessageSent, Notification
from schemas.policies import shipped_policies
from streams.engine import Line, State, new_state, next_fire_ms, restoring, step
from streams.sealing import state_digest
from tests.bench.passes import Yardstick
from tests.bench.pure import MONDAY_MS, alone, resident_bytes
from tests.bench.seeding import MARKETPLACE, Row, Seeded, packed, question, sellers_on
from tests.bench.workload import DAY_MS, workload
from tests.turns import turns
from tests.zones import activation

TOPIC: Final = "sla-changelog"
CHANGELOG_ID: Final = b"\x07" * 16
NOW_MS: Final = MONDAY_MS
LINES: Final = 20_000
WARM_UP: Final = 4_000
SLICE: Final = 1_000
_TOKEN: Final = "76543210"


def settled(count: int) -> Iterator[tuple[bytes, bytes]]:
    """Rows of so many threads whose question was answered, all in the month before."""
    return settled_partition(count, MONDAY_MS).rows


def settled_partition(count: int, now_ms: int) -> Seeded:
    """The same as a partition, the only one, whose last line came a day before this instant."""
    state, asked_ms = new_state(0), now_ms - 30 * DAY_MS
    step(state, Line(1, now_ms - DAY_MS, activation(shipped_policies())))
    sellers = sellers_on(0, 1)
    last: MessageSent | None = None
    for number, seller in enumerate(sellers):
        name = _TOKEN if not number else f"{number:08}"
        last = MessageSent(
            event_id=f"A-{name}",
            seller_id=seller,
            marketplace_id=MARKETPLACE,
            occurred_ms=asked_ms + 3_600_000,
            message_id=f"N-{name}",
            thread_id=f"T-{name}",
            from_role="seller",
            to_roles=("buyer",),
        )
        for told in (question(seller, name, asked_ms), last):
            step(state, Line(state.lines + 1, now_ms - DAY_MS, told))
    assert last is not None, "there are sellers"
    assert not state.census.due, "no clock is open"
    rows = {key: value for key, value in state.take_changes() if value is not None}
    return Seeded(
        0,
        _threads(rows, sellers, asked_ms, count),
        f"{sellers[-1]}/{MARKETPLACE}".encode(),
        journal_value(last),
        journal_headers(state.lines, None),
        state.journal_ms,
    )


def _threads(rows: dict[bytes, bytes], sellers: Sequence[str], asked_ms: int, count: int) -> Iterator[Row]:
    """The rows of accounts and partition, then the first thread's under so many other names and times."""
    template = rows.pop(f"{sellers[0]}/{MARKETPLACE}/thread/T-{_TOKEN}".encode())
    yield from (Row(key, value) for key, value in rows.items() if b"/thread/" not in key)
    for number in range(count):
        # Ids of threads come in no order.
        name = f"{number * 7_654_321 % 99_999_989:08}"
        value = template.replace(_TOKEN.encode(), name.encode())
        for moved_ms in (asked_ms, asked_ms + 3_600_000, asked_ms + DAY_MS):
            at_ms = moved_ms + number % 720 * 3_600_000
            value = value.replace(packed(moved_ms), packed(at_ms))
        yield Row(f"{sellers[number % len(sellers)]}/{MARKETPLACE}/thread/T-{name}".encode(), value)


class _Stretch:
    """Wall and CPU of some work, in seconds."""

    def __init__(self, figures: dict[str, float], name: str) -> None:
        self._figures, self._name = figures, name

    def __enter__(self) -> None:
        self._wall_s, self._cpu_s = time.monotonic(), time.process_time()

    def __exit__(self, *_: object) -> None:
        self._figures[f"{self._name}_s"] = time.monotonic() - self._wall_s
        self._figures[f"{self._name}_cpu_s"] = time.process_time() - self._cpu_s


async def _breathing(pieces: Iterable[None]) -> float:
    """Do these pieces as a worker does them; CPU of this thread, in ms, in which nobody else had a turn at the most."""
    async with turns() as watched:
        await in_pieces(pieces, Breath())
    return watched.longest_s * 1e3


def in_memory(count: int) -> dict[str, float]:
    """As a worker restores them without `rows_folder`: a dictionary of all rows first."""
    before, rows = resident_bytes(), dict(settled(count))
    figures = {"row_bytes": sum(map(len, rows.values())) / len(rows)}
    figures["read_mb"] = (resident_bytes() - before) / 1e6
    state = new_state(0)
    with _Stretch(figures, "restore"):
        figures["held_ms"] = asyncio.run(_breathing(restoring(state, _taken_out(rows))))
    next_fire_ms(state)
    figures["rss_bytes_each"] = (resident_bytes() - before) / count
    figures["peak_mb"] = _peak_bytes() / 1e6
    figures |= _lines(state, None)
    figures["rss_after_mb"] = (resident_bytes() - before) / 1e6
    with _Stretch(figures, "digest"):
        state_digest(state)
    with _Stretch(figures, "copy"):
        copied = state.rows_at_rest()
    del copied
    with _Stretch(figures, "sweep"):
        sweep()
    return figures


def _peak_bytes() -> int:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def rebuilt(folder: str, count: int) -> dict[str, float]:
    """From a changelog that is read from its start; fetched records cost nothing here."""
    before, figures = resident_bytes(), dict[str, float]()
    store = anew(folder, TOPIC, 0)
    store.begin(CHANGELOG_ID, LogEnds(0, count), NOW_MS, DAY_MS)
    wall_s = cpu_s = 0.0
    for fetched in _fetched(count):
        began_s, began_cpu_s = time.monotonic(), time.process_time()
        store.take_in(fetched, 1)
        wall_s, cpu_s = wall_s + time.monotonic() - began_s, cpu_s + time.process_time() - began_cpu_s
    figures |= {"fill_s": wall_s, "fill_cpu_s": cpu_s}
    state = new_state(0, store, store)
    with _Stretch(figures, "restore"):
        figures["held_ms"] = asyncio.run(_breathing(restoring(state, store.own_rows().items())))
    store.confirm(count, NOW_MS)
    figures |= {"rss_mb": (resident_bytes() - before) / 1e6, "peak_mb": _peak_bytes() / 1e6}
    store.close()
    return figures


def _fetched(count: int) -> Iterator[Sequence[Outgoing]]:
    rows = settled(count)
    while fetched := list(islice(rows, TAKEN_IN_AT_ONCE)):
        yield [(None, key, value, []) for key, value in fetched]


def reopened(folder: str, count: int) -> dict[str, float]:
    """A worker that comes back: nothing of the changelog has to be read."""
    before, figures = resident_bytes(), dict[str, float]()
    with _Stretch(figures, "open"):
        store = asyncio.run(open_store(folder, TOPIC, 0))
    assert store.begin(CHANGELOG_ID, LogEnds(0, count), NOW_MS, DAY_MS) == count, "the store was left whole"
    state = new_state(0, store, store)
    with _Stretch(figures, "restore"):
        figures["held_ms"] = asyncio.run(_breathing(restoring(state, store.own_rows().items())))
    store.confirm(count, NOW_MS)
    next_fire_ms(state)
    grown = resident_bytes() - before
    figures |= {"rss_mb": grown / 1e6, "rss_bytes_each": grown / count, "peak_mb": _peak_bytes() / 1e6}
    figures |= _lines(state, store)
    figures["rss_after_mb"] = (resident_bytes() - before) / 1e6
    with _Stretch(figures, "digest"):
        state_digest(state)
    store.close()
    figures["disk_mb"] = sum(f.stat().st_blocks * 512 for f in Path(folder).rglob("*") if f.is_file()) / 1e6
    return figures


def _lines(state: State, store: RowsOnDisk | None) -> dict[str, float]:
    """CPU of a line, slices taken and committed, in passes over the same lines too."""
    said = list(workload(7, WARM_UP + LINES, start_ms=MONDAY_MS - 3 * DAY_MS, span_ms=3 * DAY_MS))
    yardstick = Yardstick([one.value for one in said])
    cpu_s, offset = 0.0, state.lines + 1_000_000_000
    for first in range(0, len(said), SLICE):
        yardstick.take_stretch()
        began_s = time.process_time()
        for sent in said[first : first + SLICE]:
            decoded = decode_notification(sent.value, from_file=True)
            assert isinstance(decoded, Decoded), "the load is valid"
            assert isinstance(decoded.body, Notification), "the load is notifications"
            step(state, Line(state.lines + 1, state.journal_ms, decoded.body))
        records: list[Outgoing] = [(None, key, value, []) for key, value in state.changes()]
        if store is not None:
            asyncio.run(store.committed(records, offset + first, NOW_MS))
        cpu_s += (time.process_time() - began_s) * (first >= WARM_UP)
    yardstick.take_stretch()
    cpu_us = cpu_s / LINES * 1e6
    return {"line_cpu_us": cpu_us, "line_passes": yardstick.passes(cpu_us)}


WAYS: Final[Mapping[str, Callable[[str, int], dict[str, float]]]] = {
    "memory": lambda _, count: in_memory(count),
    "anew": rebuilt,
    "again": reopened,
}


def measured(way: str, folder: str, count: int) -> dict[str, float]:
    """One way, in a process that looks for cycles as a worker does: each look would visit every row."""
    look_for_cycles_when_asked()
    return WAYS[way](folder, count)


def main(words: Sequence[str]) -> None:
    """Print the figures, a line for each way."""
    folder, count, ways = words[0], int(words[1]), words[2:] or list(WAYS)
    for way in WAYS:
        if way in ways:
            figures = alone(measured, way, folder, count)
            print(f"{way}:", " ".join(f"{name}={value:.2f}" for name, value in figures.items()), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
