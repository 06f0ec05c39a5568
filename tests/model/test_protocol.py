"""Exactly once holds in every order of steps, and for each guard there is an order in which without it it does not."""

from __future__ import annotations

import importlib
from functools import reduce

import pytest

from agents.worker.life import MAY_BECOME
from tests.model.guards import ALL, GUARDS
from tests.model.protocol import Bounds, Protocol
from tests.model.search import Found, search
from tests.model.worlds import Row

REBALANCES = Bounds(records=2, generations=3, faults=0)
ONE_FAULT = Bounds(records=2, generations=2, faults=1)
TWO_FAULTS = Bounds(records=2, generations=2, faults=2)
COPIED = ONE_FAULT._replace(copies=1)

CAUGHT_WITHIN = {
    "one_id": ONE_FAULT._replace(faults=0),
    "fenced_first": ONE_FAULT._replace(faults=0),
    "agreed": ONE_FAULT,
    "from_the_row": ONE_FAULT._replace(faults=0),
    "loss_noted": ONE_FAULT,
    "seeks_counted": ONE_FAULT._replace(faults=0),
    "joined": ONE_FAULT,
    "awaited": ONE_FAULT,
    "one_transaction": ONE_FAULT._replace(faults=0),
    "reopened_in_doubt": ONE_FAULT,
    "in_good_standing": ONE_FAULT,
    "finished_first": ONE_FAULT._replace(faults=0),
    "generation_before": REBALANCES,
    "copy_doubted": COPIED,
    "copy_caught_up": COPIED,
    "copy_agreed": COPIED,
}
WRONG = {
    "one_id": "the journal's lines are numbered [1, 1]",
    "fenced_first": "the journal's lines are numbered [1, 1]",
    "agreed": "the journal's lines are numbered [1, 1]",
    "from_the_row": "the journal tells of the input records [0, 0]",
    "loss_noted": "of 1 records that were read [] are told and () noted as lost",
    "seeks_counted": "A ends for a gap that nobody made",
    "joined": "of 2 records that were read [1] are told and () noted as lost",
    "awaited": "the row stands at line 0, the journal ends with line 1",
    "one_transaction": "the row stands at line 0, the journal ends with line 1",
    "reopened_in_doubt": "the journal's lines are numbered [1, 1]",
    "in_good_standing": "B is fenced, though the group counts on it and it knows",
    "finished_first": "the journal's lines are numbered [2]",
    "generation_before": "A is fenced, though the group counts on it and it knows",
    "copy_doubted": "B goes on from rows that the changelog does not have",
    "copy_caught_up": "the journal's lines are numbered [1, 1]",
    "copy_agreed": "the journal's lines are numbered [1, 1]",
}


def told_of_all(found: Found) -> int:
    """In how many worlds every record was told, in its order, and the row says so."""
    return sum(world.journal == ((1, 0), (2, 1)) and world.row == Row(2, 2) for world in found.worlds)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("bounds", [REBALANCES, TWO_FAULTS], ids=["rebalances", "faults"])
def test_exactly_once_holds_in_every_order_of_steps(bounds: Bounds) -> None:
    found = search(Protocol(bounds=bounds))
    assert not found.wrong, found.way()
    assert told_of_all(found) > 1_000
    assert len({world.holder for world in found.worlds if world.row.position == bounds.records}) == 2


def test_exactly_once_holds_with_warm_copies() -> None:
    found = search(Protocol(bounds=COPIED))
    assert not found.wrong, found.way()
    assert told_of_all(found) > 1_000
    assert any(owner.copy and owner.copy.is_spoiled for world in found.worlds for owner in world.owners)


@pytest.mark.parametrize("guard", GUARDS)
def test_without_a_guard_there_is_an_order_that_breaks_it(guard: str) -> None:
    found = search(Protocol(ALL - {guard}, CAUGHT_WITHIN[guard]))
    print(f"without {guard} ({GUARDS[guard].law})\n{found.way()}")
    assert found.wrong == WRONG[guard]


def test_the_shortest_way_is_found_and_can_be_read() -> None:
    assert search(Protocol(ALL - {"one_transaction"}, ONE_FAULT._replace(faults=0))).way().splitlines() == [
        "  1. A takes over in generation 1 (Ownership.take_over)",
        "  2. A fences (Transactions.start)",
        "  3. A reads rows and journal (opening.opened)",
        "  4. A seeks its input (Group.seek_all)",
        "  5. A keeps (Partition.keep)",
        "  6. A fetches record 0 (SliceThread)",
        "  7. A is given record 0 (Ownership.give)",
        "  8. A writes line 1 and commits (Keeper.keep)",
        "  9. the broker commits what A sent",
        "     the row stands at line 0, the journal ends with line 1",
    ]


def test_the_model_makes_every_move_of_a_partitions_life() -> None:
    protocol = Protocol(bounds=ONE_FAULT._replace(records=1))
    assert not search(protocol).wrong
    assert protocol.moves == {(old, new) for old, moves in MAY_BECOME.items() for new in moves}


@pytest.mark.parametrize("guard", GUARDS)
def test_each_guard_stands_where_the_model_says(guard: str) -> None:
    module, _, name = GUARDS[guard].where.partition(":")
    assert callable(reduce(getattr, name.split("."), importlib.import_module(module)))
