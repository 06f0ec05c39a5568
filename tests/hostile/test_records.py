"""What single records may say outside of their value, and what may stand between them: all of it is read past."""

from __future__ import annotations

import json
import struct

import pytest
from aiokafka.codec import gzip_encode
from confluent_kafka import Producer

from tests.broker.conftest import MakeLive
from tests.hostile.foreign import send, send_batch, set_topic
from tests.hostile.test_bytes import MIB, a_question_behind_it_is_kept, most_memory, questions, send_to_inputs

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

OUR_NAMES = (
    "origin",
    "line",
    "ce_id",
    "dl_reason",
    "dl_topic",
    "dl_offset",
    "dl_redriven",
    "redriven_from",
    "inherits",
)
FAR_MS = 253_402_300_799_999
"""The last millisecond of the year 9999."""


def test_headers_and_keys_may_be_anything(make_live: MakeLive) -> None:
    live = make_live()
    worker = live.worker()
    ours = [(name, b"\xff/\0garbage") for name in OUR_NAMES]
    send_to_inputs(live, [*questions(live, "ours")], headers=[*ours, *ours], key=b"\xff\xfe\0")
    send_to_inputs(live, [*questions(live, "many")], headers=[("", b"")] * 9_000)
    send_to_inputs(live, [*questions(live, "large", 1)], headers=[("h" * 30_000, b"y" * 500_000)], key=b"k" * 200_000)
    send_to_inputs(live, [b"no json", None], headers=[*ours, ("n", None)])
    live.wait_until_finished(9)
    told = a_question_behind_it_is_kept(live, worker, 9)
    told.prove()
    assert [dict(letter.headers)["dl_reason"] for letter in told.dead_letters] == [b"not_json"] * 2


def test_what_a_foreigner_puts_on_the_way_home_is_read_as_any_input(make_live: MakeLive) -> None:
    live = make_live()
    worker = live.worker()
    topic = live.settings.topic("sla-repartition")
    forged = [("origin", b"\xff\xff"), ("origin", b"nowhere/-1/99999999999999999999")]
    send(live.bootstrap, topic, [*questions(live, "forged"), b"no json", None], partition=0, headers=forged)
    # at home in the other partition:
    send(live.bootstrap, topic, [*questions(live, "astray", 2)], partition=1, headers=forged)
    live.wait_until_finished(7)
    told = a_question_behind_it_is_kept(live, worker, 7)
    told.prove_no_half_slice()  # whose these are cannot be told by the headers: they are forged
    journaled = {json.loads(record.value).get("event_id") for record in told.journal}
    assert {"astray-0", "astray-1", "forged-0", "behind-0"} <= journaled


def test_transactions_of_others_leave_nothing_but_what_they_committed(make_live: MakeLive) -> None:
    live = make_live()
    worker = live.worker()
    topic = live.settings.topic("buyer-message")
    producer = Producer({"bootstrap.servers": live.bootstrap, "transactional.id": f"{topic}-theirs"})
    producer.init_transactions(20)
    for name, is_kept in (("first", False), ("second", True), ("third", False)):
        producer.begin_transaction()
        for value in questions(live, name):
            producer.produce(topic, value, partition=0)
        assert producer.flush(20) == 0
        (producer.commit_transaction if is_kept else producer.abort_transaction)(20)
    live.wait_until_finished(3)
    told = a_question_behind_it_is_kept(live, worker, 3)
    told.prove()
    assert b"first-0" not in b"".join(record.value for record in told.journal)


def test_a_producer_may_stamp_its_records_with_any_instant(make_live: MakeLive) -> None:
    live = make_live()
    topic = live.settings.topic("buyer-message")
    worker = live.worker()
    longest = {f"message_timestamp_{side}_max_ms": str((1 << 63) - 1) for side in ("before", "after")}
    set_topic(live.bootstrap, topic, message_timestamp_type="CreateTime", **longest)
    for at_ms in (0, FAR_MS, 1 << 62):
        values = [*questions(live, f"stamped-{at_ms}"), b"no json"]

        def stamped(batch: bytearray, at_ms: int = at_ms) -> None:
            struct.pack_into(">qq", batch, 27, at_ms, at_ms + 3)

        send_batch(live.bootstrap, topic, 0, [(b"k", value) for value in values], stamped)
    live.wait_until_finished(12)
    told = a_question_behind_it_is_kept(live, worker, 12)
    told.prove()


def test_a_gzip_of_endless_members_holds_nobody_up(make_live: MakeLive) -> None:
    live = make_live()
    worker = live.worker()
    empty = gzip_encode(b"")

    def padded(batch: bytearray) -> None:
        batch[61:61] = empty * 1_500  # a broker's Java takes no 10,000
        struct.pack_into(">i", batch, 8, len(batch) - 12)

    values = questions(live, "padded")
    send_batch(
        live.bootstrap, live.settings.topic("buyer-message"), 0, [(b"k", v) for v in values], padded, codec="gzip"
    )
    live.wait_until_finished(1, within_s=10)
    told = a_question_behind_it_is_kept(live, worker, 1)
    assert [dict(letter.headers)["dl_reason"] for letter in told.dead_letters] == [b"unreadable"]
    assert "its gzip has more than 1,024 members" in worker.log()


def test_a_batch_of_a_million_empty_records_is_taken_in_hands(make_live: MakeLive) -> None:
    live = make_live()
    topic = live.settings.topic("buyer-message")
    worker = live.worker()
    before = most_memory(worker)
    send_batch(live.bootstrap, topic, 0, [(b"", b"")] * 1_000_000, codec="zstd")
    live.wait_until_finished(10_000)
    most = most_memory(worker)
    assert worker.terminate() == 0
    assert most - before < 150 * MIB, f"{(most - before) / MIB:.0f} MiB more"
    assert "Traceback" not in worker.log()
