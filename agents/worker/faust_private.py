"""The one module that leans on private parts of Faust, mode and aiokafka.

Why: Faust handles record by record, commits what an agent acked although it raised, restores tables by the record and
lets a commit overtake the changelog. We need slices, positions of our own and recovery of our own. Everything else in
`agents/` reads as if Faust had always worked in slices.

Written for faust-streaming 0.15.3, aiokafka 0.14.0, mode-streaming 0.7.1 (pinned in pyproject.toml). What is touched:
  faust.Topic._compile_decode               a record's value stays what it is: a whole slice
  faust Consumer.getmany, _drain_messages,  one message for each slice; no gaps, no acks by offset, no seek to committed
    ack, commit, perform_seek               offsets; commits are for lag graphs alone and may fail
  AIOKafkaConsumerThread.on_start,          read_committed, a short long poll, the time at which each fetch was sent
    _create_worker_consumer, _fetch_records
  aiokafka Fetcher._proc_fetch_request,     exact offsets around each slice, taken without an await in between
    fetched_records, _create_fetch_waiter
  aiokafka GroupCoordinator._do_heartbeat   when the group last counted us in
  aiokafka AIOKafkaClient, Fetcher          certificates, login, a broker that is away; batches are unpacked within a
                                            bound (agents/kafka/fetches.py)
  faust Producer._new_producer              the producer that Faust starts and we never use connects as the others do
  mode Worker._sentinel_task                the loop is closed as soon as nothing runs on it any more
  faust Recovery._restart_recovery,         recovery is the owner's (ownership.py): fence, read rows, seek, resume
    _slurp_changelogs; TableManager.on_start
First to fail when a version changes under it: tests/agents/test_faust_private.py (names and signatures), then
tests/broker/test_live_path.py.
"""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from time import monotonic
from typing import Any, ClassVar, Protocol, cast

import faust
from aiokafka.errors import ConsumerStoppedError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.app.base import App
from faust.tables.manager import TableManager
from faust.tables.recovery import RebalanceAgain, Recovery, ServiceStopped
from faust.topics import Topic
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Producer, Transport
from faust.types import TP
from faust.types.tuples import ConsumerMessage, Message
from mode import Service
from mode.utils.futures import notify

from agents.errors import UserError
from agents.kafka.fetches import read_all_batches
from agents.worker.open_transactions import OpenTransactions
from agents.worker.slices import MAX_RECORDS_IN_HAND, Answer, Slice

log = logging.getLogger("dueclock.worker")

LAST_COMMIT_S = 2.0
LAST_TASKS_S = 1.0
POLL_S = 1.0
POLL_WHEN_FULL_S = 0.02
"""With a topic suspended the fetcher does not tell when it may go on: look again soon."""


class Owner(Protocol):
    """What the consumer asks of, and tells, the owner of the partitions (agents/worker/ownership.py)."""

    def is_wanted(self, tp: TP) -> bool:
        """Whether there is room for more of this topic partition. Called from the consumer's thread."""

    def positions(self) -> Mapping[TP, int]:
        """Next offset to finish of each owned input partition."""

    async def let_go(self) -> None:
        """Finish the slices that are being written, drop the others, write nothing more until `take_over`."""

    async def take_over(self, assigned: set[TP], generation: int) -> None:
        """Fence, recover and seek; cancelled by `let_go`."""

    def start_keeping(self) -> None:
        """Slices may come."""

    async def close(self) -> None:
        """The worker ends."""


class SliceTopic(Topic):
    """A topic, or several, whose events carry whole slices."""

    def _compile_decode(self) -> None:
        async def decode(message: Message, *, propagate: bool = False) -> Any:  # noqa: ARG001  Faust's signature
            return self.app.create_event(None, message.value, {}, message)

        self.decode = decode  # type: ignore[method-assign]  # Faust itself replaces it here


class SliceThread(AIOKafkaConsumerThread):
    """The thread that fetches: it cuts slices and notes when fetches were sent."""

    seeks: int = 0
    last_answer_s: float | None = None
    last_heartbeat_s: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.answers: dict[TP, Answer] = {}
        self._open_transactions = OpenTransactions()

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        consumer._fetch_max_wait_ms = cast("SliceApp", self.app).fetch_max_wait_ms
        cast("SliceApp", self.app).dress(consumer._client)
        read_all_batches()
        return consumer

    async def on_start(self) -> None:
        await super().on_start()
        consumer = self._ensure_consumer()
        fetcher = consumer._fetcher
        fetcher._proc_fetch_request = self._timed(fetcher._proc_fetch_request)
        coordinator = consumer._coordinator
        coordinator._do_heartbeat = self._noted(coordinator._do_heartbeat)

    def _timed(self, fetch: Callable[..., Any]) -> Callable[..., Any]:
        """Note for each topic partition that was answered when the request left, and the end of the log.

        Not the time at which the answer was handled: a paused worker finds an old answer in its socket.
        """

        async def timed(assignment: Any, node_id: Any, request: Any) -> Any:
            sent_s = monotonic()
            asked = [TP(topic, part[0]) for topic, partitions in request.topics for part in partitions]
            before = {tp: assignment.state_value(tp).timestamp for tp in asked}
            has_records = await fetch(assignment, node_id, request)
            for tp in asked:
                state = assignment.state_value(tp)
                if state.timestamp != before[tp] and state.highwater is not None:
                    self.answers[tp] = Answer(sent_s, state.highwater)
                    self._open_transactions.fetched(tp, state.lso, state.highwater, sent_s)
                    self.last_answer_s = sent_s
            return has_records

        return timed

    def _noted(self, beat: Callable[..., Any]) -> Callable[..., Any]:
        async def noted() -> Any:
            sent_s = monotonic()
            is_counted = await beat()
            if is_counted:
                self.last_heartbeat_s = sent_s
            return is_counted

        return noted

    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109  Faust's signature
        max_records: int | None = None,  # noqa: ARG002  ours is another bound: MAX_RECORDS_IN_HAND
    ) -> dict[TP, list[Slice]]:
        """Slices that have been fetched and may be delivered; waits for some up to `timeout` seconds."""
        if not self.consumer.flow_active:
            return {}
        fetcher = consumer._fetcher
        if consumer._closed or fetcher._closed:
            raise ConsumerStoppedError
        with fetcher._subscriptions.fetch_context():
            slices, is_all = await self._cut(fetcher, active_partitions)
            if not slices:
                waiter = fetcher._create_fetch_waiter()
                await asyncio.wait([waiter], timeout=(timeout or POLL_S) if is_all else POLL_WHEN_FULL_S)
                if waiter.done():
                    waiter.result()  # errors of authorization
                    slices, _ = await self._cut(fetcher, active_partitions)
                else:
                    waiter.cancel()
        return slices

    async def _cut(self, fetcher: Any, active: set[TP]) -> tuple[dict[TP, list[Slice]], bool]:
        """What the fetcher holds, as slices, and whether no topic was left out for want of room.

        Not more records than one hand takes: a batch of a few kilobytes may hold a million of them. The rest waits.

        `fetched_records` with timeout 0 never awaits outside a reassignment: no seek can come between the offsets
        before and after it.
        """
        subscription = fetcher._subscriptions.subscription
        if subscription is None or subscription.assignment is None or fetcher._subscriptions.reassignment_in_progress:
            return {}, True
        assignment = subscription.assignment
        owner = cast("SliceApp", self.app).owner
        own = [tp for tp in assignment.tps if tp in active]
        wanted = [tp for tp in own if owner.is_wanted(TP(*tp))]
        if not wanted:
            return {}, not own
        states = {tp: assignment.state_value(tp) for tp in wanted}
        before = {tp: state.position for tp, state in states.items() if state.has_valid_position}
        drained = await fetcher.fetched_records(wanted, timeout=0, max_records=MAX_RECORDS_IN_HAND)
        slices: dict[TP, list[Slice]] = {}
        for tp, start in before.items():
            end = states[tp].position if states[tp].has_valid_position else start
            if end != start:
                piece = Slice(tp.topic, tp.partition, start, end, drained.get(tp, []), self.seeks)
                slices[TP(*tp)] = [piece]
        return slices, len(wanted) == len(own)

    async def seek_all(self, positions: Mapping[TP, int]) -> int:
        """Seek; returns the count of seeks that slices fetched from now on carry."""
        return cast(int, await self.call_thread(self._seek_all, positions))

    async def _seek_all(self, positions: Mapping[TP, int]) -> int:
        consumer = self._ensure_consumer()
        self.seeks += 1
        for tp, offset in positions.items():
            consumer.seek(tp, offset)
            self.answers.pop(tp, None)
        return self.seeks

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commit for those who graph the lag; positions are in the state rows, so that a failure costs nothing."""
        assigned = self.assignment()
        wanted = {TopicPartition(*tp): OffsetAndMetadata(at, "") for tp, at in offsets.items() if tp in assigned}
        try:
            if wanted:
                await self._ensure_consumer().commit(wanted)
        except KafkaError:
            return False
        return True

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's alarms judge by its own acks; ours are the time lag and `sla_held_back_by`."""


class SliceConsumer(Consumer):
    """Faust's consumer, delivering slices."""

    _thread: SliceThread

    def _new_consumer_thread(self) -> SliceThread:
        return SliceThread(self, loop=self.loop, beacon=self.beacon)

    async def _drain_messages(self, fetcher: Any) -> None:
        """Deliver slices until stopped. Nothing is sorted out by offset here: the hand checks that slices join."""
        try:
            while not (self.should_stop or fetcher.should_stop):
                async for _, message in self.getmany(timeout=POLL_S):
                    await self.wait_first(self.callback(message), self.suspend_flow.wait())
        except (ConsumerStoppedError, asyncio.CancelledError):
            if not self.app.should_stop:
                raise

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:  # noqa: ASYNC109  Faust's signature
        """One message for each slice."""
        records, _ = await self._wait_next_records(timeout)
        for tp, pieces in (records or {}).items():
            for piece in pieces:
                if not self.flow_active or self.should_stop:
                    return
                yield tp, self._slice_message(tp, piece)

    def _slice_message(self, tp: TP, piece: Slice) -> ConsumerMessage:
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            piece.end - 1,
            0.0,
            1,
            None,
            None,
            cast(Any, piece),
            None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    def ack(self, message: Message) -> bool:
        """An acked slice is in its partition's hand; what is finished stands in the partition's row."""
        message.acked = True
        self._unacked_messages.discard(message)
        notify(self._waiting_for_ack)
        return True

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002  Faust's signature
        """Tell the group coordinator how far we are, for lag graphs."""
        owner = cast("SliceApp", self.app).owner
        positions = dict(owner.positions())
        if self.app.rebalancing or not positions:
            return False
        return await self._thread.commit(positions)

    async def wait_empty(self) -> None:
        """Let the slices that are being written finish; the others are read again by whoever comes next."""
        if not self.app.rebalancing:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.commit(), LAST_COMMIT_S)
        await cast("SliceApp", self.app).owner.let_go()

    async def perform_seek(self) -> None:
        """Positions come from the state rows: nothing to seek here."""

    async def seek_all(self, positions: Mapping[TP, int]) -> int:
        """Seek these partitions; slices that were fetched before are stale."""
        return await self._thread.seek_all(positions)

    def partitions_of(self, topic: str) -> int:
        """How many partitions a topic has. Not Faust's `topic_partitions`: a static member that rejoins knows none."""
        return len(self._thread._ensure_consumer()._client.cluster.partitions_for_topic(topic) or ())

    def answer(self, tp: TP) -> Answer | None:
        """The newest fetch answer for a topic partition."""
        return self._thread.answers.get(tp)

    @property
    def last_answer_s(self) -> float | None:
        """Monotonic time at which the newest fetch that was answered had been sent; None before the first."""
        return self._thread.last_answer_s

    @property
    def last_heartbeat_s(self) -> float:
        """Monotonic time at which the newest heartbeat that was answered well had been sent."""
        return self._thread.last_heartbeat_s


class DressedProducer(Producer):
    """Faust's producer, connecting as all our clients do. Nothing is sent through it."""

    def _new_producer(self, transactional_id: str | None = None) -> Any:
        producer = super()._new_producer(transactional_id)
        cast("SliceApp", self.app).dress(producer.client)
        return producer


class SliceTransport(Transport):
    """Kafka through aiokafka, in slices."""

    Consumer: ClassVar[Any] = SliceConsumer
    Producer: ClassVar[Any] = DressedProducer


class SliceRecovery(Recovery):
    """Recovery after a rebalance: not from Faust's queue of changelog events, but by the owner of the partitions."""

    @Service.task
    async def _restart_recovery(self) -> None:
        app = cast("SliceApp", self.app)
        while not await self.wait_for_stopped(self.signal_recovery_start):  # type: ignore[arg-type]  # as in Faust
            self.signal_recovery_start.clear()
            try:
                await self._recover(app, self._generation_id)
            except RebalanceAgain:
                continue
            except ServiceStopped:
                break
            except Exception as error:  # noqa: BLE001  whatever it is, the worker must not go on
                await app.fail(error)
                break

    async def _recover(self, app: "SliceApp", generation: int) -> None:
        consumer = cast(SliceConsumer, app.consumer)
        self._set_recovery_started()
        assigned = set(consumer.assignment())
        taken = asyncio.ensure_future(app.owner.take_over(assigned, generation))
        try:
            await self._wait(taken)
        except asyncio.CancelledError:
            if not taken.cancelled():
                raise
            return  # let go in between: the next assignment follows
        finally:
            taken.cancel()
            self._set_recovery_ended()
        if app.consumer_generation_id != generation:
            return
        await app.on_rebalance_complete.send()
        consumer.resume_partitions({tp for tp in assigned if not self._is_changelog_tp(tp)})
        self.completed.set()
        app.flow_control.resume()
        consumer.resume_flow()
        await app._fetcher.maybe_start()
        tables = cast(TableManager, app.tables)
        tables.on_actives_ready()
        tables.on_standbys_ready()
        app.on_rebalance_end()
        app.owner.start_keeping()

    @Service.task
    async def _slurp_changelogs(self) -> None:
        """Changelog records are read by agents/kafka/log_reader.py."""

    @Service.task
    async def _publish_stats(self) -> None:
        """Recovery logs one line of its own."""


class SliceTableManager(TableManager):
    """Faust's tables, with our recovery and without the second of waiting at start."""

    @property
    def recovery(self) -> Recovery:
        if self._recovery is None:
            self._recovery = SliceRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery

    async def on_start(self) -> None:
        if not self.should_stop:
            await self._update_channels()
            await self.recovery.start()


class SliceApp(App):
    """A Faust app whose topics come in slices. `owner` must be set before it starts."""

    owner: Owner
    fetch_max_wait_ms: int = 100
    dress: Callable[[Any], None]
    """Makes a client of aiokafka connect as the settings say."""
    failure: BaseException | None = None
    on_failure: Callable[[], None] | None = None
    """Ends the worker as SIGTERM does."""

    def _new_transport(self) -> Any:
        return SliceTransport(self.conf.broker_consumer, self)

    def slice_topic(self, *names: str) -> SliceTopic:
        """These topics as one channel of slices."""
        return SliceTopic(self, topics=list(names))

    async def on_first_start(self) -> None:
        """No folder for tables, which Faust would make where the worker was started: nothing of ours is on disk."""

    async def on_stop(self) -> None:
        await super().on_stop()
        await self.owner.close()

    async def fail(self, error: BaseException) -> None:
        """End the worker; the first failure is the one that counts. What a person can mend needs no traceback."""
        if self.failure is not None:
            return
        self.failure = error
        if not isinstance(error, UserError):
            log.error("the worker cannot go on: %s", type(error).__name__, exc_info=error)
        if self.on_failure is not None:
            self.on_failure()
        else:
            await self.crash(error)

    def _crash(self, reason: BaseException) -> None:
        """A service of Faust has failed: mode tells every service that it has."""
        self.failure = self.failure or reason
        super()._crash(reason)


class SliceWorker(faust.Worker):
    """Faust's worker, without its second of waiting at the end."""

    async def _sentinel_task(self) -> None:
        """What the loop runs last: the tasks that mode has cancelled end, if there are any; it gives them a second."""
        await asyncio.sleep(0)
        if left := asyncio.all_tasks() - {cast("asyncio.Task[None]", asyncio.current_task())}:
            await asyncio.wait(left, timeout=LAST_TASKS_S)
        await asyncio.sleep(0)


def stop_worker(worker: faust.Worker) -> None:
    """Stop as on SIGTERM: finish what is being written, leave the group, end."""
    worker._schedule_shutdown(signal.SIGTERM)


def quiet(worker: faust.Worker) -> None:
    """No spinner and no smiley: what a person sees is ours."""
    worker.spinner = None
