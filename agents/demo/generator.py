"""The demonstration's notifications: the same seed and the same start give the same bytes at the same instants.

`play` is an endless, ordered stream of what is to be sent when. The first day tells every story once; after that each
day (twelve seconds) tells ordinary ones and a few others. Bad records of every reason are strewn in; for that of a full
matter somebody's program, stuck in a loop, marks one message again and again. No clock is read here: who sends waits
for each instant.
"""

import heapq
import random
from collections.abc import Iterator
from importlib import resources
from typing import NamedTuple

from agents.demo.cast import US, Cast
from agents.demo.roles import ONE, ORDINARY, ROLES, Role
from schemas.codec import DAY_MS as REAL_DAY_MS
from schemas.codec import MAX_NOTIFICATION_BYTES, canonical_json, format_instant
from schemas.policies import shipped_policies
from schemas.registry import INPUT_TOPIC_OF, Logical
from streams.matters import FULL

DAY_MS = 12_000
_STORIES_BEGIN_WITHIN_MS = 9_000
_LOOP_BEGINS_WITHIN_MS, _LOOP_EVERY_MS = 3_000, 80
_FUTURE_MS = 10 * 60_000
_TOO_OLD_MS = 150 * REAL_DAY_MS
_BAD = {
    "too_large": INPUT_TOPIC_OF["message.received"],
    "not_json": INPUT_TOPIC_OF["return.approved"],
    "unknown_type": INPUT_TOPIC_OF["program.changed"],
    "bad_field": INPUT_TOPIC_OF["case.opened"],
    "future": INPUT_TOPIC_OF["case.opened"],
    "no_calendar": INPUT_TOPIC_OF["case.opened"],
    "calendar_not_covered": INPUT_TOPIC_OF["claim.opened"],
    "too_old": INPUT_TOPIC_OF["case.opened"],
    "matter_full": INPUT_TOPIC_OF["message.received"],
}
"""Where a record is sent that is refused for this reason."""


class ToSend(NamedTuple):
    """One record to send to an input topic (logical name) at an instant."""

    at_ms: int
    number: int
    topic: Logical
    key: bytes
    value: bytes


def demo_policies() -> str:
    """The shipped calendars and marketplaces with the demonstration's rules."""
    shipped = shipped_policies()
    rules = resources.files("agents.demo").joinpath("rules.toml").read_bytes().decode()
    return shipped[: shipped.index("\n[[rules.") + 1] + rules


def play(seed: int, start_ms: int) -> Iterator[ToSend]:
    """What is sent from `start_ms` on, in the order of time, without end."""
    rng = random.Random(f"{seed}:{start_ms}")
    waiting = list(_stuck_in_a_loop(rng, start_ms))
    heapq.heapify(waiting)
    number = len(waiting)
    day = 0
    while True:
        day_starts_ms = start_ms + day * DAY_MS
        for begins_ms, role in _programme(rng, day):
            for record in told(rng, role, day_starts_ms + begins_ms):
                number += 1
                heapq.heappush(waiting, record._replace(number=number))
        for record in _bad_records(rng, day_starts_ms, _mark_of_the_loop(start_ms)):
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


def told(rng: random.Random, role: Role, begins_ms: int) -> Iterator[ToSend]:
    """The records of one telling of a story, not yet numbered."""
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
        yield ToSend(at_ms, 0, INPUT_TOPIC_OF[beat.type], key, canonical_json(notification))


def _of_one(at_ms: int, event_id: str, message: dict[str, object]) -> dict[str, object]:
    """A notification of the first seller in America."""
    who = {"event_id": event_id, "seller_id": ONE, "marketplace_id": US}
    return {**who, "occurred_at": format_instant(at_ms), **message}


def _mark_of_the_loop(start_ms: int) -> dict[str, object]:
    """What the program in the loop says: that one message, another in each play, needs no response."""
    return {"type": "message.marked", "message_id": f"MSG-LOOP-{start_ms}", "thread_id": f"T-LOOP-{start_ms}"}


def _stuck_in_a_loop(rng: random.Random, start_ms: int) -> Iterator[ToSend]:
    """A message and its marks, each a fact of its own: as many as one matter takes. Each more is refused."""
    begins_ms = start_ms + rng.randrange(_LOOP_BEGINS_WITHIN_MS)
    mark = _mark_of_the_loop(start_ms)
    message = {**mark, "type": "message.received", "from_role": "buyer"}
    for number in range(1, FULL + 1):
        at_ms = begins_ms + number * _LOOP_EVERY_MS
        notification = _of_one(at_ms, f"loop-{start_ms}-{number}", message if number == 1 else mark)
        yield ToSend(at_ms, number, _BAD["matter_full"], f"{ONE}/{US}".encode(), canonical_json(notification))


def _bad_records(rng: random.Random, day_starts_ms: int, full: dict[str, object]) -> Iterator[ToSend]:
    """One record of each reason of contract §2 a day: what the world sends besides notifications.

    `full` is what one would say of a matter that has no room; as long as it has some, it is no bad record.
    """
    for reason, topic in _BAD.items():
        at_ms = day_starts_ms + rng.randrange(DAY_MS)
        good: dict[str, object] = {"type": "case.closed", "case_id": "CASE-1"}
        broken = full if reason == "matter_full" else _broken(reason, at_ms)
        bad = _of_one(at_ms, f"bad-{rng.randrange(16**8):08x}", {**good, **broken})
        value = canonical_json(bad)[:20] if reason == "not_json" else canonical_json(bad)
        yield ToSend(at_ms, 0, topic, f"{ONE}/{bad['marketplace_id']}".encode(), value)


def _broken(reason: str, at_ms: int) -> dict[str, str]:
    """What makes a good notification a dead letter for this reason."""
    return {
        "too_large": {"note": "x" * MAX_NOTIFICATION_BYTES},
        "unknown_type": {"type": "order.shipped"},
        "bad_field": {"case_id": "no spaces, please"},
        "future": {"occurred_at": format_instant(at_ms + _FUTURE_MS)},
        "no_calendar": {"marketplace_id": "A0NOWHERE"},
        "calendar_not_covered": {"occurred_at": "2019-05-01T12:00:00Z"},
        "too_old": {"occurred_at": format_instant(at_ms - _TOO_OLD_MS)},
    }.get(reason, {})
