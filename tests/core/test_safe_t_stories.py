"""The window for a SAFE-T claim (SFP 14): which refund opens it, by whose program, and what its program becomes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.instants import (
    DAY,
    HOUR,
    friday_9am,
    local,
    monday_3pm,
    monday_9am,
    monday_noon,
    text,
    tuesday_9am,
    tuesday_noon,
    wednesday_9am,
)
from tests.core.policy_texts import Table, effective, policies
from tests.core.stories import JP, ORDER, US, Story

BY_CS: dict[str, Any] = {"issued_by": "amazon_cs"}
NOTICE = local(2, 16)
"""From here on: thirty days instead of sixty, for all seller-fulfilled orders of the US."""


def test_the_right_to_a_safe_t_claim_lapses_after_thirty_days_in_the_us() -> None:
    story = Story()
    story.tell("refund.issued", monday_9am, **BY_CS, program="sfp")
    opened = story.last("clock.opened")
    assert (opened["rule_version"], opened["due_at"]) == (2, text(local(4, 2)))
    story.until(local(4, 2))
    assert story.news() == [
        "opened safe-t-window",
        "escalated safe-t-window level 1",
        "lapsed safe-t-window",
    ]
    lapsed = story.last("clock.lapsed")
    assert lapsed["obligor"] == "seller"
    assert "consequences" not in lapsed
    assert story.forgotten() == []


def test_sixty_days_before_the_notice_and_outside_the_us() -> None:
    before = Story()
    before.tell("refund.issued", local(2, 15, 12), **BY_CS, program="sfp")
    assert (before.last("clock.opened")["rule_version"], before.last("clock.opened")["due_at"]) == (
        1,
        text(local(4, 17)),
    )
    japan = Story(marketplace=JP)
    japan.tell("refund.issued", monday_9am, **BY_CS, program="sfp")
    assert japan.last("clock.opened")["rule_version"] == 1


def test_a_safe_t_claim_filed_stops_the_window() -> None:
    story = Story()
    story.tell("refund.issued", monday_9am, **BY_CS, program="sfp")
    story.tell("safet.filed", tuesday_9am, refund_id="F-2")
    assert story.news() == ["opened safe-t-window"]
    story.tell("safet.filed", tuesday_9am, claim_id="ST-2")
    assert story.news() == ["met safe-t-window"]
    assert story.forgotten() == []


def test_a_safe_t_claim_filed_too_late_is_closed_late_and_the_lapse_stands() -> None:
    story = Story()
    story.tell("refund.issued", monday_9am, **BY_CS, program="sfp")
    story.tell("safet.filed", local(4, 2, 9), refund_id="F-1")
    assert story.news()[-2:] == ["lapsed safe-t-window", "closed_late safe-t-window by seller"]


@pytest.mark.parametrize("issuer", ["seller", "amazon_auto", "unknown"])
def test_only_a_refund_by_customer_service_opens_the_window(issuer: str) -> None:
    story = Story()
    story.tell("refund.issued", monday_9am, issued_by=issuer, program="sfp")
    assert story.news() == []


def test_a_refund_without_any_program_known_opens_no_window_until_its_program_is_known() -> None:
    story = Story()
    story.tell("refund.issued", monday_9am, **BY_CS, return_id="R-1")
    assert story.news() == []
    story.tell("return.requested", monday_noon, program="sfp")
    assert story.news() == ["opened safe-t-window"]
    assert story.last("clock.opened")["started_at"] == text(monday_9am)


def test_a_cancelled_refund_closes_its_window() -> None:
    story = Story()
    story.tell("refund.issued", monday_9am, **BY_CS, program="sfp")
    story.tell("refund.cancelled", tuesday_9am)
    assert story.news() == ["opened safe-t-window", "retracted safe-t-window opened: refund_cancelled"]
    assert story.forgotten() == []


# --- whose program ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instant", "marketplace", "having"),
    [
        (NOTICE - 1, US, {"sfp": 1}),
        (NOTICE, US, {"sfp": 2, "mfn": 2}),
        (NOTICE, JP, {"sfp": 1}),
    ],
)
def test_the_version_that_binds_the_clock_says_which_programs_have_the_window(
    instant: int, marketplace: str, having: dict[str, int]
) -> None:
    opened: dict[str, int] = {}
    for program in ("sfp", "mfn", "fba", "csba_jp"):
        story = Story(marketplace=marketplace)
        story.tell("refund.issued", instant, program=program, **BY_CS)
        opened.update((program, event["rule_version"]) for event in story.events)
    assert opened == having


def test_a_version_that_names_no_programs_means_sfp_alone() -> None:
    mine = policies(added={"safe-t-window": [{"effective_from": effective(monday_9am), "programs": ["fba"]}]})
    story = Story(mine)
    for number, program in enumerate(("sfp", "mfn", "fba")):
        story.tell("refund.issued", monday_noon, refund_id=f"F-{number}", program=program, **BY_CS)
    assert [(event["subject"], event["rule_version"]) for event in story.events] == [(f"{ORDER}/F-2", 3)]


def test_the_program_that_the_refund_names_counts_before_its_returns_and_that_before_the_newest() -> None:
    story = Story()
    story.tell("return.requested", monday_9am, program="fba")
    story.tell("refund.issued", monday_noon, return_id="R-1", **BY_CS)
    story.tell("refund.issued", monday_noon, refund_id="F-2", return_id="R-1", program="mfn", **BY_CS)
    story.tell("message.received", monday_3pm, order_id=ORDER, program="sfp", topic="product")
    assert [event["subject"] for event in story.events if event["rule"] == "safe-t-window"] == [f"{ORDER}/F-2"]


def test_where_refund_and_return_name_none_the_newest_program_known_for_the_order_counts() -> None:
    story = Story()
    story.tell("refund.issued", monday_noon, return_id="R-9", **BY_CS)
    story.tell("message.received", monday_9am, order_id=ORDER, program="sfp")
    assert story.news() == ["opened buyer-message-reply", "opened safe-t-window"]
    story.tell("return.approved", monday_3pm, program="fba")
    assert story.news() == ["retracted safe-t-window opened: reassigned"]
    story.tell("message.received", monday_noon, known=monday_3pm, order_id=ORDER, program="mfn", message_id="M-2")
    assert story.news() == ["opened buyer-message-reply"]
    story.tell("refund.issued", monday_3pm + HOUR, refund_id="F-2", program="sfp")
    assert story.news() == ["opened safe-t-window again, revision 2"]


def test_the_program_of_a_cancelled_refund_is_not_known_any_more() -> None:
    story = Story()
    story.tell("refund.issued", monday_9am, **BY_CS)
    story.tell("refund.issued", monday_noon, refund_id="F-2", program="mfn")
    assert story.news() == ["opened safe-t-window"]
    story.tell("refund.cancelled", tuesday_9am, refund_id="F-2")
    assert story.news() == ["retracted safe-t-window opened: refund_cancelled"]
    story.tell("message.received", tuesday_noon, order_id=ORDER, program="sfp")
    assert story.news() == ["opened buyer-message-reply", "opened safe-t-window again, revision 2"]


def test_from_one_program_with_the_right_to_another_nothing_moves() -> None:
    story = Story()
    story.tell("refund.issued", monday_9am, **BY_CS)
    story.tell("return.requested", monday_noon, program="sfp", return_id="R-2")
    story.tell("return.received", monday_3pm, program="mfn", return_id="R-3", refundable_amount="0")
    assert story.news() == ["opened safe-t-window"]


def test_a_window_whose_program_turns_out_to_have_none_is_gone_with_all_that_was_said_of_it() -> None:
    filed, lapsed, late = Story(), Story(), Story()
    for story in (filed, lapsed, late):
        story.tell("refund.issued", monday_9am, return_id="R-1", **BY_CS)
        story.tell("message.received", monday_9am, order_id=ORDER, program="sfp")
    filed.tell("safet.filed", tuesday_9am)
    lapsed.until(local(4, 2))
    late.tell("safet.filed", local(4, 2))
    said = {
        "filed": (filed, ["met: reassigned"]),
        "lapsed": (lapsed, ["lapsed: reassigned"]),
        "late": (late, ["closed_late: reassigned", "lapsed: reassigned"]),
    }
    for story, taken_back in said.values():
        story.news()
        story.tell("return.requested", local(4, 3), program="fba")
        gone = [*taken_back, "opened: reassigned"]
        assert [word for word in story.news() if "safe-t" in word] == [f"retracted safe-t-window {of}" for of in gone]
        assert story.open_clocks() == 0


def test_a_window_that_comes_back_is_judged_by_all_that_is_known_by_then() -> None:
    story = Story()
    story.tell("refund.issued", monday_9am, **BY_CS)
    story.tell("return.requested", monday_9am, program="sfp", return_id="R-2")
    story.tell("safet.filed", tuesday_9am)
    story.tell("return.requested", tuesday_noon, program="csba_jp", return_id="R-3")
    story.news()
    story.tell("return.requested", wednesday_9am, program="mfn", return_id="R-4")
    assert story.news() == [
        "opened return-response",
        "opened safe-t-window again, revision 2",
        "met safe-t-window",
    ]
    assert story.last("clock.met")["at"] == text(tuesday_9am)


def test_a_refund_that_turns_out_older_than_the_notice_has_the_window_of_then_or_none() -> None:
    sfp, mfn = Story(), Story()
    for story, program in ((sfp, "sfp"), (mfn, "mfn")):
        story.tell("refund.issued", NOTICE + DAY, program=program, **BY_CS)
        story.tell("refund.issued", NOTICE - 1, known=NOTICE + DAY, program=program, **BY_CS)
    assert sfp.news() == ["opened safe-t-window", "opened safe-t-window again, revision 2"]
    assert sfp.last("clock.opened")["rule_version"] == 1
    assert mfn.news() == ["opened safe-t-window", "retracted safe-t-window opened: earlier_start"]


# --- which version is asked ------------------------------------------------------------------------------------------


def with_later(*versions: Table) -> str:
    return policies(added={"safe-t-window": list(versions)})


def test_a_version_that_moves_the_clock_is_not_asked_for_its_programs() -> None:
    longer = {
        "effective_from": effective(tuesday_9am),
        "applies_to": "open",
        "programs": ["sfp"],
        "target": {"calendar_days": 90},
    }
    story = Story(with_later(longer))
    story.tell("refund.issued", monday_9am, program="mfn", **BY_CS)
    story.tell("return.refused", tuesday_noon)
    assert story.news() == ["opened safe-t-window", "opened safe-t-window again, revision 2"]
    known_late = Story(with_later(longer))
    known_late.tell("refund.issued", monday_9am, known=tuesday_noon, program="mfn", **BY_CS)
    known_late.tell("return.refused", tuesday_noon)
    assert known_late.news() == ["opened safe-t-window"]
    assert known_late.last("clock.opened")["rule_version"] == 3


def test_neither_is_one_that_would_have_bound_the_clock_but_came_after_it() -> None:
    for_fba = {"effective_from": effective(monday_9am), "applies_to": "new", "programs": ["fba"]}
    moving = {"effective_from": effective(wednesday_9am), "applies_to": "open", "programs": ["fba"]}
    story = Story()
    story.tell("refund.issued", monday_noon, program="mfn", **BY_CS)
    story.activate(with_later(for_fba, moving), tuesday_9am)
    story.tell("return.refused", tuesday_noon)
    assert story.news() == ["opened safe-t-window"]
    story.tell("return.refused", friday_9am, return_id="R-2")
    assert story.news() == ["opened safe-t-window again, revision 2"]
    assert story.last("clock.opened")["rule_version"] == 4
    story.tell("return.requested", friday_9am, program="fba")
    story.tell("refund.issued", monday_noon - 1, known=friday_9am, program="mfn", **BY_CS)
    assert story.news() == ["retracted safe-t-window opened: earlier_start"], "a moved start is bound anew"
