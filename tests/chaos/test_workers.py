"""Faults of workers: killed at every step, frozen, joined and lost in a storm, on a machine whose clock is wrong."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.broker.conftest import MakeLive
from tests.broker.harness import Live, WorkerProcess, question, seller_on
from tests.chaos.faulty import ON_DISK, RECOVERY, STEPS
from tests.chaos.proof import BATCH, POLICIES, Load, drawn, goes_on, note, only_in_chaos, prove

pytestmark = [pytest.mark.broker, pytest.mark.chaos, pytest.mark.timeout(300)]

FAULTY = "tests.chaos.faulty"


@pytest.mark.parametrize(
    "points",
    [STEPS, pytest.param(RECOVERY, marks=only_in_chaos), pytest.param(ON_DISK, marks=only_in_chaos)],
    ids=["of a slice", "of recovery", "with rows on disk"],
)
def test_a_worker_killed_at_each_step_loses_and_repeats_nothing(
    make_live: MakeLive, points: tuple[str, ...], tmp_path: Path
) -> None:
    live = make_live(POLICIES, rows_folder=str(tmp_path / "rows") if points is ON_DISK else "")
    chance = drawn("killed at each step")
    load = Load(live, chance)
    with load.running(pace_s=0.4):
        for number, point in enumerate(points):
            times = 1 if point in RECOVERY or point == "store opened" else chance.randint(2, 5)
            worker = live.worker(
                f"life-{number}",
                is_ready=False,
                instance="pod-0",
                module=FAULTY,
                variables={"DUECLOCK_TEST_KILL": f"{point}:{times}"},
            )
            assert worker.wait_for_end(within_s=40) == -signal.SIGKILL, f"{point}: {worker.log()[-2000:]}"
        started_s = time.monotonic()
        live.worker("last", instance="pod-0")
        goes_on(live, 1)
        recovery_s = time.monotonic() - started_s
    what = {STEPS: "a step of a slice", RECOVERY: "a step of recovery"}.get(points, "a step, rows on disk")
    note(f"worker kill -9 at {what}", injected=len(points), recovery_s=[recovery_s], repeats=prove(live, load))


@only_in_chaos
def test_a_worker_frozen_past_its_session_adds_nothing_when_it_goes_on(make_live: MakeLive) -> None:
    live = make_live(POLICIES)
    load = Load(live, drawn("frozen"))
    stale = live.worker("stale")
    with load.running():
        goes_on(live, 1)
        other = live.worker("other", is_ready=False)
        other.wait_for("recovered: partitions")
        stale.wait_for("recovered: partitions", times=2)
        frozen_s = time.monotonic()
        stale.signal(signal.SIGSTOP)
        other.wait_for("recovered: partitions 0, 1 (", within_s=40)
        goes_on(live, 1)
        recovery_s = time.monotonic() - frozen_s
        stale.signal(signal.SIGCONT)
        stale.wait_until_it_knows(recovered=3)
        goes_on(live, 1)
    stale.prove_that_it_was_fenced()
    note("worker SIGSTOP past its session", injected=1, recovery_s=[recovery_s], repeats=prove(live, load))


@only_in_chaos
def test_a_storm_of_rebalances_loses_and_repeats_nothing(make_live: MakeLive) -> None:
    live = make_live(POLICIES)
    chance = drawn("storm")
    load = Load(live, chance)
    live.worker("first")
    recovery_s: list[float] = []
    with load.running():
        for _ in range(4):
            live.worker(is_ready=True)
            gone = chance.choice(live.running())
            if chance.random() < 0.7:
                assert gone.terminate(within_s=30) == 0, gone.log()[-2000:]
            else:
                gone.kill()
            recovery_s.append(goes_on(live, 1))
    note("rebalance storm: a worker joins, one leaves", injected=4, recovery_s=recovery_s, repeats=prove(live, load))


def test_a_wrong_or_jumping_clock_breaches_nothing_falsely(make_live: MakeLive) -> None:
    live = make_live(POLICIES)
    load = Load(live, drawn("clock"), misrouted=0.0)
    recovery_s: list[float] = []
    with load.running(pace_s=0.3):
        for how in ("600", "-600", "jump:600"):
            started_s = time.monotonic()
            worker = _with_clock(live, how)
            goes_on(live, 3)
            recovery_s.append(time.monotonic() - started_s)
            assert worker.terminate() == 0, worker.log()[-2000:]
        _with_clock(live, "jump:600")
    repeats = prove(live, load)
    taken_back = live.told().events("clock.retracted")
    assert taken_back == [], "no breach was declared before its answer could be known"
    note("worker's clock 10 min ahead, behind, jumping", injected=3, recovery_s=recovery_s, repeats=repeats)


def _with_clock(live: Live, how: str) -> WorkerProcess:
    return live.worker(instance="pod-0", module=FAULTY, variables={"DUECLOCK_TEST_CLOCK": how})


def test_a_poison_record_is_named_and_skipped_and_all_else_goes_on(make_live: MakeLive) -> None:
    live = make_live(POLICIES)
    load = Load(live, drawn("poison"))
    load.send_round()
    live.send_raw([question(seller_on(0, live.partitions), "poison").record("poison", "")])
    load.send_round()
    (poison,) = [record for record in live.read("buyer-message") if b'"poison"' in record.value]
    origin = f"{poison.topic}/{poison.partition}/{poison.offset}"
    variables = {"DUECLOCK_TEST_POISON": "poison"}
    crashed = live.worker("crashed", is_ready=False, module=FAULTY, variables=variables)
    assert crashed.wait_for_end(within_s=30) == 1
    last = crashed.log().strip().splitlines()[-1]
    assert f"from the input record {origin})" in last
    assert f"`dueclock worker --skip-line {origin}`" in last
    assert "Traceback" in crashed.log(), "it is a bug, and the log says where"
    live.told().prove_no_half_slice()
    started_s = time.monotonic()
    going_on = live.worker("going-on", flags=("--skip-line", origin), module=FAULTY, variables=variables)
    live.wait_until_finished(2 * BATCH)
    recovery_s = time.monotonic() - started_s
    assert f"{origin} is skipped before line" in going_on.log()
    told = live.told()
    (letter,) = [r for r in told.dead_letters if dict(r.headers)["dl_reason"] == b"skipped"]
    assert (letter.key, letter.value) == (poison.key, poison.value)
    repeats = prove(live, load, skipped="T-poison")
    note("poison record, then --skip-line", injected=1, recovery_s=[recovery_s], repeats=repeats)
