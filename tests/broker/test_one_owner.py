"""One owner for each partition of a journal, whatever its group is called; and one installation for each group."""

from __future__ import annotations

import asyncio

import pytest

from agents.kafka.topics import create_topics
from agents.kafka.transactions import transactions_of
from tests.broker.conftest import MakeLive
from tests.broker.harness import Live, WorkerProcess, question, seller_on

pytestmark = [pytest.mark.broker]


def last_words(worker: WorkerProcess) -> str:
    assert worker.wait_for_end(within_s=30) == 1
    assert "Traceback" not in worker.log()
    return worker.log().strip().splitlines()[-1]


def kept_one(live: Live) -> WorkerProcess:
    """A worker that keeps both partitions, and has kept a question in each."""
    worker = live.worker("first")
    live.send(question(seller_on(partition, live.partitions), f"q{partition}") for partition in range(2))
    live.wait_until_finished(2)
    return worker


def test_a_worker_of_another_group_on_the_same_topics_is_told_so_and_a_group_may_be_renamed(
    make_live: MakeLive,
) -> None:
    live = make_live()
    first = kept_one(live)
    flags = ["--group", f"{live.prefix}green"]
    words = last_words(live.worker("second", flags=flags, is_ready=False))
    assert f"Workers of the group {live.settings.group} keep these topics (first)" in words
    assert first.terminate() == 0
    renamed = live.worker("third", flags=flags)
    live.send([question(seller_on(0, live.partitions), "r")])
    live.wait_until_finished(3)
    assert renamed.terminate() == 0
    live.told().prove()


def test_the_owner_of_a_partition_is_fenced_by_whoever_opens_its_journal_and_names_it(make_live: MakeLive) -> None:
    live = make_live()
    first = kept_one(live)
    stranger = transactions_of(live.settings.changed(group="quite-another"), 0)
    assert stranger.transactional_id == f"{live.settings.topic('sla-journal')}-0"

    async def take() -> None:
        await stranger.start()
        await stranger.stop()

    asyncio.run(take())
    live.send([question(seller_on(0, live.partitions), "r")])
    words = last_words(first)
    assert "Another worker took over partition 0, which the group" in words
    assert "a worker of another group on the same topics" in words
    live.told().prove_no_half_slice()


def test_another_installation_in_the_same_group_is_named_as_what_it_is(make_live: MakeLive) -> None:
    live = make_live()
    first = kept_one(live)
    flags = ["--topic-prefix", f"{live.prefix}x-", "--group", live.settings.group]
    create_topics(live.settings.changed(topic_prefix=f"{live.prefix}x-"))
    words = last_words(live.worker("stranger", flags=flags, is_ready=False))
    assert f"The group {live.settings.group} has a member (first) that reads other topics" in words
    assert first.process.poll() is None
    live.send([question(seller_on(0, live.partitions), "r")])
    live.wait_until_finished(3)
