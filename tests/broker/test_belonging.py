"""Topics that were made anew, grown, or are another's: refused with one sentence, and no breach that is none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from agents.kafka.topics import create_topics
from agents.worker.belonging import names_of
from schemas.registry import Logical
from tests.broker.conftest import MakeLive
from tests.broker.harness import Live, WorkerProcess, answer, question, reply_within, seller_on
from tests.cli.command import dueclock
from tests.kafka_fixtures import eventually, eventually_now

pytestmark = [pytest.mark.broker]


def with_admin(live: Live, work: Callable[[AIOKafkaAdminClient], Awaitable[Any]]) -> None:
    async def run() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=live.bootstrap)
        await admin.start()
        try:
            await work(admin)
        finally:
            await admin.close()

    asyncio.run(run())


def grow(live: Live, names: tuple[str, ...], partitions: int) -> None:
    """More partitions, as `kafka-topics --alter` gives them."""
    wanted = {name: NewPartitions(total_count=partitions) for name in names}
    with_admin(live, lambda admin: admin.create_partitions(wanted))


def make_anew(live: Live, *logical: Logical) -> None:
    """Delete these topics, and make them again as they were."""
    names = [live.settings.topic(name) for name in logical]

    async def delete(admin: AIOKafkaAdminClient) -> None:
        await admin.delete_topics(names)

        async def are_gone() -> bool:
            return not set(names) & set(await admin.list_topics())

        await eventually(are_gone, f"the end of {names}")

    with_admin(live, delete)
    create_topics(live.settings)


def last_words(worker: WorkerProcess) -> str:
    """What a worker that refused said last; a person can mend it, so there is no traceback."""
    assert worker.wait_for_end() == 1
    assert "Traceback" not in worker.log()
    return worker.log().strip().splitlines()[-1]


def asked_and_stopped(live: Live, number: int) -> None:
    """So many questions of one seller have been kept, and no worker runs."""
    worker = live.worker()
    live.send(question(seller_on(0, live.partitions), f"q{n}") for n in range(number))
    live.wait_until_finished(number)
    assert worker.terminate() == 0


def test_an_input_that_was_made_anew_is_refused_though_it_is_longer_and_read_from_its_start_on_demand(
    make_live: MakeLive,
) -> None:
    live = make_live()
    asked_and_stopped(live, 10)
    make_anew(live, "buyer-message")
    live.send(question(seller_on(0, live.partitions), f"r{n}") for n in range(15))
    words = last_words(live.worker(is_ready=False))
    name = live.settings.topic("buyer-message")
    assert f"The topic {name} was made anew since partition 0 read it up to offset 10" in words
    assert f"`dueclock worker --read-anew {name}`" in words
    live.worker(flags=["--read-anew", name])
    live.wait_until_finished(25)
    assert {event["cause"] for event in live.told().events("clock.opened")} == {f"e{n + 1:06d}" for n in range(25)}


def test_an_input_that_is_made_anew_while_it_is_read_ends_the_worker(make_live: MakeLive) -> None:
    live = make_live()
    worker = live.worker()
    live.send([question(seller_on(0, live.partitions), "q")])
    live.wait_until_finished(1)
    make_anew(live, "support-case", "buyer-message")
    assert "was made anew since partition" in last_words(worker)


def test_a_journal_that_was_made_anew_is_named_as_what_it_is(make_live: MakeLive) -> None:
    live = make_live()
    asked_and_stopped(live, 1)
    make_anew(live, "sla-journal")
    words = last_words(live.worker(is_ready=False))
    assert "The journal of partition 0 was " in words
    assert "what was sent cannot be proved from it" in words


def test_more_partitions_on_all_topics_are_refused_and_no_false_breach_follows(
    make_live: MakeLive, tmp_path: Path
) -> None:
    live = make_live(reply_within("seconds = 4"))
    worker = live.worker()
    # An account that would move: its question waits in the old partition, its answer comes to the new one.
    mover = next(s for k in range(40) if (s := seller_on(0, 2, k)) in {seller_on(2, 4, j) for j in range(40)})
    live.send([question(mover, "q")])
    live.wait_until_finished(1)
    assert worker.terminate() == 0
    grow(live, names_of(live.settings), 4)
    live.send([answer(mover, "q")])
    words = last_words(live.worker(is_ready=False))
    assert "has 4 partitions, but accounts are kept in 2" in words
    assert "false breaches would follow" in words
    checked = dueclock("--settings", live.settings_file, "topics", "check", folder=tmp_path)
    assert checked.status == 1
    assert "has 4 partitions, but accounts are kept in 2" in checked.out
    assert live.told().events("clock.breached") == []


@pytest.mark.parametrize("which", ["all", "one"])
def test_more_partitions_while_it_runs_end_the_worker_within_seconds(make_live: MakeLive, which: str) -> None:
    live = make_live(metrics_port=0)
    worker = live.worker()
    names = names_of(live.settings) if which == "all" else (live.settings.topic("refund-issued"),)
    live.send([question(seller_on(0, live.partitions), "q")])
    live.wait_until_finished(1)
    grow(live, names, 3)
    eventually_now(lambda: worker.process.poll() is not None, "the end of the worker", within_s=15)
    words = last_words(worker)
    assert "has 3 partitions, but accounts are kept in 2" in words


def test_a_topic_that_is_deleted_while_it_is_written_is_named(make_live: MakeLive) -> None:
    live = make_live()
    worker = live.worker()
    with_admin(live, lambda admin: admin.delete_topics([live.settings.topic("sla-health")]))
    assert f"The topic {live.settings.topic('sla-health')} is gone" in last_words(worker)


def test_on_a_broker_that_tells_no_ids_a_topic_is_known_by_the_last_record_that_was_read(make_live: MakeLive) -> None:
    live = make_live()
    without = "tests.broker.without_ids"
    seller = seller_on(0, live.partitions)
    for name in ("first", "second"):  # the second finds what the first has read, and is content
        worker = live.worker(name, module=without)
        live.send([question(seller, name)])
        live.wait_until_finished(live.sent)
        assert worker.terminate() == 0
    make_anew(live, "buyer-message")
    live.send(question(seller, f"r{n}") for n in range(4))
    words = last_words(live.worker("third", is_ready=False, module=without))
    name = live.settings.topic("buyer-message")
    assert f"The topic {name} was made anew since partition 0 read it up to offset 2" in words
    live.worker("fourth", flags=["--read-anew", name], module=without)
    live.wait_until_finished(6)
    assert len(live.told().events("clock.opened")) == 6
