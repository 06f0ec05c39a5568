"""The keeper: the one writer of a partition, and the main job of the system (architecture.md).

A slice goes through `Keeper.keep` in this order: take, stamp, validate, fold (agents/worker/kept_slice.py), write,
commit, done. All that it brings (journal lines, SLA events, dead letters, misrouted notifications, changed rows,
positions) is one transaction. What may not happen (a line that `step` refuses, a broken promise of the log) is raised
with the number of the journal line; the worker ends, and nothing of the slice has been written.
"""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple, Protocol

from agents.journal.sealing import Sealer
from agents.kafka.skipped import NOTHING_SKIPPED, Skipped
from agents.kafka.transactions import Outbox
from agents.metrics.counters import Metrics
from agents.settings import Settings
from agents.topic_roles import CHANGELOG, JOURNAL, WRITTEN_TOPICS
from agents.worker.activating import Activator, Chosen
from agents.worker.belonging import last_read
from agents.worker.bench import Bench
from agents.worker.binding import Binding
from agents.worker.breathing import Breath, in_pieces
from agents.worker.dead_letter_limit import DeadLetterLimit
from agents.worker.journal_time import JournalTime
from agents.worker.kept_slice import AT_ONCE, KeptSlice
from agents.worker.misrouted import Router
from agents.worker.shelf import IN_MEMORY, Shelf
from agents.worker.sizes import Sizes
from agents.worker.slices import Hand, Record
from agents.worker.ticker import Ticker
from schemas.notifications import Body, TimeTick
from streams.engine import Line, State


class Shared(NamedTuple):
    """What the keepers of all partitions share."""

    settings: Settings
    logical: dict[str, str]
    """Logical name of each input topic: what metrics call it."""
    chosen: Chosen
    router: Router
    metrics: Metrics
    broker_now_ms: Callable[[], int | None]
    sizes: Sizes
    skipped: Skipped = NOTHING_SKIPPED
    """Input records that an operator has named: set aside unread."""


class Writer(Protocol):
    """The producer of one partition, as its owner uses it (agents/kafka/transactions.py, `Transactions`)."""

    async def write(self, outbox: Outbox) -> dict[tuple[str, int], int]:
        """Write all of the outbox, or none of it; the offset of the last record written to each topic and partition.

        BrokerAwayError where nobody can say which, ProducerFenced if another worker owns the partition now.
        """

    async def stop(self) -> None:
        """Close it; what is not committed is aborted by the broker."""


class Keeper:
    """Keeps one partition until it is released."""

    def __init__(
        self,
        shared: Shared,
        state: State,
        hand: Hand,
        time: JournalTime,
        transactions: Writer,
        sealer: Sealer,
        shelf: Shelf = IN_MEMORY,
    ) -> None:
        self.state = state
        self.hand = hand
        self.time = time
        self._shared = shared
        self._transactions = transactions
        self._sealer = sealer
        self._shelf = shelf
        self._ticker = Ticker(time)
        self._activator = Activator(shared.chosen, state)
        self._since_ms = shared.broker_now_ms() or 0
        self._woken = asyncio.Event()
        self._is_released = False
        self._last_read: dict[str, Record] = {}
        """The last record finished of each topic without an id, until it is noted."""
        topics = {logical: shared.settings.topic(logical) for logical in WRITTEN_TOPICS}
        self._journal = (topics[JOURNAL], state.partition)
        self._changelog = (topics[CHANGELOG], state.partition)
        self._bench = Bench(
            state,
            hand,
            time,
            sealer,
            shared.router,
            Binding(shared.settings),
            DeadLetterLimit(shared.settings.dead_letter_ratio),
            shared.skipped,
            topics,
            shared.logical,
        )

    async def run(self) -> None:
        """Put the worker's policies in force, then keep slices as they come and tick when a timer is due."""
        while not self._is_released:
            self._woken.clear()
            if await self.advance():
                continue
            is_held = bool(self.hand) or self._activator.wanted
            pause_s = self._ticker.pause_s(self.state, self._shared.broker_now_ms(), is_held=is_held)
            try:
                async with asyncio.timeout(pause_s):  # Python 3.11's wait_for may swallow a cancellation
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def advance(self) -> bool:
        """Write one transaction, for the first that calls for one: policies, notes, seal, slices, tick. False: none."""
        if (
            await self._activate()
            or await self._note()
            or await self._seal()
            or await self.keep()
            or await self._tick()
        ):
            self._ticker.reset()
            return True
        return False

    def wake(self) -> None:
        """There is a slice in hand."""
        self._woken.set()

    def release(self) -> None:
        """Finish what is being written, then stop."""
        self._is_released = True
        self._sealer.let_go()
        self._woken.set()

    # --- a slice ------------------------------------------------------------------------------------------------------

    async def keep(self) -> bool:
        """Keep what is in hand as one transaction; False if there is nothing, or journal time is unknown."""
        kept, breath = KeptSlice(self._bench), Breath()
        started_s = monotonic()
        floor_ms = self.time.floor_ms(self.hand.empty_topics())
        if floor_ms is None:
            return False
        await in_pieces(kept.fold(floor_ms), breath)
        for topic, held in kept.last.items():
            if topic not in self.state.row.notes.topics:
                self._last_read[topic] = held.record
        kept.tally.seconds["fold"] = monotonic() - started_s
        return await self._commit(kept, breath)

    async def _commit(self, kept: KeptSlice, breath: Breath) -> bool:
        """Add the changed rows and the positions, write all of it as one transaction, and count it."""
        outbox, tally, state = kept.outbox, kept.tally, self.state
        if not outbox and not state.has_news:
            return False
        state.positions.update(self.time.positions)
        state.row.notes.last_read.update({topic: last_read(record) for topic, record in self._last_read.items()})
        self._last_read.clear()
        rows = outbox.records.setdefault(self._changelog, [])
        for number, (key, value) in enumerate(state.changes(), 1):
            if not number % AT_ONCE and breath.is_due:
                await breath.take()
            rows.append((None, key, value, []))
        await self._shared.sizes.require(outbox)
        started_s = monotonic()
        written = await self._transactions.write(outbox)
        if tally.lines:
            self._sealer.written(written.get(self._journal))
        tally.seconds["write"] = monotonic() - started_s
        last = written.get(self._changelog)
        await self._shelf.committed(rows, None if last is None else last + 1, self._shared.broker_now_ms())
        self._shared.metrics.add(tally, sent_ms=self._shared.broker_now_ms(), since_ms=self._since_ms)
        return True

    # --- ticks and policies ------------------------------------------------------------------------------------------

    async def _tick(self) -> bool:
        """Bring the time, if a timer is due and nothing in hand will."""
        journal_ms = None if self.hand else self._ticker.due_ms(self.state)
        return journal_ms is not None and await self._append(TimeTick(), journal_ms)

    async def _activate(self) -> bool:
        """Put in force what this worker was started with, if the partition has other and may have it."""
        if not self._activator.wanted:
            return False
        body = self._activator.body()
        before = self.state.book
        floor_ms = self.time.floor_ms(self.hand.empty_topics())
        if floor_ms is None:
            return False
        journal_ms = self._before_hand_ms(floor_ms)
        if journal_ms is None:
            return False
        is_done = await self._append(body, max(journal_ms, self.state.journal_ms))
        self._activator.activated(before)
        return is_done

    def _before_hand_ms(self, floor_ms: int) -> int | None:
        """A journal time before all that is in hand; what came at an unknown time moves none but the very first."""
        hand_ms = self.hand.stamped_ms()
        if hand_ms == 0 and not self.state.journal_ms:
            now_ms = self._shared.broker_now_ms()
            return None if now_ms is None else self.time.stamp(min(floor_ms, now_ms))
        return self.time.stamp(floor_ms if hand_ms is None else min(floor_ms, hand_ms - 1))

    async def _note(self) -> bool:
        """Write the shell's news with the partition's row alone: what was lost is known though nothing follows."""
        if not self.state.has_news or not self.state.lines:
            return False
        return await self._commit(KeptSlice(self._bench), Breath())

    async def _seal(self) -> bool:
        """Seal what stands, once a period of journal time; the line's time is that of the line before it."""
        if not self._sealer.is_due():
            return False
        seal = await self._sealer.seal()
        await self._append(seal, self.state.journal_ms)
        await self._sealer.sealed(seal)
        return True

    async def _append(self, body: Body, journal_ms: int) -> bool:
        """A line of our own, as a transaction of its own."""
        kept, breath = KeptSlice(self._bench), Breath()
        await in_pieces(kept.append(Line(self.state.lines + 1, journal_ms, body)), breath)
        return await self._commit(kept, breath)
