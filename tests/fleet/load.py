"""What the fleet is told: a mixed load, and questions whose deadline passes soon after; so many of each a second.

A question's clock falls due `AHEAD_MS` after it was sent, so that in each second the breach of some of them is to come,
and a way in that is blocked for a while makes no breach late. Mixed notifications are those of the benchmarks. Sellers
are of Zipf's sizes. What the brokers have acknowledged is noted: none of it may be lost.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import orjson
from confluent_kafka import Producer

from agents.settings import Settings
from schemas.decoding import journal_value
from schemas.registry import INPUT_TOPIC_OF
from tests.bench.seeding import MARKETPLACE, question
from tests.bench.workload import DAY_MS, Sent, workload
from tests.fleet.population import Population, seller_named, weights

AHEAD_MS: Final = 20_000
_MIXED_AT_ONCE: Final = 20_000


class Asked(NamedTuple):
    """A question of ours: when its breach is declared, and when the brokers had it (ms UTC; 0: never)."""

    fire_ms: int
    acknowledged_ms: int


class Load:
    """A thread that sends, from `start` until `stop`."""

    def __init__(self, settings: Settings, people: Population, *, rate: int, due: int, seed: int) -> None:
        self._settings = settings
        self._rate, self._due, self._seed = rate, due, seed
        self._chance = random.Random(f"fleet/{seed}")
        self._sellers = [seller_named(number) for number in range(1, people.accounts + 1)]
        self._weights = weights(people.accounts)
        self._producer = Producer(
            {
                "bootstrap.servers": settings.broker,
                "enable.idempotence": True,
                "log_level": 2,  # a broker that is taken away is no news
                "linger.ms": 5,
                "partitioner": "murmur2_random",
                "delivery.timeout.ms": 120_000,
            }
        )
        self._enough = threading.Event()
        self._mixed = self._stories()
        self._first = next(self._mixed)  # made now, and not while the clock runs
        self._thread = threading.Thread(target=self._run, name="load")
        self.acknowledged: set[str] = set()
        self.asked: dict[str, Asked] = {}
        self.refused: list[str] = []
        self.sent = 0

    def start(self) -> None:
        """Begin."""
        self._send(self._first)
        self._thread.start()

    def stop(self) -> None:
        """Send no more, and wait until the brokers have all of it."""
        self._enough.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._producer.flush(130)

    def _run(self) -> None:
        began_s, numbers = time.monotonic(), (0, 0)
        while not self._enough.wait(0.02):
            passed_s = time.monotonic() - began_s
            wanted = int(passed_s * self._rate), int(passed_s * self._due)
            for _ in range(numbers[0], wanted[0]):
                self._send(next(self._mixed))
            for number in range(numbers[1], wanted[1]):
                self._ask(number)
            numbers = wanted
            self._producer.poll(0)

    def _stories(self) -> Iterator[Sent]:
        """Stories of the last three days, without end."""
        seed = self._seed
        now_ms = time.time_ns() // 1_000_000
        while True:
            yield from workload(
                seed, _MIXED_AT_ONCE, start_ms=now_ms - 3 * DAY_MS, span_ms=3 * DAY_MS, sellers=len(self._sellers)
            )
            seed += 1

    def _ask(self, number: int) -> None:
        (seller,) = self._chance.choices(self._sellers, cum_weights=self._weights)
        name = f"ASKED{number:07}"
        due_ms = time.time_ns() // 1_000_000 + AHEAD_MS
        asked = question(seller, name, due_ms - DAY_MS)
        self.asked[f"T-{name}"] = Asked(due_ms + 1, 0)
        topic, key = INPUT_TOPIC_OF["message.received"], f"{seller}/{MARKETPLACE}".encode()
        self._send(Sent(0, topic, key, journal_value(asked)), f"T-{name}")

    def _send(self, one: Sent, thread: str = "") -> None:
        def answered(error: Any, message: Any) -> None:
            if error is not None:
                self.refused.append(str(error))
                return
            self.acknowledged.add(orjson.loads(one.value)["event_id"])
            if thread:
                self.asked[thread] = self.asked[thread]._replace(acknowledged_ms=time.time_ns() // 1_000_000)

        self.sent += 1
        self._producer.produce(self._settings.topic(one.topic), one.value, one.key, on_delivery=answered)
