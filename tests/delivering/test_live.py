"""Events as a worker writes them, in transactions over all topics, reach a receiver in the order of each clock."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from agents.demo.process import free_port
from schemas.registry import OUTPUT_TOPICS
from tests.broker.conftest import MakeLive, make_live
from tests.broker.harness import answer, question, reply_within, seller_on, wait_until
from tests.delivering.deliverer import Deliverer, Installation, in_order, once, table
from tests.delivering.receiver import Receiver
from tests.delivering.test_faults import metric
from tests.delivering.test_webhook import ALL

__all__ = ["make_live"]
pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

QUESTIONS = 12


def test_what_a_worker_writes_is_delivered_in_order_and_nothing_waits_behind_it(
    make_live: MakeLive, hook: Receiver
) -> None:
    live = make_live(reply_within("seconds = 3", escalate_before=["2s", "1s"]))
    port = free_port()
    with live.settings_file.open("a") as settings:
        settings.write(table("all", "webhook", url=hook.url(), types=ALL, start="earliest"))
    live.worker()
    deliverer = Deliverer(cast(Installation, live), "deliver", ["--metrics-port", str(port)])
    try:
        sellers = [seller_on(number % live.partitions, live.partitions) for number in range(QUESTIONS)]
        live.send(question(seller, str(number)) for number, seller in enumerate(sellers))
        live.wait_for_event("clock.breached", "sla-breach", times=QUESTIONS)
        live.send(answer(seller, str(number)) for number, seller in enumerate(sellers))
        live.wait_for_event("clock.closed_late", "sla-clock", times=QUESTIONS)
        written = [json.loads(record.value) for record in live.read(*(topic.name for topic in OUTPUT_TOPICS))]
        wanted: list[dict[str, Any]] = sorted(
            (event for event in written if "clock_id" in event), key=lambda event: event["seq"]
        )
        wait_until(
            lambda: len(once(hook.events())) >= len(wanted),
            lambda: f"{len(wanted)} events, there are {len(hook.events())}\n{deliverer.log()}",
            within_s=30,
        )
        assert in_order(hook.events()) == in_order(wanted)
        assert len(in_order(wanted)) == QUESTIONS
        # Behind the last events stand the markers of their transactions: they are no lag.
        wait_until(lambda: metric(port, 'sla_deliver_lag_records{delivery="all"}') == 0, lambda: "no lag", within_s=20)
        assert deliverer.stop() == 0
    finally:
        deliverer.close()
