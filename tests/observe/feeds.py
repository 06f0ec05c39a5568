"""What is fed to a real worker: a little on every topic, or the demonstration's play. It ends with the test."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Producer

from agents.demo.generator import play
from schemas.registry import INPUT_TOPICS
from tests.broker.harness import MARKETPLACE, Live, Notice

_EVERY_S = 0.25
BY_KEY = -1


def _producer(live: Live) -> Producer:
    return Producer(
        {"bootstrap.servers": live.bootstrap, "partitioner": "murmur2_random", "linger.ms": 5, "log_level": 0}
    )


def _notice(topic: str, number: int) -> Notice:
    order = {"order_id": f"111-0000000-{number:07}"}
    fields: dict[str, tuple[str, dict[str, Any]]] = {
        "return-approved": ("return.requested", {**order, "return_id": f"R{number}", "program": "mfn"}),
        "return-received": ("return.received", {**order, "return_id": f"R{number}", "program": "sfp"}),
        "refund-issued": (
            "refund.issued",
            {**order, "refund_id": f"F{number}", "issued_by": "seller", "amount": "1.00", "currency": "USD"},
        ),
        "buyer-message": (
            "message.received",
            {"message_id": f"M{number}", "thread_id": f"T{number}", "from_role": "buyer"},
        ),
        "a-to-z-claim": ("claim.opened", {**order, "claim_id": f"C{number}", "kind": "a_to_z"}),
        "support-case": ("case.opened", {"case_id": f"S{number}", "priority": "high", "subject_hash": "x"}),
        "seller-account": ("seller.vacation_set", {"on": False}),
    }
    type_, said = fields[topic]
    return Notice(type_, f"S{number % 5}", said)


class Drip:
    """A notification on every input topic four times a second; a topic can be silenced, or poisoned with junk."""

    def __init__(self, live: Live) -> None:
        self.silenced: set[str] = set()
        self.poisoned: set[str] = set()
        self._live = live
        self._numbers = itertools.count(1)

    def __call__(self, is_over: threading.Event) -> None:
        producer = _producer(self._live)
        while not is_over.wait(_EVERY_S):
            number = next(self._numbers)
            for topic in (one.name for one in INPUT_TOPICS):
                if topic not in self.silenced:
                    notice = _notice(topic, number)
                    value = b"{junk" if topic in self.poisoned else notice.value(f"e{number}-{topic}")
                    producer.produce(self._live.settings.topic(topic), value, key=f"{notice.seller}/{MARKETPLACE}")
            producer.poll(0)
        producer.flush(2)


class Play:
    """The demonstration's play: every story once, then ordinary days, with bad records strewn in.

    One record in ten goes to a partition where it does not belong, one in seven comes twice.
    """

    def __init__(self, live: Live, seed: int = 1) -> None:
        self._live = live
        self._seed = seed

    def __call__(self, is_over: threading.Event) -> None:
        producer = _producer(self._live)
        for record in play(self._seed, int(time.time() * 1000)):
            if is_over.wait(max(0.0, record.at_ms / 1000 - time.time())):
                break
            topic = self._live.settings.topic(record.topic)
            partition = record.number // 10 % self._live.partitions if record.number % 10 == 0 else BY_KEY
            for _ in range(2 if record.number % 7 == 0 else 1):
                producer.produce(topic, record.value, key=record.key, partition=partition)
            producer.poll(0)
        producer.flush(2)


@contextmanager
def feeding(feed: Callable[[threading.Event], None]) -> Iterator[None]:
    """Feed in a thread of its own."""
    is_over = threading.Event()
    thread = threading.Thread(target=feed, args=(is_over,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join(10)
