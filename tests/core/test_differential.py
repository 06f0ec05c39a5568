"""The incremental core equals a plain recomputation from all facts: product and oracle say the same, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, note

from tests.core.differential import differences, minimised, replayed, report, told
from tests.core.policy_texts import PLAIN
from tests.oracle.histories import Case, cases

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
SEEDS = range(240)
AT_ONCE = 20


@pytest.mark.parametrize("case", sorted(path.parent for path in GOLDEN.glob("*/expected.jsonl")), ids=lambda p: p.name)
def test_both_say_the_same_of_a_golden_case(case: Path) -> None:
    own = case / "policies.toml"
    policies = own.read_text(encoding="utf-8") if own.is_file() else PLAIN
    assert differences((case / "notifications.jsonl").read_bytes().split(b"\n"), policies) == []


@given(case=cases(40))
def test_both_say_the_same_of_any_history(case: Case) -> None:
    note(f"policies:\n{case.policies}\nuntil_ms: {case.until_ms}\nlines:")
    for raw in case.raw():
        note(raw.decode(errors="backslashreplace"))
    assert differences(case.raw(), case.policies, case.until_ms) == []


@pytest.mark.parametrize("first", SEEDS[::AT_ONCE], ids=lambda first: f"seeds-from-{first}")
def test_both_say_the_same_of_seeded_histories(first: int) -> None:
    said = [report(seed, 1 + seed * 7 % 60) for seed in range(first, first + AT_ONCE)]
    assert "\n".join(text for text in said if text) == ""


def test_a_disagreement_is_found_and_minimised(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (GOLDEN / "15-repeats" / "notifications.jsonl").read_bytes().split(b"\n")
    monkeypatch.setattr("tests.core.differential.told", lambda *args: told(*args)._replace(events=[]))
    found = differences(lines, PLAIN)
    assert len(found) == 1
    assert "oracle says (nothing)" in found[0]
    assert len(minimised(lines, PLAIN)) == 1
    assert len(replayed(minimised(lines, PLAIN), PLAIN).events) >= 1
