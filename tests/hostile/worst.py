"""The slowest line and the largest row that valid input can bring about. `python -m tests.hostile.worst [--seeds N]`.

Each shape (tests/hostile/shapes.py) is kept line by line as a keeper does it, without a broker: decode, admit, fold,
encode what the journal, the topics and the changelog get. The bounds are those of the design:

- a line costs 50 ms of CPU for its own fact in its matter, and 100 µs for each event that it brings; a tick or an
  activation as much for each timer that it fires or row that it visits, where these are more,
- between two pieces, where the loop can be given up, no more than 60 ms pass: with the 40 ms that a keeper holds the
  loop at most before it looks, that is 100,
- a row, event or journal line fits the largest record of its topic.

A machine's speed swings by two within a minute, so CPU is scaled by the yardstick: what orjson needs for one line of
the ordinary load, there and back, beside the shape; 1.8 µs is the speed at which the bounds hold. What is above a bound
is told again, twice: the best of three counts, since noise only adds. Exit status 1 where a bound is broken.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
from collections.abc import Callable, Iterable, Iterator
from statistics import median
from time import thread_time
from typing import Final, NamedTuple

import orjson
from rich.console import Console
from rich.table import Table

from agents.build import build_name
from schemas.decoded import Decoded
from schemas.decoding import decode_notification, journal_value
from schemas.headers import judged_by, line_header
from schemas.notifications import Body, Notification
from schemas.registry import TOPICS
from streams.admission import admit
from streams.engine import Line, State, new_state, unfold
from streams.pieces import let_go
from streams.sla_event import SlaEvent
from tests.bench.workload import DAY_MS, workload
from tests.hostile.shapes import SHAPES, START_MS, Shape, Told

YARDSTICK_US: Final = 1.8
OWN_FACT_S: Final = 0.050
AN_EVENT_S: Final = 0.000_100
PIECE_S: Final = 0.060
TRIES: Final = 3
LINES_BETWEEN_YARDSTICKS: Final = 50

_ORDINARY: Final = [sent.value for sent in workload(1, 500, start_ms=START_MS, span_ms=DAY_MS)]
_LARGEST: Final = {topic.kind: topic.max_message_bytes for topic in TOPICS}


class Cost(NamedTuple):
    """What one line cost: seconds of CPU at the yardstick, all of it and its longest piece; what it brought."""

    number: int
    kind: str
    cpu_s: float
    piece_s: float
    events: int
    caused: int
    row_bytes: int
    row_id: str
    record_bytes: int

    @property
    def allowed_s(self) -> float:
        return OWN_FACT_S + AN_EVENT_S * self.caused

    @property
    def excess(self) -> float:
        """How near to a bound it comes: 1 stands on it."""
        sizes = max(self.row_bytes / _LARGEST["changelog"], self.record_bytes / _LARGEST["output"])
        return max(self.cpu_s / self.allowed_s, self.piece_s / PIECE_S, sizes)


class Worst(NamedTuple):
    """Of one shape: how many lines it told, the slowest, the one nearest to a bound, and that with the largest row."""

    shape: str
    lines: int
    refused: int
    slowest: Cost
    nearest: Cost
    longest_piece_s: float
    largest_row: Cost
    largest_record: int


def yardstick_us() -> float:
    """CPU of one line of the ordinary load through orjson, there and back, now."""
    began_s = thread_time()
    for value in _ORDINARY:
        orjson.dumps(orjson.loads(value))
    return (thread_time() - began_s) / len(_ORDINARY) * 1e6


class Stopwatch:
    """CPU between two pieces, and in all."""

    def __init__(self) -> None:
        self.began_s = self._lap_s = thread_time()
        self.longest_s = self.total_s = 0.0
        self.pieces = 0

    def piece(self) -> None:
        now_s = thread_time()
        self.pieces += 1
        self.longest_s = max(self.longest_s, now_s - self._lap_s)
        self.total_s = now_s - self.began_s
        self._lap_s = now_s


def keep(state: State, told: Told) -> Cost | None:
    """One line kept as a keeper does; None where it was refused. CPU as measured."""
    watch = Stopwatch()
    body: Body
    if isinstance(told.said, bytes):
        decoded = decode_notification(told.said, from_file=False)
        assert isinstance(decoded, Decoded), (decoded, told.said[:400])
        body = decoded.body
        assert isinstance(body, Notification)
        rejected = admit(state, body, max(told.at_ms, state.journal_ms), None)
        if rejected is not None:
            assert rejected.reason == "matter_full", (rejected, told.said[:400])
            return None
    else:
        body = told.said
    line = Line(state.lines + 1, max(told.at_ms, state.journal_ms), body)
    events: list[SlaEvent] = []
    for _ in unfold(state, line, events):
        watch.piece()
    watch.piece()
    brought = len(events)
    caused = brought if isinstance(body, Notification) else max(brought, watch.pieces)
    largest = len(journal_value(body))
    header, judged = line_header(line.number), judged_by(state.digest, state.logic)
    for event in let_go(events):
        watch.piece()
        headers = event.headed(header, judged)
        largest = max(largest, len(event.value) + sum(len(name) + len(value) for name, value in headers))
    row_bytes, row_id = 0, b""
    for key, value in state.changes():
        watch.piece()
        if value is not None and len(value) > row_bytes and b"/" in key:
            row_bytes, row_id = len(value), key
    watch.piece()
    said = type(body).__name__
    return Cost(line.number, said, watch.total_s, watch.longest_s, brought, caused, row_bytes, row_id.decode(), largest)


def costs_of(lines: Iterable[Told]) -> Iterator[Cost | None]:
    """What each line cost, scaled by the yardsticks before and after it."""
    state = new_state(0)
    before_us, unscaled = median(yardstick_us() for _ in range(3)), list[Cost | None]()
    for told in lines:
        unscaled.append(keep(state, told))
        last = unscaled[-1]
        if len(unscaled) >= LINES_BETWEEN_YARDSTICKS or (last is not None and last.cpu_s > OWN_FACT_S / 2):
            after_us = yardstick_us()
            yield from _scaled(unscaled, (before_us + after_us) / 2)
            before_us, unscaled = after_us, []
    yield from _scaled(unscaled, before_us)


def _scaled(costs: Iterable[Cost | None], yardstick: float) -> Iterator[Cost | None]:
    factor = YARDSTICK_US / yardstick
    for cost in costs:
        yield cost and cost._replace(cpu_s=cost.cpu_s * factor, piece_s=cost.piece_s * factor)


def worst_of(shape: Shape, seed: int, scale: float = 1.0) -> Worst:
    """The worst that a shape does; what is above a bound is told again, and the best of three counts."""
    found = _told(shape, seed, scale)
    for _ in range(TRIES - 1):
        if max(cost.excess for cost in found if cost is not None) <= 1:
            break
        found = [_better(one, other) for one, other in zip(found, _told(shape, seed, scale), strict=True)]
    kept = [cost for cost in found[1:] if cost is not None]  # the first line puts the policies in force
    return Worst(
        shape.__name__.replace("_", " "),
        len(found),
        len(found) - len(kept),
        max(kept, key=lambda cost: cost.cpu_s),
        max(kept, key=lambda cost: cost.excess),
        max(cost.piece_s for cost in kept),
        max(kept, key=lambda cost: cost.row_bytes),
        max(cost.record_bytes for cost in kept),
    )


def _told(shape: Shape, seed: int, scale: float) -> list[Cost | None]:
    gc.collect()
    gc.disable()
    try:
        return list(costs_of(shape(random.Random(f"{shape.__name__} {seed}"), scale)))
    finally:
        gc.enable()


def _better(one: Cost | None, other: Cost | None) -> Cost | None:
    if one is None or other is None:
        assert one is other
        return None
    return one._replace(cpu_s=min(one.cpu_s, other.cpu_s), piece_s=min(one.piece_s, other.piece_s))


def show(found: Iterable[Worst], console: Console) -> None:
    """The table of the worst by kind."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("kind")
    for heading in (
        "lines",
        "worst line ms",
        "events",
        "µs an event",
        "of its bound",
        "piece ms",
        "largest row",
        "record",
    ):
        table.add_column(heading, justify="right")
    for one in found:
        slowest = one.slowest
        each = f"{slowest.cpu_s / slowest.events * 1e6:,.0f}" if slowest.events else "–"
        table.add_row(
            one.shape,
            f"{one.lines:,}",
            f"{slowest.cpu_s * 1e3:,.1f}",
            f"{slowest.events:,}",
            each,
            f"{one.nearest.excess:.0%}",
            f"{one.longest_piece_s * 1e3:,.1f}",
            f"{one.largest_row.row_bytes:,}",
            f"{one.largest_record:,}",
        )
    console.print(table)


def broken(found: Iterable[Worst]) -> list[str]:
    """What stands above a bound, a sentence each."""
    said = []
    for one in found:
        cost = one.nearest
        if cost.excess > 1:
            said.append(
                f"{one.shape}: line {cost.number} ({cost.kind}, {cost.events:,} events) cost {cost.cpu_s * 1e3:,.1f} "
                f"ms where {cost.allowed_s * 1e3:,.1f} are allowed, its longest piece {cost.piece_s * 1e3:,.1f} ms of "
                f"{PIECE_S * 1e3:.0f}; its largest row has {cost.row_bytes:,} bytes, its largest record "
                f"{cost.record_bytes:,}"
            )
    return said


def main(shapes: tuple[Shape, ...] = SHAPES, out: Callable[[str], object] = print) -> int:
    """Look for the worst with each seed; 1 where a bound is broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile.worst")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", default="", help="shapes whose name holds this")
    chosen = parser.parse_args()
    wanted = [shape for shape in shapes if chosen.only.replace(" ", "_") in shape.__name__]
    failed = []
    for seed in range(1, chosen.seeds + 1):
        console = Console(width=130)
        found = []
        for shape in wanted:
            found.append(worst_of(shape, seed))
            if console.is_terminal:
                out(f"  seed {seed}: {found[-1].shape}")
        out(f"Seed {seed}, {build_name()}: CPU at a yardstick of {YARDSTICK_US} µs")
        show(found, console)
        failed += [f"seed {seed}: {said}" for said in broken(found)]
    for said in failed:
        out(said)
    out(f"{chosen.seeds} seeds, {len(failed)} bounds broken.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
