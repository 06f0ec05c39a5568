"""How costs grow: a line, memory and a restart against the number of open clocks; throughput against the slice size.

Each point is measured once, in a process of its own, or by a worker of its own.
"""

from __future__ import annotations

import gc
import time
from collections import deque
from pathlib import Path
from typing import Final, NamedTuple

from schemas.decoded import Decoded
from schemas.decoding import decode_notification
from schemas.notifications import Notification
from schemas.policies import shipped_policies
from streams.engine import Line, State, next_fire_ms, restore_state, step
from tests.bench.installation import PARTITIONS, Installation
from tests.bench.pure import MONDAY_MS, alone, resident_bytes
from tests.bench.seeding import Seeded, seeded, state_of
from tests.bench.starting import restarted_among
from tests.bench.throughput import live
from tests.bench.workload import DAY_MS, HOUR_MS, workload

LINES: Final = 5_000
WARM_UP: Final = 1_000


class Point(NamedTuple):
    """One measured value `y` at `x`."""

    x: float
    y: float


Curves = dict[str, list[Point]]

LINE_US: Final = "line_us"
BYTES: Final = "bytes_per_open_clock"
RESTART_S: Final = "restart_s"
RESTORE_S: Final = "restore_cpu_s"
PER_SECOND: Final = "per_second"


def among_open_clocks(clocks: int) -> dict[str, float]:
    """The state with so many open clocks in one process: restored from its rows, then told of other matters."""
    deque(state_of(_seeded(1).rows), maxlen=0)  # imports and tables
    rows_s = time.process_time()
    deque(state_of(_seeded(clocks).rows), maxlen=0)
    rows_s = time.process_time() - rows_s
    gc.collect()
    before = resident_bytes()
    cpu_s = time.process_time()
    state = restore_state(0, state_of(_seeded(clocks).rows))
    next_fire_ms(state)
    restore_s = time.process_time() - cpu_s - rows_s
    grown = resident_bytes() - before
    gc.freeze()
    return {LINE_US: _line_cpu_s(state) * 1e6, BYTES: grown / clocks, RESTORE_S: restore_s}


def _seeded(clocks: int) -> Seeded:
    return seeded(
        0,
        1,
        shipped_policies(),
        clocks=clocks,
        due_from_ms=MONDAY_MS + 23 * HOUR_MS,
        due_within_ms=HOUR_MS,
        now_ms=MONDAY_MS + HOUR_MS,
    )


def _line_cpu_s(state: State) -> float:
    """CPU of folding one notification of the mixed load, rows taken each thousand lines, after a warm-up."""
    cpu_s = 0.0
    told = workload(7, WARM_UP + LINES, start_ms=MONDAY_MS - 3 * DAY_MS, span_ms=3 * DAY_MS)
    for number, sent in enumerate(told):
        if number == WARM_UP:
            cpu_s = time.process_time()
        decoded = decode_notification(sent.value, from_file=True)
        assert isinstance(decoded, Decoded), "the load is valid"
        body = decoded.body
        assert isinstance(body, Notification), "the load is notifications"
        step(state, Line(state.lines + 1, state.journal_ms, body))
        if not number % 1000:
            state.take_changes()
    return (time.process_time() - cpu_s) / LINES


def by_open_clocks(bootstrap: str, folder: Path, counts: tuple[int, ...]) -> Curves:
    """Curves over the number of open clocks."""
    curves: Curves = {name: [] for name in (LINE_US, BYTES, RESTORE_S, RESTART_S)}
    for clocks in counts:
        for name, value in alone(among_open_clocks, clocks).items():
            curves[name].append(Point(clocks, value))
        with Installation(bootstrap, folder) as installation:
            curves[RESTART_S].append(Point(clocks, restarted_among(installation, clocks // PARTITIONS)))
    return curves


def by_slice_size(bootstrap: str, folder: Path, sizes: tuple[int, ...], *, seed: int, count: int) -> Curves:
    """Throughput of one worker whose slices hold at most so many records."""
    points = []
    for size in sizes:
        measured = live(bootstrap, folder, seed=seed, count=min(count, 500 * size), workers=1, slice_records=size)
        points.append(Point(size, measured["live.per_second"]))
    return {PER_SECOND: points}
