"""Input that is no fact, input under another key, input of topics that are not as they should be."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from typing import Any

import pytest

from deploy.embedded_folder import free_port
from schemas.codec import MAX_NOTIFICATION_BYTES
from schemas.dead_letters import REASONS
from tests.broker.conftest import MakeLive
from tests.broker.harness import MARKETPLACE, answer, instant, question, reply_within, seller_on, wait_until
from tests.kafka_fixtures import Outgoing

pytestmark = [pytest.mark.broker]

DAY_MS = 86_400_000


def bad_inputs(seller: str, now_ms: int) -> dict[str, bytes]:
    """For each reason a value that is refused for it."""

    def said(**changes: Any) -> bytes:
        whole = json.loads(question(seller, "bad").value("bad-1"))
        return json.dumps({**whole, **changes}).encode()

    return {
        "too_large": said(note="x" * MAX_NOTIFICATION_BYTES),
        "not_json": b'{"event_id": "e1", \xff',
        "unknown_type": said(type="time.tick"),
        "bad_field": said(from_role="nobody"),
        "future": said(occurred_at=instant(now_ms + DAY_MS)),
        "no_calendar": said(marketplace_id="NOWHERE"),
        "calendar_not_covered": said(occurred_at="2023-06-01T00:00:00Z"),
        "too_old": said(occurred_at=instant(now_ms - 121 * DAY_MS)),
    }


def scraped(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer_of_it:
        text: str = answer_of_it.read().decode()
    return text


def test_bad_input_of_every_reason_reaches_the_dead_letters_untouched_and_stops_nothing(make_live: MakeLive) -> None:
    live = make_live()
    worker = live.worker()
    seller = seller_on(1, live.partitions)
    live.send([question(seller, "before")])
    live.wait_until_finished(1)
    now_ms = live.read("sla-journal")[-1].timestamp
    bad = bad_inputs(seller, now_ms)
    assert (*bad, "matter_full") == REASONS, "a full matter has tests of its own"
    key = b"any \xff key"
    offsets = live.send_raw([Outgoing("seller-account", value, key=key, partition=1) for value in bad.values()])
    # `no_calendar` names another account: it is decided where that account is kept
    live.send([question(seller, "after")])
    live.wait_until_finished(10)
    assert worker.terminate() == 0
    told = live.told()
    told.prove()
    assert [json.loads(r.value)["event_id"] for r in told.journal if dict(r.headers).get("origin")] == [
        "e000001",
        "e000002",
    ]
    by_reason = {dict(r.headers)["dl_reason"].decode(): r for r in told.dead_letters}
    assert by_reason.keys() == bad.keys()
    for (reason, value), offset in zip(bad.items(), offsets, strict=True):
        letter = by_reason[reason]
        headers = {name: text.decode() for name, text in letter.headers}
        if headers["dl_topic"].endswith("sla-repartition"):  # sent on as its known fields
            assert json.loads(letter.value or b"") == json.loads(value)
        else:
            assert letter.value == value
        if headers["dl_topic"].endswith("seller-account"):
            assert letter.key == key
            assert headers["dl_partition"] == "1"
            assert headers["dl_offset"] == str(offset)
    assert dict(by_reason["bad_field"].headers)["dl_field"] == b"from_role"
    assert "dl_field" not in dict(by_reason["not_json"].headers)


def test_a_value_as_large_as_a_topic_lets_in_becomes_a_dead_letter(make_live: MakeLive) -> None:
    live = make_live()
    live.worker()
    largest = b"x" * 1_048_000
    live.send_raw([Outgoing("refund-issued", largest, partition=0), Outgoing("refund-issued", None, key=b"k")])
    live.wait_until_finished(2)
    told = live.told()
    told.prove()
    assert sorted((letter.value or b"") for letter in told.dead_letters) == [b"", largest]
    assert {dict(letter.headers)["dl_reason"] for letter in told.dead_letters} == {b"too_large", b"not_json"}


def test_a_notification_under_another_key_is_sent_on_to_its_account(make_live: MakeLive) -> None:
    live = make_live()
    worker = live.worker()
    seller = seller_on(0, live.partitions)
    lost = [question(seller, f"q{n}").record(f"e{n}", "") for n in range(20)]
    told_more = [json.dumps({**json.loads(record.value or b""), "buyer_email": "jo@example.com"}) for record in lost]
    live.send_raw(
        [r._replace(key=b"order-17", partition=1, value=v.encode()) for r, v in zip(lost, told_more, strict=True)]
    )
    live.wait_until_finished(20)
    assert worker.terminate() == 0
    told = live.told()
    told.prove()
    assert {record.partition for record in told.repartition} == {0}
    assert [record.key for record in told.repartition] == [f"{seller}/{MARKETPLACE}".encode()] * 20
    assert not any(b"example.com" in (record.value or b"") for record in (*told.repartition, *told.journal))
    assert [json.loads(record.value or b"")["event_id"] for record in told.repartition] == [f"e{n}" for n in range(20)]
    opened = told.events("clock.opened")
    assert [event["cause"] for event in opened] == [f"e{n}" for n in range(20)]
    assert {r.partition for r in told.outputs} == {0}
    assert worker.log().count("under another key than") == 1


def test_a_worker_that_calls_too_much_bad_ends_and_leaves_the_records_where_they_are(make_live: MakeLive) -> None:
    live = make_live(dead_letter_ratio=0.01)
    worker = live.worker()
    live.send_raw([Outgoing("buyer-message", b"not json", key=b"k", partition=1) for _ in range(40)])
    assert worker.wait_for_end() == 1
    last = worker.log().strip().splitlines()[-1]
    assert "11 of the last 1,000 records of partition 1 are bad, more than dead_letter_ratio = 0.01 allows" in last
    assert "Traceback" not in worker.log()
    assert len(live.told().dead_letters) <= 10


def test_records_that_their_producer_stamped_are_read_counted_and_move_no_time(make_live: MakeLive) -> None:
    port = free_port()
    live = make_live(reply_within("seconds = 3"), metrics_port=port)
    live.worker()
    seller = seller_on(0, live.partitions)
    live.send([question(seller, "q")])
    live.wait_until_finished(1)
    asyncio.run(live.alter_topic("buyer-message", {"message.timestamp.type": "CreateTime"}))
    record = answer(seller, "q").record("x1", "")
    # Stamped ahead, as far as the broker lets: journal time may not follow. The other happened later than all known.
    far = record._replace(timestamp_ms=int(time.time() * 1000) + 50 * 60_000)
    late = question(seller, "later", occurred_at=instant(int(time.time() * 1000) + DAY_MS)).record("x2", "")
    live.send_raw([far, late])
    live.wait_until_finished(3)
    asyncio.run(live.alter_topic("buyer-message", {"message.timestamp.type": "LogAppendTime"}))
    live.send([question(seller, "after")])
    live.wait_until_finished(4)
    told = live.told()
    told.prove()
    assert max(line.timestamp for line in told.journal) < int(time.time() * 1000)
    assert [event["type"] for event in told.events() if event.get("subject") == "T-q/M-q"] == [
        "clock.opened",
        "clock.met",
    ]
    (letter,) = told.dead_letters
    assert dict(letter.headers)["dl_reason"] == b"future"
    wait_until(
        lambda: 'sla_unstamped_total{topic="buyer-message"} 2.0' in scraped(port),
        lambda: scraped(port),
        within_s=10,
    )


def test_a_range_of_records_is_set_aside_by_its_ends(make_live: MakeLive) -> None:
    live = make_live()
    seller = seller_on(0, live.partitions)
    live.send(question(seller, f"q{n}") for n in range(8))
    live.worker(flags=["--skip-line", f"{live.settings.topic('buyer-message')}/0/2-5"])
    live.wait_until_finished(8)
    told = live.told()
    told.prove()
    assert [dict(letter.headers)["dl_offset"] for letter in told.dead_letters] == [b"2", b"3", b"4", b"5"]
    assert {dict(letter.headers)["dl_reason"] for letter in told.dead_letters} == {b"skipped"}
    assert len(told.events("clock.opened")) == 4


def test_no_log_line_holds_what_a_record_holds_on_any_level(make_live: MakeLive) -> None:
    live = make_live()
    worker = live.worker(flags=["--log-level", "debug"])
    seller = seller_on(0, live.partitions)
    whole = {**json.loads(question(seller, "q").value("e1")), "buyer_email": "jo@example.com"}
    key = f"{seller}/{MARKETPLACE}".encode()
    live.send_raw(
        [
            Outgoing("buyer-message", json.dumps(whole).encode(), key=key),
            Outgoing("buyer-message", json.dumps(whole).encode(), key=b"elsewhere", partition=1),
            Outgoing("buyer-message", b"jo@example.com is no JSON", key=key),
        ]
    )
    live.wait_until_finished(3)
    assert worker.terminate() == 0
    assert "DEBUG" in worker.log()
    assert "example.com" not in worker.log()
