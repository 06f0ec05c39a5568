"""Rows at rest in memory and on disk: what a line, a matter that is settled and a restart cost (figures.md).

`python -m tests.bench.at_rest FOLDER COUNT [memory]`: so many settled threads (a question and its answer) are restored
from a changelog's rows, and again from the store that this left, each in a process of its own; then lines of the mixed
load are folded and taken, a thousand to a slice.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from agents.kafka.log_reader import LogEnds
from agents.kafka.transactions import Outgoing
from agents.worker.rows_folder import anew, open_store
from agents.worker.rows_on_disk import RowsOnDisk
from schemas.decoded import Decoded
from schemas.decoding import decode_notification
from schemas.notifications import MessageSent, Notification
from schemas.policies import shipped_policies
from streams.engine import Line, State, new_state, next_fire_ms, restore_state, step
from tests.bench.pure import MONDAY_MS, alone, resident_bytes
from tests.bench.seeding import MARKETPLACE, packed, question, sellers_on
from tests.bench.workload import DAY_MS, workload
from tests.zones import activation

TOPIC: Final = "sla-changelog"
CHANGELOG_ID: Final = b"\x07" * 16
NOW_MS: Final = MONDAY_MS
LINES: Final = 20_000
WARM_UP: Final = 4_000
SLICE: Final = 1_000
FETCH: Final = 4_000
_TOKEN: Final = "76543210"


def settled(count: int) -> Iterator[tuple[bytes, bytes]]:
    """Rows of so many threads whose question was answered, all in the month before."""
    state, asked_ms = new_state(0), MONDAY_MS - 30 * DAY_MS
    step(state, Line(1, MONDAY_MS - DAY_MS, activation(shipped_policies())))
    sellers = sellers_on(0, 1)
    for number, seller in enumerate(sellers):
        name = _TOKEN if not number else f"{number:08}"
        asked = question(seller, name, asked_ms)
        answered = MessageSent(
            event_id=f"A-{name}",
            seller_id=seller,
            marketplace_id=MARKETPLACE,
            occurred_ms=asked_ms + 3_600_000,
            message_id=f"N-{name}",
            thread_id=f"T-{name}",
            from_role="seller",
            to_roles=("buyer",),
        )
        for told in (asked, answered):
            step(state, Line(state.lines + 1, MONDAY_MS - DAY_MS, told))
    assert not state.census.due, "no clock is open"
    rows = {key: value for key, value in state.take_changes() if value is not None}
    template = rows.pop(f"{sellers[0]}/{MARKETPLACE}/thread/T-{_TOKEN}".encode())
    yield from ((key, value) for key, value in rows.items() if b"/thread/" not in key)
    for number in range(count):
        # Ids of threads come in no order.
        name = f"{number * 7_654_321 % 99_999_989:08}"
        value = template.replace(_TOKEN.encode(), name.encode())
        for moved_ms in (asked_ms, asked_ms + 3_600_000, asked_ms + DAY_MS):
            at_ms = moved_ms + number % 720 * 3_600_000
            value = value.replace(packed(moved_ms), packed(at_ms))
        yield f"{sellers[number % len(sellers)]}/{MARKETPLACE}/thread/T-{name}".encode(), value


def in_memory(count: int) -> dict[str, float]:
    """As a worker restores them without `rows_folder`: a dictionary of all rows first."""
    before, rows = resident_bytes(), dict(settled(count))
    sizes = sum(map(len, rows.values())) / len(rows)
    wall_s, cpu_s = time.monotonic(), time.process_time()
    state = restore_state(0, rows.items())
    figures = {"row_bytes": sizes, "restore_s": time.monotonic() - wall_s, "restore_cpu_s": time.process_time() - cpu_s}
    del rows
    next_fire_ms(state)
    figures["rss_bytes_each"] = (resident_bytes() - before) / count
    figures |= _lines(state, None)
    figures["rss_after_mb"] = (resident_bytes() - before) / 1e6
    return figures


def rebuilt(folder: str, count: int) -> dict[str, float]:
    """From a changelog that is read from its start; fetched records cost nothing here."""
    before = resident_bytes()
    store = anew(folder, TOPIC, 0)
    store.begin(CHANGELOG_ID, LogEnds(0, count), NOW_MS, DAY_MS)
    wall_s, cpu_s = time.monotonic(), time.process_time()
    for fetched in batched_rows(count):
        store.take_in(fetched, 1)
    fill_s, fill_cpu_s = time.monotonic() - wall_s, time.process_time() - cpu_s
    restore_state(0, store.own_rows().items(), store, store)
    store.confirm(count, NOW_MS)
    figures = {"fill_s": fill_s, "fill_cpu_s": fill_cpu_s, "rss_mb": (resident_bytes() - before) / 1e6}
    store.close()
    return figures


def batched_rows(count: int) -> Iterator[Sequence[Outgoing]]:
    rows = settled(count)
    while fetched := list(islice(rows, FETCH)):
        yield [(None, key, value, []) for key, value in fetched]


def reopened(folder: str, count: int) -> dict[str, float]:
    """A worker that comes back: nothing of the changelog has to be read."""
    before, wall_s, cpu_s = resident_bytes(), time.monotonic(), time.process_time()
    store = asyncio.run(open_store(folder, TOPIC, 0))
    assert store.begin(CHANGELOG_ID, LogEnds(0, count), NOW_MS, DAY_MS) == count, "the store was left whole"
    state = restore_state(0, store.own_rows().items(), store, store)
    store.confirm(count, NOW_MS)
    figures = {"restore_s": time.monotonic() - wall_s, "restore_cpu_s": time.process_time() - cpu_s}
    next_fire_ms(state)
    grown = resident_bytes() - before
    figures |= {"rss_mb": grown / 1e6, "rss_bytes_each": grown / count}
    figures |= _lines(state, store)
    figures["rss_after_mb"] = (resident_bytes() - before) / 1e6
    store.close()
    figures["disk_mb"] = sum(f.stat().st_blocks * 512 for f in Path(folder).rglob("*") if f.is_file()) / 1e6
    return figures


def _lines(state: State, store: RowsOnDisk | None) -> dict[str, float]:
    """Wall and CPU of a line, slices taken and committed."""
    wall_s = cpu_s = 0.0
    offset = state.lines + 1_000_000_000
    for number, sent in enumerate(workload(7, WARM_UP + LINES, start_ms=MONDAY_MS - 3 * DAY_MS, span_ms=3 * DAY_MS)):
        if number == WARM_UP:
            wall_s, cpu_s = time.monotonic(), time.process_time()
        decoded = decode_notification(sent.value, from_file=True)
        assert isinstance(decoded, Decoded), "the load is valid"
        assert isinstance(decoded.body, Notification), "the load is notifications"
        step(state, Line(state.lines + 1, state.journal_ms, decoded.body))
        if number % SLICE == SLICE - 1:
            records: list[Outgoing] = [(None, key, value, []) for key, value in state.changes()]
            if store is not None:
                asyncio.run(store.committed(records, offset + number, NOW_MS))
    return {
        "line_us": (time.monotonic() - wall_s) / LINES * 1e6,
        "line_cpu_us": (time.process_time() - cpu_s) / LINES * 1e6,
    }


def main(words: Sequence[str]) -> None:
    """Print the figures, a line for each way."""
    folder, count = words[0], int(words[1])
    if "memory" in words:
        _show("in memory", alone(in_memory, count))
    _show("on disk, made anew", alone(rebuilt, folder, count))
    _show("on disk, opened again", alone(reopened, folder, count))


def _show(name: str, figures: dict[str, float]) -> None:
    print(f"{name}:", " ".join(f"{figure}={value:.2f}" for figure, value in figures.items()), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
