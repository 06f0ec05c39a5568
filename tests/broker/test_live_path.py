"""From notification to event on a real broker: what goes in once comes out once, and follows from the journal."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from tests.broker.conftest import MakeLive
from tests.broker.harness import Live, answer, question, reply_within, seller_on

pytestmark = [pytest.mark.broker]


def test_a_question_and_its_answer_open_and_meet_a_clock(make_live: MakeLive) -> None:
    live = make_live()
    worker = live.worker()
    sellers = [seller_on(partition, live.partitions) for partition in range(live.partitions)]
    live.send([question(seller, f"q{n}") for n in range(50) for seller in sellers])
    live.send([answer(seller, f"q{n}") for n in range(50) for seller in sellers])
    live.wait_until_finished(200)
    assert worker.terminate() == 0
    assert list(worker.started_in.iterdir()) == [], "all state is in Kafka"
    told = live.told()
    told.prove()
    assert {event["type"] for event in told.events()} == {"clock.opened", "clock.met"}
    assert len(told.events("clock.met")) == 100
    assert asyncio.run(committed(live)) == len(told.inputs), "the lag that the group shows"
    first = json.loads(told.journal[1].value)
    assert "arrived_at" not in first
    assert "journaled_at" not in first


async def committed(live: Live) -> int:
    """The sum of the offsets that the worker's group has committed, for those who graph the lag."""
    admin = AIOKafkaAdminClient(bootstrap_servers=live.bootstrap)
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(live.settings.group)
        return sum(entry.offset for entry in offsets.values())
    finally:
        await admin.close()


def test_a_breach_goes_out_while_nothing_comes_in(make_live: MakeLive) -> None:
    live = make_live(reply_within("seconds = 2"))
    worker = live.worker()
    seller = seller_on(1, live.partitions)
    live.send([question(seller, "q")])
    (breach,) = live.wait_for_event("clock.breached", "sla-breach")
    assert worker.terminate() == 0
    told = live.told()
    told.prove()
    ticks = [record for record in told.journal if json.loads(record.value)["type"] == "time.tick"]
    assert [record.key for record in ticks] == [b"1"]
    (record,) = [r for r in told.outputs if json.loads(r.value)["type"] == "clock.breached"]
    lateness_ms = record.timestamp - ticks[0].timestamp
    assert breach["decided_at"] >= breach["due_at"]
    assert lateness_ms < 1000
