"""Which events a delivery is about."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agents.delivering.matching import matches
from agents.subscriptions import LANGUAGES, PagerDuty, Webhook
from schemas.events import EVENT_TYPES
from schemas.notifications import type_name
from tests.audit.history import History


def webhook(**choice: Any) -> Webhook:
    return Webhook(name="x", url="http://x", **choice)


PAGER = PagerDuty(name="p", routing_key_file="k")


def events_of(*cases: str) -> list[dict[str, Any]]:
    history = History()
    for case in cases:
        history.tell(case)
    return [json.loads(sent.event.value) for sent in history.events]


LATE = events_of("18-late-news-retracts-the-breach", "02-weekend-breach-late-refund", "62-exported-journal")


def test_unnamed_types_are_what_somebody_has_to_act_on() -> None:
    found = {event["type"] for event in LATE if matches(webhook(), event)}
    assert found == {"clock.escalated", "clock.breached", "clock.retracted"}
    retracted = [event for event in LATE if event["type"] == "clock.retracted"]
    assert {event["of"] for event in retracted if matches(webhook(), event)} == {"clock.breached"}


@pytest.mark.parametrize("name", sorted(set(map(type_name, EVENT_TYPES)) - {"clock.retracted"}))
def test_a_retraction_goes_where_the_event_went_that_it_takes_back(name: str) -> None:
    said = {"type": "clock.retracted", "of": name, "seller_id": "S", "marketplace_id": "M", "rule": "sfp-refund"}
    assert matches(webhook(types=[name]), said)
    assert not matches(webhook(types=["clock.opened" if name != "clock.opened" else "clock.met"]), said)


def test_accounts_are_named_whole_or_by_their_seller_and_the_canary_by_name_alone() -> None:
    event = {"type": "clock.breached", "seller_id": "S", "marketplace_id": "M", "rule": "sfp-refund"}
    assert [matches(webhook(accounts=[one]), event) for one in ("S", "S/M", "S/N", "T")] == [True, True, False, False]
    canary = {**event, "marketplace_id": "CANARY"}
    assert not matches(webhook(), canary)
    assert matches(webhook(accounts=["S/CANARY"]), canary)


def test_rules_leave_out_what_belongs_to_none() -> None:
    violation = {"type": "policy.violation", "seller_id": "S", "marketplace_id": "M"}
    assert matches(webhook(), violation)
    assert not matches(webhook(rules=["sfp-refund"]), violation)


def test_levels_are_of_escalations_alone() -> None:
    one = {"seller_id": "S", "marketplace_id": "M", "rule": "sfp-refund"}
    escalated = [{**one, "type": "clock.escalated", "level": level} for level in (0, 1, 2)]
    assert [matches(webhook(levels=[0, 2]), event) for event in escalated] == [True, False, True]
    assert matches(webhook(levels=[2]), {**one, "type": "clock.breached"})


def test_an_incident_hears_of_every_end_but_not_where_nothing_was_told() -> None:
    one = {"seller_id": "S", "marketplace_id": "M", "rule": "sfp-refund", "clock_id": "S/M/sfp-refund/X"}
    assert matches(PAGER, {**one, "type": "clock.breached", "seq": 2})
    assert not matches(PAGER, {**one, "type": "clock.met", "seq": 2}), "only opened came before"
    for end in ("clock.met", "clock.closed_late", "clock.superseded", "clock.exempt", "clock.expired"):
        assert matches(PAGER, {**one, "type": end, "seq": 4})
    assert not matches(PAGER, {**one, "type": "clock.escalated", "level": 1, "seq": 2})
    assert not matches(webhook(), {**one, "type": "clock.met", "seq": 4})


def test_a_breach_whose_late_end_is_taken_back_stands_again_unless_it_is_taken_back_too() -> None:
    one = {
        "seller_id": "S", "marketplace_id": "M", "rule": "sfp-refund", "clock_id": "C", "decided_at": "T",
        "type": "clock.retracted",
    }  # fmt: skip
    late_end = {**one, "of": "clock.closed_late", "seq": 4}
    assert matches(PAGER, late_end)
    assert not matches(PAGER, late_end, {**one, "of": "clock.breached", "seq": 5})
    assert matches(PAGER, late_end, {**one, "of": "clock.breached", "seq": 5, "decided_at": "LATER"})
    assert matches(PAGER, late_end, {**one, "type": "clock.opened", "seq": 5})


def test_there_are_three_languages() -> None:
    assert LANGUAGES == ("en", "zh", "ja")
