"""`dueclock source sqs`: Amazon's notifications of a seller say what to read now, and it is read at once.

A queue gives a message more than once and in no order. So a message is only a trigger (`streams/sources/triggers.py`):
what it names is read from the Selling Partner API, goes the way of every reading, and the message is removed after the
broker's acknowledgement. A process that dies before reads the same again, and the same names come of it. A refund that
the finances do not show yet is asked for again each hour, for as long as Amazon says it may take.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from aiohttp import ClientSession, ClientTimeout

from agents.errors import UserError
from agents.settings import Settings
from agents.sources.passing_on import PassingOn
from agents.sources.reports import TRANSACTIONS
from agents.sources.source_metrics import SourceMetrics, shown
from agents.sources.sp_api import AWAY, Keys, SpApi, SpApiError
from agents.sources.sp_api_source import figures_in, posted_of_late, returns_in
from agents.sources.sqs import WAIT_S, Message, Queue, QueueError, opened
from schemas.codec import DAY_MS
from streams.sources.accounts import SourceAccount
from streams.sources.findings import REASONS, Mapped
from streams.sources.transactions import map_transactions
from streams.sources.triggers import RETURNS, NoTrigger, Trigger, age_ms, is_shown, read_trigger

log = logging.getLogger("dueclock.sqs")

FEED: Final = "queue"
SHOWN_WITHIN_MS: Final = 3 * DAY_MS
"""Orders of the last 48 hours may be missing in the finances: after a day more nobody waits for them."""
AGAIN_AFTER_S: Final = 3600
REMEMBERED: Final = 10_000
"""Names of messages that are known to have come before: a report is not fetched twice for one."""
_ONCE_WAIT_S: Final = 2
_LEAST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 300.0


class SqsWish(NamedTuple):
    """What a person asked of the source."""

    queue: str
    region: str
    hidden_s: int
    base: str
    tokens_at: str
    keys: Keys
    is_once: bool
    switches_refunds: bool


class Part(NamedTuple):
    """An account of the seller's, and its way to Kafka."""

    account: SourceAccount
    passing_on: PassingOn
    takes_refunds: bool


class Batch:
    """What became of the messages of one look: those that are done with, those that wait, and what they brought."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.done: list[Message] = []
        self.waiting: list[Message] = []
        self.names: list[str] = []
        self.mapped: dict[str, list[Mapped]] = {part.account.marketplace_id: [] for part in parts}
        self.newest_ms: int | None = None
        self.failed: set[str] = set()
        self.posted: list[Any] | None = None

    def note_time(self, found: Trigger | NoTrigger, now_ms: int) -> None:
        """When Amazon says that it happened."""
        age = age_ms(found, now_ms)
        if age is not None:
            self.newest_ms = max(now_ms - age, self.newest_ms or 0)


class SqsSource:
    """One queue of one seller; all the accounts are this seller's, each in a marketplace of its own."""

    def __init__(self, settings: Settings, parts: Sequence[Part], wish: SqsWish) -> None:
        self._settings = settings
        self._parts = parts
        self._seller_id = parts[0].account.seller_id
        self._wish = wish
        self._metrics = SourceMetrics("sqs", [FEED])
        self._known: dict[str, None] = {}
        self._hidden_until_s = 0.0

    def run(self, is_stopped: Callable[[], bool]) -> None:
        """Read until stopped, or until nothing is left. UserError for what a person can mend."""
        with shown(self._settings, self._metrics), asyncio.Runner() as runner:
            runner.run(self._log_in())
            pause_s, has_succeeded = _LEAST_PAUSE_S, False
            while not is_stopped():
                try:
                    self._read(runner, is_stopped)
                    return
                except (QueueError, UserError, *AWAY) as error:
                    self._metrics.failed()
                    has_succeeded = has_succeeded or self._metrics.has_succeeded
                    if isinstance(error, UserError) and (self._wish.is_once or not has_succeeded):
                        raise
                    if self._wish.is_once:
                        raise UserError(f"The queue was not read: {error}.") from None
                    log.warning("sqs: %s; again in %g s", error, pause_s)
                    _rest(pause_s, is_stopped)
                    pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    async def _log_in(self) -> None:
        try:
            async with ClientSession(timeout=ClientTimeout(total=120)) as session:
                await self._api(session).log_in()
        except (SpApiError, *AWAY) as error:
            raise UserError(f"The Selling Partner API was not read: {str(error) or type(error).__name__}.") from None

    def _api(self, session: ClientSession) -> SpApi:
        return SpApi(session, self._wish.base, self._wish.tokens_at, self._wish.keys)

    def _read(self, runner: asyncio.Runner, is_stopped: Callable[[], bool]) -> None:
        """Look, handle and remove until stopped; with `is_once` until a look finds nothing."""
        context = opened(self._wish.queue, self._wish.region, self._wish.hidden_s)
        queue = runner.run(context.__aenter__())
        failed: set[str] = set()
        try:
            while not is_stopped():
                asked_ms = int(time.time() * 1000)
                wait_s = _ONCE_WAIT_S if self._wish.is_once else WAIT_S
                messages = runner.run(queue.take(wait_s, is_stopped))
                if self._wish.is_once and {message.id for message in messages} <= failed:
                    break  # nothing, or nothing but what failed before and comes again
                if messages:
                    failed |= self._handle(runner, queue, messages)
                elif not is_stopped() and time.monotonic() > self._hidden_until_s:
                    self._metrics.read_through(FEED, asked_ms)
        finally:
            runner.run(context.__aexit__(None, None, None))
        if self._wish.is_once and failed:
            count = "1 message was" if len(failed) == 1 else f"{len(failed)} messages were"
            raise UserError(f"{count} not read to the end, and left in the queue; the log says why.")

    def _handle(self, runner: asyncio.Runner, queue: Queue, messages: Sequence[Message]) -> set[str]:
        """One look's messages, to their end; the ids of those that failed."""
        batch = runner.run(self._gather(messages))
        now_ms, sent = int(time.time() * 1000), 0
        for part in self._parts:
            mapped = batch.mapped[part.account.marketplace_id]
            found = part.passing_on.sort_out(
                mapped, now_ms, refunds=TRANSACTIONS, is_switched=self._wish.switches_refunds
            )
            part.passing_on.send(found, mapped, now_ms)
            self._metrics.handed_on(found)
            sent += len(found.notifications)
        runner.run(self._finish(queue, batch))
        self._metrics.looked_at(FEED, len(messages), batch.newest_ms)
        self._known.update(dict.fromkeys(batch.names))
        for name in list(self._known)[:-REMEMBERED]:
            del self._known[name]
        log.info("sqs: %d messages, %d notifications sent", len(messages), sent)
        return batch.failed

    async def _finish(self, queue: Queue, batch: Batch) -> None:
        await queue.remove(batch.done)
        for message in batch.waiting:
            await queue.put_off(message, AGAIN_AFTER_S)

    async def _gather(self, messages: Sequence[Message]) -> Batch:
        """Read what the messages name; what fails stays in the queue."""
        batch, now_ms = Batch(self._parts), int(time.time() * 1000)
        async with ClientSession(timeout=ClientTimeout(total=120)) as session:
            api = self._api(session)
            for message in messages:
                found = read_trigger(_json_of(message.body), self._seller_id)
                batch.note_time(found, now_ms)
                if isinstance(found, NoTrigger):
                    self._leave_out(batch, message, found.reason)
                elif found.name in self._known or found.name in batch.names:
                    self._leave_out(batch, message, "told_before")
                else:
                    await self._follow(api, found, message, batch)
        return batch

    def _leave_out(self, batch: Batch, message: Message, reason: str) -> None:
        self._metrics.left_out(reason)
        log.info("sqs: a message is left out: %s", REASONS[reason].meaning)
        batch.done.append(message)

    async def _follow(self, api: SpApi, trigger: Trigger, message: Message, batch: Batch) -> None:
        try:
            if trigger.report_id:
                is_done = await self._read_report(api, trigger, batch)
            else:
                is_done = await self._read_refunds(api, trigger, batch)
        except (SpApiError, UserError, *AWAY) as error:
            self._metrics.failed()
            batch.failed.add(message.id)
            self._hidden_until_s = time.monotonic() + self._wish.hidden_s
            log.warning("sqs: %s; the message stays in the queue", str(error) or type(error).__name__)
            return
        if is_done:
            batch.done.append(message)
            batch.names.append(trigger.name)
        else:
            batch.waiting.append(message)

    async def _read_report(self, api: SpApi, trigger: Trigger, batch: Batch) -> bool:
        now_ms = int(time.time() * 1000)
        marketplaces, raw = await api.finished_report(trigger.report_id)
        parts = [part for part in self._parts if part.account.marketplace_id in marketplaces]
        if not parts or (trigger.report_type in RETURNS and len(marketplaces) != 1):
            self._metrics.left_out("other_marketplace" if not parts else "marketplace_unknown")
            return True  # a returns report of several marketplaces does not say which row is of which
        is_asked = trigger.report_type in RETURNS and any(part.takes_refunds for part in parts)
        if is_asked and batch.posted is None:
            batch.posted = await posted_of_late(api, now_ms)
        for part in parts:
            account = part.account
            if trigger.report_type in RETURNS:
                posted = (batch.posted or []) if part.takes_refunds else []
                refunds = list(map_transactions(posted, account, where="transactions"))
                batch.mapped[account.marketplace_id] += [*refunds, *returns_in(raw, account, refunds, now_ms)]
            else:
                batch.mapped[account.marketplace_id] += figures_in(raw, account, now_ms)
        return True

    async def _read_refunds(self, api: SpApi, trigger: Trigger, batch: Batch) -> bool:
        """Read the refunds of an order; whether the one told of was there, or nobody waits for it any longer."""
        parts = [part for part in self._parts if part.takes_refunds]
        if not parts:
            self._metrics.left_out("other_refund_source")
            return True
        posted = await api.transactions_of(trigger.order_id)
        for part in parts:
            batch.mapped[part.account.marketplace_id] += map_transactions(posted, part.account, where="the order")
        if is_shown(trigger, posted):
            return True
        age = age_ms(trigger, int(time.time() * 1000))
        if age is not None and age <= SHOWN_WITHIN_MS:
            return False
        self._metrics.left_out("refund_not_shown")
        return True


def _json_of(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _rest(pause_s: float, is_stopped: Callable[[], bool]) -> None:
    deadline = time.monotonic() + pause_s
    while time.monotonic() < deadline and not is_stopped():
        time.sleep(0.1)
