"""A delivery that mails the week's report: each Monday (UTC) the week before, once, whoever of several runs.

It has a consumer group like the others, and reads nothing with it: who is given partition 0 of one topic sends, and
what was sent is committed there as the offset's metadata, `sent <the Monday up to which>`. So no week goes out twice
but after a crash between the sending and the commit, and no week is left out that passed while nobody ran. The first
report is that of the week in which the delivery first ran.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from email.message import EmailMessage
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata

from agents.delivering.delivery_metrics import DeliveryMetrics
from agents.delivering.payloads import new_mail
from agents.delivering.reading import group_of
from agents.delivering.receivers import MailReceiver, NotTaken
from agents.delivering.waiting import wait_s
from agents.kafka.clients import new_consumer
from agents.kafka.private import committed_note
from agents.reporting.figures import report_of
from agents.reporting.page import headline, page
from agents.reporting.reading import read_clocks
from agents.settings import Settings
from agents.subscriptions import Mail
from agents.topic_roles import OUTPUTS
from schemas.answers.report import Report
from schemas.codec import DAY_MS, format_instant, parse_instant

log = logging.getLogger("dueclock.deliver")

WEEK_MS: Final = 7 * DAY_MS
_MONDAY_MS: Final = 4 * DAY_MS  # 1970-01-05
_LOOK_EVERY_S: Final = 1.0
_SENT: Final = "sent "


def monday_before(now_ms: int) -> int:
    """The midnight (UTC) with which the week of an instant began, ms."""
    return now_ms - (now_ms - _MONDAY_MS) % WEEK_MS


def next_week(sent_ms: int | None, now_ms: int) -> int | None:
    """The end of the next week to report, where it is over; `sent_ms`: up to where weeks were sent, None: none ever."""
    if sent_ms is None or sent_ms + WEEK_MS > monday_before(now_ms):
        return None
    return sent_ms + WEEK_MS


def report_mail(delivery: Mail, report: Report, now_ms: int) -> EmailMessage:
    """The mail: a line of text, the page as its body and as a file."""
    line = headline(report, delivery.language)
    made = new_mail(delivery, line, now_ms)
    made["Message-ID"] = f"<{delivery.name}.{report.until[:10]}@{delivery.sender.rpartition('@')[2]}>"
    html = page(report, delivery.language)
    made.set_content(line + "\n")
    made.add_alternative(html, subtype="html")
    name = f"dueclock-{report.since[:10]}.html"
    made.add_attachment(html, subtype="html", filename=name)
    return made


class WeeklyCourier(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """The delivery at work. `now_ms` is the time of day, `chance` as for other deliveries."""

    def __init__(
        self,
        settings: Settings,
        delivery: Mail,
        metrics: DeliveryMetrics,
        chance: Callable[[], float],
        now_ms: Callable[[], int] = lambda: int(time.time() * 1000),
    ) -> None:
        self.delivery = delivery
        self.has_joined = False
        self._settings = settings
        self._receiver = MailReceiver(delivery)
        self._metrics = metrics
        self._chance = chance
        self._now_ms = now_ms
        self._mark = TopicPartition(settings.topic(OUTPUTS[0]), 0)
        self._is_ours = False
        self._tries = 0
        self._waits_since_ms: int | None = None
        self._consumer: AIOKafkaConsumer = new_consumer(
            settings,
            group_id=group_of(settings, delivery),
            enable_auto_commit=False,
            session_timeout_ms=int(settings.session_timeout_s * 1000),
            heartbeat_interval_ms=int(settings.heartbeat_s * 1000),
        )
        metrics.ask("sla_deliver_lag_seconds", delivery.name, self._lag_s)
        metrics.ask("sla_deliver_lag_records", delivery.name, lambda: 0.0)
        metrics.ask("sla_deliver_parked", delivery.name, lambda: float(self._tries >= delivery.park_after))

    async def run(self) -> None:
        """Send each week until cancelled."""
        await self._consumer.start()
        self._consumer.subscribe(topics=[self._mark.topic], listener=self)
        try:
            while True:
                self._consumer.pause(*self._consumer.assignment())
                await self._consumer.getmany(timeout_ms=int(_LOOK_EVERY_S * 1000))
                if self._is_ours:
                    await self._look()
                else:
                    await asyncio.sleep(_LOOK_EVERY_S)
        finally:
            with suppress(KafkaError, TimeoutError):
                await asyncio.wait_for(self._consumer.stop(), 3.0)

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002 - all are
        """Somebody else may send from here on."""
        self.has_joined = self._is_ours = False

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Who has the mark sends."""
        self._is_ours = self._mark in set(assigned)
        self.has_joined = True
        log.info("delivery %s: %s", self.delivery.name, "sends the report" if self._is_ours else "stands by")

    async def _look(self) -> None:
        sent_ms = await self._sent()
        if sent_ms is None:
            await self._note(monday_before(self._now_ms()))
            return
        until_ms = next_week(sent_ms, self._now_ms())
        self._waits_since_ms = until_ms
        if until_ms is None:
            return
        if await self._is_taken(until_ms):
            await self._note(until_ms)

    async def _is_taken(self, until_ms: int) -> bool:
        since_ms = until_ms - WEEK_MS
        clocks = await read_clocks(self._settings, since_ms - WEEK_MS)
        one = self.delivery
        choice = {"accounts": one.accounts, "rules": one.rules}
        report = report_of(clocks, since_ms, until_ms, **choice, clock_link=one.clock_link)
        try:
            await self._receiver.send_mail(report_mail(one, report, self._now_ms()))
        except NotTaken as error:
            self._metrics.failed(one.name, error.why)
            self._tries += 1
            if self._tries == one.park_after:
                log.warning("delivery %s: parked, %s; it is tried on and on", one.name, error.words)
            first_ms, most_ms = one.retry_first_ms, one.retry_most_ms
            await asyncio.sleep(wait_s(self._tries, self._chance(), first_ms=first_ms, most_ms=most_ms))
            return False
        self._tries = 0
        self._metrics.sent(one.name, 1)
        log.info("delivery %s: the report of the week from %s is sent", one.name, report.since[:10])
        return True

    async def _sent(self) -> int | None:
        """Up to where weeks were sent; None where the delivery never ran."""
        note = await committed_note(self._consumer, self._mark)
        return parse_instant(note.removeprefix(_SENT)) if note.startswith(_SENT) else None

    async def _note(self, until_ms: int) -> None:
        with suppress(CommitFailedError, IllegalStateError):
            await self._consumer.commit({self._mark: OffsetAndMetadata(0, _SENT + format_instant(until_ms))})

    def _lag_s(self) -> float:
        since_ms = self._waits_since_ms
        return 0.0 if since_ms is None else max(0.0, (self._now_ms() - since_ms) / 1000)
