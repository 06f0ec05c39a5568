"""The watch: once a second it looks how journal time follows, says once when something holds it back, and sets gauges.

It changes nothing of what it sees. It runs on the loop that it watches, so it leaves a stamp with each look: whether
they still come is seen by another thread (agents/metrics/freshness.py). Lines are for people: one when a state begins,
one when it ends, none in between. Once a minute it has cycles swept away (agents/memory.py).
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from time import monotonic, time
from typing import Protocol

from agents.memory import SWEEP_EVERY_S, sweep
from agents.metrics.collectors import Labels
from agents.metrics.counters import Metrics
from agents.metrics.names import LevelName
from agents.worker.partition import Partition
from agents.worker.standby import CopyNow
from agents.worker.tables import OpenClocks
from streams.calendar import coverage_ends_ms
from streams.census import Census
from streams.policies import PolicyBook
from streams.rows import ShellNotes

EVERY_S = 1.0
AWAY_S = 5.0
HELD_BACK_S = 10.0
READY_LAG_S = 60.0
DUE_HOURS = (1, 4, 24)
OVERDUE_AFTER_MS = 5_000
"""A timer that is so late is overdue: journal time trails the clock by a fraction of a second where all is well."""
MOST_COUNTED = 10_000

Seen = defaultdict[LevelName, defaultdict[Labels, float]]
"""What one look has found: by metric, values by labels."""

log = logging.getLogger("dueclock.watch")


class Watched(Protocol):
    """What is looked at (agents/worker/ownership.py). It is only asked, and never between two steps of a slice."""

    @property
    def logical(self) -> Mapping[str, str]:
        """Logical name of each input topic: what metrics call it."""

    @property
    def is_open(self) -> bool:
        """Whether what was assigned has been recovered and is being kept."""

    @property
    def open_clocks(self) -> OpenClocks:
        """How many clocks are open, by when they fall due."""

    @property
    def wall_offset_s(self) -> float:
        """The broker's clock less this machine's."""

    @property
    def last_answer_s(self) -> float | None:
        """Monotonic time of the newest fetch that the broker answered; None before the first."""

    def broker_now_ms(self) -> int | None:
        """The broker's time, or None while it is unknown."""

    def kept(self) -> Sequence[Partition]:
        """The partitions that are being kept: each has a keeper."""

    def copies_now(self) -> Sequence[CopyNow]:
        """How the warm copies stand of what others keep."""


class PartitionWatch:
    """Looks after the partitions of an owner."""

    def __init__(self, owner: Watched, metrics: Metrics) -> None:
        self._owner = owner
        self._metrics = metrics
        self._task: asyncio.Task[None] | None = None
        self._held_back: set[int] = set()
        self._is_away = False
        self._since_s = monotonic()
        self._worst_lag_s: float | None = None
        self._covered: dict[str, dict[Labels, float]] = {}
        metrics.is_ready = self.is_ready

    def start(self) -> None:
        """Begin, if it has not begun."""
        if self._task is None:
            self._since_s = monotonic()
            self._metrics.freshness.looked()
            self._task = asyncio.create_task(self._run(), name="watch")

    async def stop(self) -> None:
        """End."""
        task, self._task = self._task, None
        self._metrics.freshness.drop_the_watch()
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def is_ready(self) -> bool:
        """Whether the worker has recovered what it was given and journal time follows the broker's."""
        return self._owner.is_open and self._worst_lag_s is not None and self._worst_lag_s < READY_LAG_S

    async def _run(self) -> None:
        swept_s = monotonic()
        while True:
            try:
                self._look()
            except Exception:
                log.exception("the watch could not look; it tries again")
            if monotonic() - swept_s > SWEEP_EVERY_S:
                sweep()
                swept_s = monotonic()
            await asyncio.sleep(EVERY_S)

    def _look(self) -> None:
        now_ms = self._owner.broker_now_ms()
        self._metrics.clock_offset.set(self._owner.wall_offset_s)
        self._look_for_broker()
        seen: Seen = defaultdict(lambda: defaultdict(float))
        parts = self._owner.kept()
        lags = [self._look_at(part, now_ms, seen) for part in parts]
        known = [lag_s for lag_s in lags if lag_s is not None]
        self._worst_lag_s = max(known, default=0.0) if len(known) == len(lags) else None
        self._owner.open_clocks.show(part.state.census.due for part in parts)
        seen["sla_clocks_open"].update(self._owner.open_clocks.open_clocks().items())
        if now_ms is not None:
            self._count_due(now_ms, seen)
        for part in parts:
            _add_census(part.state.census, seen)
        for copy in self._owner.copies_now():
            seen["sla_standby_rows"][(str(copy.partition),)] = copy.rows
            seen["sla_standby_lag_records"][(str(copy.partition),)] = copy.lag
        self._metrics.levels.show(seen)
        self._metrics.freshness.looked()

    def _look_at(self, part: Partition, now_ms: int | None, seen: Seen) -> float | None:
        """Time lag of one partition, None while its journal time is unknown."""
        number, state = (str(part.number),), part.state
        topic, known_ms = part.keeper.time.held_back_by()
        if state.book is not None:
            seen["sla_policy_info"][(state.digest,)] = 1
            covered = self._coverage(state.digest + state.row.zones, state.book)
            seen["sla_policy_covered_until_timestamp_seconds"] = defaultdict(float, covered)
        for name, records in part.keeper.time.lag_records().items():
            seen["sla_input_lag_records"][self._owner.logical[name], *number] = records
        _add_lost(number, state.row.notes, seen)
        overdue_ms = int(time() * 1000) - OVERDUE_AFTER_MS
        seen["sla_overdue_undetected"][number] = state.timers.overdue(overdue_ms, MOST_COUNTED)
        lag_s = None if known_ms is None or now_ms is None else (now_ms - known_ms) / 1000
        if lag_s is not None:
            seen["sla_time_lag_seconds"][number] = lag_s
        is_held_back = lag_s is None or lag_s > HELD_BACK_S
        if is_held_back:
            seen["sla_held_back_by"][self._owner.logical[topic], *number] = 1
        if is_held_back and lag_s is not None and part.number not in self._held_back:
            self._held_back.add(part.number)
            log.warning("partition %d: journal time is held back %.0f s by %s", part.number, lag_s, topic)
        elif not is_held_back and part.number in self._held_back:
            self._held_back.discard(part.number)
            log.info("partition %d: journal time follows again", part.number)
        return lag_s

    def _look_for_broker(self) -> None:
        heard_s = self._owner.last_answer_s
        silence_s = monotonic() - (self._since_s if heard_s is None else heard_s)
        if silence_s > AWAY_S and not self._is_away:
            self._is_away = True
            log.warning("no answer from the broker for %.0f s: waiting", silence_s)
        elif silence_s <= AWAY_S and self._is_away:
            self._is_away = False
            log.info("the broker answers again")

    def _count_due(self, now_ms: int, seen: Seen) -> None:
        for hours in DUE_HOURS:
            for (rule, _), count in self._owner.open_clocks.due_within(now_ms, hours).items():
                seen["sla_clocks_due"][rule, f"{hours}h"] += count

    def _coverage(self, digest: str, book: PolicyBook) -> dict[Labels, float]:
        """The end of each calendar; worked out once for each policy file and meaning of its zones."""
        if digest not in self._covered:
            self._covered = {
                digest: {
                    (name,): coverage_ends_ms(spec, book.zones[spec.timezone]) / 1000
                    for name, spec in book.policies.calendars.items()
                }
            }
        return self._covered[digest]


def _add_lost(number: Labels, notes: ShellNotes, seen: Seen) -> None:
    seen["sla_lost_input_records"][number] = notes.lost_records
    if notes.lost:
        seen["sla_lost_input_timestamp_seconds"][number] = notes.lost[-1].found_ms / 1000


def _add_census(census: Census, seen: Seen) -> None:
    for (rule, marketplace), count in census.breached.items():
        seen["sla_clocks_breached"][rule, marketplace] += count
    for status, count in census.accounts().items():
        seen["sla_accounts"][(status,)] += count
    for kind, count in census.rows.items():
        seen["sla_state_rows"][(kind,)] += count
