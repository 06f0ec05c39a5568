"""The week's report by mail: once for each week, also for those in which nobody ran, and for none twice."""

from __future__ import annotations

import asyncio
import json
import time
from email.message import EmailMessage
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from agents.delivering.weekly import WEEK_MS, monday_before, next_week
from agents.kafka.private import committed_note
from schemas.codec import DAY_MS, format_instant, parse_instant
from schemas.events import topic_of
from tests.broker.harness import wait_until
from tests.delivering.deliverer import Installation, table
from tests.delivering.test_people import MAIL, Post, post
from tests.kafka_fixtures import Outgoing

__all__ = ["post"]
pytestmark = [pytest.mark.timeout(120)]

MONDAY = parse_instant("2026-11-23T00:00:00Z")


def test_a_week_is_due_when_it_is_over_and_only_then() -> None:
    assert monday_before(MONDAY) == monday_before(MONDAY + WEEK_MS - 1) == MONDAY
    assert next_week(None, MONDAY) is None
    assert next_week(MONDAY, MONDAY + WEEK_MS - 1) is None
    assert next_week(MONDAY, MONDAY + WEEK_MS) == MONDAY + WEEK_MS
    assert next_week(MONDAY - 2 * WEEK_MS, MONDAY) == MONDAY - WEEK_MS, "the oldest first"


async def note(installation: Installation, group: str, said: str | None) -> str:
    """What the group has committed beside its offset; first commits `said`, as the process before would have."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=installation.settings.broker, group_id=group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        mark = TopicPartition(installation.settings.topic("sla-breach"), 0)
        if said is not None:
            consumer.assign([mark])
            await consumer.commit({mark: OffsetAndMetadata(0, said)})
        return await committed_note(consumer, mark)
    finally:
        await consumer.stop()


def clocks_of(start_ms: int) -> list[dict[str, Any]]:
    """A clock that was met in time and one that stands breached, started then."""
    events: list[dict[str, Any]] = []
    for name, kind, more in (("1", "clock.met", {"elapsed_ms": 3_600_000, "cause": "e"}), ("2", "clock.breached", {})):
        order = f"111-{start_ms // DAY_MS:07}-000000{name}"
        one = {
            "seller_id": "SHOP", "marketplace_id": "A1VC38T7YXB528", "rule": "sfp-refund", "rule_version": 1,
            "subject": f"{order}/RET", "clock_id": f"SHOP/A1VC38T7YXB528/sfp-refund/{order}/RET", "order_id": order,
            "started_at": format_instant(start_ms), "due_at": format_instant(start_ms + DAY_MS),
            "decided_at": format_instant(start_ms + DAY_MS), "at": format_instant(start_ms),
        }  # fmt: skip
        events.append({**one, "type": "clock.opened", "seq": 1, "revision": 1, "output_id": f"{start_ms}{name}o"})
        events.append({**one, "type": kind, "seq": 2, "output_id": f"{start_ms}{name}e", **more})
    return events


def html_of(mail: EmailMessage) -> str:
    body = mail.get_body(preferencelist=("html",))
    assert body is not None
    return str(body.get_content())


@pytest.mark.broker
def test_missed_weeks_are_reported_once_each_and_a_restart_repeats_none(installation: Installation, post: Post) -> None:
    this_monday = monday_before(int(time.time() * 1000))
    mail = {**MAIL, "smtp": post.address, "report": "weekly", "language": "ja"}
    installation.configure(table("weekly", "mail", **mail))
    first = installation.deliver(is_ready=False)
    first.wait_for("sends the report")
    group = f"{installation.settings.group}-deliver-weekly"
    new = f"sent {format_instant(this_monday)}"

    def is_noted() -> bool:
        return asyncio.run(note(installation, group, None)) == new

    wait_until(is_noted, lambda: f"the note {new!r}", within_s=20)
    assert first.stop() == 0
    assert post.mails == [], "a delivery that is new reports the week that it sees whole"
    asyncio.run(note(installation, group, f"sent {format_instant(this_monday - 2 * WEEK_MS)}"))
    records = [
        Outgoing(installation.settings.topic(topic_of(event["type"], None)), json.dumps(event).encode(), partition=0)
        for weeks in (1, 2)
        for event in clocks_of(this_monday - weeks * WEEK_MS + DAY_MS)
    ]
    installation.write(records)
    second = installation.deliver(is_ready=False)
    wait_until(lambda: len(post.mails) >= 2, lambda: f"two reports\n{second.log()}", within_s=40)
    wait_until(is_noted, lambda: f"the note {new!r}", within_s=20)
    assert second.stop() == 0
    third = installation.deliver(is_ready=False)
    third.wait_for("sends the report")
    assert is_noted()
    assert third.stop() == 0
    days = [format_instant(this_monday - weeks * WEEK_MS)[:10] for weeks in (2, 1)]
    assert len(post.mails) == 2
    for one, day in zip(post.mails, days, strict=True):
        assert one["Subject"].startswith(f"アフターサービス期限 {day} – ")
        assert one["Subject"].endswith("期限内50.0 %、超過1")
        late = f"111-{parse_instant(f'{day}T00:00:00Z') // DAY_MS + 1:07}-0000002"
        assert f"sellercentral.amazon.co.jp/orders-v3/order/{late}" in html_of(one)
        (attached,) = one.iter_attachments()
        assert attached.get_filename() == f"dueclock-{day}.html"
        assert str(attached.get_content()).splitlines() == html_of(one).splitlines()
