"""Workers are killed, frozen, joined and stopped under load: nothing is lost, nothing is repeated."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agents.kafka.transactions import transactions_of
from tests.broker.conftest import MakeLive
from tests.broker.harness import Live, Notice, answer, question, seller_on

pytestmark = [pytest.mark.broker, pytest.mark.chaos]

BATCH = 50
PACE_S = 0.1  # between batches: a load that a machine with other work can bear


@contextmanager
def load(live: Live) -> Iterator[threading.Event]:
    """Questions and answers for all partitions, batch after batch, until the block ends; the event ends it sooner."""
    enough = threading.Event()
    sellers = [seller_on(p, live.partitions, n) for p in range(live.partitions) for n in range(3)]

    def notices(round_: int) -> list[Notice]:
        names = [(sellers[n % len(sellers)], f"{round_}-{n}") for n in range(BATCH)]
        return [question(*name) for name in names] + [answer(*name) for name in names]

    def send() -> None:
        for round_ in range(1_000_000):
            live.send(notices(round_))
            if enough.wait(PACE_S):
                return

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield enough
    finally:
        enough.set()
        sender.join()


def finish(live: Live, *, opened: int | None = None) -> None:
    """Wait until all that was sent is finished, stop the workers in order, and prove what stands in the topics."""
    live.wait_until_finished(live.sent, within_s=60)
    for worker in live.running():
        assert worker.terminate() == 0
    told = live.told()
    told.prove()
    assert len(told.events("clock.opened")) == (live.sent // 2 if opened is None else opened)


@pytest.mark.timeout(180)
def test_a_worker_killed_under_load_and_started_again_loses_and_repeats_nothing(make_live: MakeLive) -> None:
    live = make_live()
    with load(live):
        for number in range(3):
            worker = live.worker(f"life-{number}", instance="pod-0")
            live.wait_until_finished(live.sent + BATCH, within_s=60)
            if number < 2:
                worker.kill()
    finish(live)


@pytest.mark.timeout(180)
def test_a_worker_frozen_past_its_session_adds_nothing_when_it_goes_on(make_live: MakeLive) -> None:
    live = make_live()
    stale = live.worker("stale")
    with load(live):
        live.wait_until_finished(BATCH)
        other = live.worker("other", is_ready=False)
        other.wait_for("recovered: partitions")
        stale.wait_for("recovered: partitions", times=2)
        frozen_at = live.sent
        stale.signal(signal.SIGSTOP)
        other.wait_for("recovered: partitions 0, 1 (", within_s=40)
        live.wait_until_finished(frozen_at + 4 * BATCH)
        stale.signal(signal.SIGCONT)
        stale.wait_until_it_knows(recovered=3)
        live.wait_until_finished(live.sent + BATCH, within_s=60)
    stale.prove_that_it_was_fenced()
    finish(live)


def test_a_worker_whose_partition_was_taken_ends_with_one_sentence(make_live: MakeLive) -> None:
    live = make_live()
    worker = live.worker()
    worker.wait_for("in force", times=2)

    async def take_partition_0() -> None:
        other = transactions_of(live.settings, 0)
        await other.start()
        await other.stop()

    asyncio.run(take_partition_0())
    live.send([question(seller_on(0, live.partitions), "q")])
    assert worker.wait_for_end() == 1
    assert "Another worker took over partition 0" in worker.log().strip().splitlines()[-1]
    assert "Traceback" not in worker.log()
    live.worker("next")
    finish(live, opened=1)


@pytest.mark.timeout(180)
def test_partitions_move_between_two_workers_under_load(make_live: MakeLive) -> None:
    live = make_live()
    first = live.worker("first")
    with load(live):
        live.wait_until_finished(BATCH)
        second = live.worker("second")
        first.wait_for("recovered: partitions", times=2)
        live.wait_until_finished(live.sent + BATCH, within_s=60)
        assert first.terminate() == 0
        second.wait_for("recovered: partitions 0, 1 (")
        live.wait_until_finished(live.sent + BATCH, within_s=60)
    finish(live)


@pytest.mark.timeout(180)
def test_a_worker_stopped_under_load_ends_with_status_0_and_leaves_no_half_slice(make_live: MakeLive) -> None:
    live = make_live()
    worker = live.worker()
    with load(live):
        live.wait_until_finished(4 * BATCH)
        assert worker.terminate() == 0
        assert "ended" in worker.log()
        live.worker()
        live.wait_until_finished(live.sent + BATCH, within_s=60)
    finish(live)
