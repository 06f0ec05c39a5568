"""From the bytes of one record or line to a typed notification, or to the reason why it is none (contract §2).

`decode_notification` never raises and never guesses: it answers `Decoded` or `Rejected`, with the reasons in the
contract's order and the first field to blame in the order of the contract's table. The journal's side is exact:
`journal_value` writes the known, present fields as canonical JSON, `decode_journal_value` takes back only that.
The types themselves are in `schemas.notifications`.
"""

from typing import Any, Final

import msgspec
import orjson

from schemas.codec import MAX_NOTIFICATION_BYTES, canonical_json, format_instant, parse_instant
from schemas.dead_letters import Rejected
from schemas.decoded import Decoded
from schemas.forms import FORMS, Form
from schemas.notifications import Body, PolicyActivated, type_name

_NO_TIMES: Final = (None, None)
_TOO_LARGE: Final = Rejected("too_large", None)
_NOT_JSON: Final = Rejected("not_json", None)
_UNKNOWN_TYPE: Final = Rejected("unknown_type", "type")


def decode_notification(raw: bytes, *, from_file: bool) -> Decoded | Rejected:
    """What the value of an input record, or a line of a file, says.

    Live (`from_file` false) `arrived_at` and `journaled_at` are unknown fields; ticks, activations and seals are
    unknown types.
    """
    if len(raw) > MAX_NOTIFICATION_BYTES and not (from_file and _was_journaled(raw)):
        return _TOO_LARGE
    document = _json_object(raw)
    if document is None:
        return _NOT_JSON
    form = _form_of(document)
    if form is None or not (form.is_live or from_file):
        return _UNKNOWN_TYPE
    body = form.read(document)
    if body is not None:
        if not from_file:
            return Decoded(body, None, None, form.journal_value(document))
        times = _file_times(document) if "arrived_at" in document or "journaled_at" in document else _NO_TIMES
        if times is not None and (form.is_live or times != _NO_TIMES):
            return Decoded(body, times[0], times[1])
    return Rejected("bad_field", form.first_to_blame(orjson.loads(raw), from_file=from_file))


def journal_value(body: Body) -> bytes:
    """The value of the journal record: canonical JSON, known and present fields only."""
    known: dict[str, Any] = msgspec.to_builtins(body)
    if "occurred_at" in known:
        known["occurred_at"] = format_instant(known["occurred_at"])
    return canonical_json(known)


def decode_journal_value(value: bytes) -> Body:
    """What `journal_value` wrote. ValueError for bytes that it does not write."""
    document = _json_object(value) or {}
    form = _form_of(document)
    body: Body | None = form.read(document) if form else None
    if body is None or journal_value(body) != value:
        raise ValueError("not the value of a journal line: was it written by another version, or by another program?")
    return body


def _json_object(raw: bytes) -> dict[str, Any] | None:
    """The one JSON object in these bytes, of a key named twice the last; None if they hold anything else."""
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return document if type(document) is dict else None


def _form_of(document: dict[str, Any]) -> Form | None:
    name = document.get("type")
    return FORMS.get(name) if type(name) is str else None


def _file_times(document: dict[str, Any]) -> tuple[int | None, int | None] | None:
    """`arrived_at` and `journaled_at` of a line, each None where absent; None if one of them is bad."""
    arrived_at = document.get("arrived_at")  # an empty one has been left out by then
    journaled_at = document.get("journaled_at")
    try:
        return (
            None if arrived_at is None else parse_instant(arrived_at),
            None if journaled_at is None else parse_instant(journaled_at),
        )
    except (TypeError, ValueError):
        return None


def _was_journaled(raw: bytes) -> bool:
    """A line of an exported journal may be larger than the record it was, and a journaled line is never invalid."""
    document = _json_object(raw) or {}
    return document.get("journaled_at") not in (None, "") or document.get("type") == type_name(PolicyActivated)
