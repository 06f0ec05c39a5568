"""From four partitions to twelve with 100,000 open clocks, while producers go on: nothing lost, nothing twice.

What came out of both generations is held against a replay of all that producers sent. `make years` runs it.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from schemas.decoded import Decoded
from schemas.decoding import decode_notification
from schemas.notifications import TimeTick
from streams.engine import Line, new_state, step
from tests.broker.conftest import MakeLive, make_live
from tests.broker.harness import (
    MARKETPLACE,
    OUTPUTS,
    Live,
    Notice,
    answer,
    instant,
    question,
    reply_within,
    wait_until,
)
from tests.cli.command import dueclock
from tests.zones import activation

__all__ = ["make_live"]

CLOCKS = int(os.environ.get("DUECLOCK_TEST_CLOCKS", "100000"))
DUE_SOON = 500
SELLERS = 400
OLD, NEW = 4, 12
DAY_MS = 86_400_000
POLICIES = reply_within("hours = 24")
pytestmark = [
    pytest.mark.broker,
    pytest.mark.timeout(1_500),
    pytest.mark.skipif(not os.environ.get("DUECLOCK_TEST_YEARS"), reason="it takes minutes: make years"),
]
Said = Counter[tuple[str, int, str]]
"""Of each event its clock, its number there, and its type, and how often it was said."""


class Producing:
    """Producers of notifications: all at once, or steadily in a thread; what was sent is kept in its order."""

    def __init__(self, live: Live) -> None:
        self.sent: list[bytes] = []
        self.per_generation: Counter[str] = Counter()
        self._prefix = live.prefix
        self._producer = Producer(
            {"bootstrap.servers": live.bootstrap, "partitioner": "murmur2_random", "linger.ms": 5}
        )
        self._lock = threading.Lock()

    def to(self, live: Live) -> None:
        """From now on to these topics: what was sent before stands in the old ones."""
        with self._lock:
            assert self._producer.flush(60) == 0
            self._prefix = live.prefix

    def send(self, *notices: Notice) -> None:
        for notice in notices:
            with self._lock:
                record = notice.record(f"e{len(self.sent):07d}", self._prefix)
                assert record.value is not None
                self.sent.append(record.value)
                self.per_generation[self._prefix] += 1
                while True:
                    try:
                        self._producer.produce(record.topic, record.value, record.key)
                        break
                    except BufferError:
                        self._producer.poll(0.1)
                self._producer.poll(0)

    def flush(self) -> None:
        with self._lock:
            assert self._producer.flush(120) == 0

    @contextmanager
    def steadily(self) -> Iterator[None]:
        """A new question and an answer to an old one, about fifty times a second, for as long as this lasts."""
        is_over = threading.Event()

        def go_on() -> None:
            for number in count():
                self.send(question(seller(number), f"load-{number}"), answer(seller(number), f"base-{number}"))
                if is_over.wait(0.02) or number >= CLOCKS - DUE_SOON:
                    return

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()
            self.flush()


def seller(number: int) -> str:
    return f"S{number % SELLERS}"


class Hearing:
    """The events of both generations, as a subscriber hears them."""

    def __init__(self, *installations: Live) -> None:
        self.said: Said = Counter()
        options = {"group.id": "none", "enable.auto.commit": False, "isolation.level": "read_committed"}
        self._consumer = Consumer({"bootstrap.servers": installations[0].bootstrap, **options})
        self._consumer.assign(
            [
                TopicPartition(live.settings.topic(topic), partition, OFFSET_BEGINNING)
                for live in installations
                for topic in OUTPUTS
                for partition in range(live.partitions)
            ]
        )

    def heard(self) -> Said:
        """Of all that has come by now."""
        while messages := self._consumer.consume(20_000, 1.0):
            for message in messages:
                assert message.error() is None, message.error()
                event = json.loads(message.value() or b"")
                if "clock_id" in event:
                    self.said[event["clock_id"], event["seq"], event["type"]] += 1
        return self.said

    def close(self) -> None:
        self._consumer.close()


def replayed(sent: list[bytes], now_ms: int) -> Said:
    """What all of it comes to in one partition that never grew, until now."""
    state, said = new_state(0), Said()
    lines = [activation(POLICIES)]
    for value in sent:
        decoded = decode_notification(value, from_file=False)
        assert isinstance(decoded, Decoded), value
        lines.append(decoded.body)  # type: ignore[arg-type]  # each is a body
    lines.append(TimeTick())  # type: ignore[arg-type]  # so is a tick
    for number, body in enumerate(lines, 1):
        for event in step(state, Line(number, now_ms if number == len(lines) else now_ms - DAY_MS // 2, body)):
            told = json.loads(event.value)
            if "clock_id" in told:
                said[told["clock_id"], told["seq"], told["type"]] += 1
    return said


class Steps:
    """What was done, and how long it took."""

    def __init__(self) -> None:
        self.took: list[tuple[str, float]] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began_s = time.monotonic()
        yield
        self.took.append((name, time.monotonic() - began_s))

    def told(self) -> str:
        return "\n".join(f"{name:<60}{seconds:8.1f} s" for name, seconds in self.took)


def ran(live: Live, *arguments: str) -> str:
    """What a command says that ends well; it may take minutes."""
    ended = dueclock("--settings", live.settings_file, *arguments, folder=live.folder, within_s=900)
    assert ended.status == 0, (arguments, ended.out[-2000:], ended.err[-2000:])
    return ended.out


def finished(live: Live, wanted: int) -> None:
    live.wait_until_finished(wanted, within_s=400)


def test_a_hundred_thousand_clocks_move_to_twelve_partitions_under_load(
    make_live: MakeLive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = str(tmp_path / "place")
    old = make_live(POLICIES, partitions=OLD, snapshots=place)
    (tmp_path / "next").mkdir()
    new = Live(old.bootstrap, f"{old.prefix}next-", tmp_path / "next", POLICIES, partitions=NEW, snapshots=place)
    producing, steps = Producing(old), Steps()
    try:
        grown = _grown(old, new, producing, steps)
    finally:
        new.close()
    with capsys.disabled():
        print(f"\n{len(producing.sent):,} notifications, {OLD} to {NEW} partitions\n{steps.told()}\n{grown}")


def _grown(old: Live, new: Live, producing: Producing, steps: Steps) -> str:
    workers = [old.worker(f"old-{number}") for number in range(2)]
    with steps.step(f"{CLOCKS:,} clocks opened"):
        producing.send(*(question(seller(number), f"base-{number}") for number in range(CLOCKS - DUE_SOON)))
        producing.flush()
        finished(old, CLOCKS - DUE_SOON)
    soon = instant(int(time.time() * 1000) - DAY_MS + 30_000)
    with producing.steadily():
        producing.send(*(question(seller(n), f"soon-{n}", occurred_at=soon) for n in range(DUE_SOON)))
        finished(old, CLOCKS + 200)
        with steps.step("workers stopped"):
            for worker in workers:
                assert worker.terminate(within_s=60) == 0
        with steps.step("grow: sealed, dealt, begun, unread sent on"):
            said = ran(old, "grow", "--partitions", str(NEW), "--to-prefix", new.prefix)
        producing.to(new)
        with steps.step("new workers have recovered"):
            for number in range(2):
                new.worker(f"new-{number}", is_ready=False)
            for worker in new._workers:
                worker.wait_for("recovered: partitions", within_s=120)
        with steps.step("a few seconds of load on the new topics"):
            sent = producing.per_generation[new.prefix]
            wait_until(lambda: producing.per_generation[new.prefix] > sent + 500, lambda: "more load", within_s=60)
    for worker in new._workers:
        assert worker.terminate(within_s=60) == 0
    with steps.step("grow once more, for what came to the old inputs meanwhile"):
        said += ran(old, "grow", "--partitions", str(NEW), "--to-prefix", new.prefix)
    for number in range(2):
        new.worker(f"newer-{number}")
    hearing = Hearing(old, new)
    wanted = replayed(producing.sent, int(time.time() * 1000))
    with steps.step("all that was sent is told"):
        wait_until(
            lambda: len(hearing.heard()) >= len(wanted),
            lambda: f"{list((wanted - hearing.said).items())[:5]} of {len(wanted)} events\n{new.logs()[-2000:]}",
            within_s=300,
        )
    for generation, live in (("old", old), ("new", new)):
        with steps.step(f"audit of the {generation} generation"):
            audit = json.loads(ran(live, "audit", "--json"))
        assert audit["clean"], audit["findings"][:5]
    heard = hearing.heard()
    hearing.close()
    assert not (lost := wanted - heard), f"lost: {list(lost.items())[:10]} of {len(lost)}"
    assert not (more := heard - wanted), f"twice, or never asked for: {list(more.items())[:10]} of {len(more)}"
    assert sum(kind == "clock.breached" for _, _, kind in heard) == DUE_SOON
    assert all(clock.split("/")[1] == MARKETPLACE for clock, _, _ in heard)
    return said
