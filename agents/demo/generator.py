"""The demonstration's notifications: the same seed and the same start give the same bytes at the same instants.

`play` is an endless, ordered stream of what is to be sent when. The first day tells every story once; after that each
day (twelve seconds) tells ordinary ones and a few others. Bad records of every reason are strewn in. No clock is read
here: who sends waits for each instant.
"""

import heapq
import random
from collections.abc import Iterator
from importlib import resources
from typing import NamedTuple

from agents.demo.roles import ONE, ORDINARY, ROLES, Role
from agents.demo.stories import US, Cast
from schemas.codec import MAX_NOTIFICATION_BYTES, canonical_json, format_instant
from schemas.policies import shipped_policies
from schemas.registry import INPUT_TOPIC_OF

DAY_MS = 12_000
_STORIES_BEGIN_WITHIN_MS = 9_000
_MINUTE_MS, _DAY_MS = 60_000, 86_400_000
_BAD = {
    "too_large": "buyer-message",
    "not_json": "return-approved",
    "unknown_type": "seller-account",
    "bad_field": "support-case",
    "future": "support-case",
    "no_calendar": "support-case",
    "calendar_not_covered": "a-to-z-claim",
    "too_old": "support-case",
}


class Sent(NamedTuple):
    """One record to send to an input topic (logical name) at an instant."""

    at_ms: int
    number: int
    topic: str
    key: bytes
    value: bytes


def demo_policies() -> str:
    """The shipped calendars and marketplaces with the demonstration's rules."""
    shipped = shipped_policies()
    rules = resources.files("agents.demo").joinpath("rules.toml").read_bytes().decode()
    return shipped[: shipped.index("\n[[rules.") + 1] + rules


def play(seed: int, start_ms: int) -> Iterator[Sent]:
    """What is sent from `start_ms` on, in the order of time, without end."""
    rng = random.Random(f"{seed}:{start_ms}")
    waiting: list[Sent] = []
    number = 0
    day = 0
    while True:
        day_starts_ms = start_ms + day * DAY_MS
        for begins_ms, role in _programme(rng, day):
            for record in _told(rng, role, day_starts_ms + begins_ms):
                number += 1
                heapq.heappush(waiting, record._replace(number=number))
        for record in _bad_records(rng, day_starts_ms):
            number += 1
            heapq.heappush(waiting, record._replace(number=number))
        day += 1
        while waiting and waiting[0].at_ms < start_ms + day * DAY_MS:
            yield heapq.heappop(waiting)


def _programme(rng: random.Random, day: int) -> list[tuple[int, Role]]:
    """When in this day which story begins."""
    if day == 0:
        return [(rng.randrange(_STORIES_BEGIN_WITHIN_MS), role) for role in (*ROLES, *ORDINARY)]
    chosen = (*(rng.choice(ORDINARY) for _ in range(18)), *rng.sample(ROLES, 9))
    return [(rng.randrange(DAY_MS), role) for role in chosen]


def _told(rng: random.Random, role: Role, begins_ms: int) -> Iterator[Sent]:
    """The records of one telling of a story."""
    order_id = f"{rng.randint(100, 999)}-{rng.randrange(10**7):07}-{rng.randrange(10**7):07}"
    cast = Cast(role.marketplace_id, f"{rng.randrange(16**8):08x}", order_id, f"{rng.randint(5, 250)}.00")
    for number, beat in enumerate(role.story(cast), 1):
        notification = {
            "event_id": f"{beat.type}-{cast.tag}-{number}",
            "type": beat.type,
            "seller_id": role.seller_id,
            "marketplace_id": role.marketplace_id,
            "occurred_at": format_instant(begins_ms + int(beat.happened_s * 1000)),
            **beat.fields,
        }
        key = f"{role.seller_id}/{role.marketplace_id}".encode()
        at_ms = begins_ms + int(beat.sent_s * 1000)
        yield Sent(at_ms, 0, INPUT_TOPIC_OF[beat.type], key, canonical_json(notification))


def _bad_records(rng: random.Random, day_starts_ms: int) -> Iterator[Sent]:
    """One record of each reason of contract §2 a day: what the world sends besides notifications."""
    for reason, topic in _BAD.items():
        at_ms = day_starts_ms + rng.randrange(DAY_MS)
        good = {
            "event_id": f"bad-{rng.randrange(16**8):08x}",
            "type": "case.closed",
            "seller_id": ONE,
            "marketplace_id": US,
            "occurred_at": format_instant(at_ms),
            "case_id": "CASE-1",
        }
        bad = {**good, **_broken(reason, at_ms)}
        value = canonical_json(bad)[:20] if reason == "not_json" else canonical_json(bad)
        yield Sent(at_ms, 0, topic, f"{ONE}/{bad['marketplace_id']}".encode(), value)


def _broken(reason: str, at_ms: int) -> dict[str, str]:
    """What makes a good notification a dead letter for this reason."""
    return {
        "too_large": {"note": "x" * MAX_NOTIFICATION_BYTES},
        "unknown_type": {"type": "order.shipped"},
        "bad_field": {"case_id": "no spaces, please"},
        "future": {"occurred_at": format_instant(at_ms + 10 * _MINUTE_MS)},
        "no_calendar": {"marketplace_id": "A0NOWHERE"},
        "calendar_not_covered": {"occurred_at": "2019-05-01T12:00:00Z"},
        "too_old": {"occurred_at": format_instant(at_ms - 60 * _DAY_MS)},
    }.get(reason, {})
