"""A folder's broker: start, stop, status, and what it keeps."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import psutil
import pytest

from deploy import embedded
from deploy.embedded import EmbeddedKafka, EmbeddedKafkaError, KafkaStatus
from tests.kafka_fixtures import Outgoing, create_topics, eventually, eventually_now, produce, read_to_end

pytestmark = pytest.mark.broker


def test_a_folder_without_a_broker_has_none_to_stop(tmp_path: Path) -> None:
    assert embedded.status(tmp_path / "kafka") == KafkaStatus(
        is_running=False,
        is_answering=False,
        pid=None,
        bootstrap=None,
        folder=tmp_path / "kafka",
        log_file=tmp_path / "kafka" / "kafka.log",
    )
    assert embedded.stop(tmp_path / "kafka") is False
    assert not (tmp_path / "kafka").exists()


def test_a_broker_starts_once_is_found_again_and_stops_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "a seller's, käfig"
    try:
        first = embedded.start(folder)
        assert first.is_running
        assert first.is_answering
        assert embedded.status(folder) == first
        assert embedded.start(folder) == first
    finally:
        was_running = embedded.stop(folder)
    assert was_running
    assert not embedded.status(folder).is_running
    assert embedded.stop(folder) is False
    assert (folder / "data" / ".kafka_cleanshutdown").exists()
    again = embedded.start(folder, detached=False)
    assert again.bootstrap == first.bootstrap
    assert embedded.stop(folder)


def test_two_starts_at_once_give_one_broker(tmp_path: Path) -> None:
    found: list[KafkaStatus] = []
    starts = [threading.Thread(target=lambda: found.append(embedded.start(tmp_path, detached=False))) for _ in range(3)]
    try:
        for one in starts:
            one.start()
        for one in starts:
            one.join()
    finally:
        embedded.stop(tmp_path)
    assert len(found) == 3
    assert len(set(found)) == 1


def test_a_broker_listens_on_the_loopback_only(kafka: EmbeddedKafka) -> None:
    listening = [c.laddr.ip for c in psutil.Process(kafka.pid).net_connections("inet") if c.status == "LISTEN"]
    assert len(listening) == 2
    assert {ip.removeprefix("::ffff:") for ip in listening} == {"127.0.0.1"}


async def test_data_survive_a_stop_and_kill_9(own_kafka: EmbeddedKafka, kafka_prefix: str) -> None:
    topic = f"{kafka_prefix}kept"
    address = own_kafka.bootstrap
    await create_topics(address, {topic: 2})
    await produce(address, [Outgoing(topic, b"before", partition=0)])

    own_kafka.restart()
    assert own_kafka.bootstrap == address
    await produce(address, [Outgoing(topic, b"after the stop", partition=1)])

    killed = own_kafka.pid
    own_kafka.kill()
    assert not embedded.status(own_kafka.folder).is_running
    own_kafka.start()
    assert "DuplicateBrokerRegistration" not in own_kafka.log_file.read_text(), (
        "it waited for the session of the dead broker"
    )
    assert own_kafka.bootstrap == address
    assert own_kafka.pid != killed
    assert [record.value for record in await read_to_end(address, topic)] == [b"before", b"after the stop"]


def test_a_broker_killed_while_it_starts_says_so_and_starts_again(own_kafka: EmbeddedKafka) -> None:
    own_kafka.kill()
    log = own_kafka.log_file
    old = len(log.read_text())

    def kill_while_it_starts() -> None:
        eventually_now(lambda: "Becoming the active controller" in log.read_text()[old:], "its controller")
        pid = embedded.status(own_kafka.folder).pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    killing = threading.Thread(target=kill_while_it_starts)
    killing.start()
    with pytest.raises(EmbeddedKafkaError, match="Kafka ended while it started"):
        own_kafka.start()
    killing.join()
    own_kafka.start()
    assert embedded.status(own_kafka.folder).is_answering


async def test_a_frozen_broker_does_not_answer_goes_on_and_can_be_stopped(
    own_kafka: EmbeddedKafka, kafka_prefix: str
) -> None:
    topic = f"{kafka_prefix}frozen"
    await create_topics(own_kafka.bootstrap, {topic: 1})
    own_kafka.pause()  # its last thread may stop some moments later
    await eventually(lambda: not embedded.status(own_kafka.folder).is_answering, "the silence of the frozen broker")
    assert embedded.status(own_kafka.folder).is_running
    own_kafka.resume()
    await eventually(lambda: embedded.status(own_kafka.folder).is_answering, "an answer of the broker that goes on")
    assert await produce(own_kafka.bootstrap, [Outgoing(topic, b"thawed")]) == [0]
    own_kafka.pause()
    assert embedded.stop(own_kafka.folder)
    assert (own_kafka.folder / "data" / ".kafka_cleanshutdown").exists()


def test_a_broker_that_heeds_nothing_is_stopped_by_force(own_kafka: EmbeddedKafka) -> None:
    assert embedded.stop(own_kafka.folder, timeout_s=0)
    assert not embedded.status(own_kafka.folder).is_running


def test_a_temporary_folder_goes_with_its_broker() -> None:
    with EmbeddedKafka(settings={"num.partitions": "7"}) as kafka:
        folder = kafka.folder
        assert "num.partitions=7" in (folder / "server.properties").read_text()
    assert not folder.exists()


def test_a_broker_of_another_process_is_used_and_left_running(tmp_path: Path) -> None:
    running = embedded.start(tmp_path)
    try:
        with EmbeddedKafka(tmp_path) as kafka:
            assert kafka.pid == running.pid
        assert embedded.status(tmp_path) == running
    finally:
        embedded.stop(tmp_path)
