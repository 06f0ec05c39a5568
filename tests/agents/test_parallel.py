"""Partitions side by side give what one after the other gives; what fails is said, what is killed too."""

import asyncio
import os
import signal

import pytest

from agents.errors import UserError
from agents.parallel import Tell, side_by_side


async def doubled(number: int, tell: Tell) -> tuple[int, bool]:
    """In the parent of all or in a child."""
    tell(number, 2 * number)
    return 2 * number, os.getpid() == int(os.environ["DUECLOCK_TEST_PARENT"])


async def refused(number: int, tell: Tell) -> int:
    if number:
        raise UserError(f"partition {number} cannot be read.", 2)
    return number


async def killed(number: int, tell: Tell) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize(("processes", "is_here"), [(1, True), (2, False)])
def test_answers_stand_in_the_order_of_what_was_asked(
    processes: int, is_here: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUECLOCK_TEST_PARENT", str(os.getpid()))
    told: list[tuple[int, int]] = []
    asked = [(3,), (1,), (2,)]
    answers = asyncio.run(side_by_side(doubled, asked, lambda *so_far: told.append(so_far), processes=processes))
    assert answers == [(6, is_here), (2, is_here), (4, is_here)]
    assert sorted(told) == [(1, 2), (2, 4), (3, 6)]


@pytest.mark.parametrize("processes", [1, 2])
def test_what_a_partition_refuses_is_said_as_it_would_be_alone(processes: int) -> None:
    with pytest.raises(UserError, match="partition 1 cannot be read") as said:
        asyncio.run(side_by_side(refused, [(0,), (1,), (2,)], lambda *_: None, processes=processes))
    assert said.value.exit_code == 2


def test_a_process_that_is_killed_is_a_sentence_and_no_hang() -> None:
    with pytest.raises(UserError, match=r"ended before it was done \(status -9\)"):
        asyncio.run(side_by_side(killed, [(0,), (1,)], lambda *_: None, processes=2))
