"""The watch over a worker's partitions: what it says of a broker that is silent, and that it says nothing else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from time import monotonic

import faust
import pytest

from agents.metrics.counters import Metrics
from agents.metrics.names import LEVELS, METRIC_BY_NAME
from agents.worker.partition import Partition
from agents.worker.standby import CopyNow
from agents.worker.tables import OpenClocks
from agents.worker.watch import AWAY_S, PartitionWatch


class Idle:
    """An owner that keeps no partition and has last heard of the broker then."""

    def __init__(self, last_answer_s: float | None) -> None:
        self.last_answer_s = last_answer_s
        self.wall_offset_s = 0.0
        self.is_open = True
        self.logical: Mapping[str, str] = {}
        self.open_clocks = OpenClocks(faust.App("test-watch", broker="kafka://localhost:1", autodiscover=False))

    def broker_now_ms(self) -> int | None:
        return None

    def kept(self) -> list[Partition]:
        return []

    def copies_now(self) -> list[CopyNow]:
        return []


def lines_after_one_look(last_answer_s: float | None, caplog: pytest.LogCaptureFixture) -> list[str]:
    """What is logged by one look over a worker that keeps no partition and has last heard of the broker then."""
    metrics = Metrics()
    looked = asyncio.Event()
    show = metrics.levels.show

    def shown(levels: dict[str, object]) -> None:
        show(levels)  # type: ignore[arg-type]  # the watch's own levels, handed on
        looked.set()

    async def look() -> None:
        watch = PartitionWatch(Idle(last_answer_s), metrics)
        metrics.levels.show = shown  # type: ignore[method-assign,assignment]  # to know when the look is over
        watch.start()
        await asyncio.wait_for(looked.wait(), 10)
        await watch.stop()

    with caplog.at_level(logging.INFO, logger="dueclock.watch"):
        asyncio.run(look())
    return [record.getMessage() for record in caplog.records if record.name == "dueclock.watch"]


def test_a_broker_that_was_never_asked_yet_is_not_called_silent(caplog: pytest.LogCaptureFixture) -> None:
    assert lines_after_one_look(None, caplog) == []


def test_a_broker_that_has_not_answered_for_long_is(caplog: pytest.LogCaptureFixture) -> None:
    assert lines_after_one_look(monotonic() - 3 * AWAY_S, caplog) == [
        "no answer from the broker for 15 s: waiting",
    ]


def test_every_level_is_a_gauge_of_the_table() -> None:
    assert {METRIC_BY_NAME[name].kind for name in LEVELS} == {"gauge"}
