"""The incremental core equals a plain recomputation from all facts: product and oracle say the same, byte for byte."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, note

from schemas.dead_letters import Rejected
from schemas.decoding import decode_notification
from streams.zones import Zone
from tests.core.differential import differences, minimised, replayed, report, report_of, told
from tests.core.policy_texts import PLAIN, policies
from tests.oracle.admission import DeadLetter, read_line
from tests.oracle.crowded import crowded_case
from tests.oracle.histories import Case, Teller, cases
from tests.oracle.made_up_zones import made_up
from tests.oracle.spoiling import dump, spoil, spoil_activation
from tests.oracle.zones import said_zone

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


@pytest.mark.parametrize("seed", range(12))
def test_both_say_the_same_of_a_crowded_history(seed: int) -> None:
    assert report_of(crowded_case(seed)) == ""


def test_both_blame_the_same_field_of_a_spoilt_line_for_the_same_reason() -> None:
    for seed in range(400):
        teller = Teller(random.Random(seed))
        spoilt = [spoil(teller.rng, teller.fact()) for _ in range(8)]
        spoilt.append(spoil_activation(teller.rng, teller.activated(teller.agreement, True)))
        for raw in filter(None, (dump(line).strip() for line in spoilt)):
            theirs, ours = read_line(raw), decode_notification(raw, from_file=True)
            blamed = (theirs.reason, theirs.field) if isinstance(theirs, DeadLetter) else None
            assert blamed == ((ours.reason, ours.field) if isinstance(ours, Rejected) else None), raw


def test_both_find_the_same_local_dates_in_made_up_zones() -> None:
    for seed in range(300):
        rng = random.Random(seed)
        pairs = made_up(rng, 1_772_700_000_000)
        ours, theirs = Zone(tuple((since, seconds) for since, seconds in pairs)), said_zone(pairs)
        for since, _ in pairs:
            for instant in (since - 1, since, since + 1, since + rng.randrange(86_400_000)):
                assert ours.local_day(instant) == theirs.local_day(instant), pairs


def test_a_disagreement_is_found_and_minimised(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (GOLDEN / "15-repeats" / "notifications.jsonl").read_bytes().split(b"\n")
    monkeypatch.setattr("tests.core.differential.told", lambda *args: told(*args)._replace(events=[]))
    found = differences(lines, PLAIN)
    assert len(found) == 1
    assert "oracle says (nothing)" in found[0]
    assert len(minimised(lines, PLAIN)) == 1
    assert len(replayed(minimised(lines, PLAIN), PLAIN).events) >= 1
