"""Laws of what is said (contract §3, §4): numbers, retractions, revisions, form; outcomes, whatever the order."""

from __future__ import annotations

import hashlib
import json
import random
from collections import defaultdict
from typing import Any

from hypothesis import given, note
from hypothesis import strategies as st

from schemas.codec import canonical_json, parse_instant
from schemas.events import decode_event, encode_event, topic_of
from streams.windows import Window, Windows
from tests.core.histories import Event, History, decoded, history_of, is_plain_fact, replay_of, tick, told
from tests.core.instants import DAY, text
from tests.core.policy_texts import PLAIN
from tests.core.stories import due_counts

ENDED = {"clock.met", "clock.superseded", "clock.exempt"}
ON_DUE = {"clock.breached", "clock.lapsed", "clock.reminder_due"}


def by_clock(events: list[Event]) -> dict[str, list[Event]]:
    """The events of each life of each clock; a clock of a forgotten matter that begins anew is another one."""
    clocks: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        if "clock_id" in event:
            clocks[event["clock_id"]].append(event)
    return clocks


@given(history=told())
def test_seq_counts_the_events_of_each_clock_from_one_without_gaps(history: History) -> None:
    for events in by_clock(decoded(history.events)).values():
        previous = 0
        for event in events:
            is_anew = event["seq"] == 1 and event["type"] == "clock.opened"
            assert event["seq"] == previous + 1 or is_anew
            previous = event["seq"]


@given(history=told())
def test_revisions_count_the_openings_of_each_clock(history: History) -> None:
    for events in by_clock(decoded(history.events)).values():
        revision = 0
        for event in events:
            if event["type"] == "clock.opened":
                revision = 1 if event["seq"] == 1 else revision + 1
                assert event["revision"] == revision


def assert_may_stand(standing: list[Event]) -> None:
    types = [event["type"] for event in standing]
    alone = len(types) == 1 and types[0] in ENDED | ON_DUE
    late = len(types) == 2 and types[0] in ON_DUE and types[1] == "clock.closed_late"
    assert not types or alone or late, types


@given(history=told())
def test_a_retraction_takes_back_the_newest_event_that_stands_and_none_is_taken_back_twice(history: History) -> None:
    for events in by_clock(decoded(history.events)).values():
        standing: list[Event] = []
        opened: Event | None = None
        for event in events:
            kind = event["type"]
            if kind == "clock.opened":
                assert standing == []
                opened = event
            elif kind == "clock.retracted":
                taken_back = standing.pop() if standing else opened
                assert taken_back is not None
                assert (event["retracts"], event["of"]) == (taken_back["output_id"], taken_back["type"])
                opened = None if taken_back is opened else opened
            else:
                assert opened is not None, "only an open clock says something"
                if kind in ENDED | ON_DUE | {"clock.closed_late"}:
                    standing.append(event)
        assert_may_stand(standing)


@given(history=told())
def test_no_escalation_level_is_said_twice_in_one_revision_and_none_of_an_ended_clock(history: History) -> None:
    for events in by_clock(decoded(history.events)).values():
        levels: set[Any] = set()
        for event in events:
            if event["type"] == "clock.opened":
                levels = set()
            elif event["type"] == "clock.escalated":
                level = (event["at"], event["cause"]) if event.get("urgent") else event["level"]
                assert level not in levels or event.get("urgent")
                levels.add(level)


@given(history=told())
def test_every_event_has_the_form_that_subscribers_are_promised(history: History) -> None:
    decided_at = ""
    for said in history.events:
        event = json.loads(said.value)
        assert encode_event(decode_event(said.value)) == said.value
        assert canonical_json(event) == said.value
        without = {name: value for name, value in event.items() if name != "output_id"}
        assert hashlib.sha256(canonical_json(without)).hexdigest()[:32] == event["output_id"] == said.output_id
        assert said.type == event["type"]
        assert said.topic == topic_of(event["type"], event.get("of"))
        assert said.at == event["at"]
        assert said.account == f"{event['seller_id']}/{event['marketplace_id']}"
        assert said.subject == event.get("clock_id", said.account)
        assert decided_at <= event["decided_at"]
        decided_at = event["decided_at"]


@given(history=told())
def test_an_event_is_decided_at_the_journal_time_of_its_line(history: History) -> None:
    replay = replay_of(history.policies)
    for raw in history.raws():
        for event in replay.feed(raw):
            assert json.loads(event.value)["decided_at"] == text(replay.state.journal_ms)


@given(history=told())
def test_output_ids_are_never_used_twice(history: History) -> None:
    ids = [event.output_id for event in history.events]
    assert len(set(ids)) == len(ids)


@given(history=told(), asked=st.data())
def test_the_open_clocks_are_those_counted_step_by_step(history: History, asked: st.DataObject) -> None:
    replay = replay_of(history.policies)
    for raw in history.raws():
        replay.feed(raw)
        if asked.draw(st.booleans()):
            assert replay.state.census.due == due_counts(replay.state)


@given(history=told())
def test_the_sums_of_windows_are_those_of_their_days(history: History) -> None:
    replay = replay_of(history.policies)
    for raw in history.raws():
        replay.feed(raw)
        for party in replay.state.rows.parties.values():
            if party.windows.each:
                anew = Windows()
                assert anew.open(party.row.days, party.windows.last)
                assert list(map(sums_of, anew.each)) == list(map(sums_of, party.windows.each))


def sums_of(window: Window) -> tuple[int, ...]:
    replies = (window.on_time, window.late, window.answered, window.elapsed_ms)
    return (window.days, *replies, window.refunds_met, window.refunds_late)


# --- the order of arrival --------------------------------------------------------------------------------------------


def standing(events: list[Event]) -> dict[str, tuple[str, ...]]:
    """What stands in the end: for each clock its start, due, version, and the types of its standing events."""
    result = {}
    for clock_id, said in by_clock(events).items():
        stack: list[str] = []
        opened: Event | None = None
        for event in said:
            kind = event["type"]
            if kind == "clock.opened":
                opened = event
            elif kind == "clock.retracted" and not stack:
                opened = None
            elif kind == "clock.retracted":
                stack.pop()
            elif kind in ENDED | ON_DUE | {"clock.closed_late"}:
                stack.append(kind)
        if opened is not None:
            result[clock_id] = (opened["started_at"], opened["due_at"], str(opened["rule_version"]), *stack)
    return result


def facts_of(history: History) -> list[dict[str, Any]]:
    """The facts of a history, within 20 days of each other; each return of one program for good."""
    facts = [line.accepted for line in history.lines if line.accepted is not None]
    newest = max((_ms(fact) for fact in facts), default=0)
    kept = [dict(fact) for fact in facts if newest - _ms(fact) < 20 * DAY]
    for fact in kept:
        fact.pop("arrived_at", None)
        if fact["type"].startswith("return.") and "program" in fact:
            fact["program"] = {"R-1": "mfn", "R-2": "sfp"}[fact["return_id"]]
    return kept


def _ms(fact: dict[str, Any]) -> int:
    return parse_instant(fact["occurred_at"])


@given(history=told(keep=is_plain_fact), rng=st.randoms(use_true_random=False))
def test_with_all_facts_known_the_outcomes_do_not_depend_on_the_order_of_arrival(
    history: History, rng: random.Random
) -> None:
    facts = facts_of(history)
    if not facts:
        return
    end = max(_ms(fact) for fact in facts) + rng.choice([0, 1, DAY, 9 * DAY])
    told_ways = []
    for way in ("as they happened", "all at once, in another order"):
        if way == "as they happened":
            lines = sorted(({**fact, "arrived_at": fact["occurred_at"]} for fact in facts), key=_ms)
        else:
            lines = [{**fact, "arrived_at": text(end)} for fact in facts]
            rng.shuffle(lines)
        raws = [json.dumps(line).encode() for line in lines]
        note(way + ":\n" + b"\n".join(raws).decode())
        told_ways.append(standing(decoded(history_of(PLAIN_HERE, [*raws, tick(end)]).events)))
    assert told_ways[0] == told_ways[1]


PLAIN_HERE = PLAIN + '\n[accounts."S-3/ATVPDKIKX0DER"]\ncalendar = "jp-public"\n'
"""The golden policies, with one account that has a calendar of its own."""
