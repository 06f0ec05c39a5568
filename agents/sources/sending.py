"""Notifications to Kafka: on the topic of their type, under their account's key, each acknowledged by all replicas.

The producer is idempotent: what it tries again stands once. Nothing is noted as sent before its acknowledgement.
"""

from collections.abc import Callable, Sequence

from aiokafka import AIOKafkaProducer

from agents.errors import UserError
from agents.kafka.clients import run_with_broker, writer
from agents.settings import Settings
from schemas.decoding import journal_value
from schemas.notifications import Notification, type_name
from schemas.registry import INPUT_TOPIC_OF
from streams.routing import account_key

AT_ONCE = 500
"""Records on their way at a time: as many are sent again when a process dies, and none is lost."""

OnSent = Callable[[Sequence[Notification]], None]


def send_all(settings: Settings, notifications: Sequence[Notification], on_sent: OnSent) -> None:
    """Send them in their order; `on_sent` is told of each part once all of it is acknowledged."""

    async def run() -> None:
        async with writer(settings, acks="all", linger_ms=5) as producer:
            await _require_topics(producer, settings, notifications)
            for begin in range(0, len(notifications), AT_ONCE):
                part = notifications[begin : begin + AT_ONCE]
                sent = [
                    await producer.send(_topic(settings, one), journal_value(one), key=account_key(one).encode())
                    for one in part
                ]
                for acknowledged in sent:
                    await acknowledged
                on_sent(part)

    run_with_broker(settings, run)


async def _require_topics(
    producer: AIOKafkaProducer, settings: Settings, notifications: Sequence[Notification]
) -> None:
    metadata = await producer.client.fetch_all_metadata()
    for topic in sorted({_topic(settings, one) for one in notifications}):
        if not metadata.partitions_for_topic(topic):
            raise UserError(
                f"There is no topic {topic} at {settings.broker}; `dueclock topics create` makes the topics.", 2
            )


def _topic(settings: Settings, notification: Notification) -> str:
    return settings.topic(INPUT_TOPIC_OF[type_name(notification)])
