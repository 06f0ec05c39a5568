"""Contract §2 once more, slowly: what a line of a file, or an input record, must look like. Standard library only.

Written from the contract's table and not from the types, so that both can be wrong only together. It answers the reason
and the first field to blame, or the journal's value.
"""

import json
import math
import string
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

# field: kind of value; `?` at the end: optional. Lists of words are enumerations, `[...]` a list of them.
PROGRAM: Final = "sfp mfn fba csba_jp"
TYPES: Final[dict[str, dict[str, str]]] = {
    "return.requested": {
        "return_id": "id", "order_id": "order", "program": PROGRAM, "in_policy?": "bool", "reason?": "text",
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
        "return_id?": "id", "receipt_id?": "id", "full?": "bool", "deduction_reason?": "text", "reason_code?": "text",
    },
    "refund.cancelled": {"refund_id": "id", "order_id": "order"},
    "message.received": {
        "message_id": "id", "thread_id": "id", "from_role": "buyer amazon_cs csba", "routed_to?": "seller csba",
        "order_id?": "order", "program?": PROGRAM, "topic?": "product order return refund delivery other",
    },
    "message.sent": {
        "message_id": "id", "thread_id": "id", "from_role?": "seller csba", "to_roles": "[buyer amazon_cs csba seller]",
        "auto_reply?": "bool", "order_id?": "order",
    },
    "message.marked": {"message_id": "id", "thread_id": "id"},
    "message.unmarked": {"message_id": "id", "thread_id": "id"},
    "claim.opened": {"claim_id": "id", "order_id": "order", "kind": "a_to_z not_received"},
    "claim.evidence_submitted": {"claim_id": "id", "order_id": "order"},
    "claim.withdrawn": {"claim_id": "id", "order_id": "order"},
    "claim.decided": {"claim_id": "id", "order_id": "order", "outcome": "granted denied"},
    "safet.filed": {"claim_id": "id", "order_id": "order", "refund_id?": "id"},
    "case.opened": {"case_id": "id", "priority": "high normal", "subject_hash": "text"},
    "case.activity": {"case_id": "id", "actor": "amazon seller"},
    "case.closed": {"case_id": "id"},
    "seller.vacation_set": {"on": "bool"},
    "program.changed": {"program": "sfp csba_jp", "active": "bool"},
    "evidence.stored": {"evidence_id": "id", "kind": "chat_log delivery_proof qc_report", "order_id": "order"},
    "evidence.deleted": {"evidence_id": "id", "kind": "chat_log delivery_proof qc_report", "order_id": "order"},
    "account.metrics_reported": {"order_count": "count", "orders_with_defects": "count", "window_days": "days"},
}  # fmt: skip
ENVELOPE: Final = {"event_id": "id", "seller_id": "id64", "marketplace_id": "id32", "occurred_at": "time"}
FILE_TIMES: Final = {"arrived_at?": "time", "journaled_at?": "time"}
FILE_TYPES: Final[dict[str, dict[str, str]]] = {
    "time.tick": {},
    "policy.activated": {"digest": "digest", "toml": "text"},
    "state.sealed": {"line": "count", "offset": "count", "state": "digest", "journal": "digest"},
}
ID_CHARACTERS: Final = frozenset(string.ascii_letters + string.digits + "._:@=+-")
LARGEST_INTEGER: Final = 9_007_199_254_740_991


class Verdict(NamedTuple):
    reason: str | None
    field: str | None
    journal: bytes | None


def judge(raw: bytes, *, from_file: bool) -> Verdict:
    if len(raw) > 65_536:
        return Verdict("too_large", None, None)
    try:
        said = load(raw)
    except (ValueError, RecursionError):
        return Verdict("not_json", None, None)
    if not isinstance(said, dict):
        return Verdict("not_json", None, None)
    name = said.get("type")
    known = {**TYPES, **FILE_TYPES} if from_file else TYPES
    if not isinstance(name, str) or name not in known:
        return Verdict("unknown_type", "type", None)
    journaled = {**({} if name in FILE_TYPES else ENVELOPE), **known[name]}
    checked = {**({} if name in FILE_TYPES else ENVELOPE), **(FILE_TIMES if from_file else {}), **known[name]}
    for key, kind in checked.items():
        field = key.rstrip("?")
        value = said.get(field)
        if value is None and key.endswith("?"):
            continue
        if value is None or not is_valid(value, kind):
            return Verdict("bad_field", field, None)
    if name in FILE_TYPES and said.get("arrived_at") is None and said.get("journaled_at") is None:
        return Verdict("bad_field", "arrived_at", None)
    fields = [key.rstrip("?") for key in journaled]
    kept = {"type": name, **{field: said[field] for field in fields if said.get(field) is not None}}
    if "occurred_at" in kept:
        kept["occurred_at"] = shown(ms_of(kept["occurred_at"]))
    text = json.dumps(kept, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return Verdict(None, None, text.encode())


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
    said = json.loads(text, parse_constant=refuse, parse_float=number, parse_int=integer)
    json.dumps(said, ensure_ascii=False).encode("utf-8")  # a lone surrogate is a ValueError
    return said


def is_valid(value: Any, kind: str) -> bool:
    if kind.startswith("["):
        return isinstance(value, list) and all(is_valid(one, kind.strip("[]")) for one in value)
    if kind == "bool":
        return isinstance(value, bool)
    if kind in ("count", "days"):
        low, high = (0, LARGEST_INTEGER) if kind == "count" else (1, 366)
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
    if not isinstance(value, str):
        return False
    if kind == "text":
        return True
    if kind.startswith("id"):
        return 1 <= len(value) <= int(kind[2:] or 128) and set(value) <= ID_CHARACTERS
    if kind == "order":
        return [are_digits(part) and len(part) for part in value.split("-")] == [3, 7, 7]
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
