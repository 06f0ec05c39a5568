"""The peers' simple job as notifications: one clock for a return or a question, 0.88 events each.

Two rules, due in 20 days: none breaches, so that engines whose time is the record's can do the same job as one whose
time is the broker's. Of a hundred notifications 55 open a clock; 40 of these are closed within two days, 20 within the
third, 40 never; the rest close what never was. The same seed and start give the same bytes on any machine.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final
from zlib import crc32

from schemas.codec import canonical_json, format_instant
from schemas.policies import shipped_policies
from schemas.registry import INPUT_TOPIC_OF
from tests.bench.workload import DAY_MS, Sent

SPAN_MS: Final = 10 * DAY_MS
MARKETPLACES: Final = ("A1PA6795UKMFR9", "A1F83G8C2ARO7P", "A13V1IB3VIYZZH")
OPENING: Final = ("return.received", "message.received")
CLOSING: Final = ("refund.issued", "message.sent")

_RULE: Final = """
[[rules.{rule}]]
version = 1
effective_from = 2015-01-01T00:00:00Z
target = {{ hours = 480 }}
escalate_before = []
escalate_after = []
obligor = "seller"
on_due = "clock.breached"
applies_to = "new"
"""


def policies() -> str:
    """The shipped policies with two rules in the place of all."""
    head, _, _ = shipped_policies().partition("[[rules.")
    return head + "".join(_RULE.format(rule=rule) for rule in ("sfp-refund", "buyer-message-reply"))


def workload(seed: int, count: int, *, start_ms: int) -> list[Sent]:
    """So many notifications of ten days, in the order in which they happened."""
    told = sorted(_happened(random.Random(seed), count, start_ms))[:count]
    return [_sent(number, *one) for number, one in enumerate(told)]


def _happened(rng: random.Random, count: int, start_ms: int) -> Iterator[tuple[int, str, str]]:
    """When what happened to which order."""
    draw, made = rng.random, 0
    before: tuple[str, int] | None = None
    for number in range(int(count * 0.55)):
        at_ms = start_ms + int(draw() * 7 * DAY_MS)
        if before is not None and draw() < 0.2:  # the same order again, by its other rule
            order_id, kind, before = before[0], 1 - before[1], None
        else:
            order_id = f"{302 + number % 3}-{number:07}-{rng.randrange(10**7):07}"
            kind = int(draw() < 0.5)
            before = (order_id, kind)
        yield at_ms, OPENING[kind], order_id
        closing = draw()
        if closing < 0.4:
            yield at_ms + int(2 * DAY_MS * (0.02 + 0.96 * draw())), CLOSING[kind], order_id
        elif closing < 0.6:
            yield at_ms + 2 * DAY_MS + 1 + int(DAY_MS * draw()), CLOSING[kind], order_id
        made += 1 + (closing < 0.6)
    for number in range(count - made):
        yield start_ms + int(draw() * SPAN_MS), CLOSING[number % 2], f"399-{number:07}-{rng.randrange(10**7):07}"


def _sent(number: int, at_ms: int, kind: str, order_id: str) -> Sent:
    account = crc32(order_id.encode())
    seller, marketplace = f"A{account % 997:04}SELLER7X", MARKETPLACES[account % 3]
    notification: dict[str, object] = {
        "event_id": f"{account:08x}-{number:012x}",
        "type": kind,
        "seller_id": seller,
        "marketplace_id": marketplace,
        "occurred_at": format_instant(at_ms),
        "order_id": order_id,
        "sku": f"SKU-{account % 5000:05}-BLK-M",
        "channel": "MFN",
        **_own_fields(number, kind, order_id, account),
    }
    return Sent(at_ms, INPUT_TOPIC_OF[kind], f"{seller}/{marketplace}".encode(), canonical_json(notification))


def _own_fields(number: int, kind: str, order_id: str, account: int) -> dict[str, object]:
    if kind == "return.received":
        return {"return_id": f"R-{order_id}", "program": "sfp"}
    if kind == "refund.issued":
        amount = f"{account % 20_000 / 100 + 0.01:.2f}"
        return {"refund_id": f"F-{number}", "issued_by": "seller", "amount": amount, "currency": "EUR"}
    if kind == "message.received":
        return {"message_id": f"M-{number}", "thread_id": f"T-{order_id}", "from_role": "buyer"}
    return {"message_id": f"S-{number}", "thread_id": f"T-{order_id}", "to_roles": ["buyer"]}
