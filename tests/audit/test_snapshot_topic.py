"""Snapshots in a topic: what was kept is found again, whatever became of whoever wrote, and whoever else did.

How commands begin at one is in test_cut_journal.py, test_pieces.py and test_growing.py.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from agents.journal import keeping, sealing, snapshot_topic
from agents.journal.keeping import KeptTopic
from agents.journal.sealing import Sealer
from agents.journal.snapshot_topic import SnapshotTopic
from agents.journal.snapshots import SnapshotWriter
from agents.journal.store import MissingError, StoreError
from agents.kafka.topics import create_topics
from agents.settings import Settings
from agents.topic_roles import SNAPSHOTS
from deploy.embedded import EmbeddedKafka
from schemas.codec import canonical_json
from schemas.notifications import StateSealed
from streams.engine import new_state
from tests.broker.harness import wait_until
from tests.kafka_fixtures import Outgoing, produce, read_to_end

pytestmark = pytest.mark.broker
of_years = pytest.mark.skipif("DUECLOCK_TEST_YEARS" not in os.environ, reason="takes its time: `make years`")

FOLDER = "sla-journal-0f"
HERE = f"{FOLDER}/0/snapshots"
PIECE = 1_000
"""Bytes; a real piece has 850,000."""


@pytest.fixture
def settings(kafka: EmbeddedKafka, kafka_prefix: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The topic of snapshots, in which pieces are small and few go out at once."""
    monkeypatch.setattr(keeping, "PIECE_BYTES", PIECE)
    monkeypatch.setattr(keeping, "PIECES_AT_ONCE", 2)
    settings = Settings(broker=kafka.bootstrap, topic_prefix=kafka_prefix, partitions=1, snapshots="topic")
    create_topics(settings)
    return settings


def name(number: int, folder: str = HERE) -> str:
    return f"{folder}/{number:012d}-20260101T000000Z.snapshot"


def content(seed: int, size: int = 5 * PIECE + 17) -> bytes:
    """Bytes that differ from place to place."""
    return b"".join(b"%d.%d " % (seed, place) for place in range(size // 4))[:size]


def keys(settings: Settings) -> list[bytes]:
    """The keys of all committed records."""
    records = asyncio.run(read_to_end(settings.broker, [settings.topic(SNAPSHOTS)]))
    return [record.key or b"" for record in records]


def test_snapshots_are_there_whole_by_their_names_and_go(settings: Settings) -> None:
    store, reader = KeptTopic(settings), SnapshotTopic(settings)

    async def used() -> None:
        assert await reader.names(HERE) == []
        with pytest.raises(MissingError, match="has no"):
            await reader.read(name(1))
        await store.write(name(2), iter([content(2)[:1_500], content(2)[1_500:]]))
        await store.write(name(1), iter([content(1, PIECE)]))
        await store.write(name(1, "sla-journal-aa/4/snapshots"), iter([b""]))  # of a journal with more partitions
        assert await reader.names(HERE) == [name(1), name(2)]
        assert await reader.names("sla-journal-0f/1/snapshots") == []
        assert await reader.read(name(2)) == content(2)
        assert await reader.read(name(1)) == content(1, PIECE)
        assert await reader.read(name(1, "sla-journal-aa/4/snapshots")) == b""
        await store.write(name(2), iter([content(3)]))
        assert await reader.names(HERE) == [name(1), name(2)]
        assert await reader.read(name(2)) == content(3), "the newer one in its place"
        await store.remove([name(1), name(2)])
        assert await reader.names(HERE) == []
        with pytest.raises(MissingError, match="has no"):
            await reader.read(name(2))

    asyncio.run(used())
    of_pieces = [key for key in keys(settings) if key != snapshot_topic.CATALOGUE_KEY]
    assert len(of_pieces) == 2 * (6 + 1 + 6), "each piece, and what takes it away"
    assert len(set(of_pieces)) == 6 + 1 + 6


KILLED = """
import asyncio, sys
from agents.journal import keeping
from agents.settings import Settings

keeping.PIECE_BYTES, keeping.PIECES_AT_ONCE = 1_000, 2

def parts():
    for number in range(7):
        yield bytes(1_000)
    print("most of it is there", flush=True)
    sys.stdin.read()

settings = Settings(broker=sys.argv[1], topic_prefix=sys.argv[2], partitions=1, snapshots="topic")
asyncio.run(keeping.KeptTopic(settings).write(sys.argv[3], parts()))
"""


def test_an_owner_that_is_killed_before_its_catalogue_leaves_the_one_before_it(settings: Settings) -> None:
    asyncio.run(KeptTopic(settings).write(name(1), iter([content(1)])))
    words = [sys.executable, "-c", KILLED, settings.broker, settings.topic_prefix, name(2)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "most of it is there\n"
        owner.kill()
    wait_until(lambda: len(keys(settings)) == 6 + 1 + 6, lambda: "pieces that no catalogue names", within_s=20)
    left = keys(settings)[6 + 1 :]

    async def looked() -> None:
        assert await SnapshotTopic(settings).names(HERE) == [name(1)]
        assert await SnapshotTopic(settings).read(name(1)) == content(1)
        await KeptTopic(settings).write(name(2), iter([content(2)]))
        assert await SnapshotTopic(settings).names(HERE) == [name(1), name(2)]
        assert await SnapshotTopic(settings).read(name(2)) == content(2)

    asyncio.run(looked())
    assert [key for key in keys(settings) if key in left] == 2 * left, "their successor takes them away"


def test_of_two_owners_at_once_one_is_refused_and_nothing_is_forgotten(settings: Settings) -> None:
    may_go_on = threading.Event()

    async def both() -> None:
        has_begun = asyncio.Event()
        loop = asyncio.get_running_loop()

        def parts() -> Iterator[bytes]:
            yield content(1)
            loop.call_soon_threadsafe(has_begun.set)
            assert may_go_on.wait(30)
            yield content(1)

        stale = asyncio.create_task(KeptTopic(settings).write(name(1), parts()))
        await asyncio.wait_for(has_begun.wait(), 30)
        try:
            await KeptTopic(settings).write(name(2), iter([content(2)]))
        finally:
            may_go_on.set()
        with pytest.raises(StoreError, match="another owner of its partition writes to"):
            await stale
        assert await SnapshotTopic(settings).names(HERE) == [name(2)]
        assert await SnapshotTopic(settings).read(name(2)) == content(2)
        await KeptTopic(settings).write(name(3), iter([content(3)]))
        assert await SnapshotTopic(settings).names(HERE) == [name(2), name(3)]

    asyncio.run(both())


def test_the_newest_catalogue_is_found_without_reading_the_snapshots(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, read = KeptTopic(settings), list[int]()

    async def kept() -> None:
        await store.write(name(1), iter([content(1)]))
        with pytest.raises(OSError, match="the disk"):
            await store.write(name(2), _breaking_off(40))

    asyncio.run(kept())
    records = snapshot_topic._records

    async def counted(*where: object) -> object:
        found = await records(*where)  # type: ignore[arg-type] # as it was called
        read.append(len(found))
        return found

    monkeypatch.setattr(snapshot_topic, "_records", counted)
    assert asyncio.run(SnapshotTopic(settings).names(HERE)) == [name(1)]
    assert len(keys(settings)) > 40
    assert sum(read) <= 5, "the last records, of which each says where the catalogue stands"


def _breaking_off(pieces: int) -> Iterator[bytes]:
    for number in range(pieces):
        yield content(number, PIECE)
    raise OSError(28, "the disk is full")


def test_what_others_write_there_is_passed_over_and_what_was_changed_is_not_given_out(settings: Settings) -> None:
    topic = settings.topic(SNAPSHOTS)
    asyncio.run(KeptTopic(settings).write(name(1), iter([content(1)])))
    greedy = {"name": name(1), "upload": "0" * 32, "first": 0, "end": 9, "pieces": 10**10, "length": 1, "sha256": ""}
    beyond = {**greedy, "end": 10**15}
    foreign = [b"{", b"[]", b'{"format":"another","snapshots":[]}', b'{"format":"dueclock snapshots 1"}', None]
    foreign += [canonical_json({"format": snapshot_topic.FORMAT, "snapshots": [one]}) for one in (greedy, beyond)]
    records = [Outgoing(topic, value, key=snapshot_topic.CATALOGUE_KEY, partition=0) for value in foreign]
    told: list[Any] = [b"999999", b"9" * 5_000, None]
    records += [Outgoing(topic, b"x", key=b"key", partition=0, headers=(("catalogue", value),)) for value in told]
    asyncio.run(produce(settings.broker, records))
    assert asyncio.run(SnapshotTopic(settings).read(name(1))) == content(1)
    catalogue = next(
        record.value
        for record in asyncio.run(read_to_end(settings.broker, [topic]))
        if record.key == snapshot_topic.CATALOGUE_KEY
    )
    changed = catalogue.replace(b'"length":5017', b'"length":5016').replace(b'"pieces":6', b'"pieces":5')
    asyncio.run(produce(settings.broker, [Outgoing(topic, changed, key=snapshot_topic.CATALOGUE_KEY, partition=0)]))
    with pytest.raises(StoreError, match="its pieces are changed or gone"):
        asyncio.run(SnapshotTopic(settings).read(name(1)))


def test_a_topic_that_is_not_there_keeps_nothing_and_says_what_makes_it(settings: Settings) -> None:
    nowhere = settings.changed(topic_prefix=f"{settings.topic_prefix}none-")
    assert asyncio.run(SnapshotTopic(nowhere).names(HERE)) == []
    with pytest.raises(StoreError, match=f"there is no topic {nowhere.topic(SNAPSHOTS)}; `dueclock topics create`"):
        asyncio.run(KeptTopic(nowhere).write(name(1), iter([b"x"])))


def test_a_broker_that_does_not_answer_is_a_sentence() -> None:
    nowhere = Settings(broker="127.0.0.1:1", snapshots="topic")
    with pytest.raises(StoreError, match=r"No Kafka answers at 127\.0\.0\.1:1"):
        asyncio.run(SnapshotTopic(nowhere).names(HERE))
    with pytest.raises(StoreError, match=r"No Kafka answers at 127\.0\.0\.1:1"):
        asyncio.run(KeptTopic(nowhere).write(name(1), iter([b"x"])))


def test_what_others_have_filled_a_partition_with_is_not_kept_in_memory_while_a_catalogue_is_looked_for(
    settings: Settings,
) -> None:
    topic, large = settings.topic(SNAPSHOTS), b"x" * 200_000
    asyncio.run(produce(settings.broker, [Outgoing(topic, large, key=b"%d" % n, partition=0) for n in range(200)]))
    tracemalloc.start()
    try:
        assert asyncio.run(SnapshotTopic(settings).names(HERE)) == []
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_a_broker_that_goes_silent_is_not_waited_for(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    store = KeptTopic(settings)
    asyncio.run(store.write(name(1), iter([content(1)])))
    for module in (keeping, snapshot_topic):
        monkeypatch.setattr(module, "ANSWERS_WITHIN_S", 0.0)
    asked = (lambda: store.names(HERE), lambda: store.read(name(1)), lambda: store.remove([name(1)]))
    for ask in asked:
        with pytest.raises(StoreError, match="did not answer in time"):
            asyncio.run(ask())


@pytest.mark.parametrize("is_early", [True, False])
def test_a_partition_that_is_let_go_does_not_wait_for_a_snapshot_that_nobody_takes(
    is_early: bool, own_kafka: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sealing, "LET_GO_WITHIN_S", 0.2)
    settings = Settings(broker=own_kafka.bootstrap, partitions=1, snapshots="topic")
    create_topics(settings)
    seal = StateSealed(line=1, offset=0, state="0" * 64, journal="0" * 64, logic=1)

    async def story() -> None:
        sealer = Sealer(settings, new_state(0), 0)
        sealer._snapshot = SnapshotWriter(KeptTopic(settings), FOLDER, 0, 1)
        assert list(sealer._snapshot.passing([(b"key", b"value")])) == [(b"key", b"value")]
        if is_early:
            sealer.let_go()
        keeping_it = asyncio.create_task(sealer.sealed(seal))
        await asyncio.sleep(0)  # it is on its way
        if not is_early:
            sealer.let_go()
        await asyncio.wait_for(keeping_it, 10)

    own_kafka.pause()
    try:
        asyncio.run(story())
    finally:
        own_kafka.resume()
    assert "the snapshot failed (the partition was let go meanwhile); the seal itself stands" in caplog.text


@of_years
@pytest.mark.timeout(120)
def test_a_broker_that_dies_while_a_snapshot_is_written_is_a_sentence(own_kafka: EmbeddedKafka) -> None:
    settings = Settings(broker=own_kafka.bootstrap, partitions=1, snapshots="topic")
    create_topics(settings)

    def parts() -> Iterator[bytes]:
        for number in range(40):
            yield content(number, keeping.PIECE_BYTES)
        own_kafka.kill()
        for number in range(40):
            yield content(number, keeping.PIECE_BYTES)

    began_s = time.monotonic()
    with pytest.raises(StoreError, match=f"the Kafka at {settings.broker}"):
        asyncio.run(KeptTopic(settings).write(name(1), parts()))
    assert time.monotonic() - began_s < 100
    own_kafka.start()
    asyncio.run(KeptTopic(settings).write(name(2), iter([content(2)])))
    assert asyncio.run(SnapshotTopic(settings).names(HERE)) == [name(2)]


KEPT, STATE_BYTES, DAYS = 5, 6_000_000, 40


@of_years
@pytest.mark.timeout(400)
def test_what_is_thinned_out_leaves_the_disk_and_what_is_kept_is_read(
    own_kafka: EmbeddedKafka, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each day a snapshot more and one less, with the broker's cleaner and segments hurried on."""
    settings = Settings(broker=own_kafka.bootstrap, partitions=1, snapshots="topic")
    create_topics(settings)
    hurried = {"segment.ms": "1000", "max.compaction.lag.ms": "1000", "delete.retention.ms": "1000"}
    asyncio.run(_altered(settings, hurried))
    store, kept = KeptTopic(settings), list[int]()
    took_s: list[float] = []

    def on_disk() -> int:
        return sum(_size(path) for path in own_kafka.folder.rglob(f"{settings.topic(SNAPSHOTS)}-0/*.log"))

    async def day(number: int) -> None:
        began_s = time.monotonic()
        await store.write(name(number), iter([content(number, STATE_BYTES)]))
        took_s.append(time.monotonic() - began_s)
        kept.append(number)
        if len(kept) > KEPT:
            await store.remove([name(kept.pop(0))])

    for number in range(DAYS):
        asyncio.run(day(number))
    before = on_disk()
    bound = KEPT * STATE_BYTES * 3 // 2

    def is_clean() -> bool:
        asyncio.run(store.write(name(DAYS), iter([b"x"])))  # a segment ends when something follows it
        return on_disk() <= bound

    wait_until(is_clean, lambda: f"at most {bound:,} bytes on disk, there are {on_disk():,}", within_s=200)
    assert asyncio.run(store.names(HERE)) == [*map(name, kept), name(DAYS)]
    for number in kept:
        assert asyncio.run(store.read(name(number))) == content(number, STATE_BYTES)
    with capsys.disabled():
        print(
            f"\n{DAYS} snapshots of {STATE_BYTES:,} bytes, {KEPT} kept: {before:,} bytes on disk, then {on_disk():,};"
            f" {sum(took_s) / len(took_s):.2f} s each"
        )


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):  # a segment that was cleaned meanwhile
        return path.stat().st_size
    return 0


async def _altered(settings: Settings, configs: dict[str, str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.broker)
    await admin.start()
    try:
        wanted = {"cleanup.policy": "compact,delete", "message.timestamp.type": "LogAppendTime", **configs}
        topic = settings.topic(SNAPSHOTS)
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=wanted)])
    finally:
        await admin.close()
