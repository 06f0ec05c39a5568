"""Rows on disk on a real broker: killed and damaged; what comes out follows from the journal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agents.topic_roles import CHANGELOG
from tests.broker.conftest import MakeLive
from tests.broker.harness import Live, WorkerProcess, answer, question, seller_on

pytestmark = [pytest.mark.broker]

_READ = re.compile(r"partition (\d+): rows on disk, the changelog read from offset (\d+) to (\d+)")


def read_from(worker: WorkerProcess) -> dict[int, tuple[int, int]]:
    """From where to where each partition's changelog was read, the last time."""
    return {int(number): (int(first), int(end)) for number, first, end in _READ.findall(worker.log())}


def tell(live: Live, name: str, count: int = 40) -> None:
    sellers = [seller_on(partition, live.partitions) for partition in range(live.partitions)]
    live.send([question(seller, f"{name}{n}") for n in range(count) for seller in sellers])
    live.send([answer(seller, f"{name}{n}") for n in range(0, count, 2) for seller in sellers])
    live.wait_until_finished(live.sent)


def stores(live: Live) -> list[Path]:
    return sorted((Path(live.settings.rows_folder) / live.settings.topic(CHANGELOG)).glob("*/*/rows"))


@pytest.mark.timeout(120)
def test_a_killed_worker_reads_what_its_store_has_missed_and_a_damaged_store_is_made_anew(
    make_live: MakeLive, tmp_path: Path
) -> None:
    live = make_live(rows_folder=str(tmp_path / "rows"))
    worker = live.worker("killed", instance="pod-0")  # it comes back at once, not after its session
    tell(live, "a")
    worker.kill()
    worker = live.worker("ended", instance="pod-0")
    assert all(0 < first <= end for first, end in read_from(worker).values()), worker.log()
    tell(live, "b")
    assert worker.terminate() == 0
    worker = live.worker("read at once", instance="pod-0")
    assert all(end - first <= 1 for first, end in read_from(worker).values()), "all that was committed is there"
    assert worker.terminate() == 0
    for file in stores(live)[0].glob("*.sst"):
        content = bytearray(file.read_bytes())
        content[len(content) // 3] ^= 0x10
        file.write_bytes(content)
    worker = live.worker("anew", instance="pod-0")
    assert "made anew" in worker.log()
    assert {first == 0 for first, _ in read_from(worker).values()} == {True, False}, "one of two was damaged"
    tell(live, "c")
    assert worker.terminate() == 0
    told = live.told()
    told.prove()
    assert len(told.events("clock.met")) == 2 * 60
