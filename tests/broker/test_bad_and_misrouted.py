"""Input that is no fact, input under another key, input of topics that are not as they should be."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from schemas.codec import MAX_NOTIFICATION_BYTES
from schemas.dead_letters import REASONS
from tests.broker.conftest import MakeLive
from tests.broker.harness import MARKETPLACE, instant, question, seller_on
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
        "too_old": said(occurred_at=instant(now_ms - 46 * DAY_MS)),
    }


def test_bad_input_of_every_reason_reaches_the_dead_letters_untouched_and_stops_nothing(make_live: MakeLive) -> None:
    live = make_live()
    worker = live.worker()
    seller = seller_on(1, live.partitions)
    live.send([question(seller, "before")])
    live.wait_until_finished(1)
    now_ms = live.read("sla-journal")[-1].timestamp
    bad = bad_inputs(seller, now_ms)
    assert tuple(bad) == REASONS
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
    live.send_raw([record._replace(key=b"order-17", partition=1) for record in lost])
    live.wait_until_finished(20)
    assert worker.terminate() == 0
    told = live.told()
    told.prove()
    assert {record.partition for record in told.repartition} == {0}
    assert [record.key for record in told.repartition] == [f"{seller}/{MARKETPLACE}".encode()] * 20
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


def test_a_worker_refuses_records_that_their_producer_stamped(make_live: MakeLive) -> None:
    live = make_live()
    worker = live.worker()
    live.send([question(seller_on(0, live.partitions), "q")])
    live.wait_until_finished(1)
    asyncio.run(
        live.alter_topic("buyer-message", {"message.timestamp.type": "CreateTime"})
    )  # before the start, `require_topics` would have said so
    live.send([question(seller_on(0, live.partitions), "r")])
    assert worker.wait_for_end() == 1
    last = worker.log().strip().splitlines()[-1]
    assert "keeps the timestamps of its producers" in last
    assert "message.timestamp.type=LogAppendTime" in last
    assert "Traceback" not in worker.log()
    live.told().prove_no_half_slice()
