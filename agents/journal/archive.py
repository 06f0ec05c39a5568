"""`dueclock journal archive`: the journal's sealed lines, put where retention does not reach, and read again.

Each partition's lines stand in segments, one file each: a JSON line that says what it is, then, compressed (zstd), a
JSON line for each record as it stood on the broker. A segment ends at the line that a seal confirms, the next begins
with that seal; one that would grow too large is divided. Nothing is archived before its seal, so every byte that is
read from a segment is held against a digest that stands in the journal. Written again, a segment has the same bytes.
"""

import re
from collections.abc import AsyncGenerator, Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple

import cramjam
import msgspec
import orjson

from agents.errors import COULD_NOT_RUN, UserError
from agents.journal.lines import JournalCheck, JournalError, Progress
from agents.journal.records import Record
from agents.journal.snapshots import journal_folder
from agents.journal.spool import Spool
from agents.journal.store import Store, StoreError, WritableStore
from agents.kafka.log_cursor import LogCursor, log_cursor
from agents.kafka.topics import chosen_partitions, partitions_of
from agents.settings import Settings
from agents.topic_roles import JOURNAL
from schemas.codec import canonical_json
from schemas.notifications import StateSealed

FORMAT: Final = "dueclock journal archive 1"
SEGMENT_LINES: Final = 200_000
BATCH: Final = 2_000
_NAME = re.compile(r"(\d{12,})-(\d{12,})-(\d+)-(\d+)\.jsonl\.zst")


class Segment(NamedTuple):
    """A file of the archive, by its name: its lines and offsets, first and last."""

    name: str
    first_line: int
    last_line: int
    first_offset: int
    last_offset: int


class ArchivedRecord(NamedTuple):
    """A record as it stood on the broker."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Archived(NamedTuple):
    """One partition: lines that are new in the archive, the last line that it has, lines that wait for a seal."""

    partition: int
    lines: int
    last_line: int
    unsealed: int


async def segments_in(store: Store, folder: str, partition: int) -> list[Segment]:
    """The newest segments that join each other without a gap, the oldest first. StoreError from the store."""
    found = []
    for name in await store.names(f"{folder}/{partition}/segments"):
        if match := _NAME.fullmatch(name.rpartition("/")[2]):
            found.append(Segment(name, *map(int, match.groups())))
    joined: list[Segment] = []
    for one in sorted(found, key=lambda segment: segment.first_line, reverse=True):
        if not joined or one.last_line + 1 == joined[0].first_line:
            joined.insert(0, one)
    return joined


async def archived_records(
    store: Store, segments: Sequence[Segment], behind_line: int = 0
) -> AsyncGenerator[list[Record], None]:
    """The records of these segments behind a line, in batches.

    UserError (status 2) where a segment cannot be read, or is not as it was written.
    """
    for segment in segments:
        if segment.last_line <= behind_line:
            continue
        _, lines = await _read(store, segment)
        batch: list[Record] = []
        for place, line in enumerate(lines, segment.first_line):
            if place > behind_line:
                batch.append(_record(orjson.loads(line)))
            if len(batch) == BATCH:
                yield batch
                batch = []
        yield batch


async def _read(store: Store, segment: Segment) -> tuple[dict[str, Any], list[bytes]]:
    """The head of a segment, and its lines, which have the digest that the head says."""
    where = f"{store.place}/{segment.name}"
    try:
        first, _, rest = (await store.read(segment.name)).partition(b"\n")
        head = orjson.loads(first)
        body = bytes(cramjam.zstd.decompress(rest))
        if head["format"] != FORMAT or sha256(body).hexdigest() != head["sha256"]:
            raise ValueError(head["format"])
    except StoreError as error:
        raise UserError(f"The archive cannot be read: {error}; try again.", COULD_NOT_RUN) from None
    except (ValueError, KeyError, TypeError, cramjam.DecompressionError):
        sentence = f"{where} is no segment of the journal as dueclock wrote it: it is changed, or not whole"
        raise UserError(f"{sentence}; restore it from a copy.", COULD_NOT_RUN) from None
    return head, body.splitlines()


def _record(told: dict[str, Any]) -> ArchivedRecord:
    return ArchivedRecord(
        told["topic"],
        told["partition"],
        told["offset"],
        told["timestamp"],
        told["key"].encode(),
        told["value"].encode(),
        tuple((name, value.encode()) for name, value in told["headers"]),
    )


async def archive(
    settings: Settings, store: WritableStore, wanted: Sequence[int], progress: Progress
) -> list[Archived]:
    """Archive what these partitions, or all, have sealed since the last time. UserError (status 2) where it fails."""
    topic = settings.topic(JOURNAL)
    count = await partitions_of(settings, JOURNAL)
    done: list[Archived] = []
    async with log_cursor(settings) as cursor:
        folder = journal_folder(topic, await cursor.topic_id(topic))
        for partition in chosen_partitions(wanted, count):
            try:
                before = await _last_seal(store, await segments_in(store, folder, partition))
                archiving = _Archiving(store, folder, partition, count, before)
                done.append(await archiving.run(cursor, topic, progress))
            except JournalError as error:
                sentence = f"Partition {partition} of the journal is not archived beyond line {error.line - 1}"
                raise UserError(f"{sentence}: {error.sentence}; `dueclock audit` says more.", COULD_NOT_RUN) from None
            except StoreError as error:
                raise UserError(f"The archive was not written: {error}; try again.", COULD_NOT_RUN) from None
    return done


class _Archiving:
    """One partition, from the last seal that is archived on."""

    def __init__(
        self, store: WritableStore, folder: str, partition: int, count: int, before: StateSealed | None
    ) -> None:
        self._store = store
        self._folder = f"{folder}/{partition}/segments"
        self._partition = partition
        self._check = JournalCheck(partition, count, start=before)
        self._from_offset = 0 if before is None else before.offset + 1
        self._sealed = self._first = 0 if before is None else before.line
        self._waiting: list[_Piece] = []

    async def run(self, cursor: LogCursor, topic: str, progress: Progress) -> Archived:
        """Read to the end; each seal lets go what stands before it."""
        first = self._sealed
        await cursor.start(topic, self._partition, from_offset=self._from_offset)
        try:
            while records := await cursor.batch():
                for record in records:
                    await self._take(record)
                progress(self._partition, self._check.last_line)
        finally:
            for piece in self._waiting:
                piece.rows.drop()
        return Archived(self._partition, self._sealed - first, self._sealed, self._check.last_line - self._sealed)

    async def _take(self, record: Record) -> None:
        one = self._check.line(record)
        if isinstance(one.line.body, StateSealed) and self._waiting:
            for piece in self._waiting:
                await self._put(piece, one.line.body if piece is self._waiting[-1] else None)
            self._waiting, self._sealed = [], one.line.number - 1
        if not self._waiting or self._waiting[-1].lines == SEGMENT_LINES:
            self._waiting.append(_Piece(one.line.number, record.offset))
        self._waiting[-1].add(record)

    async def _put(self, piece: "_Piece", seal: StateSealed | None) -> None:
        last_line = piece.first_line + piece.lines - 1
        name = f"{piece.first_line:012d}-{last_line:012d}-{piece.first_offset}-{piece.last_offset}.jsonl.zst"
        head = {
            "format": FORMAT,
            "partition": self._partition,
            "lines": piece.lines,
            "sha256": piece.digest.hexdigest(),
            "seal": None if seal is None else msgspec.to_builtins(seal),
        }
        await self._store.write(f"{self._folder}/{name}", piece.rows.whole(canonical_json(head) + b"\n"))


class _Piece:
    """A segment to be, in a nameless file until it is sealed."""

    def __init__(self, first_line: int, first_offset: int) -> None:
        self.first_line, self.first_offset = first_line, first_offset
        self.last_offset = first_offset
        self.lines = 0
        self.digest = sha256()
        self.rows = Spool()

    def add(self, record: Record) -> None:
        """One record more."""
        told = {
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "timestamp": record.timestamp,
            "key": (record.key or b"").decode(),
            "value": (record.value or b"").decode(),
            "headers": [[name, (value or b"").decode()] for name, value in record.headers],  # none is null by now
        }
        line = canonical_json(told) + b"\n"
        self.digest.update(line)
        self.rows.add(line)
        self.lines += 1
        self.last_offset = record.offset


async def _last_seal(store: Store, segments: Sequence[Segment]) -> StateSealed | None:
    """The seal that confirms the last segment that one confirms; what lies behind it is written again."""
    for segment in reversed(segments):
        head, _ = await _read(store, segment)
        if head["seal"] is not None:
            return msgspec.convert(head["seal"], StateSealed)
    return None
