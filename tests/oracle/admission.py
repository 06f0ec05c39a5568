"""From the bytes of one line of a file to what it says, or to the reason why it is a dead letter (contract §2).

Only what a line says by itself is judged here: too_large, not_json, unknown_type, bad_field, in this order.
The first field to blame is the first one in the order of the contract's tables.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

MAX_BYTES = 65_536
DAY_MS = 86_400_000

PROGRAMS = ("sfp", "mfn", "fba", "csba_jp")
EVIDENCE_KINDS = ("chat_log", "delivery_proof", "qc_report")

# (field, kind, is required); a tuple as kind is an enum
Field = tuple[str, Any, bool]
COMMON: list[Field] = [
    ("event_id", "id", True),
    ("seller_id", "id64", True),
    ("marketplace_id", "id32", True),
    ("occurred_at", "time", True),
    ("arrived_at", "time", False),
    ("journaled_at", "time", False),
]
RETURN: list[Field] = [("return_id", "id", True), ("order_id", "order", True)]
PROGRAM: Field = ("program", PROGRAMS, True)
MARK: list[Field] = [("message_id", "id", True), ("thread_id", "id", True)]
CLAIM: list[Field] = [("claim_id", "id", True), ("order_id", "order", True)]
EVIDENCE: list[Field] = [("evidence_id", "id", True), ("kind", EVIDENCE_KINDS, True), ("order_id", "order", True)]

FIELDS: dict[str, list[Field]] = {
    "return.requested": [*RETURN, PROGRAM, ("in_policy", "bool", False), ("reason", "string", False)],
    "return.approved": [
        *RETURN,
        PROGRAM,
        ("approved_by", ("auto_policy", "amazon_cs", "seller"), True),
        ("in_policy", "bool", False),
        ("rma_id", "id", False),
    ],
    "return.responded": [
        *RETURN,
        ("response", ("label", "authorized", "offer", "refund", "closed", "declined"), True),
    ],
    "return.refused": RETURN,
    "return.cancelled": RETURN,
    "return.received": [
        *RETURN,
        PROGRAM,
        ("receipt_id", "id", False),
        ("refundable_amount", "amount", False),
        ("currency", "currency", False),
    ],
    "refund.issued": [
        ("refund_id", "id", True),
        ("order_id", "order", True),
        ("issued_by", ("seller", "amazon_cs", "amazon_auto", "unknown"), True),
        ("amount", "amount", True),
        ("currency", "currency", True),
        ("kind", ("return", "shipping", "goodwill", "other"), False),
        ("program", PROGRAMS, False),
        ("return_id", "id", False),
        ("receipt_id", "id", False),
        ("full", "bool", False),
        ("deduction_reason", "string", False),
        ("reason_code", "string", False),
    ],
    "refund.cancelled": [("refund_id", "id", True), ("order_id", "order", True)],
    "message.received": [
        *MARK,
        ("from_role", ("buyer", "amazon_cs", "csba"), True),
        ("routed_to", ("seller", "csba"), False),
        ("order_id", "order", False),
        ("program", PROGRAMS, False),
        ("topic", ("product", "order", "return", "refund", "delivery", "other"), False),
    ],
    "message.sent": [
        *MARK,
        ("from_role", ("seller", "csba"), False),
        ("to_roles", "roles", True),
        ("auto_reply", "bool", False),
        ("order_id", "order", False),
    ],
    "message.marked": MARK,
    "message.unmarked": MARK,
    "claim.opened": [*CLAIM, ("kind", ("a_to_z", "not_received"), True)],
    "claim.evidence_submitted": CLAIM,
    "claim.withdrawn": CLAIM,
    "claim.decided": [*CLAIM, ("outcome", ("granted", "denied"), True)],
    "safet.filed": [*CLAIM, ("refund_id", "id", False)],
    "case.opened": [
        ("case_id", "id", True),
        ("priority", ("high", "normal"), True),
        ("subject_hash", "string", True),
    ],
    "case.activity": [("case_id", "id", True), ("actor", ("amazon", "seller"), True)],
    "case.closed": [("case_id", "id", True)],
    "seller.vacation_set": [("on", "bool", True)],
    "program.changed": [("program", ("sfp", "csba_jp"), True), ("active", "bool", True)],
    "evidence.stored": EVIDENCE,
    "evidence.deleted": EVIDENCE,
    "account.metrics_reported": [
        ("order_count", "integer", True),
        ("orders_with_defects", "integer", True),
        ("window_days", "days", True),
    ],
}
TIMES: list[Field] = [("arrived_at", "time", False), ("journaled_at", "time", False)]
TIME_LINES: dict[str, list[Field]] = {
    "time.tick": TIMES,
    "policy.activated": [*TIMES, ("digest", "string", True), ("toml", "string", True)],
}


@dataclass(frozen=True)
class DeadLetter:
    reason: str
    field: str | None = None


@dataclass(frozen=True)
class Said:
    """What a line says: its known fields that are present, times in milliseconds."""

    type: str
    fields: dict[str, Any]


def read_line(raw: bytes) -> Said | DeadLetter:
    try:
        obj = _parse_json(raw)
    except (ValueError, RecursionError):
        return DeadLetter("too_large" if len(raw) > MAX_BYTES else "not_json")
    if len(raw) > MAX_BYTES and not _was_journaled(obj):
        return DeadLetter("too_large")
    if not isinstance(obj, dict):
        return DeadLetter("not_json")
    type_ = obj.get("type")
    if not isinstance(type_, str) or (type_ not in FIELDS and type_ not in TIME_LINES):
        return DeadLetter("unknown_type", "type")
    table = TIME_LINES[type_] if type_ in TIME_LINES else COMMON + FIELDS[type_]
    fields: dict[str, Any] = {}
    if type_ in TIME_LINES and obj.get("arrived_at") is None and obj.get("journaled_at") is None:
        return DeadLetter("bad_field", "arrived_at")
    for name, kind, is_required in table:
        value = obj.get(name)
        if value is None:
            if is_required:
                return DeadLetter("bad_field", name)
            continue
        try:
            fields[name] = _checked(value, kind)
        except ValueError:
            return DeadLetter("bad_field", name)
    return Said(type_, fields)


def _was_journaled(obj: Any) -> bool:
    """A journaled line is never invalid, and its export may be larger than the record that once arrived."""
    return isinstance(obj, dict) and (obj.get("journaled_at") is not None or obj.get("type") == "policy.activated")


def _parse_json(raw: bytes) -> Any:
    return json.loads(raw.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant, parse_int=_integer)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for key, value in pairs:
        _refuse_lone_surrogates(key)
        _refuse_lone_surrogates(value)
    return dict(pairs)  # of a key named twice the last counts


def _refuse_lone_surrogates(value: Any) -> None:
    if isinstance(value, str) and any(0xD800 <= ord(char) <= 0xDFFF for char in value):
        raise ValueError("lone surrogate")
    if isinstance(value, list):
        for item in value:
            _refuse_lone_surrogates(item)


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _integer(text: str) -> Any:
    return int(text) if len(text) <= 40 else float("inf")


def _checked(value: Any, kind: Any) -> Any:
    """The value as it is kept; ValueError when it is none of this kind."""
    if isinstance(kind, tuple):
        return _require(value, isinstance(value, str) and value in kind)
    if kind == "bool":
        return _require(value, isinstance(value, bool))
    if kind in ("integer", "days"):
        low, high = (1, 366) if kind == "days" else (0, 2**53 - 1)
        return _require(value, type(value) is int and low <= value <= high)
    if kind == "roles":
        roles = ("buyer", "amazon_cs", "csba", "seller")
        return _require(value, isinstance(value, list) and all(isinstance(r, str) and r in roles for r in value))
    if not isinstance(value, str):
        raise ValueError(value)
    if kind == "time":
        return parse_instant(value)
    pattern = {
        "id": r"[A-Za-z0-9._:@=+-]{1,128}",
        "id64": r"[A-Za-z0-9._:@=+-]{1,64}",
        "id32": r"[A-Za-z0-9._:@=+-]{1,32}",
        "order": r"[0-9]{3}-[0-9]{7}-[0-9]{7}",
        "amount": r"[0-9]{1,12}(\.[0-9]{1,2})?",
        "currency": r"[A-Z]{3}",
        "string": r"(?s).*",
    }[kind]
    return _require(value, re.fullmatch(pattern, value) is not None)


def _require(value: Any, is_good: bool) -> Any:
    if not is_good:
        raise ValueError(value)
    return value


RFC_3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)


def parse_instant(text: str) -> int:
    match = RFC_3339.fullmatch(text)
    if match is None:
        raise ValueError(text)
    year, month, day, hour, minute, second = (int(match[i]) for i in range(1, 7))
    if not (1 <= month <= 12 and 1 <= day <= _days_of_month(year, month)):
        raise ValueError(text)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(text)
    offset_minutes = 0
    if match[8]:
        if int(match[9]) > 23 or int(match[10]) > 59:
            raise ValueError(text)
        offset_minutes = (int(match[9]) * 60 + int(match[10])) * (1 if match[8] == "+" else -1)
    millis = int(((match[7] or "") + "000")[:3])
    minutes = hour * 60 + minute - offset_minutes
    return days_from_epoch(year, month, day) * DAY_MS + minutes * 60_000 + second * 1000 + millis


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _days_of_month(year: int, month: int) -> int:
    return [31, 29 if _is_leap(year) else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]


def days_from_epoch(year: int, month: int, day: int) -> int:
    before = year - 1
    days = before * 365 + before // 4 - before // 100 + before // 400
    return days + sum(_days_of_month(year, m) for m in range(1, month)) + day - 1 - 719_162
