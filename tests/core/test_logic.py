"""The logic's numbers (contract §5): which there are, and what is said of one that is not known here."""

from __future__ import annotations

import pytest

from schemas.policy_types import PolicyError
from streams.logic import CHANGES, FIRST, NEWEST, check_logic


def test_numbers_count_from_one_without_a_gap_and_each_says_what_it_changed() -> None:
    assert list(CHANGES) == list(range(FIRST, NEWEST + 1))
    assert FIRST == 1
    assert all(sentence.endswith(".") for sentence in CHANGES.values())


@pytest.mark.parametrize("number", CHANGES)
def test_every_number_up_to_the_newest_is_kept(number: int) -> None:
    check_logic(number)


@pytest.mark.parametrize("number", [NEWEST + 1, NEWEST + 100])
def test_a_higher_number_is_refused_with_one_sentence_that_says_what_to_do(number: int) -> None:
    with pytest.raises(PolicyError) as refused:
        check_logic(number)
    assert str(refused.value) == (
        f"Logic {number} is not known here, where the newest is {NEWEST}; use a newer dueclock."
    )
