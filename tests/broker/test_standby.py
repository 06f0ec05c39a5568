"""Standby on a real broker: who takes over from a killed owner goes on from its warm copy, and exactly once holds.

And a copy is never trusted over its changelog: what it has missed, what is not the topic it followed, and what nobody
could have followed throws it away, and the rows are read as without it.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from agents.demo.process import free_port
from agents.kafka.clients import admin_client, reader
from agents.kafka.log_reader import log_reader
from agents.kafka.private import topics_now
from agents.kafka.topics import create_topics
from agents.worker import standby as module
from agents.worker.standby import Standby
from agents.worker.warm_copy import caught_up
from deploy.embedded import EmbeddedKafka
from streams.engine import restore_state
from streams.state import State
from tests.broker.conftest import MakeLive
from tests.broker.harness import Live, WorkerProcess, answer, question, reply_within, seller_on, wait_until
from tests.broker.test_many_workers import share_of
from tests.broker.test_worker_endpoint import get
from tests.kafka_fixtures import Outgoing, eventually, produce

pytestmark = [pytest.mark.broker]

IS_LONG = bool(os.environ.get("DUECLOCK_TEST_YEARS"))
LIVES = (1, 2) if IS_LONG else (1,)
of_years = pytest.mark.skipif(not IS_LONG, reason="takes its time: `make years`")

WARM = "a warm copy of it stands by"
TAKEN = "taken over with its warm copy"


def ask(live: Live, tag: str, count: int = 5) -> None:
    """Questions in each partition, half of them answered."""
    notices = [
        notice
        for partition in range(live.partitions)
        for number in range(count)
        for seller in [seller_on(partition, live.partitions, number)]
        for notice in (question(seller, f"{tag}{number}"), answer(seller, f"{tag}{number}"))[: 1 + number % 2]
    ]
    live.send(notices)


def wait_for_shares(*workers: WorkerProcess) -> None:
    """Wait until each of two workers keeps one of the two partitions."""
    wait_until(
        lambda: all(len(share_of(worker)) == 1 for worker in workers),
        lambda: f"one partition for each, not {[share_of(worker) for worker in workers]}",
        within_s=40,
    )


@pytest.mark.timeout(120)
def test_killed_owners_are_replaced_from_warm_copies_again_and_again_and_nothing_is_lost_or_told_twice(
    make_live: MakeLive,
) -> None:
    live = make_live(reply_within("seconds = 4"), standby_replicas=1)
    port = free_port()
    stays = live.worker("stays", variables={"DUECLOCK_METRICS_PORT": str(port)})
    dies = live.worker("dies", is_ready=False)
    for life in LIVES:  # taken, lost to the one that comes, taken again
        wait_for_shares(stays, dies)
        stays.wait_for(WARM, times=life)
        dies.wait_for(WARM)
        wait_until(
            lambda: _copies(port) == share_of(dies),  # noqa: B023 - asked before the other is another
            lambda: f"copies of what the other has, not of {_copies(port)}",
            within_s=20,
        )
        ask(live, f"a{life}-")
        live.wait_until_finished(live.sent)
        (lost,) = share_of(dies)
        dies.kill()
        ask(live, f"b{life}-")  # while nobody keeps it
        stays.wait_for(f"partition {lost}: {TAKEN}")
        live.wait_until_finished(live.sent)
        if life < len(LIVES):
            dies = live.worker("dies-again", is_ready=False)
    late = len(LIVES) * 2 * live.partitions * 3  # of five questions in each partition two are answered
    live.wait_for_event("clock.breached", "sla-breach", times=late)
    assert "not used" not in live.logs()
    told = live.told()
    told.prove()
    assert len(told.events("clock.breached")) == late
    assert stays.terminate() == 0


def _copies(port: int) -> list[int]:
    """The partitions of which a worker shows copies that are not behind."""
    page = get(port, "/metrics")[1]
    rows, lags = (
        dict(re.findall(rf'^sla_standby_{name}\{{partition="(\d+)"\}} (\S+)', page, re.MULTILINE))
        for name in ("rows", "lag_records")
    )
    return sorted(int(one) for one in rows if float(lags[one]) == 0)


@of_years
def test_without_the_setting_nobody_keeps_a_copy(make_live: MakeLive) -> None:
    live = make_live(metrics_port=0)
    lives, dead = live.worker("lives"), live.worker("dies", is_ready=False)
    wait_for_shares(lives, dead)
    ask(live, "q")
    live.wait_until_finished(live.sent)
    dead.kill()
    lives.wait_for("recovered: partitions 0, 1 (")
    assert "warm" not in lives.log() + dead.log()
    assert "at rest" not in lives.log()


# --- copies by themselves ---------------------------------------------------------------------------------------------


@asynccontextmanager
async def following(live: Live) -> AsyncIterator[Standby]:
    """A standby that follows partition 0, whose rows it has."""
    standby = Standby(live.settings)
    try:
        standby.follow([0])
        await until_warm(standby)
        yield standby
    finally:
        await standby.stop()


async def until_warm(standby: Standby) -> None:
    def is_warm() -> bool:
        copy = standby._copies.get(0)
        return copy is not None and copy.is_warm and copy.position == copy.end

    await eventually(is_warm, lambda: f"a warm copy, not {standby.copies_now()}")


async def as_copied(live: Live, standby: Standby) -> State | None:
    """The state that comes of the copy of partition 0; None where it is not used."""
    topic = live.settings.topic("changelog")
    async with reader(live.settings) as consumer:
        topic_id = (await topics_now(consumer, [topic]))[topic].id
    async with log_reader(live.settings) as logs:
        return (await caught_up(logs, topic, topic_id, standby.lend([0]))).get(0)


async def as_read(live: Live) -> State:
    """The state that recovery would make."""
    async with log_reader(live.settings) as logs:
        rows = await logs.rows(live.settings.topic("changelog"), [0])
    return restore_state(0, rows[0].items())


def facts(state: State) -> tuple[object, ...]:
    return state.row, state.rows.at_rest, dict(state.census.rows), state.census.due, len(state.timers)


def kept(live: Live, tag: str) -> None:
    """A worker keeps some questions, and ends."""
    worker = live.worker(f"keeps-{tag}")
    ask(live, tag)
    live.wait_until_finished(live.sent)
    assert worker.terminate() == 0


def test_a_copy_that_is_behind_reads_the_rest_after_the_fence(make_live: MakeLive) -> None:
    live = make_live(partitions=1)
    kept(live, "a")

    async def story() -> None:
        async with following(live) as standby:
            behind = standby.lend([0])[0].position  # from here on nobody reads for it
            await asyncio.to_thread(kept, live, "b")
            state = await as_copied(live, standby)
            assert state is not None
            assert facts(state) == facts(await as_read(live))
            assert standby._copies[0].position > behind

    asyncio.run(story())


@of_years
def test_a_copy_follows_through_restarts_of_its_owner(make_live: MakeLive) -> None:
    live = make_live(partitions=1)
    kept(live, "a")

    async def story() -> None:
        async with following(live) as standby:
            for tag in ("b", "c"):
                await asyncio.to_thread(kept, live, tag)
            await until_warm(standby)
            rows = len(standby._copies[0].spare)
            state = await as_copied(live, standby)
            assert state is not None
            assert rows == len(list(state.rows.at_rest.in_order()))
            assert facts(state) == facts(await as_read(live))

    asyncio.run(story())


async def cut(live: Live) -> None:
    """All records of the changelog are deleted, as retention might."""
    topic = live.settings.topic("changelog")
    async with admin_client(live.settings) as admin:
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs={"cleanup.policy": "compact,delete"})
        await admin.alter_configs([resource])
        async with log_reader(live.settings) as logs:
            end = (await logs.ends([TopicPartition(topic, 0)]))[TopicPartition(topic, 0)].next
        await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=end)})


async def made_anew(live: Live) -> None:
    """The changelog is deleted and made again."""
    topic = live.settings.topic("changelog")
    async with admin_client(live.settings) as admin:
        await admin.delete_topics([topic])
    async with reader(live.settings) as consumer:

        async def is_gone() -> bool:
            return topic not in await topics_now(consumer, [topic])

        await eventually(is_gone, f"the end of {topic}")
    await asyncio.to_thread(create_topics, live.settings)


async def unreadable(live: Live) -> None:
    """Somebody writes a row that is none."""
    record = Outgoing(live.settings.topic("changelog"), b"\xc1", key=b"S/M/order/1", partition=0)
    await produce(live.bootstrap, [record])


@of_years
@pytest.mark.parametrize("disturb", [cut, made_anew, unreadable])
def test_a_copy_that_cannot_have_all_rows_is_not_used(
    disturb: Callable[[Live], Awaitable[None]], make_live: MakeLive, caplog: pytest.LogCaptureFixture
) -> None:
    live = make_live(partitions=1)
    kept(live, "a")

    async def story() -> None:
        async with following(live) as standby:
            standby.lend([0])
            await asyncio.to_thread(kept, live, "b")  # what it has not read
            await disturb(live)
            assert await as_copied(live, standby) is None
            assert "partition 0: its warm copy is not used" in caplog.text

    asyncio.run(story())


@of_years
def test_a_copy_that_was_behind_longer_than_tombstones_are_kept_is_made_anew(
    make_live: MakeLive, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = make_live(partitions=1)
    kept(live, "a")

    async def story() -> None:
        async with following(live) as standby:
            copy = standby._copies[0]
            copy.whole_s -= module.LONGEST_BEHIND_S + 1  # as if it had been stopped for an hour
            await eventually(lambda: standby._copies.get(0) not in (None, copy), "another copy")
            assert "made anew: it has been behind for too long" in caplog.text
            await until_warm(standby)
            state = await as_copied(live, standby)
            assert state is not None
            assert facts(state) == facts(await as_read(live))

    asyncio.run(story())


@of_years
def test_a_copy_whose_broker_was_silent_for_longer_than_tombstones_are_kept_is_made_anew(
    own_kafka: EmbeddedKafka, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the broker said last is no word of what there is now."""
    monkeypatch.setattr(module, "LONGEST_BEHIND_S", 4.0)
    live = Live(own_kafka.bootstrap, "s-", tmp_path, reply_within("hours = 24"), partitions=1)
    kept(live, "a")

    async def story() -> None:
        async with following(live) as standby:
            copy = standby._copies[0]
            own_kafka.pause()
            try:
                await eventually(lambda: standby._copies.get(0) is not copy, "the end of a copy that heard nothing")
            finally:
                own_kafka.resume()
            assert "made anew: it has been behind for too long" in caplog.text
            await until_warm(standby)
            state = await as_copied(live, standby)
            assert state is not None
            assert facts(state) == facts(await as_read(live))

    try:
        asyncio.run(story())
    finally:
        live.close()


@of_years
def test_rows_that_go_lost_beneath_a_copy_have_it_made_anew(make_live: MakeLive) -> None:
    live = make_live(partitions=1)
    kept(live, "a")

    async def story() -> None:
        async with following(live) as standby:
            first = standby._copies[0]
            await made_anew(live)
            await eventually(lambda: standby._copies.get(0) not in (None, first), "another copy")
            await eventually(lambda: [one.rows for one in standby.copies_now()] == [0], "an empty copy")

    asyncio.run(story())
