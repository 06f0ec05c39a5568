"""Faust's tables: the state of the owned partitions, and the windowed view of what falls due.

`StateTable` is the table with the changelog: its rows are those of `streams.state`, a state for each partition, written
once a slice in the slice's transaction and never key by key. Being a table with a changelog it also makes Faust's
assignor give one worker the same partitions of all topics (co-ownership).

`OpenClocks` is a tumbling table of one-hour windows by due time: how many clocks are open, by rule and marketplace. It
is a view: asked of the states whenever somebody looks, without changelog and without expiry (Faust's goes by the wall
clock, and its broker would delete what lies ahead). No decision reads it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple, cast

import faust
from faust.tables.table import Table
from faust.types import TopicT
from faust.types.tables import WindowWrapperT
from faust.types.windows import WindowT

from streams.state import State

HOUR_S = 3600
DueCounts = Mapping[tuple[str, str, int], int]


class StateTable(Table[bytes, bytes]):
    """The state of each owned partition, as a Faust table with a changelog."""

    def __init__(self, app: faust.App, *, name: str, changelog_topic: TopicT) -> None:
        super().__init__(app, name=name, changelog_topic=changelog_topic)
        self.states: dict[int, State] = {}

    def on_key_set(self, key: bytes, value: bytes) -> None:  # noqa: ARG002  Faust's signature
        """Rows change by `step` and are written by the slice's transaction alone."""
        raise TypeError("rows of the state are written by the transaction of a slice, not key by key")

    on_key_del = on_key_set  # type: ignore[assignment]  # refused alike


class _View(Table[str, int]):
    """A table without a changelog: nothing is sent when a key changes, and no stream event is needed."""

    def on_key_get(self, key: str) -> None:
        """Nobody counts."""

    def on_key_set(self, key: str, value: int) -> None:
        """Nothing is sent."""

    def on_key_del(self, key: str) -> None:
        """Nothing is sent."""


class OpenClocks:
    """How many clocks are open, by rule and marketplace, in windows of one hour by due time."""

    def __init__(self, app: faust.App) -> None:
        # Not registered with the app: a registered table would be given a changelog and a cleaner.
        table = _View(app, name="open-clocks", default=int, key_type=str)
        self.table: WindowWrapperT = table.tumbling(HOUR_S)
        self._window = cast(WindowT, table.window)

    def show(self, of_partitions: Iterable[DueCounts]) -> None:
        """Show these counts, one mapping for each partition that is kept, and no others."""
        sums: dict[tuple[str, str, int], int] = defaultdict(int)
        for counts in of_partitions:
            for due, count in counts.items():
                sums[due] += count
        data = self.table.table
        data.clear()
        for (rule, marketplace, due_hour_ms), count in sums.items():
            data[f"{rule}|{marketplace}", self._window.current(due_hour_ms / 1000)] = count

    def open_clocks(self) -> dict[tuple[str, str], int]:
        """Clocks open by rule and marketplace, whenever they fall due."""
        return self._sum(None, None)

    def due_within(self, now_ms: int, hours: int) -> dict[tuple[str, str], int]:
        """Clocks open by rule and marketplace whose due hour is this one or one of the next `hours`."""
        return self._sum(now_ms / 1000, now_ms / 1000 + hours * HOUR_S)

    def _sum(self, after_s: float | None, until_s: float | None) -> dict[tuple[str, str], int]:
        sums: dict[tuple[str, str], int] = {}
        for (name, (start_s, end_s)), count in list(self.table.table.items()):
            if (after_s is None or end_s >= after_s) and (until_s is None or start_s <= until_s):
                rule, marketplace = name.split("|", 1)
                sums[rule, marketplace] = sums.get((rule, marketplace), 0) + count
        return sums


class Tables(NamedTuple):
    """The two tables, which show the same partitions."""

    states: StateTable
    open_clocks: OpenClocks

    def add(self, state: State) -> None:
        """A partition was opened: show it."""
        self.states.states[state.partition] = state

    def drop(self, partition: int) -> None:
        """A partition is given away: it is shown no more."""
        self.states.states.pop(partition, None)
