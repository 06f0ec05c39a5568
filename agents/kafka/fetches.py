"""How a fetch is unpacked, in the place of aiokafka 0.14.0: patiently, within a bound, into records that cost little.

    aiokafka.consumer.fetcher MemoryRecords,     what a fetch brought of a partition, looked up by name when it comes in
      PartitionRecords
    PartitionRecords._tp, _records,              where it stands, its batches, what is still to be left out
      _isolation_level, _aborted_producers,
      _consume_aborted_up_to,
      _contains_abort_marker, _records_iterator
    aiokafka.record's batches of both formats    a batch as a whole, and its records, read in C

What cannot be read is a record that says so (agents/kafka/batches.py). The first test to fail when these change is
tests/agents/test_faust_private.py.
"""

from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.errors import KafkaError
from aiokafka.record.default_records import DefaultRecord, DefaultRecordBatch
from aiokafka.record.legacy_records import LegacyRecordBatch

from agents.kafka.batches import (
    HEADER,
    MOST_UNPACKED_BYTES,
    Fetched,
    Unreadable,
    as_unpacked,
    codec_of,
    is_of_our_time,
    is_older,
    patiently,
    split,
)
from agents.kafka.codecs import UnpackError, unpack

ENOUGH_UNPACKED_BYTES = MOST_UNPACKED_BYTES // 4
"""After so much no further batch of a fetch is unpacked: the next fetch brings it again."""


def read_all_batches() -> None:
    """Let every consumer of this process read batches as below: aiokafka looks these names up when a fetch comes in."""
    fetcher.MemoryRecords, fetcher.PartitionRecords = _Batches, _Records


class _Batches:
    """The batches of one fetch and partition, in aiokafka's `MemoryRecords`' place."""

    def __init__(self, buffer: bytes) -> None:
        self._size = len(buffer)
        self.batches = split(buffer)

    def has_next(self) -> bool:
        """Whether there is anything: a lone batch that is cut off is one that cannot be read."""
        return self._size > 0

    def size_in_bytes(self) -> int:
        return self._size


class _Records(fetcher.PartitionRecords):  # type: ignore[misc]  # aiokafka is not typed
    """The records of one fetch and partition: what cannot be read is one `Unreadable` and ends nothing."""

    next_fetch_offset: int

    def __iter__(self) -> Iterator[Any]:
        """The records themselves: aiokafka's own way asks this object for each of them."""
        return iter(self._records_iterator)

    def _unpack_records(self) -> Iterator[Any]:
        unpacked = 0
        for raw in self._records.batches:
            if unpacked >= ENOUGH_UNPACKED_BYTES:
                return
            first = self.next_fetch_offset
            try:
                batch = _opened(raw)
            except _DamagedError as damage:
                last = damage.next_offset - 1 if damage.next_offset > first else first
                self.next_fetch_offset = last + 1
                yield self._unreadable(raw, None, first, last, str(damage), is_damaged=True)
                continue
            if self._is_left_out(batch):
                self.next_fetch_offset = batch.next_offset
                continue
            try:
                whole: Any = raw
                if is_of_our_time(raw) and codec_of(raw):
                    payload = unpack(codec_of(raw), raw[HEADER.size :], MOST_UNPACKED_BYTES)
                    unpacked += len(payload)
                    whole = as_unpacked(raw, payload)
                yield from self._records_of(batch, whole)
            except (UnpackError, OSError, ValueError, KafkaError) as error:
                first = self.next_fetch_offset if _is_older(batch) else max(self.next_fetch_offset, batch.base_offset)
                self.next_fetch_offset = max(first + 1, batch.next_offset)
                yield self._unreadable(raw, batch, first, self.next_fetch_offset - 1, str(error), is_damaged=False)
            if _is_older(batch):  # one that was packed may say no more than where its first record stands
                self.next_fetch_offset = max(self.next_fetch_offset, batch.next_offset)
            else:
                self.next_fetch_offset = batch.next_offset

    def _is_left_out(self, batch: Any) -> bool:
        """Whether it is of an aborted transaction, or a mark of one: as aiokafka has it."""
        if self._isolation_level == fetcher.READ_COMMITTED and batch.producer_id is not None:
            self._consume_aborted_up_to(batch.base_offset)
            if batch.is_control_batch and self._contains_abort_marker(batch):
                self._aborted_producers.discard(batch.producer_id)
            if batch.is_transactional and batch.producer_id in self._aborted_producers:
                return True
        return bool(batch.is_control_batch)

    def _records_of(self, batch: Any, whole: Any) -> Iterator[Any]:
        """The records not read yet: by aiokafka, which is quick; where it gives up, patiently."""
        topic, partition = self._tp
        try:
            for one in batch if _is_older(batch) else DefaultRecordBatch(whole):
                offset = one.offset
                if offset >= self.next_fetch_offset:
                    self.next_fetch_offset = offset + 1
                    yield _fetched(topic, partition, one)
        except (ValueError, KafkaError):
            if _is_older(batch):
                raise
        else:
            return
        is_append_time = batch.timestamp_type == 1
        for plain in patiently(whole, HEADER.unpack_from(whole)[-1]):
            offset = batch.base_offset + plain.delta
            if offset >= self.next_fetch_offset:
                at_ms = batch.max_timestamp if is_append_time else batch.first_timestamp + plain.timestamp_delta
                record = DefaultRecord(offset, at_ms, batch.timestamp_type, plain.key, plain.value, plain.headers)
                self.next_fetch_offset = offset + 1
                yield _fetched(topic, partition, record)

    def _unreadable(
        self, raw: memoryview, batch: Any, first: int, last: int, why: str, *, is_damaged: bool
    ) -> Unreadable:
        is_known = batch is not None and not _is_older(batch)
        at_ms, kind = (batch.max_timestamp, batch.timestamp_type) if is_known else (0, 1)
        return Unreadable(
            self._tp.topic, self._tp.partition, first, last, at_ms, kind, bytes(raw), why, is_damaged=is_damaged
        )


class _DamagedError(Exception):
    """A batch is not as its writer left it. `next_offset`: where the next one begins, 0 if nobody can say."""

    def __init__(self, why: str, next_offset: int = 0) -> None:
        super().__init__(why)
        self.next_offset = next_offset


def _opened(raw: memoryview) -> Any:
    """Aiokafka's view of a batch whose checksum is right. _DamagedError where it is not."""
    if is_older(raw):
        batch = LegacyRecordBatch(raw, raw[16])
    elif is_of_our_time(raw):
        batch = DefaultRecordBatch(raw)
    else:
        raise _DamagedError("its batch is cut off, or of a format that Kafka has not")
    try:
        is_whole = batch.validate_crc()
    except (ValueError, KafkaError):
        is_whole = False
    if not is_whole:
        raise _DamagedError("the checksum of its batch is wrong", 0 if _is_older(batch) else batch.next_offset)
    return batch


def _is_older(batch: Any) -> bool:
    """Whether it is of message format 0 or 1, as is_older says of its bytes: such a batch has next to no attributes."""
    return isinstance(batch, LegacyRecordBatch)


def _fetched(topic: str, partition: int, one: Any) -> Fetched:
    return Fetched(
        topic, partition, one.offset, one.timestamp, one.timestamp_type, one.key, one.value, tuple(one.headers)
    )
