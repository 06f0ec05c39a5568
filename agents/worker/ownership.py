"""Who keeps which partition: what happens between "Kafka gave us partition 3" and its first transaction, and back.

Taking over, in this order: check that each partition is owned in every topic; fence its earlier owner; read its rows
and the end of its journal; see that the two agree; seek its inputs to the positions in its row. Only then slices are
taken. Letting go: the transaction that is being written finishes, everything else in hand is dropped. A partition that
was ours in the generation just before keeps its producer and its rows; any other is fenced and read again.

Where a partition stands meanwhile is a table (agents/worker/life.py). What the group and the broker are asked for are
the ports agents/worker/group.py and agents/worker/broker.py; here is no Faust and no Kafka.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic

from aiokafka.errors import ProducerFenced
from faust.types import TP

from agents.errors import UserError
from agents.kafka.skipped import NOTHING_SKIPPED, Skipped
from agents.kafka.transactions import BrokerAwayError, is_no_answer
from agents.memory import sweep
from agents.metrics.counters import Metrics
from agents.settings import Settings
from agents.topic_roles import CHANGELOG, READ_TOPICS, REPARTITION
from agents.worker.activating import Chosen
from agents.worker.belonging import Belonging, Lookout
from agents.worker.broker import Broker
from agents.worker.group import Group, assignment_of, who_fenced
from agents.worker.journal_time import JournalTime
from agents.worker.keeper import Keeper, Shared
from agents.worker.life import TAKES_SLICES, WITH_KEEPER, Stage
from agents.worker.misrouted import Router
from agents.worker.partition import Partition
from agents.worker.sizes import Sizes
from agents.worker.slices import Answer, GapError, Hand, Slice
from agents.worker.standby import CopyNow
from agents.worker.tables import OpenClocks, Tables
from agents.worker.watch import PartitionWatch
from streams.at_rest import Copied
from streams.rows import ShellNotes

log = logging.getLogger("dueclock.worker")

RETRY_S = 1.0
LOOK_S = 0.1


class Ownership:
    """The partitions of this worker (the `Owner` of agents/worker/faust_private.py)."""

    def __init__(
        self,
        group: Group,
        broker: Broker,
        tables: Tables,
        settings: Settings,
        choice: Chosen,
        metrics: Metrics,
        skipped: Skipped = NOTHING_SKIPPED,
        belonging: Belonging | None = None,
    ) -> None:
        self._group = group
        self._broker = broker
        self._tables = tables
        self._settings = settings
        self._chosen = choice
        self._metrics = metrics
        self._skipped = skipped
        self.logical: dict[str, str] = {settings.topic(logical): logical for logical in READ_TOPICS}
        self.inputs = tuple(self.logical)
        self._changelog = settings.topic(CHANGELOG)
        self._partitions: dict[int, Partition] = {}
        self._generation = -1
        self._seeks = 0
        self._is_open = False
        self._is_to_be_swept = False
        """Partitions were given away, or an opening was given up half way, and their rows are in memory still."""
        self._shared: Shared | None = None
        self._taking_over: asyncio.Task[None] | None = None
        self._reopening: asyncio.Task[None] | None = None
        self.watch = PartitionWatch(self, metrics)
        self._belonging = belonging or Belonging(settings)
        self._lookout = Lookout(self._belonging, broker.topics, self._kept_notes, group.fail)

    # --- what the consumer asks -----------------------------------------------------------------------------------

    def is_wanted(self, tp: TP) -> bool:
        """Whether there is room for more of this topic partition. Called from the consumer's thread."""
        part = self._partitions.get(tp.partition)
        return part is not None and part.has_room(tp.topic)

    def give(self, piece: Slice) -> None:
        """Put a slice into its partition's hand; one from before the last seek is stale and dropped."""
        part = self._partitions.get(piece.partition)
        if part is None or part.stage not in TAKES_SLICES or piece.seeks != self._seeks:
            return
        try:
            position = part.keeper.hand.give(piece, part.keeper.time.known_ms(piece.topic))
        except GapError as gap:
            self._reopen_soon(gap)
            return
        if position is not None:
            part.keeper.time.finished(piece.topic, position)
        part.keeper.wake()

    def positions(self) -> Mapping[TP, int]:
        """Next offset to finish of each owned input partition."""
        if not self._is_open:
            return {}
        return {
            TP(topic, part.number): offset
            for part in self.kept()
            for topic, offset in part.keeper.time.positions.items()
        }

    # --- what the watch and the clocks' page ask ----------------------------------------------------------------------

    def kept(self) -> list[Partition]:
        """The partitions that are being kept."""
        return [part for part in self._partitions.values() if part.stage in WITH_KEEPER]

    def _kept_notes(self) -> list[tuple[int, ShellNotes]]:
        return [(part.number, part.state.row.notes) for part in self.kept()]

    def rows_at_rest(self) -> list[Copied]:
        """A copy of the rows of each partition that is kept, as they stand between two slices."""
        return [part.state.rows_at_rest() for part in self.kept()]

    def copies_now(self) -> Sequence[CopyNow]:
        """How the warm copies stand of what others keep."""
        return self._broker.copies_now()

    @property
    def is_open(self) -> bool:
        """Whether what was assigned has been recovered and is being kept."""
        return self._is_open

    @property
    def open_clocks(self) -> OpenClocks:
        """How many clocks of this worker are open, by when they fall due."""
        return self._tables.open_clocks

    def broker_now_ms(self) -> int | None:
        """The broker's time, or None while it is unknown."""
        return self._broker.clock.at(monotonic())

    @property
    def wall_offset_s(self) -> float:
        """The broker's clock less this machine's."""
        return self._broker.wall_offset_s

    @property
    def last_answer_s(self) -> float | None:
        """Monotonic time of the newest fetch that the broker answered; None before the first."""
        return self._group.last_answer_s

    # --- taking over ------------------------------------------------------------------------------------------------

    async def take_over(self, assigned: set[TP], generation: int) -> None:
        """Fence, recover and seek. Cancelled by `let_go`."""
        started_s = monotonic()
        self._taking_over = asyncio.current_task()
        await self._lookout.look_before([(n, part.state.row.notes) for n, part in self._partitions.items()])
        owned = self._owned_of(assigned)
        if generation != self._generation + 1:
            await self._give_away(self._partitions)
        self._generation = generation
        await self._give_away(set(self._partitions) - owned)
        self._shared = self._shared or self._share()
        await self._open(owned)
        took_s = monotonic() - started_s
        self._metrics.recovery.set(took_s)
        self._metrics.partitions_owned.set(len(owned))
        rows = sum(sum(part.state.census.rows.values()) for part in self._partitions.values())
        log.info("recovered: partitions %s (%d rows in %.1f s)", _names(owned), rows, took_s)
        self._broker.follow(self._copied() - owned)
        self.watch.start()
        self._lookout.start()
        self._taking_over = None

    def start_keeping(self) -> None:
        """Slices may come."""
        for part in self._partitions.values():
            if part.stage is Stage.READY:
                part.keep(self._keep)

    def _owned_of(self, assigned: set[TP]) -> set[int]:
        """Partitions that are ours in every topic; the others rest, and a metric says so."""
        given = assigned - {TP(self._changelog, number) for number in self._standbys()}
        owned, held = assignment_of(self._group, (*self.inputs, self._changelog), given)
        self._metrics.partitions_held.set(len(held))
        log.info("assigned: partitions %s", _names(owned))
        if held:
            log.error(
                "partitions %s are at rest: this worker does not own them in every topic. "
                "Do all workers of the group have the same topics? Stop all of them, then start them anew.",
                _names(held),
            )
        return owned

    def _standbys(self) -> set[int]:
        """The partitions whose changelogs alone we are given: others own them."""
        return {number for topic, number in self._group.standbys if topic == self._changelog}

    def _copied(self) -> set[int]:
        """Those that we keep warm copies of; none while that is not asked of us, whatever the group's leader thinks.

        Rows that rest on disk are opened there: a copy in memory would not be asked.
        """
        is_asked = self._settings.standby_replicas and not self._settings.rows_folder
        return self._standbys() if is_asked else set()

    def _share(self) -> Shared:
        return Shared(
            self._settings,
            self.logical,
            self._chosen,
            Router(self._settings.topic(REPARTITION), self._group.partitions_of(self._changelog)),
            self._metrics,
            self.broker_now_ms,
            Sizes(self._broker.largest_records),
            self._skipped,
        )

    async def _open(self, numbers: set[int]) -> None:
        """Make these partitions ready to be kept; with the broker away, try until it answers."""
        if self._is_to_be_swept:
            sweep()  # a state knows itself by its timers: what was given away would lie beside what is read now
        self._is_to_be_swept = True  # and so would what is given up half way
        while True:
            try:
                await self._broker.start()
                for number, part in (await self._broker.open(sorted(numbers - set(self._partitions)))).items():
                    self._partitions[number] = part
                    self._tables.add(part.state)
                await self._set_up([self._partitions[number] for number in numbers])
            except Exception as error:
                if not is_no_answer(error):
                    raise
                log.warning("no answer from the broker while partitions are taken over (%s): trying again", error)
                await asyncio.sleep(RETRY_S)
            else:
                self._is_to_be_swept = False
                return

    async def _set_up(self, parts: list[Partition]) -> None:
        """Seek the inputs of these partitions to their positions, and give each a keeper there.

        UserError where they belong to other topics than there are.
        """
        found = await self._broker.topics()
        for part in parts:
            notes = part.state.row.notes
            self._belonging.check(part.number, notes, found)
            part.state.has_news |= self._belonging.note(notes, found)
        positions = await self._broker.positions(self.inputs, parts)
        self._seeks = await self._group.seek_all(
            {TP(topic, number): offset for number, own in positions.items() for topic, offset in own.items()}
        )
        # In the same step: a slice that is fetched from now on finds its hand.
        for part in parts:
            part.set_up(self._keeper_of(part, positions[part.number]))
        self._is_open = True

    def _keeper_of(self, part: Partition, positions: dict[str, int]) -> Keeper:
        if self._shared is None:
            raise RuntimeError("partitions are set up before any were assigned")
        answer = self._answer_of(part.number)
        time = JournalTime(positions, self._broker.clock, answer, self._settings.skew_allowance_ms)
        return Keeper(self._shared, part.state, Hand(positions), time, part.transactions, part.sealer, part.shelf)

    def _answer_of(self, number: int) -> Callable[[str], Answer | None]:
        tps = {topic: TP(topic, number) for topic in self.inputs}
        return lambda topic: self._group.answer(tps[topic])

    # --- keeping ------------------------------------------------------------------------------------------------------

    async def _keep(self, part: Partition) -> None:
        """Run the keeper; each way in which it can end has its one fate here."""
        try:
            await part.keeper.run()
        except BrokerAwayError as error:
            log.warning("partition %d: no answer from the broker (%s); it is opened anew", part.number, error)
            part.let_go_in_doubt()
            if self._is_open:
                self._reopen_soon()
        except ProducerFenced:
            part.fence()
            await self._group.fail(await who_fenced(self._group, self._settings, part.number))
        except Exception as error:  # noqa: BLE001  a bug or a broken promise: the worker must end
            part.break_off()
            if not isinstance(error, UserError):
                log.error("partition %d: cannot go on after line %d", part.number, part.state.lines)
            await self._group.fail(error)
        else:
            part.let_go_clean()

    def _reopen_soon(self, gap: GapError | None = None) -> None:
        if self._reopening is None:
            self._is_open = False
            self._reopening = asyncio.create_task(self._reopen(gap), name="reopen")

    async def _reopen(self, gap: GapError | None) -> None:
        """Nobody knows whether the last transaction was committed: fence and read the partition again.

        After a gap likewise: either retention took what was not read yet, which is then noted, or the log broke its
        promise, and the worker ends. Only as a member of the group in good standing, lest a worker that was away fences
        the one that took over. All partitions pause for it: there is one consumer, and it seeks.
        """
        lost_s = monotonic()
        numbers = set(self._partitions)
        self._is_open = False
        await self._halt()
        while self._group.last_heartbeat_s <= lost_s or self._group.is_rebalancing:  # noqa: ASYNC110  another thread sets it
            await asyncio.sleep(LOOK_S)
        try:
            await self._open(numbers)
            if gap is not None and self._partitions[gap.partition].state.positions.get(gap.topic) == gap.expected:
                raise gap
        except Exception as error:  # noqa: BLE001  as above
            await self._group.fail(error)
        else:
            log.info("opened anew: partitions %s", _names(numbers))
            self._reopening = None
            self.start_keeping()

    # --- letting go ---------------------------------------------------------------------------------------------------

    async def let_go(self) -> None:
        """Finish the transactions that are being written; drop what is in hand; write nothing more."""
        was_open, self._is_open = self._is_open, False
        opening = [task for task in (self._taking_over, self._reopening) if task is not None]
        self._taking_over = self._reopening = None
        for task in opening:
            task.cancel()
        if opening:
            await asyncio.wait(opening)
        await self._halt()
        if was_open:
            log.info("revoked: partitions %s", _names(self._partitions))

    async def _halt(self) -> None:
        """End all keepers, each after its transaction. What ends clean rests; every other partition is given away."""
        parts = self.kept()
        tasks = [part.keeping for part in parts if part.keeping is not None]
        for part in parts:
            part.release()
        if tasks:
            await asyncio.wait(tasks)
        clean = {part.number for part in parts if part.stage is Stage.RESTING}
        await self._give_away(set(self._partitions) - clean)

    async def _give_away(self, numbers: Iterable[int]) -> None:
        """Forget these partitions and close their producers."""
        gone = [self._partitions[number] for number in numbers]
        for part in gone:
            part.become(Stage.GIVEN_AWAY)
            del self._partitions[part.number]
            self._tables.drop(part.number)
            part.shelf.close()
        self._is_to_be_swept |= bool(gone)
        await asyncio.gather(*(part.transactions.stop() for part in gone), return_exceptions=True)

    async def close(self) -> None:
        """The worker ends."""
        await self.let_go()
        await self.watch.stop()
        await self._lookout.stop()
        await self._broker.stop()
        await self._give_away(self._partitions)
        self._metrics.partitions_owned.set(0)


def _names(numbers: Iterable[int]) -> str:
    return ", ".join(str(number) for number in sorted(numbers)) or "none"
