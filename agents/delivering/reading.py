"""One delivery's reading: its consumer group, the four topics of events, and what is committed of them.

Committed records only, whole partitions: partition p of every topic is this member's or none is, since all members read
all topics and partitions are handed out by range. What waits of a partition stands in its `Merge`; the ends of topics
are asked for with a consumer of its own, which sees also what is not yet decided. An offset is committed when the
event before it is done with, never sooner. A partition that has never been read begins where the delivery says, and
that is committed before anything is sent: from then on nothing is passed over.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import IllegalStateError, KafkaError

from agents.delivering.merging import Item, Merge
from agents.kafka.batches import Fetched, refuse_unreadable
from agents.kafka.clients import new_consumer
from agents.kafka.refusals import REFUSALS
from agents.settings import Settings
from agents.subscriptions import Subscription
from agents.topic_roles import OUTPUTS
from schemas.headers import line_of

log = logging.getLogger("dueclock.deliver")

POLL_MS: Final = 200
SETTLING_POLL_MS: Final = 10
AWAY_S: Final = 1.0
COMMIT_EVERY_S: Final = 0.5
ENOUGH: Final = 500
"""Of one topic and partition: more are not read until some are done with."""


def group_of(settings: Settings, delivery: Subscription) -> str:
    """The consumer group of a delivery."""
    return f"{settings.group}-deliver-{delivery.name}"


class Share:
    """One partition: what waits of it on all topics."""

    def __init__(self, number: int, topics: Iterable[str]) -> None:
        self.number = number
        self._topics = list(topics)
        self.merge = Merge(self._topics)
        self.is_busy = False
        self.is_held = False
        """Events of it are laid aside for a digest: nothing behind them is done."""
        self._more = asyncio.Event()
        self._ends: dict[str, int] = {}
        self._quiet: set[str] = set()
        self._asked = 0
        self._current: Item | None = None

    async def next(self) -> Item:
        """The next event in order, when it is known which that is. It is `is_busy` from then until `rest`."""
        while True:
            if (item := self.merge.take(self._quiet, self._asked)) is not None:
                self.is_busy, self._current = True, item
                return item
            self._more.clear()
            await self._more.wait()

    def rest(self) -> None:
        """What was taken last is done with, or laid aside."""
        self.is_busy, self._current = False, None

    def oldest_ms(self) -> int | None:
        """When the oldest event was written that is not done with."""
        return self._current.at_ms if self._current is not None else self.merge.oldest_ms()

    def offer(self, items: Iterable[Item]) -> None:
        """More has been read."""
        self.merge.offer(items)
        self._more.set()

    def to_ask(self) -> list[str]:
        """The topics, all of them, where their ends have to be known before all that waits can be taken."""
        return self._topics if self.merge.needs_ends(self._asked) else []

    def ends_are(self, asked: int, ends: dict[str, int]) -> None:
        """The ends that the topics had after so many had been offered."""
        self._asked, self._ends, self._quiet = asked, ends, set()

    def not_yet_quiet(self) -> list[str]:
        """Topics that are not yet read past the ends that were asked for."""
        return [topic for topic in self._ends if topic not in self._quiet]

    def is_quiet(self, topic: str) -> None:
        """It has been read past its end."""
        self._quiet.add(topic)
        self._more.set()

    def end_of(self, topic: str) -> int:
        """The end that was asked for."""
        return self._ends[topic]


class Reader(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """A member of the delivery's group. `came` and `going` are told of shares; `going` returns when they rest."""

    def __init__(self, settings: Settings, delivery: Subscription) -> None:
        self._delivery = delivery
        self._topics = [settings.topic(name) for name in OUTPUTS]
        self._consumer: AIOKafkaConsumer = new_consumer(
            settings,
            group_id=group_of(settings, delivery),
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=int(settings.session_timeout_s * 1000),
            heartbeat_interval_ms=int(settings.heartbeat_s * 1000),
            partition_assignment_strategy=(RangePartitionAssignor,),
            fetch_max_wait_ms=settings.fetch_max_wait_ms,
        )
        self._asker: AIOKafkaConsumer = new_consumer(
            settings, enable_auto_commit=False, isolation_level="read_uncommitted"
        )
        self.shares: dict[int, Share] = {}
        self.came: Callable[[Sequence[Share]], None] = lambda _: None
        self.going: Callable[[], Awaitable[None]] | None = None
        self.has_joined = False
        self._begins: dict[TopicPartition, int] = {}
        self._done: dict[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._assigned: list[TopicPartition] = []
        self._is_new = False
        self._next_commit_s = 0.0

    async def start(self) -> None:
        """Join the group."""
        await self._asker.start()
        await self._consumer.start()
        self._consumer.subscribe(topics=self._topics, listener=self)

    async def stop(self) -> None:
        """Commit what is done, and leave the group."""
        for client in (self._consumer, self._asker):
            with suppress(KafkaError, TimeoutError):
                await asyncio.wait_for(client.stop(), 3.0)

    async def run(self) -> None:
        """Read until cancelled. UserError where a record cannot be read, KafkaError where the broker refuses us."""
        while True:
            try:
                if self._is_new:
                    await self._begin()
                await self._read_on()
            except REFUSALS:
                raise
            except KafkaError as error:  # the broker is away: it comes back, and nothing has been passed over
                log.warning("delivery %s: Kafka does not answer (%s)", self._delivery.name, type(error).__name__)
                await asyncio.sleep(AWAY_S)

    async def _read_on(self) -> None:
        is_asking = any(share.not_yet_quiet() or share.to_ask() for share in self.shares.values())
        read = await self._consumer.getmany(timeout_ms=SETTLING_POLL_MS if is_asking else POLL_MS)
        if self._is_new:  # these were handed out just now, and nobody is there to take them: read them again
            for tp, records in read.items():
                with suppress(IllegalStateError):
                    self._consumer.seek(tp, records[0].offset)
            return
        for tp, records in read.items():
            refuse_unreadable(records)
            if (share := self.shares.get(tp.partition)) is not None:
                share.offer(map(_item, records))
        await self._find_quiet()
        self._hold_back()
        now_s = asyncio.get_running_loop().time()
        if now_s >= self._next_commit_s:
            await self.commit()
            self._next_commit_s = now_s + COMMIT_EVERY_S

    def done(self, item: Item, partition: int) -> None:
        """It is delivered, or nobody wants it: the offset behind it may be committed."""
        self._done[TopicPartition(item.topic, partition)] = item.offset + 1

    async def commit(self) -> None:
        """Commit what is done and not committed. Where that fails (in a rebalance, without a broker) it is done later,
        or whoever is next delivers again.
        """
        await self._pass_by_markers()
        news = {tp: offset for tp, offset in self._done.items() if self._committed.get(tp) != offset}
        if not news:
            return
        try:
            await self._consumer.commit(news)
        except (KafkaError, IllegalStateError):
            return
        self._committed.update(news)

    def lag_records(self) -> int:
        """Records that are committed on the topics and not done with here."""
        lag = 0
        for tp in self._assigned:
            with suppress(AssertionError, AttributeError):  # it is being taken away
                end = self._consumer.last_stable_offset(tp)
                lag += max(0, (end or 0) - self._done.get(tp, self._begins.get(tp, end or 0)))
        return lag

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002 - all are
        """Lay everything down: whoever gets it next goes on behind what is committed."""
        self.has_joined = False
        if self.going is not None:
            await self.going()
        with suppress(KafkaError):
            await self.commit()
        self.shares, self._done, self._committed, self._assigned = {}, {}, {}, []

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Take them, once where they begin is known and committed (`_begin`)."""
        self._assigned = sorted(assigned)
        self._is_new = True

    async def _begin(self) -> None:
        """Take what was handed out. KafkaError where the broker is away: then it is begun again."""
        assigned = list(self._assigned)
        self._is_new = False
        try:
            self._begins = await self._beginnings(assigned)
        except KafkaError:
            self._is_new = True
            raise
        if assigned != self._assigned or self._is_new:
            return  # they were taken away meanwhile
        self.shares = {number: Share(number, self._topics) for number in sorted({tp.partition for tp in assigned})}
        self.came(list(self.shares.values()))
        self.has_joined = True

    async def _beginnings(self, assigned: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Where each begins. One that has never been read begins where the delivery says, and that is committed."""
        begins = {tp: await self._consumer.committed(tp) for tp in assigned}
        unread = [tp for tp, offset in begins.items() if offset is None]
        if unread:
            ask = self._consumer.end_offsets if self._delivery.start == "now" else self._consumer.beginning_offsets
            found = await ask(unread)
            await self._consumer.commit(found)
            for tp, offset in found.items():
                self._consumer.seek(tp, offset)
            begins |= found
        return begins

    async def _find_quiet(self) -> None:
        """Find out which topics are quiet, where something waits for that."""
        for share in list(self.shares.values()):
            if topics := share.to_ask():
                asked = share.merge.offered
                ends = await self._asker.end_offsets([TopicPartition(topic, share.number) for topic in topics])
                share.ends_are(asked, {tp.topic: offset for tp, offset in ends.items()})
            for topic in share.not_yet_quiet():
                with suppress(IllegalStateError):
                    if await self._consumer.position(TopicPartition(topic, share.number)) >= share.end_of(topic):
                        share.is_quiet(topic)

    def _hold_back(self) -> None:
        for tp in self._assigned:
            share = self.shares.get(tp.partition)
            if share is None:
                continue
            with suppress(IllegalStateError):
                if share.merge.is_more_than(ENOUGH, tp.topic):
                    self._consumer.pause(tp)
                else:
                    self._consumer.resume(tp)

    async def _pass_by_markers(self) -> None:
        """Where nothing waits, what was read is done: behind the last event stand the markers of transactions."""
        for tp in self._assigned:
            share = self.shares.get(tp.partition)
            if share is None or not self._is_idle(share):
                continue
            with suppress(IllegalStateError):
                position = await self._consumer.position(tp)
                if self._is_idle(share) and self.shares.get(tp.partition) is share:
                    self._done[tp] = position

    @staticmethod
    def _is_idle(share: Share) -> bool:
        return not share.is_busy and not share.is_held and share.merge.oldest_ms() is None


def _item(record: Fetched) -> Item:
    try:
        event = json.loads(record.value or b"")
        is_event = isinstance(event, dict) and {"type", "output_id", "seller_id", "marketplace_id"} <= event.keys()
    except ValueError:
        is_event, event = False, None
    line = line_of(record.headers)
    value = record.value or b""
    return Item(
        record.topic, record.offset, record.timestamp, -1 if line is None else line, event if is_event else None, value
    )
