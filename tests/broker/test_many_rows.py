"""A partition of very many rows is opened piece by piece: whoever else lives on the loop has his turn meanwhile."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from agents.settings import Settings
from agents.worker.opening import Stored, open_partitions
from schemas.policies import shipped_policies
from tests.bench.installation import seed_into
from tests.bench.seeding import seeded
from tests.bench.workload import HOUR_MS
from tests.broker.conftest import MakeLive
from tests.turns import turns

pytestmark = [pytest.mark.broker]

CLOCKS = 60_000
CHANGELOG_ID = b"\x07" * 16


class Held(NamedTuple):
    """CPU of the loop's thread while a partition was opened, and the most of it in which nobody else had a turn."""

    whole_s: float
    longest_s: float


@pytest.fixture
def without_collector() -> Iterator[None]:
    """As in a worker: what a collector of cycles takes in a process of a thousand tests is not the opening's."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("without_collector")
def test_nobody_waits_for_the_last_of_many_rows_wherever_they_rest(make_live: MakeLive, tmp_path: Path) -> None:
    live = make_live(shipped_policies(), partitions=1)
    now_ms = int(time.time() * 1000)
    due_from_ms = now_ms + 23 * HOUR_MS
    policies = shipped_policies()
    seed_into(
        live.settings,
        [seeded(0, 1, policies, clocks=CLOCKS, due_from_ms=due_from_ms, due_within_ms=HOUR_MS, now_ms=now_ms)],
    )
    on_disk = replace(live.settings, rows_folder=str(tmp_path / "rows"))
    for settings in (live.settings, on_disk, on_disk):  # the second time the store has all of it
        held = asyncio.run(opened(settings, now_ms))
        assert held.longest_s < held.whole_s / 3, (settings.rows_folder, held)


async def opened(settings: Settings, now_ms: int) -> Held:
    async with turns() as watched:
        began_s = time.thread_time()
        opening = open_partitions(settings, [0], lambda _: None, stored=Stored(CHANGELOG_ID, now_ms))
        (part,) = (await opening).values()
        whole_s = time.thread_time() - began_s
    assert part.state.census.rows["thread"] == CLOCKS
    part.shelf.close()
    await part.transactions.stop()
    return Held(whole_s, watched.longest_s)
