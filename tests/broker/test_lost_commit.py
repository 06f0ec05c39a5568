"""A transaction whose outcome nobody knows: the partition is opened anew, and sees.

The worker runs inside the test, so that its answers from the broker can be lost at chosen moments.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from agents.kafka.transactions import BrokerAwayError, Outbox, Transactions
from agents.metrics.counters import Metrics
from agents.worker.app import build_app
from agents.worker.faust_private import SliceApp
from tests.broker.conftest import MakeLive
from tests.broker.harness import Live, question, seller_on
from tests.kafka_fixtures import eventually
from tests.zones import chosen_of

pytestmark = [pytest.mark.broker]


@asynccontextmanager
async def running(live: Live) -> AsyncIterator[SliceApp]:
    """A worker in this process."""
    app = build_app(live.settings, chosen_of(live.policies_file.read_text()), Metrics())
    app.finalize()
    await app.start()
    try:
        yield app
    finally:
        await app.stop()


async def until_finished(live: Live, wanted: int, met: list[str]) -> None:
    """Wait, letting the worker run."""
    await eventually(
        lambda: live.finished() >= wanted,
        lambda: f"{wanted} finished records, there are {live.finished()}; fates met: {met}",
    )


def losing(fates: Iterator[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Transactions with notifications have these fates in turn, then none; returns those that were met."""
    original, met = Transactions.write, list[str]()

    async def write(self: Transactions, outbox: Outbox) -> dict[tuple[str, int], int]:
        has_events = any("sla-clock" in topic for topic, _ in outbox.records)
        fate = next(fates, "kept") if has_events else "kept"
        met.extend([fate] if fate != "kept" else [])
        if fate == "never sent":
            raise BrokerAwayError(fate)
        if fate == "sent but not committed":
            producer = self._producer
            assert producer is not None
            await producer.begin_transaction()
            for (topic, partition), records in outbox.records.items():
                for batch in self._batches(producer, records):
                    await (await producer.send_batch(batch, topic, partition=partition))
            raise BrokerAwayError(fate)
        written = await original(self, outbox)
        if fate == "committed, answer lost":
            raise BrokerAwayError(fate)
        return written

    monkeypatch.setattr(Transactions, "write", write)
    return met


def test_an_answer_that_is_lost_costs_nothing_and_repeats_nothing(
    make_live: MakeLive, monkeypatch: pytest.MonkeyPatch
) -> None:
    fates = ("never sent", "sent but not committed", "committed, answer lost")
    live = make_live()
    met = losing(iter(fates * 2), monkeypatch)
    sellers = [seller_on(partition, live.partitions) for partition in range(live.partitions)]

    async def run() -> None:
        async with running(live) as app:
            for number in range(12):
                await asyncio.to_thread(live.send, [question(seller, f"q{number}") for seller in sellers])
                await until_finished(live, 2 * (number + 1), met)
            assert app.failure is None

    asyncio.run(run())
    assert met == list(fates * 2)
    told = live.told()
    told.prove()
    assert len(told.events("clock.opened")) == 24
