"""Batches without a broker: whatever the bytes are, reading goes on, ends behind them, and stays within its bound."""

from __future__ import annotations

import os
import random
from operator import attrgetter
from typing import Any
from zlib import crc32

import pytest
from aiokafka import TopicPartition
from aiokafka.codec import gzip_encode, lz4_encode, snappy_encode, zstd_encode
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from agents.kafka.batches import Unreadable
from agents.kafka.codecs import CODECS, GZIP, LZ4, SNAPPY, ZSTD, UnpackError, unpack
from agents.kafka.fetches import _Batches, _Records
from tests.hostile.foreign import sign

SEEDS = range(1, int(os.environ.get("DUECLOCK_TEST_SEEDS", "1")) + 1)
PACK = {GZIP: gzip_encode, SNAPPY: snappy_encode, LZ4: lz4_encode, ZSTD: zstd_encode}
MIB = 1024 * 1024


def batch(codec: int = 0, *, base: int = 0, count: int = 5, value: bytes = b"v" * 100) -> bytearray:
    """A batch of records as a client library makes it."""
    made = DefaultRecordBatchBuilder(
        magic=2, compression_type=codec, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=1 << 30,
    )  # fmt: skip
    for delta in range(count):
        made.append(delta, timestamp=1_000 + delta, key=b"k", value=value, headers=[("name", b"x")])
    whole: bytearray = made.build()
    whole[:8] = base.to_bytes(8, "big")
    return whole


def read(fetched: bytes | bytearray, at: int = 0) -> tuple[list[Any], int]:
    """What a reader that stands at an offset makes of a fetch, and where it stands then."""
    records = _Records(TopicPartition("t", 0), _Batches(bytes(fetched)), None, at, None, None, True, 1)
    return list(records), records.next_fetch_offset


@pytest.mark.parametrize("codec", [0, *CODECS])
def test_a_batch_of_every_codec_is_read_from_where_the_reader_stands(codec: int) -> None:
    records, at = read(batch(codec) + batch(codec, base=5), at=3)
    assert [record.offset for record in records] == [3, 4, 5, 6, 7, 8, 9]
    assert at == 10
    assert {record.value for record in records} == {b"v" * 100}


def older(magic: int, codec: int = 0, count: int = 3) -> bytearray:
    """A batch of message format 0 or 1, as logs of before Kafka 0.11 hold them: without headers, 0 without a time."""
    made = LegacyRecordBatchBuilder(magic, codec, 1 << 20)
    for offset in range(count):
        at_ms, key = (1_000 + offset if magic else None), None if offset == 1 else b"k"
        made.append(offset, timestamp=at_ms, key=key, value=b"v" * 100, headers=[])
    whole: bytearray = made.build()
    return whole


@pytest.mark.parametrize(("magic", "codec"), [(0, 0), (0, GZIP), (0, SNAPPY), (1, 0), (1, GZIP), (1, SNAPPY), (1, LZ4)])
def test_a_batch_of_an_older_format_is_read_as_the_client_library_reads_it(magic: int, codec: int) -> None:
    records, at = read(bytes(older(magic, codec)) + batch(base=3))
    plain = PartitionRecords(
        TopicPartition("t", 0), MemoryRecords(bytes(older(magic, codec))), None, 0, None, None, True, 1
    )
    assert read(older(magic, codec))[1] == 3
    asked = attrgetter("offset", "timestamp", "timestamp_type", "key", "value", "headers")
    assert [asked(record) for record in records[:3]] == [asked(record) for record in plain]
    assert [record.offset for record in records[3:]] == [3, 4, 5, 6, 7]
    assert at == 8


@pytest.mark.parametrize("magic", [0, 1])
def test_a_damaged_batch_of_an_older_format_is_one_record_that_says_so(magic: int) -> None:
    spoiled = older(magic)
    spoiled[-1] ^= 1
    records, at = read(bytes(spoiled) + batch(base=3))  # there each record is a batch of its own
    record = records[2]
    assert (record.where, record.why, record.is_damaged) == ("t/0/2", "the checksum of its batch is wrong", True)
    assert [one.offset for one in records] == list(range(8))
    assert at == 8


def test_an_older_batch_whose_codec_is_not_what_it_says_is_one_record_that_says_so() -> None:
    spoiled = older(1, count=1)
    spoiled[17] |= GZIP
    spoiled[12:16] = crc32(bytes(spoiled[16:])).to_bytes(4, "big")
    ((record, *others), at) = read(bytes(spoiled) + batch(base=1))
    assert (record.where, record.is_damaged) == ("t/0/0", False)
    assert [one.offset for one in others] == [1, 2, 3, 4, 5]
    assert at == 6


@pytest.mark.parametrize("codec", CODECS)
def test_nothing_is_unpacked_beyond_its_bound(codec: int) -> None:
    text = bytes(range(256)) * 4_096
    packed = memoryview(PACK[codec](text))
    assert bytes(unpack(codec, packed, len(text))) == text
    with pytest.raises(UnpackError, match="larger than 1,048,575 bytes"):
        unpack(codec, packed, len(text) - 1)


def test_a_gzip_of_some_members_is_read_and_one_of_endless_members_is_not() -> None:
    text, member = b"text" * 30_000, gzip_encode(b"")
    some = memoryview(gzip_encode(text) + b"\0" * 9 + member * 1_000 + gzip_encode(text))
    assert bytes(unpack(GZIP, some, MIB)) == text * 2
    with pytest.raises(UnpackError, match="its gzip ends too early"):
        unpack(GZIP, some[:-3], MIB)
    # To look at each of these would take minutes: what is left is copied at the end of each.
    with pytest.raises(UnpackError, match="its gzip has more than 1,024 members"):
        unpack(GZIP, memoryview(member * 2_000_000), MIB)


def test_a_snappy_of_small_blocks_is_read_and_one_of_endless_blocks_is_not() -> None:
    head, block = b"\x82SNAPPY\x00" + b"\0" * 8, b"\0\0\0\x01\0"
    assert bytes(unpack(SNAPPY, memoryview(head + block * 65_536), MIB)) == b""
    with pytest.raises(UnpackError, match="its snappy has more than 65,536 blocks"):
        unpack(SNAPPY, memoryview(head + block * 65_537), MIB)


def test_a_zstd_that_asks_for_a_window_of_gigabytes_is_not_unpacked() -> None:
    frame = b"\x28\xb5\x2f\xfd\x00" + bytes([(31 - 10) << 3]) + b"\x23\x35\x0c\0"
    with pytest.raises(UnpackError, match="too much memory"):
        unpack(ZSTD, memoryview(frame), MIB)


def test_a_batch_beyond_the_bound_is_one_record_that_says_so_and_the_next_is_read() -> None:
    records, at = read(batch(ZSTD, count=1, value=b"0" * (65 * MIB)) + batch(LZ4, base=1))
    assert isinstance(records[0], Unreadable)
    assert (records[0].where, records[0].why) == ("t/0/0", "unpacked it would be larger than 67,108,864 bytes")
    assert [record.offset for record in records[1:]] == [1, 2, 3, 4, 5]
    assert at == 6


def test_what_has_unpacked_to_much_leaves_the_rest_of_its_fetch_for_the_next() -> None:
    records, at = read(batch(ZSTD, count=1, value=b"0" * (20 * MIB)) + batch(LZ4, base=1))
    assert [record.offset for record in records] == [0]
    assert at == 1


def test_a_header_whose_name_is_no_text_is_read_with_what_can_be_said_of_it() -> None:
    odd = batch()
    odd[bytes(odd).rfind(b"name")] = 0xFF
    sign(odd)
    records, at = read(odd + batch(GZIP, base=5))
    assert [record.offset for record in records] == list(range(10))
    assert records[4].headers == (("�ame", b"x"),)
    assert records[4].timestamp == 1_004
    assert at == 10


@pytest.mark.parametrize(
    ("fetched", "where", "why", "is_damaged"),
    [
        (sign(bytearray(batch()[:22]) + bytes([6]) + batch()[23:]), "t/0/0-4", "its codec 6 is none", False),
        (batch()[:70] + b"damage" + batch()[76:], "t/0/0-4", "the checksum of its batch is wrong", True),
        (batch()[:-5], "t/0/0-4", "the checksum of its batch is wrong", True),
        (b"abc", "t/0/0", "its batch is cut off", True),
    ],
)
def test_what_cannot_be_read_says_where_it_stands_and_why(
    fetched: bytes | bytearray, where: str, why: str, is_damaged: bool
) -> None:
    ((record,), _) = read(fetched)
    assert (record.where, record.is_damaged) == (where, is_damaged)
    assert record.why.startswith(why)


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_is_changed_in_a_batch_reading_ends_behind_it(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(2_000):
        codec = chance.randrange(5)
        spoiled = batch(codec)
        for _ in range(chance.randint(1, 8)):
            spoiled[chance.randrange(21, len(spoiled))] = chance.randrange(256)
        # what says where the batch ends, whose it is and of which transaction is checked by the broker
        spoiled[22:27], spoiled[43:57] = bytes([codec, 0, 0, 0, 4]), batch()[43:57]
        sign(spoiled)
        records, at = read(spoiled + batch(base=5))
        assert at == 10, (seed, bytes(spoiled))
        assert [record.offset for record in records][-5:] == [5, 6, 7, 8, 9], (seed, bytes(spoiled))
