"""A consumer group and a broker in memory, for the tests of ownership alone: honest about what Faust and Kafka do.

What is kept here because ownership leans on it, and where the real thing does it:
- a rebalance takes all partitions, tells the owner to let go, and gives all anew with a generation one higher; what is
  given is taken over in a task of its own, which letting go cancels (faust_private.SliceRecovery);
- slices are fetched only of what is wanted, from where it was sought, in the order of the log; they bear the count of
  seeks at the time of the fetch and may reach the owner after a later seek (faust_private.SliceThread);
- an answer tells the end of the log and when the fetch was sent; a seek forgets it; none comes while flow is stopped;
- `fail` says that the worker is to end, and returns; it is closed later (faust_private.SliceApp);
- opening a partition fences every producer of it that was opened before; of a transaction all is committed or nothing;
  whoever writes sees that he was fenced only when he writes (kafka.transactions).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from time import monotonic

from aiokafka.errors import KafkaConnectionError, ProducerFenced
from faust.types import TP

from agents.kafka.log_reader import JournalEnd
from agents.kafka.private import TopicNow
from agents.kafka.transactions import BrokerAwayError, Outbox
from agents.settings import Settings
from agents.worker.belonging import names_of
from agents.worker.faust_private import Owner
from agents.worker.journal_time import BrokerClock
from agents.worker.opening import opened
from agents.worker.ownership import Ownership
from agents.worker.partition import Partition
from agents.worker.slices import Answer, Slice
from agents.worker.standby import CopyNow
from schemas.headers import line_number
from tests.agents.records import InputRecord

BROKER_AHEAD_MS = 1_795_000_000_000
"""The broker's time when the monotonic clock reads 0."""
FETCH_S = 0.001

NOT_SENT = "no answer, and nothing was committed"
ANSWER_LOST = "committed, and the answer was lost"


def broker_now_ms() -> int:
    return BROKER_AHEAD_MS + int(monotonic() * 1000)


class Gate:
    """A place where a test holds those who pass; open until it is shut."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self.waiting = 0

    def shut(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    async def pass_by(self) -> None:
        self.waiting += 1
        try:
            await self._open.wait()
        finally:
            self.waiting -= 1


class Log:
    """What the broker keeps of one partition: its rows and its journal, and who may write them."""

    def __init__(self) -> None:
        self.epoch = 0
        self.rows: dict[bytes, bytes] = {}
        self.journal: list[tuple[int, int, bytes]] = []
        """Number, journal time and value of each line."""
        self.fates: deque[str | Exception] = deque()
        """What becomes of the next transactions; without one they are committed."""
        self.writing = Gate()

    def end(self) -> JournalEnd:
        if not self.journal:
            return JournalEnd(0, 0)
        line, journal_ms, _ = self.journal[-1]
        return JournalEnd(line, journal_ms, offset=len(self.journal) - 1)


class Producer:
    """The transactional producer of one partition, whose start has fenced all earlier ones."""

    def __init__(self, settings: Settings, number: int, log: Log) -> None:
        self._journal = (settings.topic("sla-journal"), number)
        self._changelog = (settings.topic("changelog"), number)
        self._log = log
        log.epoch += 1
        self._epoch = log.epoch
        self.is_open = True

    async def write(self, outbox: Outbox) -> dict[tuple[str, int], int]:
        await self._log.writing.pass_by()
        if not self.is_open:
            raise RuntimeError("the partition has no producer")
        if self._epoch != self._log.epoch:
            raise ProducerFenced
        fate = self._log.fates.popleft() if self._log.fates else None
        if isinstance(fate, Exception):
            raise fate
        if fate == NOT_SENT:
            raise BrokerAwayError(fate)
        self._commit(outbox)
        if fate == ANSWER_LOST:
            raise BrokerAwayError(fate)
        return {self._journal: len(self._log.journal) - 1}

    def _commit(self, outbox: Outbox) -> None:
        for at_ms, _, value, headers in outbox.records.get(self._journal, []):
            self._log.journal.append((line_number(headers), at_ms or 0, value or b""))
        for _, key, value, _ in outbox.records.get(self._changelog, []):
            if value is None:
                self._log.rows.pop(key or b"", None)
            else:
                self._log.rows[key or b""] = value

    async def stop(self) -> None:
        self.is_open = False


class BrokerInMemory:
    """The `Broker` of agents/worker/broker.py."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.clock = BrokerClock()
        self.wall_offset_s = 0.0
        self.logs: defaultdict[int, Log] = defaultdict(Log)
        self.opened: list[int] = []
        """Each opening of a partition, in order."""
        self.producers: list[Producer] = []
        self.opening, self.seeing_positions = Gate(), Gate()
        self.first: dict[str, int] = defaultdict(int)
        """Where each topic begins by now: retention took what stood before."""
        self.is_away = False
        self.followed: set[int] = set()
        """Of what it is asked to keep warm copies."""

    async def start(self) -> None:
        self._be_there()
        self.clock.measured(broker_now_ms(), monotonic(), monotonic())

    async def topics(self) -> dict[str, TopicNow]:
        self._be_there()
        return {name: TopicNow(name.encode(), 1) for name in names_of(self._settings)}

    async def open(self, numbers: Sequence[int]) -> dict[int, Partition]:
        self._be_there()
        producers = {number: Producer(self._settings, number, self.logs[number]) for number in numbers}
        self.producers += producers.values()
        try:
            await self.opening.pass_by()
            parts = {
                number: await opened(
                    self._settings, number, producer, self.logs[number].rows.items(), self.logs[number].end()
                )
                for number, producer in producers.items()
            }
        except BaseException:
            for producer in producers.values():
                await producer.stop()
            raise
        self.opened += numbers
        return parts

    async def positions(self, topics: Sequence[str], parts: Sequence[Partition]) -> dict[int, dict[str, int]]:
        self._be_there()
        await self.seeing_positions.pass_by()
        return {
            part.number: {topic: max(part.state.positions.get(topic, 0), self.first[topic]) for topic in topics}
            for part in parts
        }

    async def largest_records(self, topics: Iterable[str]) -> dict[str, int]:
        self._be_there()
        return dict.fromkeys(topics, 1_048_588)

    def follow(self, numbers: Collection[int]) -> None:
        self.followed = set(numbers)

    def copies_now(self) -> list[CopyNow]:
        return [CopyNow(number, 0, 0) for number in sorted(self.followed)]

    async def stop(self) -> None:
        """Nothing runs."""

    def _be_there(self) -> None:
        if self.is_away:
            raise KafkaConnectionError("the broker is away")

    def fence(self, number: int) -> None:
        """Another worker opens this partition."""
        Producer(self._settings, number, self.logs[number])

    def hold_nobody(self) -> None:
        """Open all gates."""
        for gate in (self.opening, self.seeing_positions, *(log.writing for log in self.logs.values())):
            gate.open()

    def left_open(self) -> int:
        """How many producers have not been closed."""
        return sum(producer.is_open for producer in self.producers)


class GroupInMemory:
    """The `Group` of agents/worker/group.py, with one member that can be given and taken partitions."""

    def __init__(self, partitions: int) -> None:
        self.counts: defaultdict[str, int] = defaultdict(lambda: partitions)
        self.is_rebalancing = False
        self.is_counted_in = True
        """Whether the group answers heartbeats well."""
        self.standbys: set[TP] = set()
        """What the leader has chosen this member to keep copies of."""
        self.generation = 0
        self.heartbeats_asked = 0
        self.last_answer_s: float | None = None
        self.failure: BaseException | None = None
        self.inputs: defaultdict[TP, list[InputRecord]] = defaultdict(list)
        self._last_heartbeat_s = 0.0
        self._position: dict[TP, int] = {}
        self._answers: dict[TP, Answer] = {}
        self._seeks = 0
        self._assigned: set[TP] = set()
        self._flows = False
        self._fetching: asyncio.Task[None] | None = None

    # --- what the owner asks ------------------------------------------------------------------------------------------

    @property
    def last_heartbeat_s(self) -> float:
        self.heartbeats_asked += 1
        return self._last_heartbeat_s

    def partitions_of(self, topic: str) -> int:
        return self.counts[topic]

    def answer(self, tp: TP) -> Answer | None:
        return self._answers.get(tp)

    async def seek_all(self, positions: Mapping[TP, int]) -> int:
        await asyncio.sleep(0)  # done by the consumer's thread: others run meanwhile
        self._seeks += 1
        self._position.update(positions)
        for tp in positions:
            self._answers.pop(tp, None)
        return self._seeks

    async def fail(self, error: BaseException) -> None:
        self.failure = self.failure or error

    # --- what Faust does ----------------------------------------------------------------------------------------------

    async def revoke(self, owner: Owner) -> None:
        """A rebalance begins: flow stops, and the owner lets go. Where nothing was assigned it is not told."""
        self.is_rebalancing = True
        self._flows = False
        if self._assigned:
            await owner.let_go()

    def assign(self, owner: Owner, assigned: Iterable[TP]) -> asyncio.Task[None]:
        """The rebalance gives these, and recovery begins."""
        self.generation += 1
        self._assigned = set(assigned)
        return asyncio.create_task(self._recover(owner, self.generation))

    async def _recover(self, owner: Owner, generation: int) -> None:
        taken = asyncio.ensure_future(owner.take_over(set(self._assigned), generation))
        await asyncio.wait([taken])
        if taken.cancelled():
            return
        if (error := taken.exception()) is not None:
            await self.fail(error)
        elif generation == self.generation:
            self.is_rebalancing = False
            self._flows = True
            owner.start_keeping()

    async def stop(self, owner: Owner) -> None:
        """The worker ends."""
        self._flows = False
        if self._fetching is not None:
            self._fetching.cancel()
            with suppress(asyncio.CancelledError):
                await self._fetching
        await owner.close()

    # --- fetching -----------------------------------------------------------------------------------------------------

    def send(self, tp: TP, value: bytes) -> None:
        """A record is appended and stamped by the broker."""
        log = self.inputs[tp]
        log.append(InputRecord(tp.topic, tp.partition, len(log), broker_now_ms(), value))

    def start(self, owner: Ownership) -> None:
        """The worker runs: heartbeats are sent, and slices come whenever flow is not stopped."""
        self._fetching = asyncio.create_task(self._fetch_for_ever(owner))

    async def _fetch_for_ever(self, owner: Ownership) -> None:
        while True:
            if self.is_counted_in:
                self._last_heartbeat_s = monotonic()
            if self._flows:
                for piece in self.fetch(owner):
                    owner.give(piece)
            await asyncio.sleep(FETCH_S)

    def fetch(self, owner: Owner) -> list[Slice]:
        """What one fetch brings of everything that is assigned; it is the caller's to deliver."""
        sent_s, pieces = monotonic(), []
        for tp in sorted(self._assigned & self._position.keys()):
            start, end = self._position[tp], len(self.inputs[tp])
            self._answers[tp] = Answer(sent_s, end)
            self.last_answer_s = sent_s
            if start < end and owner.is_wanted(tp):
                self._position[tp] = end
                pieces.append(Slice(tp.topic, tp.partition, start, end, self.inputs[tp][start:end], self._seeks))
        return pieces
