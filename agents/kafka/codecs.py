"""The codecs that Kafka knows, each with a bound: what a batch unpacks to is decided by whoever wrote it.

`max.message.bytes` counts what is on the wire, and three kilobytes of it can be three megabytes of text or three
gigabytes of zeros. So nothing here makes more than it was told to: a batch that would be larger is not unpacked at all.
Pure: bytes in, bytes out.
"""

import struct
import zlib
from typing import Any, Final

import cramjam

GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4
CODECS: Final = {GZIP: "gzip", SNAPPY: "snappy", LZ4: "lz4", ZSTD: "zstd"}
"""By their numbers in the attributes of a batch; 0 is none, 5 to 7 are nobody's."""

_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_XERIAL = b"\x82SNAPPY\x00"
_XERIAL_HEADER_BYTES = 16
_PART_BYTES = 16 * 1024
_MOST_MEMBERS = 1_024
"""Of a gzip; clients write one. A member may be empty, and costs some microseconds all the same."""
_MOST_BLOCKS = 65_536
"""Of a snappy as Java writes it: the smallest that its library makes, of 1 KiB each, in as much as may be unpacked."""
_FIRST_TRIES: Final = (8, 64)
"""How many times its size a payload is at first believed to be: a buffer of the full bound is dear."""
_LEAST_BUFFER = 64 * 1024


class UnpackError(Exception):
    """It cannot be unpacked; the message says why, as the end of a sentence."""


def unpack(codec: int, payload: memoryview, limit: int) -> memoryview:
    """What the payload of a batch was before it was packed, at most `limit` bytes of it. UnpackError otherwise."""
    try:
        if codec == GZIP:
            return _gunzip(payload, limit)
        if codec == SNAPPY:
            return _unsnap(payload, limit)
        if codec == LZ4:
            return _into_buffer(cramjam.lz4, payload, limit)
        if codec == ZSTD:
            return _into_buffer(cramjam.zstd, payload, limit)
    except (zlib.error, cramjam.DecompressionError, struct.error) as error:
        raise UnpackError(f"its {CODECS[codec]} cannot be unpacked: {error}") from None
    raise UnpackError(f"its codec {codec} is none that Kafka knows")


def _too_large(limit: int) -> UnpackError:
    return UnpackError(f"unpacked it would be larger than {limit:,} bytes")


def _gunzip(payload: memoryview, limit: int) -> memoryview:
    """A payload may hold several members. It is handed over in parts: what is left of a part is copied at each end."""
    unpacked = bytearray()
    at = members = 0
    member, left = None, b""
    while left or at < len(payload):
        if not left:
            left = bytes(payload[at : at + _PART_BYTES])
            at += len(left)
        if member is None:
            left = left.lstrip(b"\0")
            if not left:
                continue
            members += 1
            if members > _MOST_MEMBERS:
                raise UnpackError(f"its gzip has more than {_MOST_MEMBERS:,} members")
            member = zlib.decompressobj(_GZIP_WINDOW)
        unpacked += member.decompress(left, limit + 1 - len(unpacked))
        if len(unpacked) > limit:
            raise _too_large(limit)
        left = member.unused_data
        if member.eof:
            member = None
    if member is not None:
        raise UnpackError("its gzip ends too early")
    return memoryview(unpacked)


def _unsnap(payload: memoryview, limit: int) -> memoryview:
    """Raw, or in blocks as Java's clients write it: each says first how large it is."""
    if bytes(payload[: len(_XERIAL)]) != _XERIAL:
        return memoryview(_unsnap_block(payload, limit))
    unpacked = bytearray()
    at, blocks = _XERIAL_HEADER_BYTES, 0
    while at < len(payload):
        blocks += 1
        if blocks > _MOST_BLOCKS:
            raise UnpackError(f"its snappy has more than {_MOST_BLOCKS:,} blocks")
        (size,) = struct.unpack_from("!i", payload, at)
        at += 4
        if not 0 <= size <= len(payload) - at:
            raise UnpackError("its snappy ends too early")
        unpacked += _unsnap_block(payload[at : at + size], limit, len(unpacked))
        at += size
    return memoryview(unpacked)


def _unsnap_block(block: memoryview, limit: int, before: int = 0) -> bytes:
    if before + cramjam.snappy.decompress_raw_len(block) > limit:
        raise _too_large(limit)
    return bytes(cramjam.snappy.decompress_raw(block))


def _into_buffer(module: Any, payload: memoryview, limit: int) -> memoryview:
    """Into a buffer that does not grow: larger ones are tried as long as the bound allows."""
    guesses = (max(_LEAST_BUFFER, times * len(payload)) for times in _FIRST_TRIES)
    for size in (*(guess for guess in guesses if guess < limit), limit):
        buffer = bytearray(size)
        try:
            written = module.decompress_into(payload, buffer)
        except cramjam.DecompressionError as error:
            if "whole buffer" not in str(error):
                raise
        else:
            return memoryview(buffer)[:written]
    raise _too_large(limit)
