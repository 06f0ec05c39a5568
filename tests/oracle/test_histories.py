"""The makers of histories: the same seed tells the same, and whatever they tell, the oracle answers."""

import pytest
from hypothesis import HealthCheck, given, settings

from .agreed import PolicyRefused
from .crowded import CROWDS, crowded_case
from .histories import Case, cases, histories, plain_policies, random_case, random_history
from .reference import run
from .spoiling import Line


def test_a_seed_always_tells_the_same_history() -> None:
    assert random_case(7, 40) == random_case(7, 40)
    assert random_history(7, 40) == random_history(7, 40)
    assert random_case(7, 40) != random_case(8, 40)


def answer(case: Case) -> object:
    """What the oracle says; or why it refuses the policies of an activation."""
    try:
        return run(case.raw(), case.policies, case.until_ms)
    except PolicyRefused as refused:
        return str(refused)


@pytest.mark.parametrize("seed", range(20))
def test_the_oracle_answers_every_random_history_and_answers_it_alike(seed: int) -> None:
    case = random_case(seed, 30)
    assert answer(case) == answer(case)


def test_a_crowd_tells_the_same_history_for_the_same_seed() -> None:
    assert crowded_case(3) == crowded_case(3)
    assert len({crowded_case(seed, 0, 3).raw()[0] for seed in range(len(CROWDS))}) == len(CROWDS)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases(max_lines=15))
def test_hypothesis_tells_cases_that_the_oracle_understands(case: Case) -> None:
    answer(case)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(histories(max_lines=15))
def test_hypothesis_tells_histories_for_the_plain_policies(history: list[Line]) -> None:
    answer(Case(plain_policies(), history))
