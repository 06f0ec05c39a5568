"""What the tests of decoding begin with: a sound notification of some types, and what the decoder says of it."""

from typing import Any

import orjson

from schemas.dead_letters import Rejected
from schemas.decoded import Decoded
from schemas.decoding import decode_journal_value, decode_notification, journal_value
from schemas.notifications import ReturnReceived

RECEIVED = {
    "event_id": "n001",
    "type": "return.received",
    "seller_id": "A3GOLDEN",
    "marketplace_id": "ATVPDKIKX0DER",
    "occurred_at": "2026-02-03T10:15:00.1239-08:00",
    "return_id": "RET-1",
    "order_id": "111-0000001-0000001",
    "program": "sfp",
}
RECEIVED_BODY = ReturnReceived(
    event_id="n001",
    seller_id="A3GOLDEN",
    marketplace_id="ATVPDKIKX0DER",
    occurred_ms=1_770_142_500_123,
    return_id="RET-1",
    order_id="111-0000001-0000001",
    program="sfp",
)
SENT = {
    **{key: RECEIVED[key] for key in ("event_id", "seller_id", "marketplace_id", "occurred_at")},
    "type": "message.sent",
    "message_id": "MSG-1",
    "thread_id": "T-1",
    "to_roles": ["buyer", "amazon_cs"],
}
METRICS = {
    **{key: RECEIVED[key] for key in ("event_id", "seller_id", "marketplace_id", "occurred_at")},
    "type": "account.metrics_reported",
    "order_count": 100,
    "orders_with_defects": 0,
    "window_days": 60,
}
REFUND = {
    **{key: RECEIVED[key] for key in ("event_id", "seller_id", "marketplace_id", "occurred_at", "order_id")},
    "type": "refund.issued",
    "refund_id": "REF-1",
    "issued_by": "seller",
    "amount": "100.00",
    "currency": "USD",
}
ASKED = {
    **{key: RECEIVED[key] for key in ("event_id", "seller_id", "marketplace_id", "occurred_at")},
    "type": "message.received",
    "message_id": "MSG-1",
    "thread_id": "T-1",
    "from_role": "buyer",
}
CASE = {
    **{key: RECEIVED[key] for key in ("event_id", "seller_id", "marketplace_id", "occurred_at")},
    "type": "case.opened",
    "case_id": "C-1",
    "priority": "normal",
    "subject_hash": "9f86d081884c7d65",
}
TICK = {"type": "time.tick", "arrived_at": "2026-02-03T10:15:00Z"}
TICK_MS = 1_770_113_700_000
ACTIVATION = {
    "type": "policy.activated",
    "journaled_at": "2026-02-03T10:15:00Z",
    "digest": "0a" * 32,
    "toml": "x = 1\n",
}
SEAL = {
    "type": "state.sealed",
    "journaled_at": "2026-02-03T10:15:00Z",
    "line": 7,
    "offset": 0,
    "state": "0a" * 32,
    "journal": "0b" * 32,
    "logic": 1,
}


def live(said: Any) -> Decoded | Rejected:
    return decode_notification(orjson.dumps(said), from_file=False)


def in_file(said: Any) -> Decoded | Rejected:
    return decode_notification(orjson.dumps(said), from_file=True)


def kept(answer: Decoded | Rejected) -> dict[str, Any]:
    """What the journal keeps of a fact, and that it gives the same fact again."""
    assert isinstance(answer, Decoded), answer
    value = journal_value(answer.body)
    assert decode_journal_value(value) == answer.body
    said: dict[str, Any] = orjson.loads(value)
    return said


def blamed(answer: Decoded | Rejected) -> str | None:
    assert isinstance(answer, Rejected)
    assert answer.reason == "bad_field"
    return answer.field
