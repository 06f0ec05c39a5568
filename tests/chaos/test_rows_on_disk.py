"""Rows on disk: golden cases, partitions that move, a disk that is full; what comes out follows from the journal."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.broker.conftest import MakeLive
from tests.broker.harness import question, seller_on
from tests.broker.test_golden_live import GOLDEN, policies_and_shift, records_of
from tests.broker.test_rows_on_disk import read_from, tell
from tests.chaos.proof import only_in_chaos

pytestmark = [pytest.mark.broker, pytest.mark.chaos, pytest.mark.timeout(300)]


@only_in_chaos
def test_golden_cases_come_out_as_the_replay_of_the_journal(make_live: MakeLive, tmp_path: Path) -> None:
    policies, days = policies_and_shift()
    live = make_live(policies, partitions=3, rows_folder=str(tmp_path / "rows"))
    worker = live.worker()
    cases = sorted(path.parent for path in GOLDEN.glob("*/notifications.jsonl"))
    sent = [record for case in cases for record in records_of(case, days)]
    live.send_raw(sent)
    live.wait_until_finished(len(sent))
    assert worker.terminate() == 0
    assert "made anew" not in worker.log()
    live.told().prove()


@only_in_chaos
def test_partitions_that_move_away_and_back_are_kept_from_the_store_that_both_workers_share(
    make_live: MakeLive, tmp_path: Path
) -> None:
    live = make_live(rows_folder=str(tmp_path / "rows"))
    first = live.worker("first")
    tell(live, "a")
    second = live.worker("second")
    second.wait_for("recovered: partitions")
    first.wait_for("recovered: partitions", times=2)
    tell(live, "b")
    assert second.terminate() == 0
    first.wait_for("recovered: partitions 0, 1 (")
    tell(live, "c")
    assert first.terminate() == 0
    assert "made anew" not in first.log() + second.log()
    assert all(first > 0 for first, _ in read_from(second).values())
    live.told().prove()


@only_in_chaos
def test_a_disk_that_is_full_ends_the_worker_with_a_sentence_and_loses_nothing(
    make_live: MakeLive, tmp_path: Path
) -> None:
    live = make_live(rows_folder=str(tmp_path / "rows"))
    worker = live.worker("crowded")
    subprocess.run(["prlimit", f"--pid={worker.process.pid}", "--fsize=65536"], check=True)
    sellers = [seller_on(partition, live.partitions) for partition in range(live.partitions)]
    live.send([question(seller, f"q{n}") for n in range(600) for seller in sellers])
    assert worker.wait_for_end(within_s=30) == 1
    last = worker.log().strip().splitlines()[-1]
    assert "cannot be kept" in last
    assert "make room on the disk" in last
    assert "Traceback" not in worker.log()
    worker = live.worker("with room")
    live.wait_until_finished(live.sent)
    assert worker.terminate() == 0
    live.told().prove()
