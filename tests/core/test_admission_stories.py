"""Admission (contract §2): what is refused before it is journaled, why, in which order; and what is not asked again."""

from __future__ import annotations

import json

from schemas.notifications import VacationSet
from streams.admission import admit
from streams.policies import KEPT_ACCOUNTS, PolicyBook
from tests.core.instants import (
    DAY,
    MINUTE,
    local,
    monday_9am,
    monday_noon,
    text,
    tuesday_9am,
    tuesday_noon,
)
from tests.core.policy_texts import effective, policies
from tests.core.stories import Story

NOWHERE = "A0NOWHERE"


def refused(story: Story) -> list[str]:
    return [reason for _, reason, _ in story.dead_letters]


def test_five_minutes_ahead_of_its_arrival_is_accepted_and_a_millisecond_more_is_the_future() -> None:
    story = Story()
    story.tell("return.received", monday_9am + 5 * MINUTE, known=monday_9am)
    assert refused(story) == []
    story.tell("return.received", monday_9am + 5 * MINUTE + 1, known=monday_9am)
    assert story.dead_letters == [(2, "future", "occurred_at")]


def test_a_line_without_arrival_is_never_in_the_future() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.tell("return.received", local(11, 1), return_id="R-2")
    assert refused(story) == []


def test_the_future_is_measured_by_the_lines_own_arrival_not_by_the_journal() -> None:
    story = Story()
    story.until(tuesday_9am)
    story.tell("return.received", monday_noon, known=monday_9am)
    assert refused(story) == ["future"]


def test_an_account_without_a_calendar_is_refused_unless_it_has_one_of_its_own() -> None:
    story = Story()
    story.tell("return.received", monday_9am, marketplace_id=NOWHERE)
    assert story.dead_letters == [(1, "no_calendar", "marketplace_id")]
    own = Story(policies(accounts={f"SELLER-1/{NOWHERE}": "jp-public"}))
    own.tell("return.received", monday_9am, marketplace_id=NOWHERE)
    assert own.last("clock.opened")["calendar"] == "jp-public"
    own.tell("return.received", monday_9am, marketplace_id=NOWHERE, seller_id="SELLER-2")
    assert refused(own) == ["no_calendar"]


def test_the_calendar_covers_from_its_first_local_date_to_thirty_days_before_its_last() -> None:
    first, last = local(1, 1, year=2024), local(12, 2, year=2028)
    story = Story()
    for instant in (first - 1, first, last - 1, last):
        story.tell("seller.vacation_set", instant)
    assert story.dead_letters == [
        (1, "calendar_not_covered", "occurred_at"),
        (4, "calendar_not_covered", "occurred_at"),
    ]


def test_what_happened_45_days_before_journal_time_is_too_old_and_a_millisecond_less_is_not() -> None:
    story = Story()
    story.until(tuesday_noon)
    story.tell("return.cancelled", tuesday_noon - 45 * DAY, known=monday_9am)
    story.tell("return.cancelled", tuesday_noon - 45 * DAY + 1, known=monday_9am)
    assert story.dead_letters == [(2, "too_old", "occurred_at")]


def test_of_several_reasons_the_first_in_the_contracts_order_is_given() -> None:
    before_coverage = local(12, 31, year=2023)
    story = Story()
    story.until(local(3, 1))
    story.tell("return.received", local(12, 30, year=2028), known=monday_9am, marketplace_id=NOWHERE)
    story.tell("return.received", before_coverage, marketplace_id=NOWHERE)
    story.tell("return.received", before_coverage)
    story.tell("return.received", local(1, 2, year=2024))
    assert refused(story) == ["future", "no_calendar", "calendar_not_covered", "too_old"]


def test_a_dead_letter_moves_no_time_and_stops_nothing() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.tell("return.received", monday_noon, marketplace_id=NOWHERE, return_id="R-2")
    assert (story.state.lines, story.state.journal_ms) == (1, monday_9am)
    story.tell("refund.issued", monday_noon)
    assert story.news() == ["opened sfp-refund", "met sfp-refund"]
    assert story.state.lines == 2


def test_in_its_place_in_an_exported_journal_a_line_is_not_asked_again() -> None:
    story = Story()
    story.until(local(6, 1))
    journaled = text(local(6, 1))
    story.tell("case.opened", monday_9am, journaled_at=journaled)
    story.tell("case.opened", local(12, 1), journaled_at=journaled, case_id="C-2")
    story.tell("case.opened", local(6, 1, year=2023), journaled_at=journaled, case_id="C-3")
    story.tell("message.received", monday_9am, journaled_at=journaled, marketplace_id=NOWHERE)
    assert refused(story) == []
    assert story.state.lines == 5


def test_an_account_without_a_calendar_that_was_journaled_all_the_same_has_clocks_in_hours_only() -> None:
    in_days = {
        "effective_from": effective(monday_noon),
        "applies_to": "open",
        "target": {"business_days": 1},
        "escalate_before": ["4h"],
    }
    story = Story(policies(added={"return-response": [in_days]}), marketplace=NOWHERE)
    story.tell("return.received", monday_9am, journaled_at=text(monday_9am))
    assert story.news() == []
    story.tell("return.requested", monday_9am, journaled_at=text(monday_9am), return_id="R-2")
    story.until(tuesday_noon)
    assert story.news() == ["opened return-response", "escalated return-response level 1"]


def test_accounts_agreements_are_kept_at_hand_up_to_a_limit() -> None:
    story = Story()
    assert story.state.book is not None
    book = PolicyBook(story.state.book.policies, story.state.book.zones)
    found = [book.agreement(f"S{number}/ATVPDKIKX0DER") for number in range(2 * KEPT_ACCOUNTS + 1)]
    assert all(agreement is found[0] for agreement in found)
    assert list(book._by_account) == [f"S{2 * KEPT_ACCOUNTS}/ATVPDKIKX0DER"]


def test_live_the_future_is_measured_by_the_brokers_timestamp_and_skipped_where_there_is_none() -> None:
    state = Story().state
    said = VacationSet(
        event_id="e", seller_id="S", marketplace_id="ATVPDKIKX0DER", occurred_ms=monday_9am + 5 * MINUTE + 1, on=True
    )
    rejected = admit(state, said, monday_9am, monday_9am)
    assert rejected is not None
    assert rejected.reason == "future"
    assert admit(state, said, monday_9am, None) is None


def test_what_is_no_notification_is_told_by_line_and_reason() -> None:
    story = Story()
    lines: list[object] = ["[]", "{", '{"type":"return.vanished"}', '{"type":"time.tick"}', '{"type":"case.closed"}']
    for line in lines:
        story.feed(str(line).encode())
    story.feed(json.dumps({"type": "case.closed", "pad": "x" * 65_536}).encode())
    assert story.dead_letters == [
        (1, "not_json", None),
        (2, "not_json", None),
        (3, "unknown_type", "type"),
        (4, "bad_field", "arrived_at"),
        (5, "bad_field", "event_id"),
        (6, "too_large", None),
    ]
    assert story.state.lines == 0
