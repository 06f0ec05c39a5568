"""What the bytes of others do to a worker: codecs, sizes, batches that cannot be read. Each has its one fate."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from deploy.embedded import EmbeddedKafka
from tests.broker.conftest import MakeLive
from tests.broker.harness import Live, Told, WorkerProcess, question, seller_on
from tests.hostile.foreign import CODECS, send, send_batch, set_topic, spoil
from tests.hostile.programs import run

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

MIB = 1024 * 1024


def questions(live: Live, name: str, count: int = 3) -> list[bytes]:
    """Valid questions of an account of partition 0."""
    seller = seller_on(0, live.partitions)
    return [question(seller, f"{name}-{n}").value(f"{name}-{n}") for n in range(count)]


def send_to_inputs(live: Live, values: list[bytes | None], codec: str = "none", **said: object) -> None:
    send(live.bootstrap, live.settings.topic("buyer-message"), values, partition=0, codec=codec, **said)  # type: ignore[arg-type]  # passed on as they are


def a_question_behind_it_is_kept(live: Live, worker: WorkerProcess, finished: int) -> Told:
    """Whatever stands before, the next question is journaled, by this worker, which then ends as it should."""
    send_to_inputs(live, [*questions(live, "behind", 1)])
    live.wait_until_finished(finished + 1)
    assert worker.terminate() == 0
    told = live.told()
    assert any(b'"behind-0"' in record.value for record in told.journal)
    assert "Traceback" not in worker.log()
    return told


@pytest.mark.parametrize("codec", CODECS)
def test_a_batch_of_every_codec_is_read(make_live: MakeLive, codec: str) -> None:
    live = make_live()
    worker = live.worker()
    send_to_inputs(live, [*questions(live, codec, 20)], codec)
    live.wait_until_finished(20)
    a_question_behind_it_is_kept(live, worker, 20).prove()


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_our_own_topics_may_be_compressed_by_the_broker(make_live: MakeLive, codec: str) -> None:
    live = make_live()
    for logical in ("sla-journal", "changelog", "sla-clock", "dead-letter"):
        set_topic(live.bootstrap, live.settings.topic(logical), compression_type=codec)
    first = live.worker()
    send_to_inputs(live, [*questions(live, "first", 20), b"no json"])
    live.wait_until_finished(21)
    assert first.terminate() == 0
    a_question_behind_it_is_kept(live, live.worker(), 21).prove()
    assert run(live, "audit").returncode == 0
    exported = run(live, "journal", "export", "--partition", "0")
    assert exported.returncode == 0
    assert exported.stdout.count(b"message.received") == 21
    assert b"not_json" in run(live, "deadletter", "list").stdout


def test_a_record_too_large_for_its_letter_is_kept_by_its_beginning_and_its_digest(make_live: MakeLive) -> None:
    live = make_live()
    worker = live.worker()
    large, key = b"x" * (3 * MIB), b"k" * 200_000
    send_to_inputs(live, [large], "gzip", key=key, headers=[("h", b"y" * 2 * MIB)])
    live.wait_until_finished(1)
    told = a_question_behind_it_is_kept(live, worker, 1)
    told.prove()
    (letter,) = told.dead_letters
    assert (letter.key, letter.value) == (key[:65_536], large[:65_536])
    said = {name: value.decode() for name, value in letter.headers}
    assert said["dl_reason"] == "too_large"
    assert (said["dl_size"], said["dl_sha256"]) == (str(len(large)), hashlib.sha256(large).hexdigest())
    assert (said["dl_key_size"], said["dl_key_sha256"]) == (str(len(key)), hashlib.sha256(key).hexdigest())
    again = run(live, "deadletter", "redrive", "0:0")
    assert again.returncode == 2
    assert b"holds only the beginning of a value of 3,145,728 bytes and a key of 200,000 bytes" in again.stderr
    left_out = run(live, "deadletter", "redrive", "--reason", "too_large", "--yes")
    assert left_out.stdout.endswith(b"; 1 left out that are not kept whole.\n")


def most_memory(worker: WorkerProcess) -> int:
    """The most that it ever had, in bytes."""
    (line,) = [one for one in Path(f"/proc/{worker.process.pid}/status").read_text().splitlines() if "VmHWM" in one]
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize("codec", CODECS)
def test_a_batch_that_unpacks_to_100_megabytes_is_a_dead_letter_and_costs_no_memory(
    make_live: MakeLive, codec: str
) -> None:
    live = make_live()
    set_topic(live.bootstrap, live.settings.topic("buyer-message"), max_message_bytes=str(40 * MIB))
    worker = live.worker()
    before = most_memory(worker)
    send_batch(live.bootstrap, live.settings.topic("buyer-message"), 0, [(b"k", b"0" * (100 * MIB))], codec=codec)
    live.wait_until_finished(1)
    most = most_memory(worker)
    told = a_question_behind_it_is_kept(live, worker, 1)
    (letter,) = told.dead_letters
    said = {name: value.decode() for name, value in letter.headers}
    assert said["dl_reason"] == "unreadable"
    assert said["dl_offset"] == "0"
    assert most - before < 150 * MIB, f"{(most - before) / MIB:.0f} MiB more"
    assert "unpacked it would be larger than 67,108,864 bytes" in worker.log()


def test_a_header_whose_name_is_no_text_stops_nothing(make_live: MakeLive) -> None:
    live = make_live()
    worker = live.worker()
    topic = live.settings.topic("buyer-message")

    def other_name(batch: bytearray) -> None:
        for at in range(len(batch)):
            if batch[at : at + 4] == b"name":
                batch[at] = 0xFF

    send_batch(live.bootstrap, topic, 0, [(b"k", value) for value in questions(live, "odd")], other_name)
    live.wait_until_finished(3)
    told = a_question_behind_it_is_kept(live, worker, 3)
    assert not told.dead_letters
    told.prove()


def garble(batch: bytearray) -> None:
    batch[70:90] = bytes(range(20))


def unknown_codec(batch: bytearray) -> None:
    batch[22] |= 6


@pytest.mark.parametrize("change", [garble, unknown_codec])
def test_a_batch_that_cannot_be_read_is_one_dead_letter(
    make_live: MakeLive, kafka: EmbeddedKafka, change: object
) -> None:
    live = make_live()
    topic = live.settings.topic("buyer-message")
    send_to_inputs(live, [*questions(live, "lost", 5)], "gzip")
    assert callable(change)
    spoil(kafka.folder, topic, 0, change, is_signed=True)
    worker = live.worker()
    live.wait_until_finished(1)
    told = a_question_behind_it_is_kept(live, worker, 1)
    (letter,) = told.dead_letters
    said = {name: value.decode() for name, value in letter.headers}
    assert (said["dl_reason"], said["dl_topic"], said["dl_offset"]) == ("unreadable", topic, "0")
    assert letter.value is not None
    assert f"{topic}/0/0-4 cannot be read" in worker.log()
    next_worker = live.worker()
    assert next_worker.terminate() == 0
    assert len(live.told().dead_letters) == 1


def test_a_damaged_log_ends_the_worker_with_what_is_wrong_and_a_way_past_it(
    make_live: MakeLive, kafka: EmbeddedKafka
) -> None:
    live = make_live()
    topic = live.settings.topic("buyer-message")
    send_to_inputs(live, [*questions(live, "lost", 5)], "lz4")
    spoil(kafka.folder, topic, 0, garble, is_signed=False)
    for _ in range(2):
        worker = live.worker(is_ready=False)
        assert worker.wait_for_end() == 1
        last = worker.log().strip().splitlines()[-1]
        assert f"The input record {topic}/0/0-4 cannot be read, for the checksum of its batch is wrong" in last
        assert last.endswith(f"`dueclock worker --skip-line {topic}/0/0-4`.")
        assert "Traceback" not in worker.log()
    worker = live.worker(flags=["--skip-line", f"{topic}/0/0-4"])
    live.wait_until_finished(1)
    told = a_question_behind_it_is_kept(live, worker, 1)
    (letter,) = told.dead_letters
    assert dict(letter.headers)["dl_reason"] == b"skipped"


def test_a_range_of_records_is_set_aside_by_one_flag(make_live: MakeLive) -> None:
    live = make_live()
    topic = live.settings.topic("buyer-message")
    send_to_inputs(live, [*questions(live, "theirs", 50)])
    worker = live.worker(flags=["--skip-line", f"{topic}/0/0-49"])
    live.wait_until_finished(50)
    told = a_question_behind_it_is_kept(live, worker, 50)
    assert [dict(letter.headers)["dl_reason"] for letter in told.dead_letters] == [b"skipped"] * 50
    told.prove()


def test_a_journal_that_cannot_be_read_is_named_by_every_command(make_live: MakeLive, kafka: EmbeddedKafka) -> None:
    live = make_live()
    first = live.worker()
    send_to_inputs(live, [*questions(live, "first")])
    live.wait_until_finished(3)
    assert first.terminate() == 0
    journal = live.settings.topic("sla-journal")
    spoil_last_lines(kafka, journal)
    worker = live.worker(is_ready=False)
    assert worker.wait_for_end() == 1
    assert f"The record {journal}/0/" in worker.log().strip().splitlines()[-1]
    assert "Traceback" not in worker.log()
    for command in (("audit",), ("journal", "export", "--partition", "0")):
        ended = run(live, *command)
        assert ended.returncode != 0
        assert f"The record {journal}/0/" in ended.stderr.decode().strip().splitlines()[-1]
        assert b"Traceback" not in ended.stderr


def spoil_last_lines(kafka: EmbeddedKafka, journal: str) -> None:
    """The batch before the marker of its transaction."""
    import struct

    (segment,) = kafka.folder.rglob(f"{journal}-0/00000000000000000000.log")
    with segment.open("r+b") as log:
        whole = log.read()
        at, starts = 0, []
        while at + 12 <= len(whole):
            starts.append(at)
            at += 12 + struct.unpack_from(">i", whole, at + 8)[0]
        log.seek(starts[-2] + 100)
        log.write(b"\0\1\2\3")


def test_what_a_dead_letter_says_is_what_the_batch_was(make_live: MakeLive) -> None:
    live = make_live()
    worker = live.worker()
    send_to_inputs(live, [b"{}", None, b"\xff" * 70_000], "zstd")
    live.wait_until_finished(3)
    told = a_question_behind_it_is_kept(live, worker, 3)
    told.prove()
    assert [letter.value for letter in told.dead_letters] == [b"{}", None, b"\xff" * 70_000]
    assert json.loads(told.journal[-1].value)["type"] in ("message.received", "policy.activated")
