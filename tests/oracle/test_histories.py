"""The makers of histories: the same seed tells the same, and whatever they tell, the oracle answers."""

import pytest
from hypothesis import HealthCheck, given, settings

from .histories import Case, cases, histories, plain_policies, random_case, random_history
from .reference import run
from .spoiling import Line, dump


def test_a_seed_always_tells_the_same_history() -> None:
    assert random_case(7, 40) == random_case(7, 40)
    assert random_history(7, 40) == random_history(7, 40)
    assert random_case(7, 40) != random_case(8, 40)


@pytest.mark.parametrize("seed", range(20))
def test_the_oracle_answers_every_random_history_and_answers_it_alike(seed: int) -> None:
    case = random_case(seed, 30)
    assert run(case.raw(), case.policies, case.until_ms) == run(case.raw(), case.policies, case.until_ms)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases(max_lines=15))
def test_hypothesis_tells_cases_that_the_oracle_understands(case: Case) -> None:
    run(case.raw(), case.policies, case.until_ms)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(histories(max_lines=15))
def test_hypothesis_tells_histories_for_the_plain_policies(history: list[Line]) -> None:
    run([dump(line) for line in history], plain_policies())
