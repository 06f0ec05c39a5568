"""What needs no broker: replay, the cost of a tick, memory. Each runs in a process of its own, which is its measure."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any, Final, ParamSpec

import psutil

from agents.memory import look_for_cycles_rarely
from agents.zones import machine_zones
from schemas.decoded import Decoded
from schemas.decoding import decode_notification
from schemas.notifications import (
    ClaimOpened,
    MessageReceived,
    MessageSent,
    Notification,
    RefundIssued,
    ReturnReceived,
    TimeTick,
)
from schemas.policies import shipped_policies
from streams.engine import Line, State, new_state, next_fire_ms, restore_state, step
from streams.replay import Replay
from tests.bench.passes import STRETCH, Yardstick
from tests.bench.seeding import MARKETPLACE, open_clocks, question, seeded, state_of
from tests.bench.workload import DAY_MS, HOUR_MS, workload
from tests.zones import activation

P = ParamSpec("P")
Measured = dict[str, float]

MONDAY_MS: Final = 1_770_019_200_000
"""2026-02-02T08:00:00Z: all that is no live run happens in the weeks after it."""
TICKS: Final = 4_000


def alone(function: Callable[P, Measured], *arguments: P.args, **named: P.kwargs) -> Measured:
    """What the function measures in a new process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments, **named).result()


def replay(seed: int, count: int, folder: Path) -> Measured:
    """Replay a file of this many notifications as the command does, a stretch of it after the same through orjson."""
    path = folder / "replay.jsonl"
    told = [sent.value + b"\n" for sent in workload(seed, count, start_ms=MONDAY_MS, span_ms=30 * DAY_MS)]
    path.write_bytes(b"".join(told))
    yardstick = Yardstick(told)
    look_for_cycles_rarely()
    rejected: list[int] = []
    events = 0
    wall_s = cpu_s = 0.0
    engine = Replay(None, lambda line, raw, why: rejected.append(line), machine_zones)
    with path.open("rb", 1 << 18) as lines, Path("/dev/null").open("wb", 1 << 18) as out:
        while stretch := list(islice(lines, STRETCH)):
            yardstick.take_stretch()
            began_s, began_cpu_s = time.perf_counter(), time.process_time()
            for brought in engine.feed_all(stretch):
                for event in brought:
                    events += 1
                    out.write(event.value)
                    out.write(b"\n")
            wall_s += time.perf_counter() - began_s
            cpu_s += time.process_time() - began_cpu_s
    assert not rejected, f"the load is valid, but lines {rejected[:5]} were refused"
    path.unlink()
    cpu_us = cpu_s / count * 1e6
    return {
        "replay.passes": yardstick.passes(cpu_us),
        "replay.cpu_us": cpu_us,
        "replay.per_second": count / wall_s,
        "replay.events_per_notification": events / count,
    }


def tick(clocks: int) -> Measured:
    """A tick with nothing due among many open clocks and among a thousand: fold it, take the rows, ask for the next."""
    few, many = _with_open_clocks(1_000), _with_open_clocks(clocks)
    gc.collect()
    gc.freeze()
    costs: dict[int, list[float]] = {id(few): [], id(many): []}
    for _ in range(7):
        for state in (few, many):
            costs[id(state)].append(_ticks_cpu_s(state))
    return {"tick.cost_ratio_1m_to_1k": median(costs[id(many)]) / median(costs[id(few)])}


def _with_open_clocks(clocks: int) -> State:
    due_ms = MONDAY_MS + 23 * HOUR_MS
    kept = seeded(
        0, 1, shipped_policies(), clocks=clocks, due_from_ms=due_ms, due_within_ms=HOUR_MS, now_ms=MONDAY_MS + HOUR_MS
    )
    state = restore_state(0, state_of(kept.rows))
    next_fire_ms(state)
    assert open_clocks(state) == clocks
    return state


def _ticks_cpu_s(state: State) -> float:
    cpu_s = time.process_time()
    for _ in range(TICKS):
        events = step(state, Line(state.lines + 1, state.journal_ms + 1, TimeTick()))
        assert not events, "nothing is due"
        state.take_changes()
        next_fire_ms(state)
    return time.process_time() - cpu_s


def memory(count: int) -> Measured:
    """What a process grows by for open clocks, then for settled matters; in both a mix of messages, returns, claims."""
    policies = shipped_policies()
    state = new_state(0)
    step(state, Line(1, MONDAY_MS, activation(policies)))
    _tell(state, _opening(0, 5_000))
    before = resident_bytes()
    clocks = -open_clocks(state)
    _tell(state, _opening(5_000, 5_000 + count))
    clocks += open_clocks(state)
    per_clock = (resident_bytes() - before) / clocks
    settled = new_state(0)
    step(settled, Line(1, MONDAY_MS, activation(policies)))
    _tell(settled, _settling(0, 5_000))
    before = resident_bytes()
    _tell(settled, _settling(5_000, 5_000 + count))
    assert not open_clocks(settled), "all matters are settled"
    per_matter = (resident_bytes() - before) / count
    return {"memory.bytes_per_open_clock": per_clock, "memory.bytes_per_settled_matter": per_matter}


def _tell(state: State, said: Iterator[Notification]) -> None:
    """Fold as a keeper does: the rows are taken after each slice."""
    for number, body in enumerate(said, 1):
        step(state, Line(state.lines + 1, max(state.journal_ms, body.occurred_ms), body))
        if not number % 1000:
            state.take_changes()
    state.take_changes()


def _opening(first: int, end: int) -> Iterator[Notification]:
    """One matter with one open clock for each number, all within an hour."""
    for number in range(first, end):
        at_ms = MONDAY_MS + number % HOUR_MS
        seller = f"SELLER{number % 997:04}"
        if number % 5 < 3:
            yield question(seller, f"{number:08}", at_ms)
        elif number % 5 == 3:
            yield ReturnReceived(**_order(seller, number, at_ms), return_id=f"R-{number:08}", program="sfp")
        else:
            yield ClaimOpened(**_order(seller, number, at_ms), claim_id=f"C-{number:08}", kind="a_to_z")


def _settling(first: int, end: int) -> Iterator[Notification]:
    """One matter for each number, of two facts: what is asked for, and what settles it."""
    for number in range(first, end):
        at_ms = MONDAY_MS + number % HOUR_MS
        seller = f"SELLER{number % 997:04}"
        if number % 2:
            asked = question(seller, f"{number:08}", at_ms)
            yield asked
            yield _answer(asked)
        else:
            yield ReturnReceived(**_order(seller, number, at_ms), return_id=f"R-{number:08}", program="sfp")
            yield RefundIssued(
                **_order(seller, number, at_ms + 1),
                refund_id=f"F-{number:08}",
                issued_by="seller",
                amount="25.00",
                currency="USD",
            )


def _answer(asked: MessageReceived) -> MessageSent:
    return MessageSent(
        event_id=f"A{asked.event_id}",
        seller_id=asked.seller_id,
        marketplace_id=asked.marketplace_id,
        occurred_ms=asked.occurred_ms + 1,
        message_id=f"A{asked.message_id}",
        thread_id=asked.thread_id,
        to_roles=("buyer",),
    )


def _order(seller: str, number: int, at_ms: int) -> dict[str, Any]:
    return {
        "event_id": f"E-{number:08}-{at_ms % 7}",
        "seller_id": seller,
        "marketplace_id": MARKETPLACE,
        "occurred_ms": at_ms,
        "order_id": f"123-{number:07}-{number:07}",
    }


def resident_bytes() -> int:
    """The memory of this process, garbage collected."""
    gc.collect()
    return int(psutil.Process().memory_info().rss)


def is_valid(value: bytes) -> bool:
    """Whether a value is a notification, as a live record."""
    return isinstance(decode_notification(value, from_file=False), Decoded)
