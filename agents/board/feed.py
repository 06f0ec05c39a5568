"""The board's own reader: the changelog and the event topics, all partitions, in no group, committed records only.

It first reads what stands there, then follows. A broker that is away is waited for, and said on every page; a log that
was cut or made anew is read again from its start. The workers are not asked and do not notice.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from agents.board.happenings import Happenings
from agents.board.mirror import Mirror
from agents.errors import UserError
from agents.kafka.batches import Fetched, Unreadable
from agents.kafka.clients import reader
from agents.kafka.topics import partitions_of
from agents.settings import Settings
from agents.topic_roles import CHANGELOG, OUTPUTS
from schemas.codec import DAY_MS
from schemas.events import topic_of

log = logging.getLogger("dueclock.board")

EVENTS_BACK_MS: Final = 14 * DAY_MS
"""How far back events are read: what is older of a clock, its story tells."""
HEALTH_BACK_MS: Final = 92 * DAY_MS
RECORDS_AT_ONCE: Final = 500
"""Taken in between two answers: some milliseconds."""
_FETCH_BYTES: Final = 1024 * 1024
_ASKED_EVERY_S: Final = 2.0
_ANSWERS_WITHIN_S: Final = 5.0
_TRIES_AGAIN_AFTER_S: Final = 1.0
Reading = dict[TopicPartition, int]


class Feed:
    """What is known, and how fresh it is."""

    def __init__(self, settings: Settings) -> None:
        self.mirror = Mirror()
        self.happenings = Happenings()
        self.is_loaded = False
        self.away_since_s: float | None = None
        """When the broker was last heard before it fell silent (time.time); None while it answers."""
        self.is_new = asyncio.Event()
        """Set when anything has changed; whoever waits for it clears nothing, it is another one each time."""
        self._settings = settings
        self._logical = {settings.topic(name): name for name in (CHANGELOG, *OUTPUTS)}
        self._heard_s = time.time()

    async def run(self, told: Callable[[str], None] = lambda _: None) -> None:
        """Read and follow until cancelled. UserError where the topics are not there at the start."""
        while True:
            try:
                await self._read_and_follow(told)
            except OffsetOutOfRangeError:
                log.warning("board: a topic was cut or made anew; all is read again")
            except (KafkaError, UserError) as error:
                if not self.is_loaded and isinstance(error, UserError):
                    raise
                self._is_away(error)
            await asyncio.sleep(_TRIES_AGAIN_AFTER_S)

    async def _read_and_follow(self, told: Callable[[str], None]) -> None:
        count = await partitions_of(self._settings, *self._logical.values())
        mirror, happenings = Mirror(), Happenings()
        options = {
            "fetch_max_wait_ms": 200,
            "max_partition_fetch_bytes": _FETCH_BYTES,
            "auto_offset_reset": "none",
            "retry_backoff_ms": 20,
        }
        async with reader(self._settings, **options) as consumer:
            left = await self._begin(consumer, count)
            while left:
                await self._take(consumer, mirror, happenings)
                for tp in list(left):
                    if await consumer.position(tp) >= left[tp]:
                        del left[tp]
                told(f"{len(mirror.live):,} clocks")
            mirror.loaded()
            self.mirror, self.happenings, self.is_loaded = mirror, happenings, True
            log.info("board: %d clocks are live, %d have ended lately", len(mirror.live), len(mirror.ended))
            self._say_new()
            await self._follow(consumer)

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        asking = asyncio.create_task(self._keep_asking(consumer))
        try:
            while True:
                if await self._take(consumer, self.mirror, self.happenings):
                    self.happenings.drop_all_but(self.mirror.live, self.mirror.ended)
                    self._say_new()
        finally:
            asking.cancel()

    async def _begin(self, consumer: AIOKafkaConsumer, count: int) -> Reading:
        """Stand at the first record that is wanted of each partition; where each ended then."""
        now_ms = int(time.time() * 1000)
        since = {self._settings.topic(name): now_ms - EVENTS_BACK_MS for name in OUTPUTS}
        since[self._settings.topic(topic_of("account.health", None))] = now_ms - HEALTH_BACK_MS
        partitions = [TopicPartition(topic, number) for topic in self._logical for number in range(count)]
        consumer.assign(partitions)
        first = await consumer.beginning_offsets(partitions)
        ends: Reading = await consumer.end_offsets(partitions)
        wanted = {tp: since[tp.topic] for tp in partitions if tp.topic in since}
        later = await consumer.offsets_for_times(wanted)
        for tp in partitions:
            found = later.get(tp)
            start = first[tp] if tp not in wanted else ends[tp] if found is None else found.offset
            consumer.seek(tp, max(first[tp], start))
        return {tp: end for tp, end in ends.items() if end > first[tp]}

    async def _take(self, consumer: AIOKafkaConsumer, mirror: Mirror, happenings: Happenings) -> bool:
        """Take in the next records, some at a time; whether there were any."""
        found = await consumer.getmany(timeout_ms=200, max_records=RECORDS_AT_ONCE)
        for records in found.values():
            for record in records:
                self._see(record, mirror, happenings)
        await asyncio.sleep(0)
        return bool(found)

    def _see(self, record: Fetched | Unreadable, mirror: Mirror, happenings: Happenings) -> None:
        if isinstance(record, Unreadable):
            mirror.unreadable.add(f"{record.topic}/{record.partition}/{record.offset}")
        elif self._logical[record.topic] == CHANGELOG:
            if record.key is not None:
                mirror.see(record.partition, record.key, record.value)
        elif record.value is not None:
            account = happenings.see(record.value)
            if account is not None:
                mirror.versions[account] += 1

    async def _keep_asking(self, consumer: AIOKafkaConsumer) -> None:
        """A consumer that hears nothing cannot tell an idle topic from a broker that is away: somebody has to ask."""
        some = next(iter(consumer.assignment()))
        while True:
            try:
                await asyncio.wait_for(consumer.end_offsets([some]), _ANSWERS_WITHIN_S)
            except (KafkaError, TimeoutError) as error:
                self._is_away(error)
            else:
                self._heard_s = time.time()
                if self.away_since_s is not None:
                    log.info("board: the broker answers again")
                    self.away_since_s = None
                    self._say_new()
            await asyncio.sleep(_ASKED_EVERY_S)

    def _is_away(self, error: Exception) -> None:
        if self.away_since_s is None:
            log.warning("board: the broker does not answer (%s); what is shown is as of before", type(error).__name__)
            self.away_since_s = self._heard_s
            self._say_new()

    def _say_new(self) -> None:
        self.is_new.set()
        self.is_new = asyncio.Event()
