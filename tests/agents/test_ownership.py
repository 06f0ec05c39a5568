"""The owner of the partitions without a broker: taking over, keeping, letting go, and each way in which keeping fails.

Keepers, states, hands and tables are the real ones; group and broker are those of `in_memory`, which say what of the
real ones they keep to. Each story ends with what must hold after any: the journal has no gap and tells what it tells
once and in order, and no producer is left open.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from itertools import pairwise
from typing import Final

import faust
import orjson
import pytest
from faust.types import TP

from agents.errors import UserError
from agents.metrics.counters import Metrics
from agents.settings import Settings
from agents.worker import ownership as module
from agents.worker import slices
from agents.worker.life import FIRST, MAY_BECOME, Stage
from agents.worker.ownership import Ownership
from agents.worker.partition import Partition
from agents.worker.tables import OpenClocks, StateTable, Tables
from schemas.codec import format_instant
from schemas.policies import shipped_policies
from streams.engine import State, new_state
from streams.partitioner import partition_of
from tests.agents.in_memory import ANSWER_LOST, NOT_SENT, BrokerInMemory, GroupInMemory, broker_now_ms
from tests.kafka_fixtures import eventually
from tests.zones import chosen_of

MARKETPLACE: Final = "ATVPDKIKX0DER"
PARTITIONS: Final = 2
CHOSEN: Final = chosen_of(shipped_policies())
PLAIN: Final = Settings()

RESTING, READY, KEPT, RELEASED = Stage.RESTING, Stage.READY, Stage.KEPT, Stage.RELEASED
IN_DOUBT, FENCED, BROKEN, GIVEN_AWAY = Stage.IN_DOUBT, Stage.FENCED, Stage.BROKEN, Stage.GIVEN_AWAY

TAKEN: Final = [RESTING, READY, KEPT]
LIVES: Final = {
    "let go and taken up again": [*TAKEN, RELEASED, *TAKEN, RELEASED, RESTING, GIVEN_AWAY],
    "let go clean": [*TAKEN, RELEASED, RESTING, GIVEN_AWAY],
    "let go before it was set up": [RESTING, GIVEN_AWAY],
    "let go before it was kept": [RESTING, READY, RESTING, GIVEN_AWAY],
    "in doubt": [*TAKEN, IN_DOUBT, GIVEN_AWAY],
    "in doubt while let go": [*TAKEN, RELEASED, IN_DOUBT, GIVEN_AWAY],
    "fenced": [*TAKEN, FENCED, GIVEN_AWAY],
    "fenced while let go": [*TAKEN, RELEASED, FENCED, GIVEN_AWAY],
    "broken": [*TAKEN, BROKEN, GIVEN_AWAY],
    "broken while let go": [*TAKEN, RELEASED, BROKEN, GIVEN_AWAY],
}
"""The lives that the stories below tell, each of a real partition."""


def test_every_move_of_the_table_is_lived_in_a_story() -> None:
    lived = {move for stages in LIVES.values() for move in pairwise(stages)}
    assert lived == {(old, new) for old, moves in MAY_BECOME.items() for new in moves}


def seller_of(number: int) -> str:
    """A seller whose account is at home in this partition."""
    return next(s for n in range(100) if partition_of(f"{(s := f'S{n}')}/{MARKETPLACE}".encode(), PARTITIONS) == number)


def question(event_id: str, seller: str) -> bytes:
    return orjson.dumps(
        {
            "event_id": event_id,
            "type": "message.received",
            "seller_id": seller,
            "marketplace_id": MARKETPLACE,
            "occurred_at": format_instant(broker_now_ms()),
            "message_id": event_id,
            "thread_id": event_id,
            "from_role": "buyer",
        }
    )


class World:
    """One worker with two partitions, and what became of them."""

    def __init__(self, settings: Settings = PLAIN) -> None:
        app = faust.App("test-owner", broker="kafka://localhost:1", autodiscover=False)
        states = StateTable(app, name="state", changelog_topic=app.topic(settings.topic("changelog")))
        self.tables = Tables(states, OpenClocks(app))
        self.metrics = Metrics()
        self.group = GroupInMemory(PARTITIONS)
        self.broker = BrokerInMemory(settings)
        self.owner = Ownership(self.group, self.broker, self.tables, settings, CHOSEN, self.metrics)
        self.topics = (*self.owner.inputs, settings.topic("changelog"))
        self.lives: dict[Partition, list[Stage]] = {}
        self.sent: dict[int, list[str]] = {number: [] for number in range(PARTITIONS)}

    # --- what happens to it -------------------------------------------------------------------------------------------

    def assign(self, *numbers: int) -> asyncio.Task[None]:
        return self.group.assign(self.owner, {TP(topic, number) for topic in self.topics for number in numbers})

    async def rebalance(self, *numbers: int) -> None:
        await self.group.revoke(self.owner)
        await self.assign(*numbers)

    def ask(self, number: int) -> str:
        """A buyer of an account of this partition writes."""
        event_id = f"e{number}-{len(self.sent[number])}"
        self.sent[number].append(event_id)
        self.group.send(TP("buyer-message", number), question(event_id, seller_of(number)))
        return event_id

    async def tell(self, *numbers: int) -> None:
        """A question to each of these partitions is journaled."""
        for number in numbers:
            self.ask(number)
        await self.until_told(*numbers)

    # --- what became of it --------------------------------------------------------------------------------------------

    async def until(self, condition: Callable[[], bool], missing: str) -> None:
        await eventually(
            condition,
            lambda: f"{missing}; lives {[(p.number, s) for p, s in self.lives.items()]}, failed {self.group.failure!r}",
            within_s=10,
        )

    async def until_told(self, *numbers: int) -> None:
        await self.until(
            lambda: all(self.told(number) == self.sent[number] for number in numbers),
            f"everything that was sent to {numbers} in the journal",
        )

    async def until_writing(self, number: int) -> None:
        gate = self.broker.logs[number].writing
        await self.until(lambda: gate.waiting > 0, f"a transaction of partition {number} on its way")

    async def until_failed(self) -> BaseException:
        await self.until(lambda: self.group.failure is not None, "the failure of the worker")
        assert self.group.failure is not None
        return self.group.failure

    def told(self, number: int) -> list[str]:
        """The notifications in the journal of a partition."""
        lines = [orjson.loads(value) for _, _, value in self.broker.logs[number].journal]
        return [line["event_id"] for line in lines if "event_id" in line]

    def stages(self, number: int) -> list[list[Stage]]:
        """The lives of a partition with this worker, one for each time it was opened."""
        return [stages for part, stages in self.lives.items() if part.number == number]

    def stands(self, number: int) -> Stage:
        return self.stages(number)[-1][-1]

    def shown(self) -> set[int]:
        """The partitions whose states the table shows."""
        return set(self.tables.states.states)

    def metric(self, name: str) -> float | None:
        return self.metrics.registry.get_sample_value(name)

    async def end(self) -> None:
        """The worker ends, and what must hold after any story holds."""
        self.broker.hold_nobody()
        async with asyncio.timeout(10):
            await self.group.stop(self.owner)
        assert self.broker.left_open() == 0, "a producer is left open"
        assert self.shown() == set()
        assert self.owner.kept() == []
        for number, sent in self.sent.items():
            journal = self.broker.logs[number].journal
            assert [line for line, _, _ in journal] == list(range(1, len(journal) + 1))
            assert self.told(number) == sent[: len(self.told(number))], "each is told once, and in order"


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    world, become = World(), Partition.become

    def noted(part: Partition, new: Stage) -> None:
        become(part, new)
        world.lives.setdefault(part, [FIRST]).append(new)

    monkeypatch.setattr(Partition, "become", noted)
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    monkeypatch.setattr(module, "LOOK_S", 0.01)
    world.group.start(world.owner)
    yield world
    await world.end()


# --- taking over ------------------------------------------------------------------------------------------------------


async def test_what_is_assigned_is_opened_and_sought_and_then_kept(world: World) -> None:
    await world.rebalance(0, 1)
    await world.tell(0, 1)
    assert world.broker.opened == [0, 1]
    assert world.stages(0) == world.stages(1) == [TAKEN]
    assert world.shown() == {0, 1}
    assert world.owner.is_open
    assert world.metric("sla_partitions_owned") == 2
    assert world.owner.positions()[TP("buyer-message", 0)] == 1
    await world.end()
    assert world.stages(0) == [LIVES["let go clean"]]
    assert world.metric("sla_partitions_owned") == 0


async def test_a_partition_goes_on_at_the_position_of_its_row(world: World) -> None:
    await world.rebalance(0)
    await world.tell(0)
    await world.rebalance()
    await world.rebalance(0)
    await world.tell(0)
    assert world.broker.opened == [0, 0]
    assert world.told(0) == ["e0-0", "e0-1"]


async def test_a_partition_that_another_worker_has_in_one_topic_is_not_opened(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    mine = {TP(topic, number) for topic in world.topics for number in (0, 1)} - {TP("refund-issued", 1)}
    await world.group.assign(world.owner, mine)
    assert world.broker.opened == [0]
    assert (world.metric("sla_partitions_owned"), world.metric("sla_partitions_held")) == (1, 1)
    assert "partitions 1 are at rest" in caplog.text
    await world.rebalance(0, 1)
    assert (world.metric("sla_partitions_owned"), world.metric("sla_partitions_held")) == (2, 0)


@pytest.mark.parametrize(("replicas", "folder", "followed"), [(0, "", set()), (1, "", {1}), (1, "rows", set())])
async def test_of_what_the_leader_chooses_for_copies_the_changelog_alone_is_given_and_it_is_followed_where_asked_for(
    replicas: int, folder: str, followed: set[int]
) -> None:
    world = World(Settings(standby_replicas=replicas, rows_folder=folder))
    copied = {TP(topic, 1) for topic in world.topics}
    world.group.standbys = copied  # as Faust's assignor tells it: of all topics
    assigned = {TP(topic, 0) for topic in world.topics} | {TP(world.topics[-1], 1)}
    await world.group.assign(world.owner, assigned)
    assert world.broker.opened == [0]
    assert (world.metric("sla_partitions_owned"), world.metric("sla_partitions_held")) == (1, 0)
    assert world.broker.followed == followed
    assert [one.partition for one in world.owner.copies_now()] == sorted(followed)
    await world.group.revoke(world.owner)
    world.group.standbys = set()
    await world.assign(0, 1)
    assert world.broker.opened == [0, 1]
    assert world.broker.followed == set()
    await world.end()


async def test_topics_of_unequal_partition_counts_are_refused_with_one_sentence(world: World) -> None:
    world.group.counts["refund-issued"] = 6
    await world.assign(0)
    failure = await world.until_failed()
    assert isinstance(failure, UserError)
    counts = ", ".join(f"{topic} has {6 if topic == 'refund-issued' else 2}" for topic in sorted(world.topics))
    assert failure.sentence == (
        f"The topics must have equal numbers of partitions, but {counts}; see `dueclock topics check`."
    )
    assert world.broker.opened == []


async def test_a_broker_that_is_away_while_partitions_are_taken_over_is_asked_until_it_answers(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.broker.is_away = True
    taking = world.assign(0)
    await world.until(lambda: "trying again" in caplog.text, "a word of the broker that is away")
    assert not world.owner.is_open
    world.broker.is_away = False
    await taking
    await world.tell(0)
    assert world.stages(0) == [TAKEN]


async def test_what_cannot_be_opened_ends_the_worker(world: World) -> None:
    world.broker.logs[0].journal.append((7, 1, b"{}"))
    await world.assign(0, 1)
    failure = await world.until_failed()
    assert isinstance(failure, UserError)
    assert failure.sentence.startswith("Partition 0: the state rows stand at line 0 (0 ms), but the journal ends with")
    assert world.lives == {}
    world.broker.logs[0].journal.clear()


async def test_nothing_is_wanted_of_a_partition_that_nobody_keeps_and_no_more_than_there_is_room_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "MAX_RECORDS_IN_HAND", 3)
    tp = TP("buyer-message", 0)
    assert not world.owner.is_wanted(tp)
    world.broker.opening.shut()
    taking = world.assign(0)
    await world.until(lambda: world.broker.opening.waiting > 0, "the opening of partition 0")
    assert not world.owner.is_wanted(tp)
    world.broker.opening.open()
    await taking
    assert world.owner.is_wanted(tp)
    assert not world.owner.is_wanted(TP("buyer-message", 1))
    await world.tell(0)
    world.broker.logs[0].writing.shut()
    world.ask(0)
    await world.until_writing(0)
    for _ in range(3):
        world.ask(0)
    await world.until(lambda: not world.owner.is_wanted(tp), "a full hand")
    assert world.owner.is_wanted(TP("refund-issued", 0))
    world.broker.logs[0].writing.open()
    await world.until_told(0)
    assert world.owner.is_wanted(tp)


async def test_a_slice_that_was_fetched_before_the_last_seek_is_dropped(world: World) -> None:
    await world.rebalance(0)
    await world.tell(0)
    world.ask(0)
    (on_its_way,) = world.group.fetch(world.owner)
    await world.rebalance(0)
    world.owner.give(on_its_way)
    await world.until_told(0)
    assert world.group.failure is None


# --- letting go clean -------------------------------------------------------------------------------------------------


async def test_what_comes_back_in_the_next_generation_keeps_its_producer_and_its_rows(world: World) -> None:
    await world.rebalance(0, 1)
    await world.tell(0, 1)
    await world.rebalance(0)
    await world.tell(0)
    assert world.broker.opened == [0, 1], "nothing was opened anew"
    assert world.stages(1) == [LIVES["let go clean"]]
    assert world.shown() == {0}
    await world.end()
    assert world.stages(0) == [LIVES["let go and taken up again"]]


async def test_what_comes_back_after_a_generation_that_was_missed_is_opened_anew(world: World) -> None:
    await world.rebalance(0)
    await world.tell(0)
    await world.group.revoke(world.owner)
    world.broker.fence(0)
    world.group.generation += 1
    await world.assign(0)
    await world.tell(0)
    assert world.broker.opened == [0, 0]
    assert world.stages(0) == [LIVES["let go clean"], TAKEN]


async def test_what_is_revoked_while_it_writes_is_let_go_after_its_transaction_and_takes_up_nothing_more(
    world: World,
) -> None:
    await world.rebalance(0)
    await world.tell(0)
    log = world.broker.logs[0]
    log.writing.shut()
    world.ask(0)
    await world.until_writing(0)
    in_hand = world.ask(0)
    (part,) = world.owner.kept()
    await world.until(lambda: bool(part.keeper.hand), "the next question in hand")
    revoking = asyncio.create_task(world.group.revoke(world.owner))
    await world.until(lambda: world.stands(0) is RELEASED, "the release of partition 0")
    assert not revoking.done()
    assert world.owner.positions() == {}
    log.writing.open()
    await revoking
    assert world.stands(0) is RESTING
    assert world.told(0) == [name for name in world.sent[0] if name != in_hand]
    await world.assign(0)
    await world.until_told(0)
    assert world.broker.opened == [0]


# --- let go during take over ------------------------------------------------------------------------------------------


async def test_a_take_over_that_is_revoked_while_it_opens_leaves_no_producer_and_the_next_one_begins_anew(
    world: World,
) -> None:
    world.broker.opening.shut()
    taking = world.assign(0, 1)
    await world.until(lambda: world.broker.opening.waiting > 0, "the opening of the partitions")
    assert world.broker.left_open() == 2
    await world.group.revoke(world.owner)
    await taking
    assert world.broker.left_open() == 0
    assert world.lives == {}
    world.broker.opening.open()
    await world.assign(0)
    await world.tell(0)
    assert world.stages(0) == [TAKEN]
    assert world.group.failure is None


async def test_a_take_over_that_is_revoked_before_the_seek_gives_away_what_it_had_opened(world: World) -> None:
    world.broker.seeing_positions.shut()
    taking = world.assign(0)
    await world.until(lambda: world.broker.seeing_positions.waiting > 0, "the look at the positions")
    assert world.shown() == {0}
    await world.group.revoke(world.owner)
    await taking
    assert world.stages(0) == [LIVES["let go before it was set up"]]
    assert (world.shown(), world.broker.left_open()) == (set(), 0)
    world.broker.seeing_positions.open()
    await world.assign(0)
    await world.tell(0)
    assert world.broker.opened == [0, 0]


async def test_what_was_taken_over_for_a_generation_that_has_passed_is_let_go_before_it_was_kept(world: World) -> None:
    world.broker.seeing_positions.shut()
    taking = world.assign(0)
    await world.until(lambda: world.broker.seeing_positions.waiting > 0, "the look at the positions")
    world.group.generation += 1
    world.broker.seeing_positions.open()
    await taking
    assert world.stands(0) is READY
    await world.group.revoke(world.owner)
    await world.end()
    assert world.stages(0) == [LIVES["let go before it was kept"]]
    assert world.broker.logs[0].journal == [], "nothing was written"


# --- in doubt ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fate", [NOT_SENT, ANSWER_LOST])
async def test_a_partition_in_doubt_is_opened_anew_and_sees_and_the_others_go_on_from_where_they_rest(
    world: World, fate: str
) -> None:
    await world.rebalance(0, 1)
    await world.tell(0, 1)
    for _ in range(2):
        world.broker.logs[0].fates.append(fate)
        await world.tell(0)
        await world.tell(1)
    assert world.broker.opened == [0, 1, 0, 0]
    assert world.stages(0) == [LIVES["in doubt"], LIVES["in doubt"], TAKEN]
    assert world.stages(1) == [[*TAKEN, RELEASED, *TAKEN, RELEASED, *TAKEN]]
    assert world.group.failure is None


async def test_the_rows_of_a_partition_in_doubt_are_gone_before_they_are_read_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Ten million would else be in memory twice."""
    caplog.set_level(logging.CRITICAL, logger="dueclock.worker")  # what is captured would keep the error and its frames
    monkeypatch.setattr(module, "LOOK_S", 0.01)
    world = World()
    world.group.start(world.owner)
    await world.rebalance(0)
    await world.tell(0)
    state = weakref.ref(world.owner.kept()[0].state)
    gc.disable()
    try:
        world.broker.logs[0].fates.append(NOT_SENT)
        await world.tell(0)
        assert world.broker.opened == [0, 0]
        assert state() is None
    finally:
        gc.enable()
    await world.end()


async def test_what_was_opened_half_way_is_gone_before_it_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.group.start(world.owner)
    half: list[weakref.ref[State]] = []
    to_the_end = world.broker.open

    async def without_end(numbers: Sequence[int]) -> Mapping[int, Partition]:
        state = new_state(numbers[0])
        half.append(weakref.ref(state))
        await asyncio.Event().wait()
        raise AssertionError(state)

    gc.disable()
    try:
        monkeypatch.setattr(world.broker, "open", without_end)
        world.assign(0)
        await world.until(lambda: bool(half), "an opening")
        monkeypatch.setattr(world.broker, "open", to_the_end)
        await world.rebalance(0)
        await world.tell(0)
        assert half[0]() is None
    finally:
        gc.enable()
    await world.end()


async def test_two_partitions_in_doubt_at_once_are_opened_anew_together(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.rebalance(0, 1)
    await world.tell(0, 1)
    for number in (0, 1):
        world.broker.logs[number].writing.shut()
        world.broker.logs[number].fates.append(NOT_SENT)
        world.ask(number)
        await world.until_writing(number)
    for number in (0, 1):
        world.broker.logs[number].writing.open()
    await world.until_told(0, 1)
    assert world.broker.opened == [0, 1, 0, 1]
    assert world.stages(0) == world.stages(1) == [LIVES["in doubt"], TAKEN]
    assert [line for line in caplog.messages if "opened anew:" in line] == ["opened anew: partitions 0, 1"]


@pytest.mark.parametrize("hindrance", ["no heartbeat", "a rebalance"])
async def test_a_partition_in_doubt_is_opened_anew_only_by_a_member_in_good_standing(
    world: World, hindrance: str
) -> None:
    await world.rebalance(0)
    await world.tell(0)
    group = world.group
    group.is_counted_in = hindrance != "no heartbeat"
    group.is_rebalancing = hindrance == "a rebalance"
    world.broker.logs[0].fates.append(NOT_SENT)
    world.ask(0)
    await world.until(lambda: not world.owner.is_open, "the end of keeping")
    asked = group.heartbeats_asked
    await world.until(lambda: group.heartbeats_asked > asked + 3, "a look, and another, at the heartbeats")
    assert world.broker.opened == [0]
    assert world.owner.kept() == []
    group.is_counted_in, group.is_rebalancing = True, False
    await world.until_told(0)
    assert world.stages(0) == [LIVES["in doubt"], TAKEN]


async def test_a_partition_whose_last_transaction_is_in_doubt_when_it_is_revoked_is_not_opened_anew_but_given_away(
    world: World,
) -> None:
    await world.rebalance(0, 1)
    await world.tell(0, 1)
    log = world.broker.logs[0]
    log.writing.shut()
    log.fates.append(ANSWER_LOST)
    world.ask(0)
    await world.until_writing(0)
    revoking = asyncio.create_task(world.group.revoke(world.owner))
    await world.until(lambda: world.stands(0) is RELEASED, "the release of partition 0")
    log.writing.open()
    await revoking
    assert world.stages(0) == [LIVES["in doubt while let go"]]
    assert world.stands(1) is RESTING
    assert world.broker.opened == [0, 1]
    await world.assign(0, 1)
    await world.tell(0, 1)
    assert world.broker.opened == [0, 1, 0]


async def test_a_reopening_that_is_revoked_gives_away_everything(world: World) -> None:
    await world.rebalance(0, 1)
    await world.tell(0, 1)
    world.group.is_counted_in = False
    world.broker.logs[0].fates.append(NOT_SENT)
    world.ask(0)
    await world.until(lambda: world.stands(0) is GIVEN_AWAY and world.stands(1) is RESTING, "the end of the keepers")
    await world.group.revoke(world.owner)
    assert world.broker.left_open() == 0
    world.group.is_counted_in = True
    await world.assign(0, 1)
    await world.tell(0, 1)
    assert world.broker.opened == [0, 1, 0, 1]


async def test_a_partition_that_cannot_be_opened_anew_ends_the_worker(world: World) -> None:
    await world.rebalance(0)
    await world.tell(0)
    log = world.broker.logs[0]
    log.fates.append(NOT_SENT)
    lost, log.rows = log.rows, {}
    world.ask(0)
    failure = await world.until_failed()
    assert isinstance(failure, UserError)
    assert "a broker has lost part of a transaction" in failure.sentence
    log.rows = lost


# --- fenced, and bugs -------------------------------------------------------------------------------------------------


async def test_a_worker_that_was_away_while_its_partition_was_taken_is_told_so(world: World) -> None:
    await world.rebalance(0)
    await world.tell(0)
    world.group.is_counted_in = False
    world.broker.fence(0)
    world.ask(0)
    failure = await world.until_failed()
    assert isinstance(failure, UserError)
    assert failure.sentence == "Another worker took over partition 0 while this one was away; start this one again."
    await world.end()


async def test_a_worker_whose_partition_was_taken_ends_with_one_sentence(world: World) -> None:
    await world.rebalance(0, 1)
    await world.tell(0, 1)
    world.broker.fence(0)
    world.ask(0)
    failure = await world.until_failed()
    assert isinstance(failure, UserError)
    assert failure.sentence.startswith("Another worker took over partition 0, which the group dueclock still gives")
    assert world.stands(1) is KEPT, "the others are let go by the end of the worker"
    await world.end()
    assert world.stages(0) == [LIVES["fenced"]]
    assert world.stages(1) == [LIVES["let go clean"]]
    assert world.told(0) == world.sent[0][:1], "a stale owner adds nothing"


async def test_a_bug_ends_the_worker_and_the_log_says_after_which_line(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.rebalance(0)
    await world.tell(0)
    bug = RuntimeError("a bug")
    world.broker.logs[0].fates.append(bug)
    world.ask(0)
    assert await world.until_failed() is bug
    assert "partition 0: cannot go on after line" in caplog.text
    await world.end()
    assert world.stages(0) == [LIVES["broken"]]


async def test_what_a_person_can_mend_ends_the_worker_without_another_word(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.rebalance(0)
    await world.tell(0)
    refusal = UserError("Mend this.")
    world.broker.logs[0].fates.append(refusal)
    world.ask(0)
    assert await world.until_failed() is refusal
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    await world.end()
    assert world.stages(0) == [LIVES["broken"]]


@pytest.mark.parametrize("life", ["fenced while let go", "broken while let go"])
async def test_a_failure_while_it_is_let_go_ends_the_worker_too(world: World, life: str) -> None:
    await world.rebalance(0)
    await world.tell(0)
    log = world.broker.logs[0]
    log.writing.shut()
    world.ask(0)
    await world.until_writing(0)
    if life == "fenced while let go":
        world.broker.fence(0)
    else:
        log.fates.append(RuntimeError("a bug"))
    revoking = asyncio.create_task(world.group.revoke(world.owner))
    await world.until(lambda: world.stands(0) is RELEASED, "the release of partition 0")
    log.writing.open()
    await revoking
    assert world.stages(0) == [LIVES[life]]
    assert world.group.failure is not None
