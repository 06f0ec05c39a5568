"""Histories for laws: the oracle's random ones, and what the laws do with them.

A law's example is a `History`: policies, lines, and the journal time of each line that was accepted. It prints itself
as lines that `dueclock replay` takes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import msgspec
from hypothesis import note
from hypothesis import strategies as st

from agents.zones import machine_zones
from schemas.dead_letters import Rejected
from schemas.decoded import Decoded
from schemas.decoding import decode_notification
from schemas.notifications import Body, PolicyActivated, Zones
from schemas.policies import load_policies
from schemas.policy_types import Policies, PolicyError
from streams.engine import Line, restore_state
from streams.replay import Replay
from streams.row_codec import apply_changes
from streams.sla_event import SlaEvent
from streams.state import State
from tests.core.instants import text
from tests.oracle.histories import plain_policies, random_case

Event = dict[str, Any]
Rows = dict[bytes, bytes]


class Told(NamedTuple):
    """One line: its bytes, its account (None for ticks, activations and dead letters), its journal time.

    `accepted` is the journal's view: the line's own content where it was accepted, else None.
    """

    raw: bytes
    account: str | None
    journal_ms: int
    accepted: dict[str, Any] | None


class History(NamedTuple):
    """`policies` is None where the first line, an activation, says them."""

    policies: str | None
    lines: list[Told]
    events: list[SlaEvent]

    def raws(self) -> list[bytes]:
        return [line.raw for line in self.lines]


def ignore(line: int, raw: bytes, rejected: Rejected) -> None:
    """What becomes of dead letters where a law does not ask."""


_zones: dict[frozenset[object], Zones] = {}


def zones_here(policies: Policies) -> Zones:
    """`machine_zones`, cut once for all policies that name the same zones and cover the same dates."""
    key = frozenset((calendar.timezone, calendar.covers) for calendar in policies.calendars.values())
    if key not in _zones:
        _zones[key] = machine_zones(policies)
    return _zones[key]


def replay_of(policies: str | None, on_dead_letter: Callable[[int, bytes, Rejected], None] = ignore) -> Replay:
    return Replay(policies, on_dead_letter, zones_here)


def history_of(policies: str | None, raws: list[bytes]) -> History:
    """Tell the lines up to the first whose policies are refused."""
    refused: list[int] = []
    replay = replay_of(policies, lambda line, raw, rejected: refused.append(line))
    lines: list[Told] = []
    events: list[SlaEvent] = []
    for number, raw in enumerate(raws, 1):
        try:
            events += replay.feed(raw)
        except PolicyError:
            break
        accepted = json.loads(raw) if raw.strip() and number not in refused else None
        account = None if accepted is None or "seller_id" not in accepted else account_of(accepted)
        lines.append(Told(raw, account, replay.state.journal_ms, accepted))
    return History(policies, lines, events)


def account_of(line: dict[str, Any]) -> str:
    return f"{line['seller_id']}/{line['marketplace_id']}"


def bodies(history: History) -> list[Line]:
    """The accepted lines, as the keeper would fold them: each activation says what its zones mean."""
    lines: list[Line] = []
    for line in history.lines:
        if line.accepted is not None:
            decoded = decode_notification(line.raw.strip(), from_file=True)
            assert isinstance(decoded, Decoded)
            lines.append(Line(len(lines) + 1, line.journal_ms, with_zones(decoded.body)))
    return lines


def with_zones(body: Body) -> Body:
    if isinstance(body, PolicyActivated) and body.zones is None:
        return msgspec.structs.replace(body, zones=zones_here(load_policies(body.toml)))
    return body


@st.composite
def told(draw: st.DrawFn, max_lines: int = 40, keep: Callable[[dict[str, Any]], bool] | None = None) -> History:
    """A random history; `keep` leaves lines out, and so does Hypothesis where it shrinks one."""
    case = random_case(draw(st.integers(0, 2**32)), draw(st.integers(1, max_lines)))
    policies, raws = case.policies, case.raw()
    first = raws[:1] if policies is None else []
    if first and keep is not None and not keep(_said(first[0])):
        policies, first = plain_policies(), []
    raws = [raw for raw in raws[len(first) :] if keep is None or keep(_said(raw))]
    if draw(st.booleans()):
        spared = draw(st.sets(st.integers(0, max_lines)))
        raws = [raw for number, raw in enumerate(raws) if number not in spared]
    history = history_of(policies, [*first, *raws])
    note(f"policies:\n{policies}\nlines:")
    for raw in history.raws():
        note(raw.decode(errors="backslashreplace"))
    return history


def _said(raw: bytes) -> dict[str, Any]:
    try:
        line = json.loads(raw)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}


def is_no_activation(line: dict[str, Any]) -> bool:
    return line.get("type") != "policy.activated"


def is_plain_fact(line: dict[str, Any]) -> bool:
    """A notification that is not in its place in an exported journal."""
    return line.get("type") not in (None, "policy.activated", "time.tick") and "journaled_at" not in line


def tick(journal_ms: int) -> bytes:
    return json.dumps({"type": "time.tick", "arrived_at": text(journal_ms)}).encode()


def decoded(events: list[SlaEvent]) -> list[Event]:
    return [msgspec.json.decode(event.value) for event in events]


def values(events: list[SlaEvent]) -> list[bytes]:
    return [event.value for event in events]


def collect(rows: Rows, state: State) -> None:
    """What a changelog would hold after this."""
    apply_changes(rows, state.take_changes())


def restored(rows: Rows) -> State:
    return restore_state(0, rows.items())


TIMELESS: Final = ("decided_at", "output_id", "retracts")


def timeless(events: list[SlaEvent]) -> Iterator[Event]:
    """Events without what says when they were decided; `retracts` becomes the place of the event taken back."""
    places: dict[str, int] = {}
    for place, event in enumerate(decoded(events)):
        places[event["output_id"]] = place
        said = {name: value for name, value in event.items() if name not in TIMELESS}
        if "retracts" in event:
            said["retracts"] = places[event["retracts"]]
        yield said
