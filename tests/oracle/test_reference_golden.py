"""The oracle itself is held to the golden cases before it is held against anything else."""

from pathlib import Path

import pytest

from .golden import cases, differences, folder

FOLDER = folder()
CASES = cases(FOLDER) if FOLDER is not None else []


@pytest.mark.skipif(FOLDER is None, reason="tests/golden has no cases (policies.toml is missing)")
def test_there_are_golden_cases() -> None:
    assert len(CASES) >= 40


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_oracle_gives_the_golden_case_byte_for_byte(case: Path) -> None:
    assert differences(case) == []
