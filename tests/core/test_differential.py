"""The incremental core equals a plain recomputation from all facts: product and oracle say the same, byte for byte."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, note

from schemas.dead_letters import Rejected
from schemas.decoding import decode_notification
from schemas.policies import load_policies
from schemas.policy_types import PolicyError
from streams.zones import Zone
from tests.core.differential import differences, minimised, replayed, report, report_of, told
from tests.core.policy_texts import PLAIN, policies
from tests.oracle.admission import DeadLetter, read_line
from tests.oracle.agreed import PolicyRefused, load
from tests.oracle.crowded import crowded_case
from tests.oracle.histories import Case, Teller, cases, plain_policies
from tests.oracle.made_up_zones import made_up
from tests.oracle.spoiling import POLICY_ERRORS, dump, spoil, spoil_activation
from tests.oracle.zones import said_zone

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
SEEDS = range(240)
AT_ONCE = 20
ORDER = "111-0000001-0000001"
RECEIPT = {"type": "return.received", "return_id": "R-1", "order_id": ORDER, "program": "sfp"}
REFUND = {"type": "refund.issued", "refund_id": "F-1", "order_id": ORDER, "issued_by": "amazon_cs", "amount": "10"}


def said(event_id: str, at: str, body: dict[str, Any]) -> bytes:
    account = {"seller_id": "S", "marketplace_id": "ATVPDKIKX0DER"}
    return json.dumps({"event_id": event_id, **body, **account, "occurred_at": at}).encode()


def activated(at: str, toml: str, **more: Any) -> bytes:
    digest = hashlib.sha256(toml.encode()).hexdigest()
    return json.dumps({"type": "policy.activated", "arrived_at": at, "digest": digest, "toml": toml, **more}).encode()


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
    for seed in range(200):
        teller = Teller(random.Random(seed))
        spoilt = [spoil(teller.rng, teller.fact()) for _ in range(8)]
        spoilt.append(spoil_activation(teller.rng, teller.activated(teller.agreement, True)))
        for raw in filter(None, (dump(line).strip() for line in spoilt)):
            theirs, ours = read_line(raw), decode_notification(raw, from_file=True)
            blamed = (theirs.reason, theirs.field) if isinstance(theirs, DeadLetter) else None
            assert blamed == ((ours.reason, ours.field) if isinstance(ours, Rejected) else None), raw


@pytest.mark.parametrize(("written", "instead"), POLICY_ERRORS)
def test_both_refuse_the_same_policies(written: str, instead: str) -> None:
    text = plain_policies().replace(written, instead)
    assert text != plain_policies()
    assert does_load(load_policies, text) == does_load(load, text)


def does_load(reader: Callable[[str], object], text: str) -> bool:
    try:
        reader(text)
    except (PolicyError, PolicyRefused):
        return False
    return True


ACTIVATION = activated("2026-03-01T00:00:00Z", plain_policies())
OF_A_FILE = {
    "an activation": [ACTIVATION, said("e1", "2026-03-05T20:00:00Z", RECEIPT)],
    "blank lines, then an activation": [b"", b" \t", ACTIVATION, said("e1", "2026-03-05T20:00:00Z", RECEIPT)],
    "a fact": [said("e1", "2026-03-05T20:00:00Z", RECEIPT)],
    "a fact, then an activation": [said("e1", "2026-03-05T20:00:00Z", RECEIPT), ACTIVATION],
    "a tick, then an activation": [b'{"type":"time.tick","arrived_at":"2026-03-01T00:00:00Z"}', ACTIVATION],
    "no JSON, then an activation": [b"{", ACTIVATION],
    "an ill-typed activation, then a good one": [activated("2026-03-01T00:00:00Z", "x", zones=[]), ACTIVATION],
    "an activation that does not load": [activated("2026-03-01T00:00:00Z", "=")],
    "nothing": [],
}


@pytest.mark.parametrize("lines", OF_A_FILE.values(), ids=OF_A_FILE.keys())
def test_both_begin_a_file_without_policies_alike(lines: list[bytes]) -> None:
    assert differences(lines, None) == []


def test_both_find_the_same_local_dates_and_midnights_in_made_up_zones() -> None:
    for seed in range(300):
        rng = random.Random(seed)
        pairs = made_up(rng, 1_772_700_000_000)
        ours, theirs = Zone(tuple((since, seconds) for since, seconds in pairs)), said_zone(pairs)
        for since, _ in pairs:
            for instant in (since - 1, since, since + 1, since + rng.randrange(86_400_000)):
                assert ours.local_day(instant) == theirs.local_day(instant), pairs
                for day in range(theirs.local_day(instant) - 2, theirs.local_day(instant) + 3):
                    assert ours.begins_ms(day) == theirs.midnight(day), (pairs, day)


# --- where the two do not agree yet -----------------------------------------------------------------------------------


def test_a_midnight_that_exists_ends_the_day_though_the_date_had_begun_before_and_gave_way_again() -> None:
    """Contract §5: only "a local midnight that does not exist is the first instant of that date".

    Local time runs from 22:00 of the 9th to 01:00 of the 10th, half an hour later from 01:30 back to 22:30 of the 9th.
    """
    at = 1_773_122_400_000  # 2026-03-10T06:00:00Z, in Los Angeles 22:00 of the 9th
    zones = {
        "America/Los_Angeles": [[0, -28_800], [at, -18_000], [at + 1_800_000, -28_800]],
        "Asia/Tokyo": [[0, 32_400]],
    }
    lines = [activated("2026-03-01T00:00:00Z", PLAIN, zones=zones), said("e1", "2026-03-05T20:00:00Z", RECEIPT)]
    (opened,) = map(json.loads, told(lines, PLAIN).events)
    assert opened["due_at"] == "2026-03-10T08:00:00.000Z"
    assert differences(lines, PLAIN) == []


def test_programs_are_asked_of_the_version_that_bound_the_clock_though_another_has_moved_it() -> None:
    """Contract §5: "every clock keeps the version that it was told", and rules.md: `programs` is asked of that one.

    Version 2 binds the clock. Version 3, in force before its start, comes later; version 4 moves it.
    """
    effective = {name: datetime.fromisoformat(f"{name}T00:00:00+00:00") for name in ("2026-03-01", "2026-03-05")}
    later = [
        {"effective_from": effective["2026-03-01"], "programs": ["mfn"], "applies_to": "new"},
        {"effective_from": effective["2026-03-05"], "programs": ["mfn"], "applies_to": "open"},
    ]
    lines = [
        said("e1", "2026-03-02T10:00:00Z", {**REFUND, "currency": "USD", "program": "sfp"}),
        activated("2026-03-03T00:00:00Z", policies(added={"safe-t-window": later})),
        said("e2", "2026-03-06T10:00:00Z", {"type": "return.refused", "return_id": "R-1", "order_id": ORDER}),
    ]
    assert [json.loads(event)["rule_version"] for event in told(lines, PLAIN).events] == [2, 4]
    assert differences(lines, PLAIN) == []


def test_the_year_of_an_instant_is_that_of_utc() -> None:
    """Contract §2: "an instant whose UTC year is not 0001 to 9999 is no time"; any other is one."""
    lines = [said("e1", "0000-12-31T23:30:00-01:00", RECEIPT)]
    assert told(lines, PLAIN).dead_letters == [(1, "calendar_not_covered")]
    assert differences(lines, PLAIN) == []


@pytest.mark.parametrize("program", ["fba", None])
def test_a_refund_that_moves_to_an_earlier_start_without_a_program_that_opens_it_is_retracted_for_that(
    program: str | None,
) -> None:
    """Contract §3: "the first that holds: `earlier_start` (the start has moved)", whatever program it has now."""
    refund = {**REFUND, "currency": "USD"}
    lines = [
        said("e2", "2026-03-02T10:00:00Z", {**refund, "program": "sfp"}),
        said("e1", "2026-03-02T09:00:00Z", {**refund, "program": program, "arrived_at": "2026-03-02T11:00:00Z"}),
    ]
    assert [json.loads(event).get("reason") for event in told(lines, PLAIN).events] == [None, "earlier_start"]
    assert differences(lines, PLAIN) == []


def test_a_disagreement_is_found_and_minimised(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (GOLDEN / "15-repeats" / "notifications.jsonl").read_bytes().split(b"\n")
    monkeypatch.setattr("tests.core.differential.told", lambda *args: told(*args)._replace(events=[]))
    found = differences(lines, PLAIN)
    assert len(found) == 1
    assert "oracle says (nothing)" in found[0]
    assert len(minimised(lines, PLAIN)) == 1
    assert len(replayed(minimised(lines, PLAIN), PLAIN).events) >= 1
