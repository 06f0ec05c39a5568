"""Contract §2 once more, slowly: what a line of a file, or an input record, must look like. Standard library only.

Written from the contract's table and not from the types, so that both can be wrong only together. It answers the reason
and the first field to blame, or the journal's value.
"""

import hashlib
import json
import math
import string
import sys
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

# field: kind of value; `?` at the end: optional. Lists of words are enumerations, `[...]` a list of them.
PROGRAM: Final = "sfp mfn fba csba_jp"
TYPES: Final[dict[str, dict[str, str]]] = {
    "return.requested": {
        "return_id": "id", "order_id": "order", "program": PROGRAM, "in_policy?": "bool", "reason?": "code",
    },
    "return.approved": {
        "return_id": "id", "order_id": "order", "program": PROGRAM, "approved_by": "auto_policy amazon_cs seller",
        "in_policy?": "bool", "rma_id?": "id",
    },
    "return.responded": {
        "return_id": "id", "order_id": "order", "response": "label authorized offer refund closed declined",
    },
    "return.refused": {"return_id": "id", "order_id": "order"},
    "return.cancelled": {"return_id": "id", "order_id": "order"},
    "return.received": {
        "return_id": "id", "order_id": "order", "program": PROGRAM, "receipt_id?": "id",
        "refundable_amount?": "amount", "currency?": "currency",
    },
    "refund.issued": {
        "refund_id": "id", "order_id": "order", "issued_by": "seller amazon_cs amazon_auto unknown",
        "amount": "amount", "currency": "currency", "kind?": "return shipping goodwill other", "program?": PROGRAM,
        "return_id?": "id", "receipt_id?": "id", "full?": "bool", "deduction_reason?": "code", "reason_code?": "code",
    },
    "refund.cancelled": {"refund_id": "id", "order_id": "order"},
    "replacement.sent": {"replacement_id": "id", "order_id": "order", "return_id": "id", "receipt_id?": "id"},
    "message.received": {
        "message_id": "id", "thread_id": "id", "from_role": "buyer amazon_cs csba", "routed_to?": "seller csba",
        "order_id?": "order", "program?": PROGRAM, "topic?": "topic",
    },
    "message.sent": {
        "message_id": "id", "thread_id": "id", "from_role?": "seller csba", "to_roles": "[buyer amazon_cs csba seller]",
        "auto_reply?": "bool", "order_id?": "order",
    },
    "message.undelivered": {"message_id": "id", "thread_id": "id"},
    "message.marked": {"message_id": "id", "thread_id": "id"},
    "message.unmarked": {"message_id": "id", "thread_id": "id"},
    "claim.opened": {"claim_id": "id", "order_id": "order", "kind": "a_to_z not_received"},
    "claim.evidence_submitted": {"claim_id": "id", "order_id": "order"},
    "claim.withdrawn": {"claim_id": "id", "order_id": "order"},
    "claim.decided": {"claim_id": "id", "order_id": "order", "outcome": "granted denied"},
    "claim.appealed": {"claim_id": "id", "order_id": "order"},
    "safet.filed": {"claim_id": "id", "order_id": "order", "refund_id?": "id"},
    "chargeback.opened": {"chargeback_id": "id", "order_id": "order"},
    "chargeback.answered": {"chargeback_id": "id", "order_id": "order"},
    "chargeback.decided": {"chargeback_id": "id", "order_id": "order"},
    "case.opened": {"case_id": "id", "priority": "high normal", "subject_hash": "hash"},
    "case.activity": {"case_id": "id", "actor": "amazon seller"},
    "case.closed": {"case_id": "id"},
    "seller.vacation_set": {"on": "bool"},
    "program.changed": {"program": "sfp csba_jp", "active": "bool"},
    "evidence.stored": {"evidence_id": "id", "kind": "chat_log delivery_proof qc_report", "order_id": "order"},
    "evidence.deleted": {"evidence_id": "id", "kind": "chat_log delivery_proof qc_report", "order_id": "order"},
    "account.metrics_reported": {
        "order_count": "figure", "orders_with_defects": "figure", "window_days": "days",
    },
}  # fmt: skip
ENVELOPE: Final = {"event_id": "id", "seller_id": "id64", "marketplace_id": "id32", "occurred_at": "time"}
FILE_TIMES: Final = {"arrived_at?": "time", "journaled_at?": "time"}
FILE_TYPES: Final[dict[str, dict[str, str]]] = {
    "time.tick": {},
    "policy.activated": {"digest": "digest", "toml": "text", "zones?": "zones", "logic?": "logic"},
    "state.sealed": {"line": "count", "offset": "count", "state": "digest", "journal": "digest", "logic": "logic"},
}
ID_CHARACTERS: Final = frozenset(string.ascii_letters + string.digits + "._:@=+-")
KNOWN_TOPICS: Final = ("product", "order", "return", "refund", "delivery", "other")
LARGEST_INTEGER: Final = 9_007_199_254_740_991
INTEGERS: Final = {
    "count": (0, LARGEST_INTEGER),
    "figure": (0, 1_000_000_000),
    "days": (1, 366),
    "logic": (1, LARGEST_INTEGER),
    "instant": (-62_135_596_800_000, 253_402_300_799_999),
    "offset": (-86_399, 86_399),
}
DEEPEST: Final = 1_024
sys.setrecursionlimit(max(sys.getrecursionlimit(), 10 * DEEPEST))  # the reader of the standard library calls itself


class Verdict(NamedTuple):
    reason: str | None
    field: str | None
    journal: bytes | None


def judge(raw: bytes, *, from_file: bool) -> Verdict:
    try:
        said = load(raw)
    except ValueError:
        said = None
    if len(raw) > 65_536 and not (from_file and isinstance(said, dict) and is_exempt_from_size(said)):
        return Verdict("too_large", None, None)
    if not isinstance(said, dict):
        return Verdict("not_json", None, None)
    name = said.get("type")
    known = {**TYPES, **FILE_TYPES} if from_file else TYPES
    if not isinstance(name, str) or name not in known:
        return Verdict("unknown_type", "type", None)
    own = {**({} if name in FILE_TYPES else ENVELOPE), **known[name]}
    checked = {**({} if name in FILE_TYPES else ENVELOPE), **(FILE_TIMES if from_file else {}), **known[name]}
    for key, kind in checked.items():
        if is_absent(said, key):
            if not key.endswith("?"):
                return Verdict("bad_field", key, None)
        elif not is_valid(said[key.rstrip("?")], kind):
            return Verdict("bad_field", key.rstrip("?"), None)
        if key == "orders_with_defects" and said[key] > said["order_count"]:
            return Verdict("bad_field", key, None)
    if name in FILE_TYPES and is_absent(said, "arrived_at?") and is_absent(said, "journaled_at?"):
        return Verdict("bad_field", "arrived_at", None)
    kept = {key.rstrip("?"): worded(said[key.rstrip("?")], own[key]) for key in own if not is_absent(said, key)}
    text = json.dumps({"type": name, **kept}, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return Verdict(None, None, text.encode())


def is_exempt_from_size(said: dict[str, Any]) -> bool:
    return said.get("type") == "policy.activated" or not is_absent(said, "journaled_at?")


def is_absent(said: dict[str, Any], key: str) -> bool:
    value = said.get(key.rstrip("?"))
    return value is None or (value == "" and key.endswith("?"))


def worded(value: Any, kind: str) -> Any:
    """What the journal keeps of a valid value."""
    if kind == "time":
        return shown(ms_of(value))
    if (kind == "code" and not is_valid(value, "id")) or (kind == "topic" and value not in KNOWN_TOPICS):
        return "other"
    if kind == "hash" and not is_valid(value, "id"):
        return hashlib.sha256(value.encode("utf-8")).hexdigest()[:32]
    return value


def depth_of(text: str) -> int:
    """How deep the brackets outside texts stand at most, by counting."""
    depth = deepest = 0
    is_inside, is_escaped = False, False
    for character in text:
        if is_inside:
            is_inside = is_escaped or character != '"'
            is_escaped = character == "\\" and not is_escaped
        elif character == '"':
            is_inside = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def load(raw: bytes) -> Any:
    def refuse(text: str) -> Any:
        raise ValueError(text)

    def number(text: str) -> float:
        if not math.isfinite(float(text)):
            raise ValueError(text)
        return float(text)

    def integer(text: str) -> int | float:
        number(text)
        return int(text)

    text = raw.decode("utf-8")
    if text.startswith("\ufeff"):
        raise ValueError("byte order mark")
    if depth_of(text) > DEEPEST:
        raise ValueError("too deep")
    said = json.loads(text, parse_constant=refuse, parse_float=number, parse_int=integer)
    json.dumps(said, ensure_ascii=False).encode("utf-8")  # a lone surrogate is a ValueError
    return said


def is_valid(value: Any, kind: str) -> bool:
    if kind.startswith("["):
        return isinstance(value, list) and all(is_valid(one, kind.strip("[]")) for one in value)
    if kind == "bool":
        return isinstance(value, bool)
    if kind in INTEGERS:
        low, high = INTEGERS[kind]
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
    if kind == "zones":
        return isinstance(value, dict) and all(is_zone(zone) for zone in value.values())
    return isinstance(value, str) and is_valid_text(value, kind)


def is_valid_text(value: str, kind: str) -> bool:
    if kind in ("text", "code", "hash", "topic"):
        return True
    if kind.startswith("id"):
        return 1 <= len(value) <= int(kind[2:] or 128) and set(value) <= ID_CHARACTERS
    if kind == "order":
        first, *rest = value.split("-")
        is_first = len(first) == 3 and set(first) <= set(string.digits + string.ascii_uppercase)
        return is_first and [are_digits(part) and len(part) for part in rest] == [7, 7]
    if kind == "amount":
        whole, point, cents = value.partition(".")
        is_whole = are_digits(whole) and len(whole) <= 12
        return is_whole and (not point or (are_digits(cents) and len(cents) <= 2))
    if kind == "currency":
        return len(value) == 3 and set(value) <= set(string.ascii_uppercase)
    if kind == "digest":
        return len(value) == 64 and set(value) <= set(string.hexdigits)
    if kind == "time":
        return is_time(value)
    return value in kind.split()


def is_zone(zone: Any) -> bool:
    if not isinstance(zone, list) or not zone:
        return False
    for pair in zone:
        if not isinstance(pair, list) or len(pair) != 2:
            return False
        if not is_valid(pair[0], "instant") or not is_valid(pair[1], "offset"):
            return False
    starts = [start for start, _ in zone]
    return starts == sorted(set(starts))


def are_digits(text: str) -> bool:
    return bool(text) and set(text) <= set(string.digits)


def is_time(text: str) -> bool:
    try:
        return -62_135_596_800_000 <= ms_of(text) <= 253_402_300_799_999
    except (ValueError, IndexError):
        return False


def ms_of(text: str) -> int:
    """Milliseconds UTC, by hand. ValueError or IndexError for what is no RFC 3339 time of ours."""

    def number(digits: str, width: int, low: int, high: int) -> int:
        if len(digits) != width or not are_digits(digits) or not low <= int(digits) <= high:
            raise ValueError(digits)
        return int(digits)

    if text[10] not in "Tt" or text[4] + text[7] + text[13] + text[16] != "--::":
        raise ValueError(text)
    day = date(number(text[:4], 4, 1, 9999), number(text[5:7], 2, 1, 12), number(text[8:10], 2, 1, 31))
    seconds = number(text[11:13], 2, 0, 23) * 3600 + number(text[14:16], 2, 0, 59) * 60 + number(text[17:19], 2, 0, 59)
    rest, fraction = text[19:], ""
    if rest[0] == ".":
        fraction = rest[1:].rstrip("Zz") if rest[-1] in "Zz" else rest[1:].replace("-", "+").split("+")[0]
        rest = rest[1 + len(fraction) :]
        if not (are_digits(fraction) and len(fraction) <= 9):
            raise ValueError(text)
    offset = 0
    if rest not in ("Z", "z"):
        if rest[0] not in "+-" or len(rest) != 6 or rest[3] != ":":
            raise ValueError(text)
        offset = number(rest[1:3], 2, 0, 23) * 3600 + number(rest[4:6], 2, 0, 59) * 60
        offset = -offset if rest[0] == "-" else offset
    days = (day - date(1970, 1, 1)).days
    return (days * 86_400 + seconds - offset) * 1000 + int((fraction + "000")[:3])


def shown(ms: int) -> str:
    days, ms_of_day = divmod(ms, 86_400_000)
    day = date(1970, 1, 1) + timedelta(days=days)
    seconds, milliseconds = divmod(ms_of_day, 1000)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{milliseconds:03}Z"
    return f"{day.isoformat()}T{clock}"
