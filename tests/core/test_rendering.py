"""Events are written as text: each is what canonical JSON of a dictionary with the same fields would be.

The slow twin of `streams.events`: the bytes read back, sorted and encoded by a library that escapes what has to be.
"""

from __future__ import annotations

import hashlib
import tomllib
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from agents.zones import machine_zones
from schemas.codec import canonical_json
from schemas.events import EVENT_TYPES, decode_event
from schemas.notifications import type_name
from streams.replay import Replay
from streams.sla_event import SlaEvent
from tests.core.histories import History, told
from tests.core.policy_texts import PLAIN, policies
from tests.golden.test_golden import CASES, policies_of

AWKWARD = [
    'say "no"', "back\\slash", "tab\tline\nfeed\r", "\x00\x01\x1f", "\x7f\x80", "é ü ß", "日本の祝日", "\u2028\u2029",
    "</script>", "{", "}", '","output_id":"', "%s %d {0}", "\ufeff", "a" * 300,
]  # fmt: skip
ACCOUNTS = [f"A3GOLDEN/{marketplace}" for marketplace in tomllib.loads(PLAIN)["marketplaces"]]


def as_a_dictionary_would_be(events: list[SlaEvent]) -> list[dict[str, Any]]:
    """What the events say, once it is sure that their bytes are those of a dictionary, and their ids of the rest."""
    said = []
    for event in events:
        fields = orjson.loads(event.value)
        assert canonical_json(fields) == event.value
        rest = {name: value for name, value in fields.items() if name != "output_id"}
        assert fields["output_id"] == event.output_id == hashlib.sha256(canonical_json(rest)).hexdigest()[:32]
        assert type_name(decode_event(event.value)) == event.type
        said.append(fields)
    return said


@given(history=told())
def test_events_are_the_canonical_json_of_what_they_say(history: History) -> None:
    as_a_dictionary_would_be(history.events)


def told_by_the_cases(toml: str) -> list[dict[str, Any]]:
    """All that the golden cases say under other policies than their own."""
    said = []
    for case in CASES:
        lines = (case / "notifications.jsonl").read_bytes()
        if policies_of(case) == PLAIN and b"policy.activated" not in lines:
            replay = Replay(toml, lambda *_: None, machine_zones)
            said += [one for line in lines.split(b"\n") for one in as_a_dictionary_would_be(replay.feed(line))]
    return said


def test_awkward_names_of_calendars_and_consequences_are_escaped() -> None:
    plain, name = tomllib.loads(PLAIN), "".join(AWKWARD)
    toml = policies(
        changed={rule: {"consequences": AWKWARD} for rule in plain["rules"]},
        calendars={name: next(iter(plain["calendars"].values()))},
        accounts=dict.fromkeys(ACCOUNTS, name),
    )
    said = told_by_the_cases(toml)
    assert {one["type"] for one in said} == set(map(type_name, EVENT_TYPES))
    assert {one["calendar"] for one in said if "calendar" in one} == {name}
    assert AWKWARD in [one.get("consequences") for one in said]


@given(st.text(st.characters(exclude_categories=["Cs"], max_codepoint=0xFFFF), min_size=1, max_size=40))
def test_any_text_may_be_a_consequence(text: str) -> None:
    toml = policies(changed={"sfp-refund": {"consequences": [text]}})
    replay = Replay(toml, lambda *_: None, machine_zones)
    late = CASES[1] / "notifications.jsonl"
    said = [one for line in late.read_bytes().split(b"\n") for one in as_a_dictionary_would_be(replay.feed(line))]
    assert [text] in [one.get("consequences") for one in said]
