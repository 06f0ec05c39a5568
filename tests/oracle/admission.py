"""From the bytes of one line of a file to what it says, or to the reason why it is a dead letter (contract §2).

Only what a line says by itself is judged here: too_large, not_json, unknown_type, bad_field, in this order.
The first field to blame is the first one in the order of the contract's tables.
"""

import hashlib
import itertools
import re
from dataclasses import dataclass
from typing import Any

from .json_text import parse

MAX_BYTES = 65_536
DAY_MS = 86_400_000
BILLION = 10**9

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
CHARGEBACK: list[Field] = [("chargeback_id", "id", True), ("order_id", "order", True)]
EVIDENCE: list[Field] = [("evidence_id", "id", True), ("kind", EVIDENCE_KINDS, True), ("order_id", "order", True)]

FIELDS: dict[str, list[Field]] = {
    "return.requested": [*RETURN, PROGRAM, ("in_policy", "bool", False), ("reason", "code", False)],
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
        ("deduction_reason", "code", False),
        ("reason_code", "code", False),
    ],
    "refund.cancelled": [("refund_id", "id", True), ("order_id", "order", True)],
    "replacement.sent": [
        ("replacement_id", "id", True),
        ("order_id", "order", True),
        ("return_id", "id", True),
        ("receipt_id", "id", False),
    ],
    "message.received": [
        *MARK,
        ("from_role", ("buyer", "amazon_cs", "csba"), True),
        ("routed_to", ("seller", "csba"), False),
        ("order_id", "order", False),
        ("program", PROGRAMS, False),
        ("topic", "topic", False),
    ],
    "message.sent": [
        *MARK,
        ("from_role", ("seller", "csba"), False),
        ("to_roles", "roles", True),
        ("auto_reply", "bool", False),
        ("order_id", "order", False),
    ],
    "message.undelivered": MARK,
    "message.marked": MARK,
    "message.unmarked": MARK,
    "claim.opened": [*CLAIM, ("kind", ("a_to_z", "not_received"), True)],
    "claim.evidence_submitted": CLAIM,
    "claim.withdrawn": CLAIM,
    "claim.decided": [*CLAIM, ("outcome", ("granted", "denied"), True)],
    "claim.appealed": CLAIM,
    "chargeback.opened": CHARGEBACK,
    "chargeback.answered": CHARGEBACK,
    "chargeback.decided": CHARGEBACK,
    "safet.filed": [*CLAIM, ("refund_id", "id", False)],
    "case.opened": [
        ("case_id", "id", True),
        ("priority", ("high", "normal"), True),
        ("subject_hash", "hash", True),
    ],
    "case.activity": [("case_id", "id", True), ("actor", ("amazon", "seller"), True)],
    "case.closed": [("case_id", "id", True)],
    "seller.vacation_set": [("on", "bool", True)],
    "program.changed": [("program", ("sfp", "csba_jp"), True), ("active", "bool", True)],
    "evidence.stored": EVIDENCE,
    "evidence.deleted": EVIDENCE,
    "account.metrics_reported": [
        ("order_count", "count", True),
        ("orders_with_defects", "count", True),
        ("window_days", "days", True),
    ],
}
TIMES: list[Field] = [("arrived_at", "time", False), ("journaled_at", "time", False)]
TIME_LINES: dict[str, list[Field]] = {
    "time.tick": TIMES,
    "policy.activated": [
        *TIMES,
        ("digest", "string", True),
        ("toml", "string", True),
        ("zones", "zones", False),
        ("logic", "logic", False),
    ],
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
        obj = parse(raw)
    except ValueError:
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
    for name, kind, is_required in table:
        value = obj.get(name)
        if value is None or (value == "" and not is_required):
            if is_required:
                return DeadLetter("bad_field", name)
            continue
        try:
            fields[name] = _checked(value, kind)
            if name == "orders_with_defects":
                _require(value, value <= fields["order_count"])
        except ValueError:
            return DeadLetter("bad_field", name)
    if type_ in TIME_LINES and "arrived_at" not in fields and "journaled_at" not in fields:
        return DeadLetter("bad_field", "arrived_at")
    return Said(type_, fields)


def _was_journaled(obj: Any) -> bool:
    """A journaled line is never invalid, and its export may be larger than the record that once arrived."""
    return isinstance(obj, dict) and (
        obj.get("journaled_at") not in (None, "") or obj.get("type") == "policy.activated"
    )


def _checked(value: Any, kind: Any) -> Any:
    """The value as it is kept; ValueError when it is none of this kind."""
    if isinstance(kind, tuple):
        return _require(value, isinstance(value, str) and value in kind)
    if kind == "bool":
        return _require(value, isinstance(value, bool))
    if kind in ("count", "days"):
        low, high = (1, 366) if kind == "days" else (0, BILLION)
        return _require(value, type(value) is int and low <= value <= high)
    if kind == "logic":
        return _require(value, type(value) is int and value >= 1)
    if kind == "zones":
        return _require(value, isinstance(value, dict) and all(_is_zone(pairs) for pairs in value.values()))
    if kind == "roles":
        roles = ("buyer", "amazon_cs", "csba", "seller")
        return _require(value, isinstance(value, list) and all(isinstance(r, str) and r in roles for r in value))
    if not isinstance(value, str):
        raise ValueError(value)
    if kind == "time":
        return parse_instant(value)
    if kind == "topic":
        return value if value in ("product", "order", "return", "refund", "delivery") else "other"
    is_code = re.fullmatch(CODE, value) is not None
    if kind == "code":
        return value if is_code else "other"
    if kind == "hash":
        return value if is_code else hashlib.sha256(value.encode()).hexdigest()[:32]
    pattern = {
        "id": CODE,
        "id64": r"[A-Za-z0-9._:@=+-]{1,64}",
        "id32": r"[A-Za-z0-9._:@=+-]{1,32}",
        "order": r"[0-9A-Z]{3}-[0-9]{7}-[0-9]{7}",
        "amount": r"[0-9]{1,12}(\.[0-9]{1,2})?",
        "currency": r"[A-Z]{3}",
        "string": r"(?s).*",
    }[kind]
    return _require(value, re.fullmatch(pattern, value) is not None)


CODE = r"[A-Za-z0-9._:@=+-]{1,128}"


def _is_zone(pairs: Any) -> bool:
    """At least one pair of integers: an instant, each later than the one before, and an offset."""
    if not (isinstance(pairs, list) and pairs and all(isinstance(pair, list) and len(pair) == 2 for pair in pairs)):
        return False
    begins = [pair[0] for pair in pairs]
    are_integers = all(type(number) is int for pair in pairs for number in pair)
    return (
        are_integers
        and all(map(_has_a_year, begins))
        and all(before < after for before, after in itertools.pairwise(begins))
    )


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
    ms = days_from_epoch(year, month, day) * DAY_MS + minutes * 60_000 + second * 1000 + millis
    return int(_require(ms, _has_a_year(ms)))


def _has_a_year(ms: int) -> bool:
    """From 0001 to 9999, in UTC."""
    return days_from_epoch(1, 1, 1) * DAY_MS <= ms < days_from_epoch(10_000, 1, 1) * DAY_MS


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _days_of_month(year: int, month: int) -> int:
    return [31, 29 if _is_leap(year) else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]


def days_from_epoch(year: int, month: int, day: int) -> int:
    before = year - 1
    days = before * 365 + before // 4 - before // 100 + before // 400
    return days + sum(_days_of_month(year, m) for m in range(1, month)) + day - 1 - 719_162
