"""The keeper: the one writer of a partition, and the main job of the system (architecture.md).

A slice goes through `Keeper.keep` in this order: take, stamp, validate, fold, write, commit, done. All that it brings
(journal lines, SLA events, dead letters, misrouted notifications, changed rows, positions) is one transaction. What may
not happen (a line that `step` refuses, a broken promise of the log) is raised with the number of the journal line; the
worker ends, and nothing of the slice has been written.
"""

import asyncio
import logging
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple, Protocol

from agents.journal.sealing import Sealer
from agents.kafka.batches import Unreadable
from agents.kafka.transactions import Outbox
from agents.metrics.counters import Metrics, SliceTally
from agents.settings import Settings
from agents.topic_roles import CHANGELOG, DEAD_LETTER, JOURNAL, WRITTEN_TOPICS
from agents.worker.activating import Activator, Chosen
from agents.worker.belonging import last_read
from agents.worker.binding import Binding
from agents.worker.breathing import Breath
from agents.worker.dead_letter_limit import DeadLetterLimit
from agents.worker.journal_time import JournalTime
from agents.worker.misrouted import Router
from agents.worker.poison import NOTHING_SKIPPED, Skipped, damaged, poisoned
from agents.worker.sizes import Sizes
from agents.worker.slices import LOG_APPEND_TIME, Hand, Held, Record, origin_of
from agents.worker.ticker import Ticker
from schemas.dead_letters import SKIPPED, UNREADABLE, Rejected, dead_letter_headers, letter_of
from schemas.decoding import decode_notification, journal_value
from schemas.headers import journal_headers
from schemas.notifications import Body, Notification, TimeTick, type_name
from streams.admission import admit
from streams.engine import Line, State, unfold
from streams.routing import account_key
from streams.sla_event import SlaEvent

log = logging.getLogger("dueclock.keeper")


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
    ) -> None:
        self.state = state
        self.hand = hand
        self.time = time
        self._shared = shared
        self._transactions = transactions
        self._sealer = sealer
        self._ticker = Ticker(time)
        self._activator = Activator(shared.chosen, state)
        self._binding = Binding(shared.settings)
        self._limit = DeadLetterLimit(shared.settings.dead_letter_ratio)
        self._since_ms = shared.broker_now_ms() or 0
        self._woken = asyncio.Event()
        self._is_released = False
        self._last_read: dict[str, Record] = {}
        """The last record finished of each topic without an id, until it is noted."""
        self._topics = {logical: shared.settings.topic(logical) for logical in WRITTEN_TOPICS}

    async def run(self) -> None:
        """Put the worker's policies in force, then keep slices as they come and tick when a timer is due."""
        while not self._is_released:
            self._woken.clear()
            if await self.advance():
                continue
            is_held = bool(self.hand) or self._activator.wanted
            pause_s = self._ticker.pause_s(self.state, self._shared.broker_now_ms(), is_held=is_held)
            try:
                await asyncio.wait_for(self._woken.wait(), pause_s)
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
        self._woken.set()

    # --- a slice ------------------------------------------------------------------------------------------------------

    async def keep(self) -> bool:
        """Keep what is in hand as one transaction; False if there is nothing, or journal time is unknown."""
        outbox, tally, breath = Outbox(), SliceTally(), Breath()
        started_s = monotonic()
        floor_ms = self.time.floor_ms(self.hand.empty_topics())
        if floor_ms is None:
            return False
        for held in self.hand.take():  # take
            if breath.is_due:
                await breath.take()
            record = held.record
            self._limit.taken()
            journal_ms = max(self.state.journal_ms, self.time.stamp(min(held.at_ms, floor_ms)))  # stamp
            body = self._read(record)  # validate
            if isinstance(body, Rejected):
                self._reject(record, body, outbox, tally)
            elif self._shared.router.home_of(account := account_key(body)) != self.state.partition:
                self._shared.router.send_on(record, body, account, outbox)
                tally.misrouted[(self._shared.logical[record.topic],)] += 1
            elif (rejected := self._admit(body, record, journal_ms)) is not None:
                self._reject(record, rejected, outbox, tally)
            else:
                line = Line(self.state.lines + 1, journal_ms, body)
                events = await self._fold(line, breath, record)  # fold
                self._journal(line, account.encode(), outbox, tally, record)
                await self._send(events, line, outbox, tally, breath)
                delay_s = (journal_ms - body.occurred_ms) / 1000
                tally.tell(self._shared.logical[record.topic], type_name(body), delay_s, is_repeat=self.state.is_repeat)
            if held.at_ms:
                tally.newest_ms[self._shared.logical[record.topic]] = held.at_ms
            if record.timestamp_type != LOG_APPEND_TIME:
                tally.unstamped[(self._shared.logical[record.topic],)] += 1
            if self._finish(held):
                floor_ms = self.time.floor_ms(self.hand.empty_topics())
                if floor_ms is None:
                    break
        tally.seconds["fold"] = monotonic() - started_s
        return await self._commit(outbox, tally, breath)  # write, commit, done

    def _read(self, record: Record) -> Notification | Rejected:
        """The notification that a record holds, or why it is none, as far as its bytes can say."""
        if self._shared.skipped and self._shared.skipped.names(record):
            return Rejected(SKIPPED, None)
        if isinstance(record, Unreadable):
            if record.is_damaged:
                raise damaged(record)
            log.warning("partition %d: %s cannot be read: %s", record.partition, record.where, record.why)
            return Rejected(UNREADABLE, None)
        decoded = self._binding.judged(decode_notification(record.value or b"", from_file=False), record)
        if isinstance(decoded, Rejected):
            return decoded
        body = decoded.body
        if not isinstance(body, Notification):
            raise TypeError(f"a live record was decoded as {type_name(body)}")
        return body

    def _admit(self, body: Notification, record: Record, journal_ms: int) -> Rejected | None:
        """Why a notification that is at home here may not be journaled. Checked before it is, never after."""
        if self.state.book is None:
            raise RuntimeError("a notification came before the policies")
        arrival_ms = record.timestamp if record.timestamp_type == LOG_APPEND_TIME else journal_ms
        return admit(self.state, body, journal_ms, arrival_ms)

    async def _fold(self, line: Line, breath: Breath, record: Record | None = None) -> list[SlaEvent]:
        """Apply a line; the loop is given up between its pieces, and nobody else touches the state meanwhile."""
        events: list[SlaEvent] = []
        try:
            for _ in unfold(self.state, line, events):
                if breath.is_due:
                    await breath.take()
        except Exception as error:
            log.exception("partition %d: journal line %d cannot be applied", self.state.partition, line.number)
            origin = None if record is None else origin_of(record)
            raise poisoned(self.state, line, origin, error) from error
        return events

    def _journal(self, line: Line, key: bytes, outbox: Outbox, tally: SliceTally, record: Record | None = None) -> None:
        headers = journal_headers(line.number, None if record is None else origin_of(record))
        value = journal_value(line.body)
        tally.lines += 1
        self._sealer.add(line.journal_ms, key, value, headers)
        outbox.put(self._topics[JOURNAL], self.state.partition, key, value, headers=headers, at_ms=line.journal_ms)

    async def _send(
        self, events: list[SlaEvent], line: Line, outbox: Outbox, tally: SliceTally, breath: Breath
    ) -> None:
        for event in events:
            if breath.is_due:
                await breath.take()
            headers = event.headers(line.number, self.state.digest, self.state.logic)
            topic = self._topics[event.topic]
            outbox.put(topic, self.state.partition, event.account.encode(), event.value, headers=headers)
            tally.count(event)

    def _reject(self, record: Record, rejected: Rejected, outbox: Outbox, tally: SliceTally) -> None:
        self._limit.rejected(record, rejected)
        line = None
        if rejected.reason == SKIPPED:
            line = self.state.lines + 1
            log.warning("partition %d: %s is skipped before line %d", self.state.partition, origin_of(record), line)
        headers = dead_letter_headers(
            rejected, topic=record.topic, partition=record.partition, offset=record.offset, line=line
        )
        letter = letter_of(record.key, record.value)
        headers += letter.headers
        outbox.put(self._topics[DEAD_LETTER], self.state.partition, letter.key, letter.value, headers=headers)
        tally.dead_letters[self._shared.logical[record.topic], rejected.reason] += 1

    def _finish(self, held: Held) -> bool:
        """The record is dealt with in this transaction; True if its topic has nothing more in hand."""
        self.time.finished(held.record.topic, held.next_offset, held.at_ms)
        if held.record.topic not in self.state.row.notes.topics:
            self._last_read[held.record.topic] = held.record
        return self.hand.finish(held)

    async def _commit(self, outbox: Outbox, tally: SliceTally, breath: Breath) -> bool:
        """Add the changed rows and the positions, write all of it as one transaction, and count it."""
        if not outbox and not self.state.has_news:
            return False
        self.state.positions.update(self.time.positions)
        self.state.row.notes.last_read.update({topic: last_read(record) for topic, record in self._last_read.items()})
        self._last_read.clear()
        for key, value in self.state.changes():
            if breath.is_due:
                await breath.take()
            outbox.put(self._topics[CHANGELOG], self.state.partition, key, value)
        await self._shared.sizes.require(outbox)
        started_s = monotonic()
        written = await self._transactions.write(outbox)
        if tally.lines:
            self._sealer.written(written.get((self._topics[JOURNAL], self.state.partition)))
        tally.seconds["write"] = monotonic() - started_s
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
        return await self._commit(Outbox(), SliceTally(), Breath())

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
        outbox, tally, breath = Outbox(), SliceTally(), Breath()
        line = Line(self.state.lines + 1, journal_ms, body)
        events = await self._fold(line, breath)
        self._journal(line, str(self.state.partition).encode(), outbox, tally)
        await self._send(events, line, outbox, tally, breath)
        return await self._commit(outbox, tally, breath)
