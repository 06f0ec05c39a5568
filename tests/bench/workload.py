"""The load of the benchmarks: what many sellers' after-sales work looks like as notifications.

The stories are the demonstration's, at life size (half a second of a story is an hour), so that every rule takes part;
they begin all over the span. Accounts are of uneven size: the n-th has 1/n of the first one's stories. Some records are
sent twice, some are told hours late. The same seed and span give the same bytes on any machine; no clock is read.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import accumulate
from typing import Final, NamedTuple

from agents.demo.cast import Cast
from agents.demo.roles import ORDINARY, ROLES, Role
from schemas.codec import canonical_json, format_instant
from schemas.registry import INPUT_TOPIC_OF, Logical

LIFE_SIZE: Final = 7_200
"""Seconds of life in a second of a story."""
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS

ORDINARY_SHARE: Final = 0.8
"""Most duties are done in time; the other stories are drawn from all there are."""
REPEATED_SHARE: Final = 0.03
LATE_SHARE: Final = 0.05
SELLERS: Final = 300


class Sent(NamedTuple):
    """One notification: when it is told, to which input topic (logical name), under which key."""

    at_ms: int
    topic: Logical
    key: bytes
    value: bytes


def workload(seed: int, count: int, *, start_ms: int, span_ms: int, sellers: int = SELLERS) -> list[Sent]:
    """The first `count` notifications of a span, in the order in which they are told."""
    rng = random.Random(seed)
    names = [f"A{seed % 1000:03}SELLER{number:05}" for number in range(1, sellers + 1)]
    weights = list(accumulate(1 / number for number in range(1, sellers + 1)))
    told: list[Sent] = []
    number = 0
    while len(told) < count:
        number += 1
        role = rng.choice(ORDINARY if rng.random() < ORDINARY_SHARE else ROLES)
        (seller,) = rng.choices(names, cum_weights=weights)
        begins_ms = start_ms + rng.randrange(span_ms)
        told += (sent for sent in _story(rng, role, seller, number, begins_ms) if sent.at_ms < start_ms + span_ms)
    told.sort()
    return told[:count]


def _story(rng: random.Random, role: Role, seller: str, number: int, begins_ms: int) -> Iterator[Sent]:
    """One telling of a story: faster or slower than the others, some of it late, some of it twice."""
    order_id = f"{rng.randint(100, 999)}-{rng.randrange(10**7):07}-{number % 10**7:07}"
    cast = Cast(role.marketplace_id, f"{number:08x}", order_id, f"{rng.randint(5, 250)}.00")
    beat_ms = int(rng.uniform(0.5, 1.3) * LIFE_SIZE * 1000)
    for step, beat in enumerate(role.story(cast), 1):
        notification = {
            "event_id": f"{beat.type}-{cast.tag}-{step}",
            "type": beat.type,
            "seller_id": seller,
            "marketplace_id": role.marketplace_id,
            "occurred_at": format_instant(begins_ms + int(beat.happened_s * beat_ms)),
            **beat.fields,
        }
        at_ms = begins_ms + int(beat.sent_s * beat_ms) + rng.randrange(2_000)
        if rng.random() < LATE_SHARE:
            at_ms += rng.randrange(12 * HOUR_MS)
        key = f"{seller}/{role.marketplace_id}".encode()
        sent = Sent(at_ms, INPUT_TOPIC_OF[beat.type], key, canonical_json(notification))
        yield sent
        if rng.random() < REPEATED_SHARE:
            yield sent._replace(at_ms=at_ms + rng.randrange(HOUR_MS))
