"""Input that retention took before it was read: said, measured, and known to whoever audits later."""

from __future__ import annotations

import asyncio
import json
import signal
import urllib.request
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from deploy.embedded_folder import free_port
from schemas.registry import Logical
from tests.broker.conftest import MakeLive
from tests.broker.harness import Live, question, seller_on, wait_until
from tests.cli.command import dueclock

pytestmark = [pytest.mark.broker, pytest.mark.timeout(150)]


def cut(live: Live, logical: Logical, partition: int, before: int) -> None:
    """What stands before this offset is gone, as if its retention were over."""

    async def run() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=live.bootstrap)
        await admin.start()
        try:
            tp = TopicPartition(live.settings.topic(logical), partition)
            await admin.delete_records({tp: RecordsToDelete(before_offset=before)})
        finally:
            await admin.close()

    asyncio.run(run())


def audited(live: Live, folder: Path) -> list[dict[str, object]]:
    """What the partition that lost something says to an auditor."""
    told = dueclock("--settings", live.settings_file, "audit", "--json", folder=folder)
    assert told.status == 0, told.err
    (first, *_) = json.loads(told.out)["partitions"]
    return [{name: lost[name] for name in ("topic", "first", "last")} for lost in first["lost"]]


def test_what_was_gone_before_a_worker_started_is_on_record_though_nothing_follows(
    make_live: MakeLive, tmp_path: Path
) -> None:
    port = free_port()
    live = make_live(metrics_port=port)
    seller = seller_on(0, live.partitions)
    first = live.worker()
    live.send([question(seller, "q")])
    live.wait_until_finished(1)
    assert first.terminate() == 0
    live.send(question(seller, f"lost{n}") for n in range(9))
    cut(live, "buyer-message", 0, before=10)
    worker = live.worker()
    assert "offsets 1 to 9 are gone before they were read" in worker.log()

    def metrics() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answered:
            text: str = answered.read().decode()
        return text

    wait_until(lambda: 'sla_lost_input_records{partition="0"} 9.0' in metrics(), metrics, within_s=15)
    assert 'sla_lost_input_timestamp_seconds{partition="0"}' in metrics()
    assert 'sla_lost_input_timestamp_seconds{partition="1"}' not in metrics()
    expected = [{"topic": live.settings.topic("buyer-message"), "first": 1, "last": 9}]
    wait_until(lambda: audited(live, tmp_path) == expected, lambda: "the loss on record", within_s=15)
    assert worker.terminate() == 0
    live.worker()  # once is enough: the next one does not find it again
    assert audited(live, tmp_path) == expected


def test_what_goes_while_a_worker_lags_is_on_record_and_the_worker_goes_on(make_live: MakeLive, tmp_path: Path) -> None:
    live = make_live(session_timeout_s=60.0)
    seller = seller_on(0, live.partitions)
    worker = live.worker()
    live.send([question(seller, "q")])
    live.wait_until_finished(1)
    worker.signal(signal.SIGSTOP)
    live.send([question(seller, "held")])  # it ends a request that the broker may have of the worker: no other follows
    live.send(question(seller, f"lost{n}") for n in range(20))
    cut(live, "buyer-message", 0, before=16)
    worker.signal(signal.SIGCONT)
    live.wait_until_finished(7, within_s=45)
    live.send([question(seller, "after")])
    wait_until(
        lambda: any(b'"M-after"' in (record.value or b"") for record in live.read("sla-journal")),
        lambda: f"the question behind what was lost\n{live.logs()}",
        within_s=30,
    )
    assert worker.process.poll() is None
    assert "Traceback" not in worker.log()
    (lost,) = audited(live, tmp_path)
    assert lost["topic"] == live.settings.topic("buyer-message")
    first, last = lost["first"], lost["last"]
    # Where a request was under way when the worker was stopped, its answer has the one that is held.
    assert isinstance(first, int)
    assert isinstance(last, int)
    assert first in (1, 2)
    assert last == 15
    told = live.told()
    told.prove_no_half_slice()
    assert len(told.events("clock.opened")) == 23 - (last - first + 1)
