"""The codec of rows: to bytes and back, equal rows to equal bytes, and what a row's id says (`streams.rows`).

A row is array-encoded msgpack with a version number first: what another version of the program has written is told from
what nobody has.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeVar

import msgspec

from streams.logic import BEFORE_LOGIC, OtherVersionError
from streams.rows import (
    ROW_TYPES,
    ROW_VERSION,
    AccountRow,
    MatterRow,
    OrderRow,
    PartitionRow,
    PoliciesRow,
    Row,
    RowError,
    Versioned,
)

_Key = TypeVar("_Key", int, str)
_Value = TypeVar("_Value")

_OF_0_1: Final = 1
_DECODERS: Final = {kind: msgspec.msgpack.Decoder(row_type) for kind, row_type in ROW_TYPES.items()}
_PARTITION_DECODER: Final = msgspec.msgpack.Decoder(PartitionRow)
_POLICIES_DECODER: Final = msgspec.msgpack.Decoder(PoliciesRow)
_VERSION_DECODER: Final = msgspec.msgpack.Decoder(Versioned)
_ENCODER: Final = msgspec.msgpack.Encoder()


def kind_of(row_id: str) -> str:
    """`order`, `thread`, `case`, `evidence` or `account`."""
    parts = row_id.split("/", 3)
    return parts[2] if len(parts) == 4 else "account"


def account_of(row_id: str) -> str:
    """The account `<seller>/<marketplace>` that a row belongs to."""
    seller, marketplace, *_ = row_id.split("/", 2)
    return f"{seller}/{marketplace}"


def marketplace_of(row_id: str) -> str:
    """The marketplace of the account that a row belongs to."""
    return row_id.split("/", 2)[1]


def apply_changes(rows: dict[bytes, bytes], changes: Iterable[tuple[bytes, bytes | None]]) -> None:
    """Bring rows up to date, as a changelog does that is read to its end: None takes a row away."""
    for key, value in changes:
        if value is None:
            rows.pop(key, None)
        else:
            rows[key] = value


def encode_row(row: Row | PartitionRow | PoliciesRow) -> bytes:
    """The row's bytes; dicts of rows are sorted first, so that equal rows have equal bytes."""
    _sort(row)
    return _ENCODER.encode(row)


def encode_row_by(buffer: bytearray, row: Row) -> bytes:
    """The same by way of a buffer, for rows that are kept: the encoder's own bytes take up to a quarter more memory."""
    _sort(row)
    _ENCODER.encode_into(row, buffer)
    return bytes(buffer)


def _sort(row: Row | PartitionRow | PoliciesRow) -> None:
    if type(row) is OrderRow:
        if len(row.programs) > 1:
            row.programs = _sorted(row.programs)
    elif type(row) is AccountRow:
        row.days = _sorted(row.days)
        row.emitted = _sorted(row.emitted)
        if row.reports:  # a status comes of a report
            row.reports = _sorted(row.reports)
            row.defect_statuses = _sorted(row.defect_statuses)
    elif type(row) is PartitionRow:
        row.notes.positions = _sorted(row.notes.positions)
        row.notes.topics = _sorted(row.notes.topics)
        row.notes.last_read = _sorted(row.notes.last_read)
    elif type(row) is PoliciesRow:
        row.zones = _sorted(row.zones)


def _sorted(entries: dict[_Key, _Value]) -> dict[_Key, _Value]:
    """The same by key; itself where it is so already, as nearly always: a new day is the last one."""
    if len(entries) < 2:
        return entries
    keys = list(entries)
    in_order = sorted(keys)
    return entries if keys == in_order else {key: entries[key] for key in in_order}


def decode_row(row_id: str, value: bytes) -> Row:
    """The row of a matter or account. RowError where its form is not ours, OtherVersionError for another version."""
    kind = kind_of(row_id)
    if kind == "account" and row_id.count("/") != 1:
        raise RowError(f"the row {row_id} is of no account and of no matter")
    row: Row = _checked(_decoder(row_id, kind), row_id, value)
    return row


def decode_matter(row_id: str, kind: str, value: bytes) -> MatterRow:
    """The same of a matter of this kind."""
    if kind == "account":
        raise RowError(f"the row {row_id} is of no matter")
    row: MatterRow = _checked(_decoder(row_id, kind), row_id, value)
    return row


def _decoder(row_id: str, kind: str) -> Any:
    try:
        return _DECODERS[kind]
    except KeyError:
        raise RowError(f"the row {row_id} is of a kind that there is not") from None


def decode_partition(value: bytes) -> PartitionRow:
    """The partition's row. RowError where its form is not ours, OtherVersionError for another version."""
    row: PartitionRow = _checked(_PARTITION_DECODER, "partition", value)
    return row


def decode_policies(value: bytes) -> PoliciesRow:
    """The policies' row. RowError where its form is not ours, OtherVersionError for another version."""
    row: PoliciesRow = _checked(_POLICIES_DECODER, "policies", value)
    return row


def _checked(decoder: Any, row_id: str, value: bytes) -> Any:
    try:
        row = decoder.decode(value)
    except msgspec.MsgspecError as error:
        _check_version(row_id, _version_of(value))
        raise RowError(f"row {row_id} is not in the form of version {ROW_VERSION}: {error}") from error
    _check_version(row_id, row.version)
    return row


def _version_of(value: bytes) -> int:
    """The version that a row names whatever else it holds; ours where it names none."""
    try:
        return _VERSION_DECODER.decode(value).version
    except msgspec.MsgspecError:
        return ROW_VERSION


def _check_version(row_id: str, version: int) -> None:
    if version == _OF_0_1:
        raise OtherVersionError(f"Row {row_id} was written by {BEFORE_LOGIC}")
    if version != ROW_VERSION:
        raise OtherVersionError(
            f"Row {row_id} has version {version} and this program reads version {ROW_VERSION}; use a newer dueclock."
        )
