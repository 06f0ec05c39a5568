"""One delivery at work: what matches is sent until the target takes it, in order for each clock.

A lane for each partition takes its events in the order in which they were decided; the next one is not sent before the
target has the one before, or an operator says to skip it. So a target that is away parks these lanes and nothing else:
each delivery has its own group, consumer and target. A digest lays events aside until its time, which is counted from
when the first of them was written: who takes over after a crash comes to the same time. Nothing laid aside is done.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Collection, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final

from agents.delivering.delivery_metrics import DeliveryMetrics
from agents.delivering.matching import Event, is_late_end_taken_back, matches
from agents.delivering.merging import Item
from agents.delivering.reading import Reader, Share
from agents.delivering.receivers import NotTaken, Receiver
from agents.delivering.waiting import wait_s
from agents.settings import Settings
from agents.subscriptions import Mail, Subscription

log = logging.getLogger("dueclock.deliver")

DIGEST_MOST: Final = 500
"""A mail of more events is read by nobody: it is sent before its time."""
LAYS_DOWN_WITHIN_S: Final = 3.0


class Digest:
    """What is laid aside, and the newest of all that was passed by meanwhile, by topic and partition."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.behind: dict[tuple[str, int], Item] = {}
        self.has_more = asyncio.Event()
        self.is_open = asyncio.Event()
        """While one is sent nothing is laid aside."""
        self.is_open.set()


class Courier:
    """One delivery. `chance` is asked for a number from 0 up to 1 before each wait."""

    def __init__(
        self,
        settings: Settings,
        delivery: Subscription,
        receiver: Receiver,
        metrics: DeliveryMetrics,
        skipped: Collection[str] = (),
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.delivery = delivery
        self._receiver = receiver
        self._metrics = metrics
        self._skipped = skipped
        self._chance = chance
        self._reader = Reader(settings, delivery)
        self._reader.came, self._reader.going = self._came, self._going
        self._lanes: set[asyncio.Task[None]] = set()
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tries = 0
        self._digest = Digest()
        self._digest_s = delivery.digest_s if isinstance(delivery, Mail) else 0
        metrics.ask("sla_deliver_lag_seconds", delivery.name, self._lag_s)
        metrics.ask("sla_deliver_lag_records", delivery.name, self._reader.lag_records)
        metrics.ask("sla_deliver_parked", delivery.name, lambda: float(self.is_parked))

    @property
    def is_parked(self) -> bool:
        """Whether the target has refused so often that it counts as away."""
        return self._tries >= self.delivery.park_after

    @property
    def has_joined(self) -> bool:
        """Whether its group has given it its share."""
        return self._reader.has_joined

    async def run(self) -> None:
        """Deliver until cancelled; what is being sent then is given a moment to be acknowledged."""
        await self._reader.start()
        reading = asyncio.create_task(self._reader.run())
        try:
            await asyncio.wait({reading, self._failed}, return_when=asyncio.FIRST_COMPLETED)
            for ended in (reading, self._failed):
                if ended.done():
                    ended.result()
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await reading
            await self._going()
            with suppress(Exception):
                await self._reader.commit()
            await self._reader.stop()
            await self._receiver.close()

    # --- lanes -------------------------------------------------------------------------------------------------------

    def _came(self, shares: Sequence[Share]) -> None:
        self._digest = Digest()
        for share in shares:
            self._start(self._lane(share))
        if self._digest_s:
            self._start(self._send_digests(shares))
        log.info("delivery %s: has partitions %s", self.delivery.name, [share.number for share in shares])

    def _start(self, lane: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(lane)
        self._lanes.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._lanes.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not self._failed.done():
            self._failed.set_exception(error)

    async def _going(self) -> None:
        """The lanes end. What is on its way to the target may still be acknowledged, what waits is not begun."""
        lanes = set(self._lanes)
        for lane in lanes:
            lane.cancel()
        if lanes:
            await asyncio.wait(lanes, timeout=LAYS_DOWN_WITHIN_S)

    async def _lane(self, share: Share) -> None:
        while not _is_leaving():
            item = await share.next()
            is_ours = self._is_ours(share, item)
            if self._digest_s:
                await self._lay_aside(share, item, is_ours=is_ours)
                continue
            if is_ours:
                await self._send_until_taken([item])
            self._reader.done(item, share.number)
            share.rest()
            if is_ours:
                await self._reader.commit()

    def _is_ours(self, share: Share, item: Item) -> bool:
        if item.event is None:
            return False
        following = share.merge.following(item) if is_late_end_taken_back(item.event) else None
        is_ours = matches(self.delivery, item.event, following.event if following else None)
        return is_ours and not self._is_skipped(item.event)

    async def _send_until_taken(self, items: Sequence[Item]) -> None:
        while not await self._is_taken(items):
            pass

    async def _is_taken(self, items: Sequence[Item]) -> bool:
        """One try, and where it is in vain the wait behind it."""
        sending = asyncio.create_task(self._receiver.send(items))
        try:
            await asyncio.shield(sending)
        except NotTaken as error:
            self._metrics.failed(self.delivery.name, error.why)
            self._tries += 1
            self._say(error)
            await asyncio.sleep(self._wait_s(error))
            return False
        except asyncio.CancelledError:
            if not await _is_acknowledged_after_all(sending):
                raise
        if self.is_parked:
            log.info("delivery %s: its target takes again", self.delivery.name)
        self._tries = 0
        self._metrics.sent(self.delivery.name, len(items))
        return True

    def _wait_s(self, error: NotTaken) -> float:
        return wait_s(
            self._tries,
            self._chance(),
            first_ms=self.delivery.retry_first_ms,
            most_ms=self.delivery.retry_most_ms,
            asked_s=error.asked_s,
        )

    def _say(self, error: NotTaken) -> None:
        if self._tries == self.delivery.park_after:
            log.warning("delivery %s: parked, %s; it is tried on and on", self.delivery.name, error.words)
        else:
            log.debug("delivery %s: %s", self.delivery.name, error.words)

    def _is_skipped(self, event: Event) -> bool:
        if event["output_id"] not in self._skipped:
            return False
        log.warning("delivery %s: skipped %s, as was said", self.delivery.name, event["output_id"])
        self._metrics.skipped(self.delivery.name)
        return True

    # --- digests -----------------------------------------------------------------------------------------------------

    async def _lay_aside(self, share: Share, item: Item, *, is_ours: bool) -> None:
        digest = self._digest
        await digest.is_open.wait()
        if is_ours:
            digest.items.append(item)
        if digest.items:
            digest.behind[item.topic, share.number] = item
            share.is_held = True
            digest.has_more.set()
        else:
            self._reader.done(item, share.number)
        share.rest()
        if len(digest.items) >= DIGEST_MOST:
            digest.is_open.clear()

    async def _send_digests(self, shares: Sequence[Share]) -> None:
        digest = self._digest
        while not _is_leaving():
            await digest.has_more.wait()
            digest.has_more.clear()
            if not digest.items:
                continue
            wait = self._digest_at_s() - time.time()
            if wait > 0 and digest.is_open.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await digest.has_more.wait()
                digest.has_more.set()
                continue
            digest.is_open.clear()
            await self._send_until_taken(digest.items)
            for (_, partition), item in digest.behind.items():
                self._reader.done(item, partition)
            for share in shares:
                share.is_held = False
            digest.items, digest.behind = [], {}
            digest.is_open.set()
            await self._reader.commit()

    def _digest_at_s(self) -> float:
        return min(item.at_ms for item in self._digest.items) / 1000 + self._digest_s

    def _lag_s(self) -> float:
        """How old the oldest event is that is not delivered and should be; 0 where none waits."""
        ages = [share.oldest_ms() for share in self._reader.shares.values()]
        oldest = [age for age in ages if age is not None]
        if self._digest.items:
            oldest.append(int(min(item.at_ms for item in self._digest.items) + self._digest_s * 1000))
        return max(0.0, time.time() - min(oldest) / 1000) if oldest else 0.0


def _is_leaving() -> bool:
    """Whether this lane was told to end, and has gone on only to note what was acknowledged meanwhile."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _is_acknowledged_after_all(sending: asyncio.Task[None]) -> bool:
    """What was on its way when the lane was told to end may still arrive: then it need not be sent again."""
    await asyncio.wait({sending}, timeout=LAYS_DOWN_WITHIN_S / 2)
    if not sending.done():
        sending.cancel()
        return False
    return sending.exception() is None
