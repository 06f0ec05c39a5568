"""`dueclock canary`: a question a minute on the real topics whose clock breaches at once. Silence is what it watches.

For each partition there is one synthetic account in the marketplace CANARY, so that every partition has to carry its
breach (`schemas/shipped/canary.toml`; `DueclockCanarySilent` in deploy/prometheus). The question before is answered
three seconds after it fell due, so that nothing stays breached. A hundred questions are one thread, so that few rows
are kept and none is ever full (contract §2, `matter_full`). A broker that is away is waited for: to say so is the
alert's business, and a line of the log.
"""

import asyncio
import logging
import time
from contextlib import suppress
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from agents.kafka.clients import run_with_broker, writer
from agents.kafka.topics import partitions_of
from agents.settings import Settings
from schemas.codec import canonical_json, format_instant
from schemas.registry import INPUT_TOPIC_OF
from streams.partitioner import partition_of

log = logging.getLogger("dueclock.canary")

MARKETPLACE = "CANARY"
_ASKED = INPUT_TOPIC_OF["message.received"]
ANSWERED_AFTER_MS = 5_000
QUESTIONS_OF_A_THREAD = 100
"""With as many answers they stay below the 256 facts of a matter."""
LEAST_EVERY_S = 6.0
"""A question may not be asked before the one before has fallen due and been answered."""


class Question(NamedTuple):
    """What one account was asked last."""

    thread: str
    at_ms: int
    number: int
    """Of its thread, from 1."""


def accounts(partitions: int) -> list[str]:
    """A seller for each partition, whose account is at home there."""
    found: dict[int, str] = {}
    number = 0
    while len(found) < partitions:
        seller = f"CANARY-{number}"
        found.setdefault(partition_of(f"{seller}/{MARKETPLACE}".encode(), partitions), seller)
        number += 1
    return [found[partition] for partition in range(partitions)]


def question(seller: str, at_ms: int, before: Question | None = None) -> tuple[Question, bytes]:
    """CSBA asks the seller, in the thread of the question before as long as that has room."""
    asked = Question(f"canary-{at_ms}", at_ms, 1)
    if before is not None and before.number < QUESTIONS_OF_A_THREAD:
        asked = Question(before.thread, at_ms, before.number + 1)
    return asked, _notification("message.received", seller, f"Q-{at_ms}", asked.thread, at_ms, {"from_role": "csba"})


def answer(seller: str, asked: Question) -> bytes:
    """The seller answers, too late."""
    at_ms = asked.at_ms + ANSWERED_AFTER_MS
    return _notification("message.sent", seller, f"A-{asked.at_ms}", asked.thread, at_ms, {"to_roles": ["csba"]})


def _notification(kind: str, seller: str, name: str, thread: str, at_ms: int, more: dict[str, object]) -> bytes:
    return canonical_json(
        {
            "type": kind,
            "event_id": f"canary-{name}",
            "seller_id": seller,
            "marketplace_id": MARKETPLACE,
            "occurred_at": format_instant(at_ms),
            "message_id": name,
            "thread_id": thread,
            **more,
        }
    )


def run_canary(settings: Settings, every_s: float, for_s: float | None) -> None:
    """Ask until stopped, or for so long. UserError where no broker answers at the start."""

    async def run() -> None:
        sellers = accounts(await partitions_of(settings, _ASKED))
        async with writer(settings) as producer:
            log.info("canary: %d accounts are asked every %g s", len(sellers), every_s)
            with suppress(TimeoutError):
                await asyncio.wait_for(_ask(producer, settings, sellers, every_s), for_s)

    run_with_broker(settings, run)


async def _ask(producer: AIOKafkaProducer, settings: Settings, sellers: list[str], every_s: float) -> None:
    topic = settings.topic(_ASKED)
    asked: dict[str, Question] = {}
    while True:
        began_s = time.monotonic()
        for seller in sellers:
            before = asked.get(seller)
            asked[seller], value = question(seller, int(time.time() * 1000), before)
            values = [value] if before is None else [answer(seller, before), value]
            try:
                for one in values:
                    await producer.send_and_wait(topic, one, key=f"{seller}/{MARKETPLACE}".encode())
            except KafkaError as error:
                log.warning("canary: the broker did not take a question (%s)", error)
        await asyncio.sleep(max(0.0, every_s - (time.monotonic() - began_s)))
