"""What one account may send and must not cost anybody else: crowded orders, threads under a switch, figures beyond all.

Everything here is valid JSON of known types, sent by librdkafka; the account of the other partition has to be served.
"""

from __future__ import annotations

import json
import time
import urllib.request
from typing import Any

import pytest

from deploy.embedded_folder import free_port
from schemas.policies import shipped_policies
from tests.broker.conftest import MakeLive
from tests.broker.harness import Live, instant, question, seller_on, wait_until
from tests.hostile.foreign import send

pytestmark = [pytest.mark.broker, pytest.mark.timeout(150)]

MIB = 1024 * 1024
ORDER = "123-0000001-0000001"
JP = "A1VC38T7YXB528"
CROWD = 256
"""The contract's bound on a matter, and on an account's changes of programs."""


def told(kind: str, seller: str, name: str, **fields: Any) -> bytes:
    line = {"type": kind, "event_id": name, "seller_id": seller, "marketplace_id": "ATVPDKIKX0DER"}
    return json.dumps({**line, "occurred_at": instant(), **fields}).encode()


def send_as(live: Live, seller: str, partition: int, values: list[bytes | None], *, codec: str = "zstd") -> None:
    key = f"{seller}/ATVPDKIKX0DER".encode()
    send(live.bootstrap, live.settings.topic("buyer-message"), values, partition=partition, codec=codec, key=key)


def reasons(live: Live) -> list[tuple[str, str]]:
    said = [dict(record.headers) for record in live.read("dead-letter")]
    return [(one["dl_reason"].decode(), one["dl_field"].decode()) for one in said]


def test_an_order_with_more_facts_than_it_may_have_is_full_and_its_row_fits_ten_times_over(make_live: MakeLive) -> None:
    live = make_live(shipped_policies())
    worker = live.worker()
    hostile = seller_on(0, live.partitions)
    receipts = [
        told("return.received", hostile, f"r{n}", order_id=ORDER, return_id=f"R-{n}", program="sfp") for n in range(600)
    ]
    asked: dict[str, Any] = {"order_id": ORDER, "from_role": "buyer", "topic": "refund", "thread_id": "T"}
    questions = [
        told("message.received", hostile, f"m{n}", message_id=f"M-{n}".ljust(128, "m"), **asked) for n in range(130)
    ]
    send_as(live, hostile, 0, [*questions, *receipts])
    live.wait_until_finished(730, within_s=60)
    other = seller_on(0, live.partitions, 1)
    send_as(live, other, 0, [question(other, "behind").value("behind")], codec="none")
    live.wait_until_finished(731)
    assert worker.terminate() == 0
    assert reasons(live) == [("matter_full", "order_id")] * (730 - CROWD)
    assert max(len(record.value or b"") for record in live.read("changelog")) < 8 * MIB / 10
    assert len([event for event in live.told().events("clock.escalated") if event.get("urgent")]) == 130 * (CROWD - 130)
    again = live.worker()
    assert again.terminate() == 0
    live.told().prove()


def test_figures_beyond_all_bounds_are_dead_letters_and_end_nobody(make_live: MakeLive) -> None:
    live = make_live(shipped_policies())
    worker = live.worker()
    seller = seller_on(0, live.partitions)
    figures = [(1, 9007199254740991), (10**9 + 1, 0), (5, 6), (10**9, 10**9)]
    values = [
        told("account.metrics_reported", seller, f"f{n}", order_count=d, orders_with_defects=o, window_days=30)
        for n, (d, o) in enumerate(figures)
    ]
    send_as(live, seller, 0, list(values), codec="lz4")
    live.wait_until_finished(len(figures))
    assert worker.terminate() == 0
    assert [reason for reason, _ in reasons(live)] == ["bad_field"] * 3
    (health,) = live.told().events("account.health")
    assert (health["numerator"], health["denominator"], health["value"]) == (10**9, 10**9, 10**6)
    live.told().prove()


def test_switches_over_thousands_of_threads_keep_no_other_partition_waiting_and_no_figure_old(
    make_live: MakeLive,
) -> None:
    live = make_live(shipped_policies(), metrics_port=(port := free_port()))
    worker = live.worker()
    hostile = seller_on(0, live.partitions)
    routed: dict[str, Any] = {"from_role": "buyer", "routed_to": "csba"}
    count = 2_000
    threads = [
        told("message.received", hostile, f"q{n}", message_id=f"M-{n}", thread_id=f"T-{n}", **routed)
        for n in range(count)
    ]
    send_as(live, hostile, 0, list(threads))
    live.wait_until_finished(count, within_s=90)
    switches = [told("program.changed", hostile, f"w{n}", program="csba_jp", active=n % 2 > 0) for n in range(400)]
    oldest_s: list[float] = []

    def metrics() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answered:
            text: str = answered.read().decode()
        (age,) = [line.split()[1] for line in text.splitlines() if line.startswith("sla_loop_age_seconds ")]
        oldest_s.append(float(age))
        return text

    send_as(live, hostile, 0, list(switches))
    other = seller_on(1, live.partitions)
    send_as(live, other, 1, [question(other, "other").value("other")], codec="none")
    since_s = time.monotonic()
    wait_until(
        lambda: bool(metrics()) and any(b'"other"' in (record.value or b"") for record in live.read("sla-journal")),
        lambda: f"the other partition's question\n{live.logs()}",
        within_s=20,
    )
    assert time.monotonic() - since_s < 20
    live.wait_until_finished(count + 401, within_s=60)
    metrics()
    assert max(oldest_s) < 5, "the loop turned all the while"
    assert worker.terminate() == 0
    assert reasons(live) == [("matter_full", "event_id")] * (400 - CROWD)
    assert len(live.told().events("clock.superseded")) == count
