"""What must hold after every fault, and the seeded load under which it strikes.

Acknowledged is finished, once; the audit finds no difference; each breach that the inputs call for stands exactly once
by its `output_id`, and no other stands. Everything that is drawn comes from one seed, which is printed.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka.errors import KafkaError

from agents.kafka.transactions import Transactions, transactions_of
from tests.broker.harness import INPUTS, Live, Notice, answer, question, reply_within, seller_on, wait_until
from tests.cli.command import dueclock
from tests.kafka_fixtures import Outgoing

SEED = int(os.environ.get("DUECLOCK_TEST_SEED", "1"))
POLICIES = reply_within("seconds = 4", confirm_after="1s")
BATCH = 24
PACE_S = 0.15


only_in_chaos = pytest.mark.skipif("DUECLOCK_TEST_SEED" not in os.environ, reason="long: `make chaos` runs it")


def drawn(name: str) -> random.Random:
    """Chance of one test; the same for the same seed."""
    print(f"seed {SEED} ({name}); again with DUECLOCK_TEST_SEED={SEED}")
    return random.Random(f"{SEED}/{name}")


class Load:
    """Questions, most of them answered at once, some bad records, some under a wrong key; sent by a thread."""

    def __init__(self, live: Live, chance: random.Random, *, misrouted: float = 0.05) -> None:
        self.live = live
        self._misrouted = misrouted
        self.acknowledged: set[str] = set()
        self.unanswered: set[str] = set()
        self._chance = chance
        self.rounds = 0
        self._numbered = 0
        self._sellers = [seller_on(p, live.partitions, n) for p in range(live.partitions) for n in range(3)]

    def send_round(self) -> None:
        """One batch; what is not acknowledged (the broker is away) may or may not be there."""
        self.rounds += 1
        records: list[Outgoing] = []
        for number in range(BATCH):
            name = f"{self.rounds}-{number}"
            seller = self._chance.choice(self._sellers)
            records.append(self._record(question(seller, name)))
            if self._chance.random() < 0.8:
                records.append(self._record(answer(seller, name)))
            elif self._chance.random() < 0.3:
                records.append(Outgoing("buyer-message", b"no JSON", key=b"bad"))
        with contextlib.suppress(KafkaError, OSError):
            self.live.send_raw(records)
            self.acknowledged.update(_event_id(r.value) for r in records if r.value != b"no JSON")

    def _record(self, notice: Notice) -> Outgoing:
        self._numbered += 1
        record = notice.record(f"e{self._numbered:06d}", "")
        return record._replace(key=b"another") if self._chance.random() < self._misrouted else record

    @contextlib.contextmanager
    def running(self, pace_s: float = PACE_S) -> Iterator[None]:
        """Rounds until the block ends."""
        enough = threading.Event()

        def send() -> None:
            while not enough.wait(pace_s):
                self.send_round()

        sender = threading.Thread(target=send)
        sender.start()
        try:
            yield
        finally:
            enough.set()
            sender.join()


def _event_id(value: bytes | None) -> str:
    return str(json.loads(value or b"{}")["event_id"])


def goes_on(live: Live, rounds: int = 2, *, within_s: float = 45.0) -> float:
    """Wait until more is finished than now; the seconds that it took."""
    started_s, had = time.monotonic(), live.finished()
    live.wait_until_finished(had + rounds * BATCH, within_s=within_s)
    return time.monotonic() - started_s


def prove(live: Live, load: Load, *, skipped: str = "", within_s: float = 50) -> int:
    """All that must hold after a fault; returns how many repeats a `read_committed` reader saw (none, or it fails).

    What was told is finished `within_s` seconds, and audited within as many again.
    """
    inputs = live.read(*INPUTS)
    there = {_event_id(record.value) for record in inputs if record.value != b"no JSON"}
    assert load.acknowledged <= there, f"acknowledged and lost: {sorted(load.acknowledged - there)[:5]}"
    live.wait_until_finished(len(inputs), within_s=within_s)
    wanted = _breaches_called_for(inputs) - {skipped}
    standing: Counter[str] = Counter()

    def all_stand() -> bool:
        standing.clear()
        standing.update(_standing_breaches(live))
        return set(standing) == wanted

    wait_until(all_stand, lambda: f"breaches {sorted(wanted ^ set(standing))[:5]}\n{live.logs()}", within_s=30)
    for worker in live.running():
        assert worker.terminate(within_s=30) == 0, worker.log()[-2000:]
    told = live.told()
    told.prove()
    repeats = Counter(event["output_id"] for event in told.events())
    assert max(repeats.values(), default=1) == 1, f"sent twice: {repeats.most_common(3)}"
    assert set(standing.values()) <= {1}
    audit(live, within_s=within_s)
    return sum(repeats.values()) - len(repeats)


def audit(live: Live, *, within_s: float = 50) -> None:
    """`dueclock audit` finds no difference."""
    ended = dueclock("--settings", live.auditor_file, "audit", folder=live.folder, within_s=within_s)
    assert ended.status == 0, ended.out + ended.err


def _breaches_called_for(inputs: list[Any]) -> set[str]:
    """Threads whose question stands in the inputs and whose answer does not."""
    asked: set[str] = set()
    answered: set[str] = set()
    for record in inputs:
        if record.value != b"no JSON":
            said = json.loads(record.value)
            (asked if said["type"] == "message.received" else answered).add(said["thread_id"])
    return asked - answered


def _standing_breaches(live: Live) -> Counter[str]:
    """Threads of the breaches that stand: sent, and not taken back."""
    events = [json.loads(record.value) for record in live.read("sla-breach", "sla-clock")]
    taken_back = {event["retracts"] for event in events if event["type"] == "clock.retracted"}
    return Counter(
        event["clock_id"].split("/")[3]
        for event in events
        if event["type"] == "clock.breached" and event["output_id"] not in taken_back
    )


def note(fault: str, *, injected: int, recovery_s: list[float], repeats: int = 0) -> None:
    """A row of the table that `make chaos` prints."""
    row = {"fault": fault, "seed": SEED, "injected": injected, "survived": injected, "repeats": repeats}
    row["recovery_s"] = round(max(recovery_s, default=0.0), 1)
    if path := os.environ.get("DUECLOCK_TEST_TABLE"):
        with open(path, "a", encoding="utf-8") as table:  # noqa: PTH123 - appended by several tests
            table.write(json.dumps(row) + "\n")


async def take_partition(live: Live, number: int) -> Transactions:
    """A producer that fences the owner of a partition."""
    other = transactions_of(live.settings, number)
    await other.start()
    return other
