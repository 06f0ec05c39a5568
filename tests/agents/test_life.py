"""The life of a partition: the table as it was meant, held against a real partition for all pairs of stages."""

from __future__ import annotations

from itertools import product

import pytest

from agents.journal.sealing import Sealer
from agents.kafka.transactions import Transactions
from agents.settings import Settings
from agents.worker import life
from agents.worker.life import FIRST, MAY_BECOME, WITH_KEEPER, Stage
from agents.worker.partition import Partition
from agents.worker.slices import BrokenPromiseError
from streams.engine import new_state

RESTING, READY, KEPT, RELEASED = Stage.RESTING, Stage.READY, Stage.KEPT, Stage.RELEASED
IN_DOUBT, FENCED, BROKEN, GIVEN_AWAY = Stage.IN_DOUBT, Stage.FENCED, Stage.BROKEN, Stage.GIVEN_AWAY

PAIRS = list(product(Stage, repeat=2))
# Written out once more, so that a move that slips into the table is seen.
LEGAL = {
    (RESTING, READY),
    (RESTING, GIVEN_AWAY),
    (READY, KEPT),
    (READY, RESTING),
    (KEPT, RELEASED),
    (KEPT, IN_DOUBT),
    (KEPT, FENCED),
    (KEPT, BROKEN),
    (RELEASED, RESTING),
    (RELEASED, IN_DOUBT),
    (RELEASED, FENCED),
    (RELEASED, BROKEN),
    (IN_DOUBT, GIVEN_AWAY),
    (FENCED, GIVEN_AWAY),
    (BROKEN, GIVEN_AWAY),
}

AWAY = Settings(broker="127.0.0.1:1", client_id="t", transaction_timeout_ms=1000)


def partition(stage: Stage) -> Partition:
    """A partition that stands there."""
    settings, state = Settings(), new_state(3)
    part = Partition(
        state,
        Transactions("t-3", AWAY),
        Sealer(settings, state, None),
    )
    part.stage = stage
    return part


@pytest.mark.parametrize(("old", "new"), PAIRS, ids=[f"{old.name}-to-{new.name}" for old, new in PAIRS])
def test_a_partition_makes_the_moves_of_the_table_and_refuses_all_others(old: Stage, new: Stage) -> None:
    part = partition(old)
    if (old, new) in LEGAL:
        part.become(new)
        assert part.stage is new
    else:
        with pytest.raises(BrokenPromiseError, match=f"^partition 3 is {old.name} and may not become {new.name}$"):
            part.become(new)
        assert part.stage is old


def test_a_partition_that_was_opened_rests() -> None:
    state = new_state(3)
    producer = Transactions("t-3", AWAY)
    assert Partition(state, producer, Sealer(Settings(), state, None)).stage is FIRST is RESTING


def reached_from(stage: Stage) -> set[Stage]:
    found, left = {stage}, [stage]
    while left:
        left += (more := MAY_BECOME[left.pop()].keys() - found)
        found |= more
    return found


def test_every_stage_can_be_reached_and_every_life_can_end() -> None:
    assert reached_from(FIRST) == set(Stage) == set(MAY_BECOME)
    assert all(GIVEN_AWAY in reached_from(stage) for stage in Stage)
    assert [stage for stage in Stage if not MAY_BECOME[stage]] == [GIVEN_AWAY]


def test_the_drawing_at_the_head_of_the_file_names_every_stage_and_every_occasion() -> None:
    drawing = (life.__doc__ or "").split("There are two ways")[0]
    occasions = {occasion for moves in MAY_BECOME.values() for occasion in moves.values()}
    assert [stage.name for stage in Stage if stage.name not in drawing] == []
    assert [occasion for occasion in sorted(occasions) if occasion not in drawing] == []


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage not in WITH_KEEPER], ids=lambda stage: stage.name)
def test_where_no_keeper_stands_none_is_handed_out_and_nothing_is_wanted(stage: Stage) -> None:
    part = partition(stage)
    assert not part.has_room("buyer-message")
    with pytest.raises(BrokenPromiseError, match=f"^partition 3 is {stage.name} and has no keeper$"):
        _ = part.keeper
