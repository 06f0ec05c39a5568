"""The golden cases, each by its name: the exact bytes of every event, the line and reason of every dead letter.

Where the contract's prose and a golden case disagree, the case wins; so nothing here is tolerant of anything.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agents.zones import machine_zones
from schemas.dead_letters import Rejected
from streams.replay import Replay

HERE = Path(__file__).resolve().parent
ORIGINAL = HERE.parents[2] / "shared" / "golden"
CASES = sorted(path.parent for path in HERE.glob("*/notifications.jsonl"))
OF_THE_CASES = {".jsonl", ".toml"}


def policies_of(case: Path) -> str:
    own = case / "policies.toml"
    return (own if own.is_file() else HERE / "policies.toml").read_text(encoding="utf-8")


def replayed(case: Path) -> tuple[list[bytes], list[dict[str, object]]]:
    dead_letters: list[dict[str, object]] = []

    def on_dead_letter(line: int, raw: bytes, rejected: Rejected) -> None:
        dead_letters.append({"line": line, "reason": rejected.reason})

    replay = Replay(policies_of(case), on_dead_letter, machine_zones)
    lines = (case / "notifications.jsonl").read_bytes().split(b"\n")
    events = [event.value + b"\n" for line in lines for event in replay.feed(line)]
    return events + [event.value + b"\n" for event in replay.close()], dead_letters


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in OF_THE_CASES
    }


def test_all_sixty_four_cases_are_here() -> None:
    assert len(CASES) == 64


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_case_comes_out_to_the_byte(case: Path) -> None:
    events, _ = replayed(case)
    expected = (case / "expected.jsonl").read_bytes()
    assert events == expected.splitlines(keepends=True)
    assert b"".join(events) == expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_dead_letters_of_the_case_are_those_and_no_others(case: Path) -> None:
    _, dead_letters = replayed(case)
    named = case / "dead_letters.jsonl"
    expected = named.read_text(encoding="utf-8").splitlines() if named.is_file() else []
    assert dead_letters == [json.loads(line) for line in expected]


@pytest.mark.skipif(not ORIGINAL.is_dir(), reason="the cases' original, ../shared/golden, is not beside this project")
def test_the_copy_equals_its_original_byte_for_byte() -> None:
    assert contents(HERE) == contents(ORIGINAL)
