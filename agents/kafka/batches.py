"""Record batches as they lie in a log (message format 2), read with the patience that other people's bytes need.

A reader that raises in the middle of a log stands there for ever, and so does whoever reads after it. Here what cannot
be read is a record of its own, `Unreadable`: it says where it stands, how far it goes and why, and holds the bytes of
its batch. Who reads decides what becomes of it: an input's is a dead letter (contract §2, `unreadable`), one of our own
topics ends the command with a sentence.

What a broker lets in and the client library does not: a header whose name is not UTF-8. Such records are read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Final, NamedTuple, Protocol

import msgspec

from agents.errors import UserError

MOST_UNPACKED_BYTES: Final = 64 * 1024 * 1024
"""Of one batch; and once a fetch has unpacked a quarter of it, the rest of that fetch is left for the next."""

HEADER: Final = Struct(">qiibIhiqqqhii")
CODEC_MASK, APPEND_TIME_MASK = 0x07, 0x08
_LENGTH: Final = Struct(">qi")
_MAGIC_AT: Final = 16
_ATTRIBUTES: Final = Struct(">h")
_ATTRIBUTES_AT: Final = 21


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What stands in a log from `offset` to `last_offset` and cannot be read; `value` is its batch as it lies there.

    `is_damaged`: the log itself is, so that no producer is to blame and another copy of it may be whole.
    """

    topic: str
    partition: int
    offset: int
    last_offset: int
    timestamp: int
    timestamp_type: int
    value: bytes
    why: str
    is_damaged: bool = False
    key: None = None
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def where(self) -> str:
        """As `--skip-line` takes it."""
        last = f"-{self.last_offset}" if self.last_offset > self.offset else ""
        return f"{self.topic}/{self.partition}/{self.offset}{last}"


class Fetched(msgspec.Struct, frozen=True, gc=False):
    """A record as a fetch brought it: what we use of aiokafka's ConsumerRecord, in a third of the time to make it.

    `timestamp` in ms UTC; `timestamp_type` 0 is the producer's clock, 1 the broker's. Neither is there in message
    format 0: such a record came at no known time, as one that its producer stamped.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


class Placed(Protocol):
    """A record, as far as it stands somewhere."""

    @property
    def topic(self) -> str: ...

    @property
    def partition(self) -> int: ...

    @property
    def offset(self) -> int: ...


def end_of(record: Placed) -> int:
    """The offset behind it. What cannot be read may go further than one."""
    return (record.last_offset if isinstance(record, Unreadable) else record.offset) + 1


def refuse_unreadable(records: Sequence[object]) -> None:
    """UserError where one of these cannot be read: for topics that only we write."""
    for record in records:
        if isinstance(record, Unreadable):
            raise UserError(
                f"The record {record.where} cannot be read, for {record.why}: the log of a broker is damaged there or "
                "somebody else wrote to the topic; restore it from another replica or a backup."
            )


class Plain(NamedTuple):
    """A record of a batch, as patient reading finds it. `delta`: its offset less that of its batch."""

    delta: int
    timestamp_delta: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


def split(buffer: bytes) -> Iterator[memoryview]:
    """The batches that a fetch brought. The last is often cut off: it is left out, unless it is the only one."""
    whole, at = memoryview(buffer), 0
    while len(whole) - at >= _LENGTH.size:
        _, length = _LENGTH.unpack_from(whole, at)
        end = at + _LENGTH.size + length
        if length <= 0 or end > len(whole):
            break
        yield whole[at:end]
        at = end
    if at == 0 and buffer:
        yield whole


def is_of_our_time(batch: memoryview) -> bool:
    """Whether a batch is of message format 2 and has all of its header. Older ones are the client library's."""
    return len(batch) >= HEADER.size and batch[_MAGIC_AT] == 2


def is_older(batch: memoryview) -> bool:
    """Whether it may be of message format 0 or 1."""
    return len(batch) > _MAGIC_AT and batch[_MAGIC_AT] in (0, 1)


def codec_of(batch: memoryview) -> int:
    """The number of a batch's codec, 0 for none."""
    (attributes,) = _ATTRIBUTES.unpack_from(batch, _ATTRIBUTES_AT)
    return int(attributes) & CODEC_MASK


def as_unpacked(batch: memoryview, payload: memoryview) -> bytearray:
    """The same batch with its records unpacked. Its checksum and length are those of before."""
    whole = bytearray(HEADER.size + len(payload))
    whole[: HEADER.size] = batch[: HEADER.size]
    whole[HEADER.size :] = payload
    (attributes,) = _ATTRIBUTES.unpack_from(whole, _ATTRIBUTES_AT)
    _ATTRIBUTES.pack_into(whole, _ATTRIBUTES_AT, attributes & ~CODEC_MASK)
    return whole


def patiently(whole: bytearray | memoryview, count: int) -> Iterator[Plain]:
    """The records of an unpacked batch; a header's name may be anything. ValueError where their lengths cannot be."""
    at = HEADER.size
    for _ in range(count):
        length, at = _varint(whole, at)
        end = at + length
        if not at < end <= len(whole):
            raise ValueError("a record goes beyond its batch")
        timestamp_delta, at = _varint(whole, at + 1)
        delta, at = _varint(whole, at)
        key, at = _bytes(whole, at, end)
        value, at = _bytes(whole, at, end)
        headers, at = _headers(whole, at, end)
        if at != end:
            raise ValueError("a record is not as long as it says")
        yield Plain(delta, timestamp_delta, key, value, headers)


def _headers(whole: bytearray | memoryview, at: int, end: int) -> tuple[list[tuple[str, bytes | None]], int]:
    count, at = _varint(whole, at)
    if not 0 <= count <= end - at:
        raise ValueError("a record has an impossible number of headers")
    headers: list[tuple[str, bytes | None]] = []
    for _ in range(count):
        name, at = _bytes(whole, at, end)
        value, at = _bytes(whole, at, end)
        headers.append(((name or b"").decode(errors="replace"), value))
    return headers, at


def _bytes(whole: bytearray | memoryview, at: int, end: int) -> tuple[bytes | None, int]:
    size, at = _varint(whole, at)
    if size < 0:
        return None, at
    if size > end - at:
        raise ValueError("a field goes beyond its record")
    return bytes(whole[at : at + size]), at + size


def _varint(whole: bytearray | memoryview, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        if at >= len(whole) or shift > 63:
            raise ValueError("a number has no end")
        byte = whole[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return (number >> 1) ^ -(number & 1), at
        shift += 7
