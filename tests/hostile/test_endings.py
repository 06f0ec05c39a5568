"""How a worker ends that cannot go on: nothing is written, one sentence stands last, and what it says to do helps."""

from __future__ import annotations

import asyncio
import os

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from confluent_kafka import Consumer, Producer
from confluent_kafka import TopicPartition as Place

from schemas.registry import Logical
from tests.broker.conftest import MakeLive
from tests.broker.harness import Live, WorkerProcess, question, seller_on
from tests.hostile.foreign import send, set_topic
from tests.hostile.programs import run

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]
only_in_hostile = pytest.mark.skipif("DUECLOCK_TEST_SEEDS" not in os.environ, reason="long: `make hostile` runs it")


def ends_with_a_sentence(worker: WorkerProcess, *, status: int = 1, within_s: float = 40.0) -> str:
    """Its last line, which is the command's own."""
    assert worker.wait_for_end(within_s=within_s) == status
    last = worker.log().strip().splitlines()[-1]
    assert last.startswith("dueclock: "), worker.log()[-3000:]
    return last


def ends_of(live: Live, logical: Logical) -> list[int]:
    """Where each partition of a topic ends, aborted records counted."""
    consumer = Consumer(
        {"bootstrap.servers": live.bootstrap, "group.id": "none", "isolation.level": "read_uncommitted"}
    )
    try:
        topic = live.settings.topic(logical)
        return [consumer.get_watermark_offsets(Place(topic, p), timeout=10)[1] for p in range(live.partitions)]
    finally:
        consumer.close()


def test_what_does_not_fit_is_said_by_its_id_and_nothing_is_written_however_often_it_starts(
    make_live: MakeLive,
) -> None:
    live = make_live()
    first = live.worker()
    first.wait_for("in force", times=2)
    assert first.terminate() == 0
    topic, letters = live.settings.topic("buyer-message"), live.settings.topic("dead-letter")
    set_topic(live.bootstrap, letters, max_message_bytes="950000")
    seller = seller_on(0, live.partitions)
    values = [question(seller, f"q{n}").value(f"q{n}") for n in range(20)]
    send(live.bootstrap, topic, [*values, b"x" * 1_000_000], partition=0, codec="gzip")
    written = [ends_of(live, name) for name in ("sla-journal", "changelog", "sla-clock", "dead-letter")]
    for _ in range(3):
        last = ends_with_a_sentence(live.worker(is_ready=False))
        assert f"the dead letter of {topic}/0/20 has 1,000,000 bytes, and the topic {letters} takes 950,000" in last
        assert f"--entity-name {letters} --add-config max.message.bytes=1048576`." in last
    assert "Traceback" not in live.logs()
    after = [ends_of(live, name) for name in ("sla-journal", "changelog", "sla-clock", "dead-letter")]
    assert after == written
    set_topic(live.bootstrap, letters, max_message_bytes="1048576")
    worker = live.worker()
    live.wait_until_finished(21)
    assert worker.terminate() == 0
    live.told().prove()


def test_a_topic_that_takes_less_than_a_batch_is_refused_at_the_start(make_live: MakeLive) -> None:
    live = make_live()
    topic = live.settings.topic("sla-journal")
    set_topic(live.bootstrap, topic, max_message_bytes="100000")
    last = ends_with_a_sentence(live.worker(is_ready=False))
    assert f"The topic {topic} has max.message.bytes=100000 where" in last


@pytest.mark.parametrize("is_written_to", [False, pytest.param(True, marks=only_in_hostile)])
def test_an_output_topic_that_is_deleted_while_running_is_named(make_live: MakeLive, is_written_to: bool) -> None:
    """A worker that is just writing to it tries to for the forty seconds that its client does, and then ends."""
    live = make_live()
    worker = live.worker()
    worker.wait_for("in force", times=2)
    topic = live.settings.topic("sla-clock")

    async def delete() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=live.bootstrap)
        await admin.start()
        try:
            await admin.delete_topics([topic])
        finally:
            await admin.close()

    asyncio.run(delete())
    if is_written_to:
        seller = seller_on(0, live.partitions)
        send(live.bootstrap, live.settings.topic("buyer-message"), [question(seller, "q").value("q")], partition=0)
    last = ends_with_a_sentence(worker, within_s=100)
    assert f"The topic {topic} is gone; restore it" in last


def test_a_foreign_record_in_the_journal_is_named(make_live: MakeLive) -> None:
    live = make_live()
    first = live.worker()
    first.wait_for("in force", times=2)
    assert first.terminate() == 0
    journal = live.settings.topic("sla-journal")
    send(live.bootstrap, journal, [b"{}"], partition=0)
    worker = live.worker(is_ready=False)
    last = ends_with_a_sentence(worker)
    assert f"The record {journal}/0/2 is no journal line (it has no running number)" in last
    assert "Traceback" not in worker.log()


@pytest.mark.parametrize(
    "key", [b"\xff\xfe", b"no row's", b"S1/ATVPDKIKX0DER", b"a/b/order/\xc3\xa9", b"a/b/nothing/x"]
)
def test_a_foreign_row_in_the_changelog_is_said_and_rebuilt(make_live: MakeLive, key: bytes) -> None:
    live = make_live()
    first = live.worker()
    first.wait_for("in force", times=2)
    assert first.terminate() == 0
    send(live.bootstrap, live.settings.topic("changelog"), [b"foreign"], partition=0, key=key)
    worker = live.worker(is_ready=False)
    last = ends_with_a_sentence(worker)
    assert "Partition 0 cannot be kept, since its state rows cannot be read" in last
    assert "`dueclock rebuild --partition 0`" in last
    assert "Traceback" not in worker.log()
    rebuilt = run(live, "rebuild", "--partition", "0")
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert live.worker().terminate() == 0


def test_a_bug_of_ours_shows_its_traceback_once_and_ends_with_one_sentence(make_live: MakeLive) -> None:
    live = make_live()
    worker = live.worker(module="tests.hostile.broken")
    worker.wait_for("in force", times=2)
    seller = seller_on(0, live.partitions)
    send(live.bootstrap, live.settings.topic("buyer-message"), [question(seller, "q").value("q")], partition=0)
    last = ends_with_a_sentence(worker)
    assert "The worker ended by a bug of ours (KeyError: 'line'); nothing of its slice was written" in last
    for noise in ("Event loop is closed", "Task was destroyed", "Unclosed", "Exception ignored", "Crashed reason"):
        assert noise not in worker.log()
    assert worker.log().count("Traceback") == 1
    assert len(worker.log().splitlines()) < 60


def test_a_transaction_that_hangs_in_an_input_is_named_as_what_it_is(make_live: MakeLive) -> None:
    live = make_live()
    worker = live.worker()
    topic = live.settings.topic("buyer-message")
    foreign = Producer({"bootstrap.servers": live.bootstrap, "transactional.id": f"{live.prefix}foreign"})
    foreign.init_transactions(10)
    foreign.begin_transaction()
    foreign.produce(topic, b"{}", partition=0)
    foreign.flush(10)
    worker.wait_for(f"{topic}/0: a transaction of another producer has been open at offset 0", within_s=60)
    assert f"describe-producers --topic {topic} --partition 0" in worker.log()
    foreign.abort_transaction(10)
    worker.wait_for(f"{topic}/0: the transaction that was open at offset 0 has ended", within_s=60)
    assert worker.terminate() == 0
