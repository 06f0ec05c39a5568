"""Sealing: what a state and the journal records before it come to, as digests (seals.md).

A seal says of a line what stood after it. Who folds the same records again gets the same digests; who has cut, changed
or re-ordered a record gets others. Pure functions of rows and records.

    state    SHA-256 over the canonical rows: for each `<length of key>:<key><length of value>:<value>`
    record   SHA-256 over `<timestamp in ms>:`, then for key, value, and name and value of each header in order
             `<length>:<bytes>`, a null as `-`
    journal  after the first record SHA-256(32 zero bytes + its record digest), then SHA-256(journal before + record)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Final

import msgspec

from schemas.headers import HEADER_LINE, HEADER_ORIGIN
from streams.rows import PARTITION_KEY, ROW_VERSION, PartitionRow
from streams.state import State

_NO_NOTES: Final[tuple[dict[str, int], bytes, int]] = (
    {},
    b"",
    0,
)  # as seals have had them from the first: what notes are added later changes no digest
UNBROKEN: Final = bytes(32)
"""The journal's digest before its first record."""


def state_digest(state: State) -> bytes:
    """SHA-256 of all that the state holds, the shell's input positions and its notes on sealing left out."""
    return rows_digest(canonical_rows(state))


def rows_digest(rows: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The same of rows in their canonical order."""
    digest = sha256()
    for key, value in rows:
        digest.update(b"%d:%b%d:%b" % (len(key), key, len(value), value))
    return digest.digest()


def canonical_rows(state: State) -> Iterator[tuple[bytes, bytes]]:
    """The partition's row, that of the policies, then every other by its key.

    Of the partition's own row only what follows from its journal. `state` may not change meanwhile.
    """
    yield PARTITION_KEY, own_row(state.row)
    yield from state.policies_row()
    for row_id, value in state.rows.encoded():
        yield row_id.encode(), value


def own_row(row: PartitionRow) -> bytes:
    """The partition's row, as far as it follows from its journal."""
    return msgspec.msgpack.encode([ROW_VERSION, row.journal_ms, row.lines, row.digest, row.zones, row.logic, _NO_NOTES])


def record_digest(
    timestamp_ms: int, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]]
) -> bytes:
    """SHA-256 of one journal record as it stands on the broker: timestamp (ms), key, value, headers in order."""
    if len(headers) == 2 and key is not None and value is not None:  # as nearly always
        (first, line), (second, origin) = headers
        if first == HEADER_LINE and second == HEADER_ORIGIN and line is not None and origin is not None:
            return line_digest(timestamp_ms, key, value, line, origin)
    parts: list[bytes | None] = [key, value]
    for name, text in headers:
        parts += (name.encode(), text)
    return sha256(
        b"%d:%b" % (timestamp_ms, b"".join([b"-" if part is None else b"%d:%b" % (len(part), part) for part in parts]))
    ).digest()


def line_digest(timestamp_ms: int, key: bytes, value: bytes, line: bytes, origin: bytes) -> bytes:
    """`record_digest` of a record that holds a notification, whose two headers these are, as one format."""
    return sha256(
        b"%d:%d:%b%d:%b4:line%d:%b6:origin%d:%b"
        % (timestamp_ms, len(key), key, len(value), value, len(line), line, len(origin), origin)
    ).digest()


def next_link(journal: bytes, record: bytes) -> bytes:
    """The journal's digest with one record more; `journal` is empty before the first."""
    return sha256((journal or UNBROKEN) + record).digest()
