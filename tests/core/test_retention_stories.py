"""What is kept, and for how long (contract §3): forgetting, expiry, retention that changes, and the row that stays."""

from __future__ import annotations

from streams.engine import next_fire_ms
from streams.rows import PARTITION_KEY, POLICIES_KEY
from tests.core.instants import (
    DAY,
    HOUR,
    friday_9am,
    local,
    monday_9am,
    monday_noon,
    text,
    thursday_midnight,
    tuesday_9am,
    tuesday_noon,
    wednesday_9am,
)
from tests.core.policy_texts import policies
from tests.core.stories import ORDER, OTHER_ORDER, US, Story

ACCOUNT = f"SELLER-1/{US}"


def matters(story: Story) -> list[str]:
    return [row_id.removeprefix(ACCOUNT + "/") for row_id, _ in story.state.matters()]


def test_a_settled_matter_is_forgotten_45_days_after_its_newest_fact_or_due() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.tell("refund.issued", monday_noon)
    story.until(thursday_midnight + 45 * DAY - 1)
    assert matters(story) == [f"order/{ORDER}"]
    story.until(thursday_midnight + 45 * DAY)
    assert matters(story) == []
    assert story.news() == ["opened sfp-refund", "met sfp-refund"]


def test_the_newest_fact_counts_where_it_is_after_every_due() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.tell("refund.issued", friday_9am)
    story.until(friday_9am + 45 * DAY - 1)
    assert matters(story) == [f"order/{ORDER}"]
    story.until(friday_9am + 45 * DAY)
    assert matters(story) == []


def test_an_order_without_clocks_is_forgotten_too() -> None:
    story = Story()
    story.tell("refund.issued", monday_9am)
    story.until(monday_9am + 45 * DAY)
    assert matters(story) == []
    assert story.news() == []


def test_a_matter_that_stands_breached_is_kept_200_days_and_says_that_it_expired() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.until(thursday_midnight + 200 * DAY - 1)
    assert matters(story) == [f"order/{ORDER}"]
    story.news()
    story.until(thursday_midnight + 200 * DAY + HOUR)
    assert matters(story) == []
    assert story.news() == ["expired sfp-refund"]
    expired = story.last("clock.expired")
    assert expired["at"] == text(thursday_midnight + 200 * DAY)
    assert expired["decided_at"] == text(thursday_midnight + 200 * DAY + HOUR)
    assert "cause" not in expired


def test_a_clock_that_is_still_open_then_expires_as_well() -> None:
    kept_shortly = {"settled_days": 1, "unsettled_days": 1}
    story = Story(policies(retention=kept_shortly, changed={"sfp-refund": {"confirm_after": "9d"}}))
    story.tell("return.received", monday_9am)
    story.until(thursday_midnight + DAY)
    assert story.news()[-1] == "expired sfp-refund"
    assert story.forgotten() == []


def test_a_reminder_that_was_due_or_a_right_that_lapsed_keeps_nothing_longer() -> None:
    story = Story()
    story.tell("case.opened", monday_9am)
    story.tell("refund.issued", monday_9am, issued_by="amazon_cs", program="sfp")
    story.until(local(4, 2) + 45 * DAY)
    assert matters(story) == []
    assert [word for word in story.news() if "expired" in word] == []


def test_a_clock_that_is_gone_counts_no_more() -> None:
    story = Story()
    story.tell("refund.issued", monday_9am, issued_by="amazon_cs", program="sfp")
    story.tell("refund.cancelled", monday_noon)
    story.until(monday_noon + 45 * DAY)
    assert matters(story) == []


def test_every_expired_clock_of_a_matter_is_said_in_the_order_of_their_ids() -> None:
    story = Story()
    story.tell("return.received", tuesday_9am, return_id="R-2", program="mfn")
    story.tell("return.received", monday_9am, known=tuesday_9am)
    story.tell("return.received", monday_9am, known=tuesday_9am, return_id="R-0")
    story.tell("refund.issued", monday_noon, known=tuesday_9am, return_id="R-0")
    assert story.forgotten()[-2:] == ["expired mfn-refund", "expired sfp-refund"]


def test_evidence_is_kept_225_days_after_its_newest_fact() -> None:
    story = Story()
    story.tell("evidence.stored", monday_9am)
    story.tell("evidence.deleted", monday_9am + 190 * DAY)
    story.until(monday_9am + 415 * DAY - 1)
    assert matters(story) == ["evidence/E-1"]
    story.until(monday_9am + 415 * DAY)
    assert matters(story) == []


def test_a_repeat_that_does_not_count_renews_nothing() -> None:
    story = Story()
    story.tell("refund.issued", monday_9am)
    story.tell("refund.issued", tuesday_9am)
    story.until(monday_9am + 45 * DAY)
    assert matters(story) == []


def test_no_repeat_wakes_a_forgotten_matter() -> None:
    story = Story()
    story.tell("return.cancelled", monday_9am, event_id="e")
    story.tell("return.cancelled", monday_9am, known=monday_9am + 45 * DAY, event_id="e")
    assert story.dead_letters == [(2, "too_old", "occurred_at")]
    story.until(monday_9am + 45 * DAY)
    story.tell("return.cancelled", monday_9am, known=monday_9am + 45 * DAY, event_id="e")
    assert story.dead_letters[1:] == [(4, "too_old", "occurred_at")]
    assert matters(story) == []


def test_a_message_that_names_an_order_belongs_to_both_and_each_is_forgotten_apart() -> None:
    story = Story()
    story.tell("message.received", monday_9am, order_id=ORDER)
    assert matters(story) == [f"order/{ORDER}", "thread/T-1"]
    story.tell("message.sent", monday_noon)
    story.until(monday_9am + 45 * DAY)
    assert matters(story) == ["thread/T-1"]
    story.until(tuesday_9am + 45 * DAY)
    assert matters(story) == []


def test_the_accounts_own_row_stays_with_its_program_changes() -> None:
    story = Story()
    story.tell("program.changed", monday_9am)
    story.tell("seller.vacation_set", monday_noon)
    assert matters(story) == []
    assert story.forgotten(local(3, 2, year=2028)) == []
    account = ACCOUNT.encode()
    assert set(story.rows) == {PARTITION_KEY, POLICIES_KEY, account}
    assert next_fire_ms(story.state) is None
    # years later the switch still counts for a message of then
    story.tell("message.received", monday_9am - 1, known=local(3, 2, year=2028))
    assert story.dead_letters[-1][1] == "too_old"


def test_a_matter_that_was_forgotten_begins_anew_from_one() -> None:
    story = Story()
    story.tell("case.opened", monday_9am)
    story.tell("case.closed", monday_noon)
    later = monday_9am + 100 * DAY
    story.tell("case.opened", later)
    opened = story.last("clock.opened")
    assert (opened["seq"], opened["revision"], opened["started_at"]) == (1, 1, text(later))


def test_as_shipped_an_instant_refund_is_remembered_until_its_holiday_return_has_come_back() -> None:
    story = Story(None)
    story.tell("refund.issued", monday_9am)
    story.tell("return.received", monday_9am + 90 * DAY)
    assert story.news() == ["opened sfp-refund", "met sfp-refund"]
    assert story.last("clock.met")["at"] == text(monday_9am)
    kept_shortly = Story()
    kept_shortly.tell("refund.issued", monday_9am)
    kept_shortly.tell("return.received", monday_9am + 90 * DAY)
    assert kept_shortly.news() == ["opened sfp-refund"]


def test_as_shipped_a_settled_matter_is_kept_120_days_and_what_is_as_old_is_too_old() -> None:
    story = Story(None)
    story.tell("return.cancelled", monday_9am)
    story.until(monday_9am + 120 * DAY - 1)
    assert matters(story) == [f"order/{ORDER}"]
    story.until(monday_9am + 120 * DAY)
    assert matters(story) == []
    story.tell("return.cancelled", monday_9am, known=monday_9am + 120 * DAY)
    story.tell("return.cancelled", monday_9am + 1, known=monday_9am + 120 * DAY)
    assert story.dead_letters == [(4, "too_old", "occurred_at")]


# --- retention that changes ------------------------------------------------------------------------------------------


def test_changed_retention_counts_from_then_on_for_all_matters() -> None:
    story = Story()
    story.tell("return.cancelled", monday_9am)
    story.tell("return.cancelled", monday_noon, order_id=OTHER_ORDER)
    story.activate(policies(retention={"settled_days": 1}), tuesday_9am - HOUR)
    assert len(matters(story)) == 2
    story.until(tuesday_9am)
    assert matters(story) == [f"order/{OTHER_ORDER}"]
    story.until(tuesday_noon)
    assert matters(story) == []


def test_what_would_have_been_forgotten_already_is_forgotten_before_the_next_line() -> None:
    story = Story()
    story.tell("return.cancelled", monday_9am)
    story.until(wednesday_9am)
    story.activate(policies(retention={"settled_days": 1}), wednesday_9am)
    assert len(matters(story)) == 1
    story.until(wednesday_9am)
    assert matters(story) == []


def test_longer_retention_keeps_what_is_still_there_longer() -> None:
    story = Story()
    story.tell("return.cancelled", monday_9am)
    story.activate(policies(retention={"settled_days": 90}), tuesday_9am)
    story.until(monday_9am + 90 * DAY - 1)
    assert len(matters(story)) == 1
    story.until(monday_9am + 90 * DAY)
    assert matters(story) == []


def test_longer_retention_of_evidence_and_of_the_unsettled_counts_as_well() -> None:
    story = Story()
    story.tell("evidence.stored", monday_9am)
    story.tell("return.received", monday_9am)
    story.activate(policies(retention={"evidence_days": 10, "unsettled_days": 20}), tuesday_9am)
    story.until(monday_9am + 10 * DAY)
    assert matters(story) == [f"order/{ORDER}"]
    story.until(thursday_midnight + 20 * DAY)
    assert matters(story) == []
    assert story.news()[-1] == "expired sfp-refund"
