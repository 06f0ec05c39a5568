"""Versions and activations (contract §5): what binds a clock, and what `applies_to = "open"` moves, at E or at once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from schemas.policy_types import PolicyError
from tests.core.instants import (
    DAY,
    HOUR,
    friday_9am,
    local,
    monday_9am,
    monday_noon,
    next_monday_9am,
    saturday_9am,
    text,
    thursday_9am,
    thursday_midnight,
    tuesday_9am,
    tuesday_noon,
    wednesday_9am,
    wednesday_noon,
)
from tests.core.policy_texts import PLAIN, Table, effective, policies
from tests.core.stories import JP, ORDER, Story

NINE_DAYS_LATER = local(3, 14)
"""Due of what was received on Monday, with nine business days."""


def from_then(instant: int, *, applies_to: str = "open", **terms: Any) -> str:
    """The golden policies with a second version of sfp-refund."""
    version: Table = {"effective_from": effective(instant), "applies_to": applies_to, **terms}
    return policies(added={"sfp-refund": [version]})


def nine_days_from(instant: int, **terms: Any) -> str:
    return from_then(instant, target={"business_days": 9}, **terms)


def one_day_from(instant: int, **terms: Any) -> str:
    return from_then(instant, target={"business_days": 1}, escalate_before=["4h"], **terms)


# --- which version binds ---------------------------------------------------------------------------------------------


def test_a_clock_is_bound_to_the_newest_version_in_force_at_its_start_to_the_millisecond() -> None:
    story = Story(nine_days_from(monday_noon, applies_to="new"))
    story.tell("return.received", monday_noon - 1)
    story.tell("return.received", monday_noon, return_id="R-2")
    assert [event["rule_version"] for event in story.events] == [1, 2]
    assert [event["due_at"] for event in story.events] == [text(thursday_midnight), text(NINE_DAYS_LATER)]


def test_a_version_for_other_marketplaces_binds_nothing_here() -> None:
    story = Story(nine_days_from(monday_9am - DAY, marketplaces=[JP]))
    story.tell("return.received", monday_9am)
    assert story.last("clock.opened")["rule_version"] == 1


def test_before_the_first_version_there_is_no_clock() -> None:
    story = Story(policies(changed={"sfp-refund": {"effective_from": effective(monday_noon)}}))
    story.tell("return.received", monday_9am)
    assert story.news() == []
    assert story.forgotten() == []


def test_an_earlier_start_before_the_first_version_takes_the_clock_away() -> None:
    story = Story(policies(changed={"sfp-refund": {"effective_from": effective(monday_noon)}}))
    story.tell("return.received", tuesday_9am)
    story.tell("refund.issued", tuesday_noon)
    story.tell("return.received", monday_9am, known=tuesday_noon)
    assert story.news() == [
        "opened sfp-refund",
        "met sfp-refund",
        "retracted sfp-refund met: earlier_start",
        "retracted sfp-refund opened: earlier_start",
    ]
    assert story.forgotten() == []


# --- moved by its timer at E -----------------------------------------------------------------------------------------


def test_an_open_clock_is_moved_at_e_and_goes_on_as_from_open() -> None:
    story = Story(nine_days_from(wednesday_9am))
    story.tell("return.received", monday_9am)
    story.until(wednesday_9am - 1)
    assert story.news() == ["opened sfp-refund", "escalated sfp-refund level 1"]
    story.until(wednesday_9am)
    assert story.news() == ["opened sfp-refund again, revision 2"]
    opened = story.last("clock.opened")
    assert (opened["rule_version"], opened["due_at"]) == (2, text(NINE_DAYS_LATER))
    assert (opened["at"], opened["started_at"]) == (text(monday_9am), text(monday_9am))
    assert "cause" not in opened
    story.until(NINE_DAYS_LATER)
    assert story.news() == ["escalated sfp-refund level 1", "escalated sfp-refund level 2", "breached sfp-refund"]


def test_every_clock_of_an_order_is_moved_at_the_same_e() -> None:
    story = Story(nine_days_from(wednesday_9am))
    story.tell("return.received", monday_9am)
    story.tell("return.received", monday_noon, return_id="R-2")
    story.news()
    story.until(wednesday_9am + 1)
    moved = ["opened sfp-refund again, revision 2"] * 2
    assert [word for word in story.news() if word.startswith("opened")] == moved


def test_due_is_never_moved_before_e() -> None:
    story = Story(one_day_from(wednesday_noon))
    story.tell("return.received", monday_9am)
    story.until(wednesday_noon - 1)
    story.news()
    story.until(wednesday_noon)
    assert story.news() == ["opened sfp-refund again, revision 2", "breached sfp-refund"]
    assert story.last("clock.opened")["due_at"] == text(wednesday_noon)


def test_at_e_only_the_highest_step_already_passed_is_said() -> None:
    story = Story(from_then(tuesday_noon, target={"business_days": 1}, escalate_before=["23h", "20h", "1h"]))
    story.tell("return.received", monday_9am)
    story.until(tuesday_noon)
    assert story.news() == [
        "opened sfp-refund",
        "opened sfp-refund again, revision 2",
        "escalated sfp-refund level 2 collapsed",
    ]


def test_a_clock_that_starts_at_e_or_later_is_bound_not_moved() -> None:
    story = Story(nine_days_from(tuesday_9am))
    story.tell("return.received", tuesday_9am)
    story.until(tuesday_noon)
    assert story.news() == ["opened sfp-refund"]


def test_a_clock_whose_due_timer_is_not_after_e_is_not_moved() -> None:
    due_at_e = Story(nine_days_from(thursday_midnight))
    waiting = Story(
        policies(
            changed={"sfp-refund": {"confirm_after": "1h"}},
            added={"sfp-refund": [{"effective_from": effective(thursday_midnight), "applies_to": "open"}]},
        )
    )
    for story in (due_at_e, waiting):
        story.tell("return.received", monday_9am)
        story.until(thursday_9am)
    assert due_at_e.news()[-1] == "breached sfp-refund"
    assert waiting.news()[-2:] == ["opened sfp-refund again, revision 2", "breached sfp-refund"]


def test_a_clock_that_ended_before_e_keeps_what_was_said() -> None:
    story = Story(one_day_from(wednesday_9am))
    story.tell("return.received", monday_9am)
    story.tell("refund.issued", tuesday_noon)
    story.until(friday_9am)
    assert story.news() == ["opened sfp-refund", "met sfp-refund"]


def test_it_moves_by_version_after_version() -> None:
    story = Story(
        policies(
            added={
                "sfp-refund": [
                    {"effective_from": effective(tuesday_9am), "applies_to": "open", "target": {"business_days": 3}},
                    {"effective_from": effective(wednesday_9am), "target": {"business_days": 5}},
                ]
            }
        )
    )
    story.tell("return.received", monday_9am)
    story.until(wednesday_9am)
    opened = [(event["rule_version"], event["due_at"]) for event in story.events if event["type"] == "clock.opened"]
    assert opened == [(1, text(thursday_midnight)), (2, text(local(3, 6))), (3, text(local(3, 10)))]


def test_known_only_after_e_a_clock_begins_with_its_moved_due() -> None:
    story = Story(nine_days_from(tuesday_9am))
    story.tell("return.received", monday_9am, known=wednesday_9am)
    assert story.news() == ["opened sfp-refund"]
    opened = story.last("clock.opened")
    assert (opened["rule_version"], opened["revision"], opened["due_at"]) == (2, 1, text(NINE_DAYS_LATER))


def test_a_moved_clock_stays_on_the_hours_of_its_new_version() -> None:
    story = Story(from_then(tuesday_9am, target={"hours": 96}))
    story.tell("return.received", monday_9am)
    story.tell("refund.issued", friday_9am)
    assert story.news()[-1] == "met sfp-refund"
    assert "calendar" not in story.last("clock.met")


# --- activated while clocks run --------------------------------------------------------------------------------------


def test_running_clocks_keep_version_and_due_when_other_policies_are_activated() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.activate(nine_days_from(monday_9am - DAY, applies_to="new"), monday_noon)
    story.tell("return.received", monday_noon, return_id="R-2")
    assert [event["rule_version"] for event in story.events] == [1, 2]
    story.until(thursday_midnight)
    assert story.news()[-1] == "breached sfp-refund"


def test_an_open_version_already_past_e_moves_open_clocks_at_once_by_account_and_clock() -> None:
    story = Story()
    for seller, order in (("B", ORDER), ("A", "111-0000002-0000002"), ("A", ORDER)):
        story.tell("return.received", monday_9am, seller_id=seller, order_id=order)
    story.news()
    brought = story.activate(nine_days_from(tuesday_9am), wednesday_9am)
    moved = [event for event in brought if event["type"] == "clock.opened"]
    assert [event["revision"] for event in moved] == [2, 2, 2]
    assert [(event["seller_id"], event["order_id"]) for event in moved] == [
        ("A", ORDER),
        ("A", "111-0000002-0000002"),
        ("B", ORDER),
    ]
    assert not any("cause" in event for event in moved)


def test_activated_after_its_moved_due_a_clock_that_waits_is_breached_at_once() -> None:
    waiting = policies(changed={"sfp-refund": {"confirm_after": "9d"}})
    shorter: Table = {
        "effective_from": effective(wednesday_9am),
        "applies_to": "open",
        "confirm_after": "0s",
        "escalate_after": ["1h", "30d"],
    }
    story = Story(waiting)
    story.tell("return.received", monday_9am)
    story.until(friday_9am)
    story.news()
    story.activate(
        policies(changed={"sfp-refund": {"confirm_after": "9d"}}, added={"sfp-refund": [shorter]}), friday_9am
    )
    assert story.news() == ["opened sfp-refund again, revision 2", "breached sfp-refund"]
    story.until(local(4, 5))
    assert story.news() == ["escalated sfp-refund level 4"]


def test_a_future_e_that_is_activated_moves_clocks_when_it_comes() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.activate(nine_days_from(wednesday_9am), tuesday_9am)
    assert story.news() == ["opened sfp-refund"]
    story.until(wednesday_9am)
    assert story.news()[-1] == "opened sfp-refund again, revision 2"


def test_ended_and_breached_clocks_say_nothing_at_an_activation() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.tell("return.received", monday_noon, return_id="R-2")
    story.tell("refund.issued", monday_noon)
    story.until(friday_9am)
    story.news()
    story.activate(nine_days_from(tuesday_9am), friday_9am)
    assert story.news() == []
    story.tell("refund.issued", saturday_9am, refund_id="F-2")
    assert story.news() == [
        "retracted sfp-refund breached: late_arrival",
        "opened sfp-refund again, revision 2",
        "met sfp-refund",
    ]


def test_a_breached_clock_moved_to_a_due_that_has_passed_too_is_closed_late_by_its_moved_due() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.until(friday_9am)
    story.activate(from_then(tuesday_9am, target={"business_days": 3}), saturday_9am)
    story.news()
    story.tell("refund.issued", saturday_9am + HOUR)
    assert story.news() == ["closed_late sfp-refund by seller"]
    closed = story.last("clock.closed_late")
    assert (closed["due_at"], closed["rule_version"]) == (text(local(3, 6)), 2)
    assert closed["late_by_ms"] == saturday_9am + HOUR - local(3, 6)
    story.tell("refund.cancelled", next_monday_9am)
    assert story.news() == ["retracted sfp-refund closed_late: refund_cancelled"]


def test_a_clock_that_waits_for_late_news_longer_than_its_matter_is_kept_is_moved_too() -> None:
    kept_shortly: Table = {"retention": {"settled_days": 1, "unsettled_days": 1}}
    waiting: Table = {"changed": {"sfp-refund": {"confirm_after": "5d"}}}
    story = Story(policies(**kept_shortly, **waiting))
    story.tell("return.received", monday_9am)
    story.until(thursday_midnight)
    story.news()
    longer: Table = {"effective_from": effective(tuesday_9am), "applies_to": "open", "target": {"business_days": 9}}
    story.activate(policies(**kept_shortly, **waiting, added={"sfp-refund": [longer]}), thursday_9am)
    assert story.news() == ["opened sfp-refund again, revision 2"]


def test_the_very_same_policies_activated_again_change_nothing() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.activate(PLAIN, tuesday_9am)
    story.until(thursday_midnight)
    assert story.news()[-1] == "breached sfp-refund"


# --- what may not be activated ---------------------------------------------------------------------------------------


def test_a_version_once_activated_may_not_change() -> None:
    story = Story()
    with pytest.raises(PolicyError, match="may not change"):
        story.activate(policies(changed={"sfp-refund": {"target": {"business_days": 3}}}), monday_9am)
    assert (story.state.lines, story.state.journal_ms) == (0, 0)


def test_policies_that_do_not_load_are_refused_and_nothing_is_changed() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    with pytest.raises(PolicyError):
        story.activate("[rules.no-such-rule]", friday_9am)
    assert story.state.lines == 1
    assert story.news() == ["opened sfp-refund"]


def test_policies_of_another_digest_than_their_line_says_are_refused() -> None:
    story = Story()
    line = {"type": "policy.activated", "arrived_at": text(monday_9am), "digest": "0" * 64, "toml": PLAIN}
    with pytest.raises(PolicyError, match="digest"):
        story.feed(json.dumps(line).encode())
