"""Notifications to Kafka: on the topic of their type, under their account's key, each acknowledged by all replicas.

The producer is idempotent: what it tries again stands once. Nothing is noted as sent before its acknowledgement. What
ends a duty goes before what opens it: where both lie back, a worker that heard of the duty alone would declare a breach
at once, and take it back with the next record.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from aiokafka import AIOKafkaProducer

from agents.errors import UserError
from agents.kafka.clients import run_with_broker, writer
from agents.kafka.private import partitions_now
from agents.settings import Settings
from schemas.decoding import journal_value
from schemas.notifications import Notification, type_name
from schemas.registry import INPUT_TOPIC_OF
from streams.routing import account_key

AT_ONCE = 500
"""Records on their way at a time: as many are sent again when a process dies, and none is lost."""

LATER: Final[Mapping[str, int]] = {
    "claim.decided": 1,  # ends one duty and opens another
    "refund.issued": 1,
    "return.requested": 2,
    "return.received": 2,
    "message.received": 2,
    "claim.opened": 2,
    "chargeback.opened": 2,
    "case.opened": 2,
}
"""What opens duties, and how far it goes behind; all other types go first."""

OnSent = Callable[[Sequence[Notification]], None]


def send_all(settings: Settings, notifications: Sequence[Notification], on_sent: OnSent) -> None:
    """Send them; `on_sent` is told of each part once all of it is acknowledged, and only then the next one goes."""

    async def run() -> None:
        async with writer(settings, acks="all", linger_ms=5) as producer:
            await _require_topics(producer, settings, notifications)
            for part in _parts(notifications):
                sent = [
                    await producer.send(_topic(settings, one), journal_value(one), key=account_key(one).encode())
                    for one in part
                ]
                for acknowledged in sent:
                    await acknowledged
                on_sent(part)

    run_with_broker(settings, run)


def _parts(notifications: Sequence[Notification]) -> Iterator[Sequence[Notification]]:
    """What goes at a time. What ends duties is acknowledged before what opens them goes: topics know times alone."""
    for rank in sorted({_rank(notification) for notification in notifications}):
        these = [notification for notification in notifications if _rank(notification) == rank]
        for begin in range(0, len(these), AT_ONCE):
            yield these[begin : begin + AT_ONCE]


def _rank(notification: Notification) -> int:
    return LATER.get(type_name(notification), 0)


async def _require_topics(
    producer: AIOKafkaProducer, settings: Settings, notifications: Sequence[Notification]
) -> None:
    needed = sorted({_topic(settings, one) for one in notifications})
    there = await partitions_now(producer, needed)
    for topic in needed:
        if topic not in there:
            raise UserError(
                f"There is no topic {topic} at {settings.broker}; `dueclock topics create` makes the topics.", 2
            )


def _topic(settings: Settings, notification: Notification) -> str:
    return settings.topic(INPUT_TOPIC_OF[type_name(notification)])
