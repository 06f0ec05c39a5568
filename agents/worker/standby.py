"""Standby: warm copies of partitions that others keep, so that taking one over does not begin with reading its rows.

A reader of its own, in no group, follows the changelogs of the partitions that the group's leader has chosen for this
worker (Faust's assignor: so many copies of each, and who has a copy is the first to be given the partition). Rows go
into a spare (streams/spare.py) in small pieces, with as much rest as work, so that what this worker keeps itself does
not wait for it.

What a copy is worth, and when it is not believed, is agents/worker/warm_copy.py. Copies fail by themselves: no failure
here ends or holds up the worker.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import suppress
from time import monotonic
from typing import Final, NamedTuple, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from agents.errors import UserError
from agents.kafka.batches import Fetched, refuse_unreadable
from agents.kafka.clients import reader
from agents.kafka.private import topics_now
from agents.kafka.topics import tombstones_kept_s
from agents.kafka.transactions import is_no_answer
from agents.settings import Settings
from agents.topic_roles import CHANGELOG
from agents.worker.breathing import Breath
from agents.worker.warm_copy import UNFIT, Copy

log = logging.getLogger("dueclock.standby")

FETCH_BYTES: Final = 1024 * 1024
FETCH_WAIT_MS: Final = 500
POLL_MS: Final = 1_000
AGAIN_S: Final = 5.0
PIECE_S: Final = 0.005
"""How long rows are taken in or indexed at a stretch; then it rests as long."""
INDEXED_WITHIN: Final = 10_000
"""So many rows of all copies may wait to be indexed: each costs some 20 µs where a partition is taken over."""
LONGEST_BEHIND_S: Final = 3_600.0
"""A copy that was behind for longer is made anew even where tombstones are kept longer."""


Piece = TypeVar("Piece")


class CopyNow(NamedTuple):
    """How one copy stands: its rows, and records of the changelog that it has not read, markers among them."""

    partition: int
    rows: int
    lag: int


class Standby:
    """The warm copies of this worker. Nothing runs and nothing is connected while it is to follow no partition."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = settings.topic(CHANGELOG)
        self._wanted: frozenset[int] = frozenset()
        self._unfit: set[int] = set()
        """Partitions whose rows could not be followed: not tried again before the group is next assigned."""
        self._copies: dict[int, Copy] = {}
        self._is_changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._trusted_for_s = LONGEST_BEHIND_S

    def follow(self, numbers: Collection[int]) -> None:
        """From now on follow these partitions and no others."""
        self._wanted = frozenset(numbers)
        self._unfit.clear()
        for number in set(self._copies) - self._wanted:
            self.drop(number)
        for copy in self._copies.values():
            copy.is_lent = False
        self._is_changed.set()
        if self._wanted and self._task is None:
            self._task = asyncio.create_task(self._run(), name="standby")

    def lend(self, numbers: Iterable[int]) -> dict[int, Copy]:
        """The copies of these partitions, which are being taken over, where there are any: nobody else reads on."""
        found = {number: self._copies[number] for number in numbers if number in self._copies}
        for copy in found.values():
            copy.is_lent = True
        return found

    def drop(self, number: int) -> None:
        """Forget the copy of this partition, if there is one."""
        self._copies.pop(number, None)

    def copies_now(self) -> list[CopyNow]:
        """How the copies stand."""
        return [
            CopyNow(number, len(copy.spare), max(0, copy.end - copy.position))
            for number, copy in sorted(self._copies.items())
        ]

    async def stop(self) -> None:
        """End, and forget all copies."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        self._copies.clear()

    # --- following ----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        is_said = False
        while True:
            try:
                if self._wanted:
                    await self._follow()
                else:
                    self._is_changed.clear()
                    await self._is_changed.wait()
                is_said = False
            except Exception as error:
                if not (is_no_answer(error) or isinstance(error, UserError)):
                    log.exception("warm copies cannot be kept; they are made anew")
                    self._copies.clear()
                elif not is_said:
                    log.warning("warm copies wait for the broker: %s", error)
                is_said = True
                await asyncio.sleep(AGAIN_S)

    async def _follow(self) -> None:
        """Follow what is wanted until nothing is."""
        kept_s = await tombstones_kept_s(self._settings, self._topic)
        self._trusted_for_s = min(LONGEST_BEHIND_S, kept_s / 2)
        options = {
            "fetch_max_wait_ms": FETCH_WAIT_MS,
            "max_partition_fetch_bytes": FETCH_BYTES,
            "auto_offset_reset": "none",
        }
        async with reader(self._settings, **options) as consumer:
            self._is_changed.set()
            while self._wanted:
                if self._is_changed.is_set():
                    self._is_changed.clear()
                    await self._assign(consumer)
                await self._poll(consumer)

    async def _assign(self, consumer: AIOKafkaConsumer) -> None:
        """Read on where each copy stands; of what has no copy, from the start."""
        numbers = self._wanted - self._unfit
        found = await topics_now(consumer, [self._topic])
        if self._topic not in found:
            raise UserError(f"the topic {self._topic} is gone")
        topic_id = found[self._topic].id
        tps = [TopicPartition(self._topic, number) for number in sorted(numbers)]
        first = await consumer.beginning_offsets(tps) if tps else {}
        for tp in tps:
            if tp.partition not in self._copies and tp.partition in self._wanted:
                self._copies[tp.partition] = Copy(tp.partition, topic_id, first[tp], self._trusted_for_s)
        consumer.assign([tp for tp in tps if self._reads(tp.partition)])
        for tp in consumer.assignment():
            consumer.seek(tp, self._copies[tp.partition].position)

    def _reads(self, number: int) -> bool:
        copy = self._copies.get(number)
        return copy is not None and not copy.is_lent

    async def _poll(self, consumer: AIOKafkaConsumer) -> None:
        """Take in what one look brings, and index what waits for it."""
        asked_s = monotonic()
        tps = [tp for tp in consumer.assignment() if self._reads(tp.partition)]
        if not tps:
            await _within(self._is_changed, POLL_MS / 1000)
            return
        try:
            fetched = await consumer.getmany(*tps, timeout_ms=POLL_MS)
        except OffsetOutOfRangeError as error:
            for tp in error.args[0]:
                self._make_anew(tp.partition, "its changelog has lost what comes next")
            return
        for tp in tps:
            await self._take(consumer, tp, fetched.get(tp, []), asked_s)
        warm = [copy for copy in self._copies.values() if copy.is_warm and not copy.is_lent]
        if sum(copy.spare.unindexed for copy in warm) > INDEXED_WITHIN:
            await self._index(max(warm, key=lambda copy: copy.spare.unindexed))

    async def _take(
        self, consumer: AIOKafkaConsumer, tp: TopicPartition, records: list[Fetched], asked_s: float
    ) -> None:
        """Take in what came of one partition since it was asked for."""
        copy, next_offset = self._copies.get(tp.partition), await consumer.position(tp)
        if copy is None or not self._holds(copy):
            return
        if copy.is_stale(asked_s):
            self._make_anew(tp.partition, "it has been behind for too long")
            return
        if copy.spare.is_indexing:  # it was lent amid it, and given back
            await self._index(copy)
        try:
            refuse_unreadable(records)
            async for record in self._resting(copy, records):
                copy.take(record)
        except (*UNFIT, UserError) as error:
            self._give_up(copy, str(error))
        if not self._holds(copy):
            return
        copy.position = max(copy.position, next_offset)
        copy.end = max(consumer.highwater(tp) or 0, copy.position)
        heard_ms = consumer.last_poll_timestamp(tp)
        if heard_ms is None or copy.position < (consumer.last_stable_offset(tp) or copy.end):
            return
        if heard_ms != copy.heard_ms:  # a broker that is silent says nothing of what there is
            copy.heard_ms, copy.whole_s = heard_ms, asked_s
        if not copy.is_warm:
            await self._warm(copy)

    async def _warm(self, copy: Copy) -> None:
        """It has all that there is for the first time: index it."""
        await self._index(copy)
        if self._holds(copy):
            copy.is_warm = True
            log.info("partition %d: a warm copy of it stands by (%d rows)", copy.spare.partition, len(copy.spare))

    async def _index(self, copy: Copy) -> None:
        try:
            async for _ in self._resting(copy, copy.spare.indexing()):
                pass
        except UNFIT as error:
            self._give_up(copy, str(error))

    async def _resting(self, copy: Copy, pieces: Iterable[Piece]) -> AsyncIterator[Piece]:
        """These pieces of work at a copy, with as much rest; no more of them once it is not ours."""
        breath = Breath(PIECE_S)
        for piece in pieces:
            if breath.is_due:
                await breath.take(PIECE_S)
                if not self._holds(copy):
                    return
            yield piece

    def _holds(self, copy: Copy) -> bool:
        return self._copies.get(copy.spare.partition) is copy and not copy.is_lent

    def _make_anew(self, number: int, why: str) -> None:
        log.warning("partition %d: the warm copy of it is made anew: %s", number, why)
        self.drop(number)
        self._is_changed.set()

    def _give_up(self, copy: Copy, why: str) -> None:
        log.warning("partition %d: there is no warm copy of it: %s", copy.spare.partition, why)
        self.drop(copy.spare.partition)
        self._unfit.add(copy.spare.partition)


async def _within(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, and no longer than so."""
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
