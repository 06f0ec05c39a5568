"""Snapshots in a topic (`snapshots = "topic"`), for whoever has nothing but Kafka: how they stand there, and are read.

What belongs to partition p of a journal stands in partition p of the topic. A snapshot is the bytes that its file would
have, in pieces, each a record under a key of its own. Behind them stands the catalogue, always under one key: every
snapshot that is kept in this partition, of this journal or of one that it goes on from. Compaction keeps the newest
catalogue and the pieces that it names: what is thinned out gets tombstones, and so do pieces that no catalogue names
(their owner was killed between the two), by whoever writes next.

Nothing is read that is not asked for: the catalogue is one of the last records, or a piece is, and each piece says
where the catalogue before it stands. Nothing is believed: the pieces must have the digest that the catalogue says, and
what they make is held against a seal as any snapshot is. Records of others are passed over.
"""

import asyncio
import re
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.errors import UserError
from agents.journal.store import MissingError, StoreError
from agents.kafka.batches import Fetched
from agents.kafka.clients import failures_of, reader
from agents.kafka.log_reader import FETCH_BYTES, LogReader
from agents.kafka.private import topics_now
from agents.settings import Settings
from agents.topic_roles import SNAPSHOTS

FORMAT: Final = "dueclock snapshots 1"
CATALOGUE_KEY: Final = b"catalogue"
HEADER_CATALOGUE: Final = "catalogue"
"""Of a piece: the offset of the catalogue that stood there when its snapshot was begun."""
_PIECE: Final = re.compile(rb"[0-9a-f]{32}/\d+")
_TAIL_RECORDS: Final = 4
"""How far before the end is looked first: the newest catalogue and the marker of its transaction stand there."""
_PROBE_BYTES: Final = 64 * 1024
ANSWERS_WITHIN_S: Final = 30
"""A broker that says nothing for so long is not waited for: what asks may be a worker, whose partition rests."""
_OFFSET_DIGITS: Final = 19


class Kept(msgspec.Struct, frozen=True):
    """A snapshot in the catalogue: its name, its upload, the offsets that its pieces stand between, and what they are.

    `end` is the offset behind its last piece, `length` the bytes of all, `sha256` their digest (hex).
    """

    name: str
    upload: str
    first: int
    end: int
    pieces: int
    length: int
    sha256: str

    def piece_keys(self) -> list[bytes]:
        """The keys of its pieces, in their order."""
        return [piece_key(self.upload, number) for number in range(self.pieces)]


class Catalogue(msgspec.Struct, frozen=True):
    """All snapshots that are kept in a partition."""

    format: str
    snapshots: tuple[Kept, ...]


class Found(NamedTuple):
    """What a partition keeps; the offset of the catalogue that says so (None: there is none); where it ends."""

    snapshots: tuple[Kept, ...]
    catalogue: int | None
    end: int


def piece_key(upload: str, number: int) -> bytes:
    """The key of a piece of a snapshot."""
    return f"{upload}/{number}".encode()


class SnapshotTopic:
    """The topic as a store that is only read; a topic that is not there keeps nothing, as a folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.place = settings.topic(SNAPSHOTS)

    async def names(self, prefix: str) -> list[str]:
        """The names of the snapshots in this folder, in their order."""
        with as_store_errors(self._settings):
            async with reader(self._settings, fetch_max_wait_ms=50, max_partition_fetch_bytes=_PROBE_BYTES) as consumer:
                _, found = await self._found(consumer, prefix)
        return sorted(one.name for one in found.snapshots if one.name.startswith(f"{prefix}/"))

    async def read(self, name: str) -> bytes:
        """A whole snapshot. MissingError where it is not kept, StoreError where its pieces are not what was written."""
        with as_store_errors(self._settings):
            async with reader(self._settings, fetch_max_wait_ms=50, max_partition_fetch_bytes=FETCH_BYTES) as consumer:
                place, found = await self._found(consumer, name)
                kept = next((one for one in found.snapshots if one.name == name), None)
                if kept is None or place is None:
                    raise MissingError(f"{self.place} has no {name}")
                raw = await _pieces(LogReader(consumer), place, kept)
        if len(raw) != kept.length or sha256(raw).hexdigest() != kept.sha256:
            raise StoreError(f"{self.place} no longer has {name} as it was written: its pieces are changed or gone")
        return raw

    async def _found(self, consumer: AIOKafkaConsumer, name: str) -> tuple[TopicPartition | None, Found]:
        """Where what has this name or folder stands, and what is kept there; TimeoutError where nobody says."""
        async with asyncio.timeout(ANSWERS_WITHIN_S):
            place = await place_of(consumer, self.place, name)
            return place, Found((), None, 0) if place is None else await found_in(consumer, place)


@contextmanager
def as_store_errors(settings: Settings) -> Iterator[None]:
    """What goes wrong between us and the broker, as what goes wrong with a store."""
    try:
        with failures_of(settings):
            yield
    except UserError as error:
        raise StoreError(error.sentence.rstrip(".")) from None
    except TimeoutError:
        raise StoreError(f"the Kafka at {settings.broker} did not answer in time") from None


async def place_of(consumer: AIOKafkaConsumer, topic: str, name: str) -> TopicPartition | None:
    """The partition where snapshots of this name or folder stand; None where there is no such topic.

    A topic with fewer partitions than a journal (an older generation may have had more) has several in one.
    """
    topics = await topics_now(consumer, [topic])
    if topic not in topics:
        return None
    return TopicPartition(topic, int(name.split("/")[1]) % topics[topic].partitions)


async def found_in(consumer: AIOKafkaConsumer, place: TopicPartition) -> Found:
    """What a partition keeps, by its newest catalogue."""
    log = LogReader(consumer)
    ends = (await log.ends([place]))[place]
    end, reach = ends.next, _TAIL_RECORDS
    while end > ends.first:
        start = max(ends.first, end - reach)
        for record in reversed(await _records(log, place, start, end)):
            there = [record]
            if record.catalogue is None and record.before is not None and ends.first <= record.before < start:
                there = await _records(log, place, record.before, record.before + 1)
            for offset, catalogue, _ in there:
                if catalogue is not None:
                    kept = tuple(one for one in catalogue.snapshots if one.first >= ends.first)
                    return Found(kept, offset, ends.next)
        end, reach = start, reach * 4
    return Found((), None, ends.next)


def catalogue_of(record: Fetched) -> Catalogue | None:
    """The catalogue that a record is; None where it is none of ours.

    In each of ours all pieces stand before it, no two at one offset: no more can be asked for than there is.
    """
    if record.key != CATALOGUE_KEY or record.value is None:
        return None
    try:
        catalogue = msgspec.json.decode(record.value, type=Catalogue)
    except msgspec.MsgspecError:
        return None
    is_ours = catalogue.format == FORMAT and all(
        0 <= one.pieces <= max(0, one.end - one.first) and one.end <= record.offset for one in catalogue.snapshots
    )
    return catalogue if is_ours else None


def _catalogue_before(record: Fetched) -> int | None:
    told = dict(record.headers).get(HEADER_CATALOGUE) or b""
    return int(told) if told.isdigit() and len(told) <= _OFFSET_DIGITS else None


async def unnamed_in(consumer: AIOKafkaConsumer, place: TopicPartition, found: Found) -> list[bytes]:
    """The keys of the pieces that stand behind the newest catalogue: no catalogue names them."""
    log = LogReader(consumer)
    start = (await log.ends([place]))[place].first if found.catalogue is None else found.catalogue + 1
    keys: list[bytes] = []
    async with aclosing(log.spans({place: (start, found.end)})) as batches:
        async for records in batches:  # whole snapshots may stand there: their keys are enough
            named = [one.key for one in records if one.key is not None and one.value is not None]
            keys += [key for key in named if _PIECE.fullmatch(key)]
    return keys


class _Mark(NamedTuple):
    """What a record says of the catalogue: it is one, or where one stood when it was written."""

    offset: int
    catalogue: Catalogue | None
    before: int | None


async def _records(log: LogReader, place: TopicPartition, start: int, end: int) -> list[_Mark]:
    """What the records in this span say. No more is kept of them: there may be thousands of pieces."""
    found: list[_Mark] = []
    async with aclosing(log.spans({place: (start, end)})) as batches:
        async for records in batches:
            found += [_Mark(one.offset, catalogue_of(one), _catalogue_before(one)) for one in records]
    return found


async def _pieces(log: LogReader, place: TopicPartition, kept: Kept) -> bytes:
    """The pieces of a snapshot, one behind the other; what stands between them is somebody else's.

    Many may take long. TimeoutError where for long none comes.
    """
    wanted, found = set(kept.piece_keys()), dict[bytes, bytes]()
    now_s = asyncio.get_running_loop().time
    async with (
        asyncio.timeout(ANSWERS_WITHIN_S) as patience,
        aclosing(log.spans({place: (kept.first, kept.end)})) as batches,
    ):
        async for records in batches:
            patience.reschedule(now_s() + ANSWERS_WITHIN_S)
            found.update({one.key: one.value for one in records if one.key in wanted and one.value is not None})
    return b"".join(found.get(key, b"") for key in kept.piece_keys())
