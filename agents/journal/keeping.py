"""Where a worker and `dueclock grow` keep snapshots: the store that the settings name, to write in.

Into a topic they go by a producer of their own, one for each partition of it: starting it fences whoever wrote there
before, as with the partition itself, and only then the catalogue is read that is to be followed. So of two owners at
once one is refused, and no catalogue forgets what another had. The pieces go out in transactions of a few, the
catalogue in the last: it names a snapshot whose pieces all stand. Whatever ends the owner in between, the catalogue
before it holds, and the next owner takes away what was left. None of this touches the partition's own transactions: a
snapshot that fails is a warning (sealing.py).
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from time import monotonic
from typing import Final, NamedTuple
from uuid import uuid4

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import ProducerFenced

from agents.journal.snapshot_topic import (
    ANSWERS_WITHIN_S,
    CATALOGUE_KEY,
    FORMAT,
    HEADER_CATALOGUE,
    Catalogue,
    Found,
    Kept,
    SnapshotTopic,
    as_store_errors,
    found_in,
    piece_key,
    place_of,
    unnamed_in,
)
from agents.journal.store import Files, StoreError, WritableStore
from agents.kafka.clients import reader
from agents.kafka.rights import transactional_prefix
from agents.kafka.transactions import BrokerAwayError, Outbox, Transactions
from agents.settings import Settings
from schemas.codec import canonical_json

PIECE_BYTES: Final = 850_000
"""Of a snapshot in one record: with its key and header it has to fit into a batch (`MAX_BATCH_BYTES`)."""
PIECES_AT_ONCE: Final = 16
"""In one transaction: so many are in memory, and so long a reader may have to wait."""
WRITTEN_WITHIN_S: Final = 120
"""A snapshot: the partition rests meanwhile, and whoever takes it over waits."""
_SEEN_WITHIN_S: Final = 15
_LOOKS_EVERY_S: Final = 0.02


def place_to_keep(settings: Settings) -> WritableStore | None:
    """Where snapshots are kept; None where none are."""
    if settings.has_snapshot_topic:
        return KeptTopic(settings)
    return Files(settings.snapshots) if settings.snapshots else None


class KeptTopic(SnapshotTopic):
    """The topic of snapshots, to write in. OSError from what is to be written passes as it is."""

    may_be_broken_off = True

    async def write(self, name: str, parts: Iterator[bytes]) -> None:
        """Put a snapshot there, in the place of one of this name if there is one."""
        async with self._alone(name, WRITTEN_WITHIN_S) as owner:
            kept = await owner.put(name, parts)
            await owner.say([*(one for one in owner.found.snapshots if one.name != name), kept])

    async def remove(self, names: Sequence[str]) -> None:
        """Take snapshots of one partition away."""
        async with self._alone(names[0], ANSWERS_WITHIN_S) as owner:
            await owner.say([one for one in owner.found.snapshots if one.name not in names])

    @asynccontextmanager
    async def _alone(self, name: str, within_s: float) -> AsyncIterator["_Owner"]:
        """Own the partition where a snapshot of this name stands. StoreError for all that goes wrong with it."""
        with as_store_errors(self._settings):
            async with asyncio.timeout(within_s), reader(self._settings, fetch_max_wait_ms=50) as consumer:
                async with asyncio.timeout(ANSWERS_WITHIN_S):
                    place = await place_of(consumer, self.place, name)
                if place is None:
                    raise StoreError(f"there is no topic {self.place}; `dueclock topics create` makes it")
                transactions = Transactions(_id_of(self._settings, place), self._settings)
                try:
                    async with asyncio.timeout(ANSWERS_WITHIN_S):
                        await transactions.start()
                        found = await found_in(consumer, place)
                    yield _Owner(consumer, place, transactions, found, await _left_in(consumer, place, found))
                except ProducerFenced:
                    why = "or a transaction took longer than `transaction_timeout_ms`"
                    raise StoreError(f"another owner of its partition writes to {self.place}, {why}") from None
                except BrokerAwayError as error:
                    raise StoreError(f"the Kafka at {self._settings.broker} did not answer ({error})") from None
                finally:
                    await transactions.cut()


def _id_of(settings: Settings, place: TopicPartition) -> str:
    """The transactional id that all who write to a partition of the topic have."""
    return f"{transactional_prefix(settings)}snapshots-{place.partition}"


async def _left_in(consumer: AIOKafkaConsumer, place: TopicPartition, found: Found) -> list[bytes]:
    """The keys of what others have left. Where there is too much of it to be read, it stays until it goes by age."""
    try:
        async with asyncio.timeout(ANSWERS_WITHIN_S):
            return await unnamed_in(consumer, place, found)
    except TimeoutError:
        return []


class _Owner(NamedTuple):
    """The one who writes to a partition of the topic, and what was found there when all others had been fenced."""

    consumer: AIOKafkaConsumer
    place: TopicPartition
    transactions: Transactions
    found: Found
    unnamed: Sequence[bytes]
    """Keys of pieces that no catalogue names."""

    async def put(self, name: str, parts: Iterator[bytes]) -> Kept:
        """The pieces of a snapshot, which no catalogue names yet."""
        (topic, partition), before = self.place, self.found.catalogue
        headers = [] if before is None else [(HEADER_CATALOGUE, str(before).encode())]
        upload, digest, length, pieces, last = uuid4().hex, sha256(), 0, 0, -1
        outbox = Outbox()
        async for piece in _pieces_of(parts):
            digest.update(piece)
            length += len(piece)
            outbox.put(topic, partition, piece_key(upload, pieces), piece, headers=headers)
            pieces += 1
            if pieces % PIECES_AT_ONCE == 0:
                last = await self._written(outbox)
                outbox = Outbox()
        if outbox:
            last = await self._written(outbox)
        return Kept(name, upload, self.found.end, last + 1, pieces, length, digest.hexdigest())

    async def say(self, kept: Sequence[Kept]) -> None:
        """A catalogue of these, and that nothing else is left; whoever looks from now on finds it.

        A broker marks a transaction as committed shortly after it has said so.
        """
        (topic, partition), outbox = self.place, Outbox()
        gone = [one for one in self.found.snapshots if one not in kept]
        for key in (*self.unnamed, *(key for one in gone for key in one.piece_keys())):
            outbox.put(topic, partition, key, None)
        catalogue = Catalogue(FORMAT, tuple(kept))
        outbox.put(topic, partition, CATALOGUE_KEY, canonical_json(msgspec.to_builtins(catalogue)))
        last = await self._sent(outbox)
        deadline_s = monotonic() + _SEEN_WITHIN_S
        while True:
            ends = await self.consumer.end_offsets([self.place])
            if last is None or ends[self.place] > last:
                return
            if monotonic() > deadline_s:
                where = f"partition {self.place.partition} of {self.place.topic}"
                raise StoreError(f"it is not seen yet: a transaction in {where} does not end")
            await asyncio.sleep(_LOOKS_EVERY_S)

    async def _written(self, outbox: Outbox) -> int:
        """The offset of the last record of the outbox, which stands."""
        last = await self._sent(outbox)
        if last is None:  # it was asked twice, and says only that it has them
            raise StoreError(f"the Kafka did not say where in {self.place.topic} its pieces stand")
        return last

    async def _sent(self, outbox: Outbox) -> int | None:
        async with asyncio.timeout(ANSWERS_WITHIN_S):
            return (await self.transactions.write(outbox)).get((self.place.topic, self.place.partition))


async def _pieces_of(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in pieces; what they are read from does not hold the loop."""
    waiting = bytearray()
    while (some := await asyncio.to_thread(next, parts, None)) is not None:
        waiting += some
        while len(waiting) >= PIECE_BYTES:
            yield bytes(waiting[:PIECE_BYTES])
            del waiting[:PIECE_BYTES]
    if waiting:
        yield bytes(waiting)
