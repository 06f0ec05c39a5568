"""Which clocks are open or stand breached, as rows say it."""

from __future__ import annotations

import pytest

from streams.due_list import Asked, DueClock, due_clocks, in_order
from tests.core.instants import DAY, HOUR, friday_9am, monday_9am, monday_noon, thursday_midnight
from tests.core.stories import JP, ORDER, SELLER, US, Story


@pytest.fixture
def rows() -> dict[str, bytes]:
    """Two messages to be answered, one in Japan; a return not refunded in time; a case that nobody moves."""
    story = Story()
    story.tell("return.received", monday_9am)
    story.tell("refund.issued", monday_9am, order_id="111-0000009-0000009", issued_by="amazon_cs", program="sfp")
    story.until(thursday_midnight)
    story.tell("case.opened", thursday_midnight)
    story.until(friday_9am)
    story.tell("message.received", friday_9am)
    story.tell("message.received", friday_9am + 1, marketplace_id=JP, message_id="M-2", thread_id="T-2")
    story.tell("message.received", friday_9am + 2, thread_id="T-3", message_id="M-3")
    story.tell("message.sent", friday_9am + 3, thread_id="T-3")
    story.state.take_changes()
    return dict(story.state.rows_at_rest().items())


def names(rows: dict[str, bytes], **asked: object) -> list[tuple[str, str]]:
    return [(one.rule, one.state) for one in due_clocks(rows.items(), Asked(**asked))]  # type: ignore[arg-type]  # each test gives good ones


def test_what_is_due_first_comes_first_and_what_has_ended_is_left_out(rows: dict[str, bytes]) -> None:
    assert names(rows) == [
        ("sfp-refund", "breached"),
        ("case-resolution", "open"),
        ("buyer-message-reply", "open"),
        ("buyer-message-reply", "open"),
        ("case-stalled", "open"),
        ("safe-t-window", "open"),
    ]


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({"seller": SELLER}, 6),
        ({"seller": "ANOTHER"}, 0),
        ({"marketplace": JP}, 1),
        ({"seller": SELLER, "marketplace": US, "rule": "buyer-message-reply"}, 1),
        ({"rule": "case-stalled"}, 1),
        ({"only_breached": True}, 1),
        ({"due_until_ms": friday_9am + DAY}, 3),
        ({"due_until_ms": friday_9am + DAY + 1}, 4),
        ({"limit": 4}, 4),
    ],
)
def test_one_can_ask_for_some(rows: dict[str, bytes], asked: dict[str, object], count: int) -> None:
    assert len(names(rows, **asked)) == count


def test_a_clock_is_said_with_all_that_binds_it(rows: dict[str, bytes]) -> None:
    (one,) = due_clocks(rows.items(), Asked(only_breached=True))
    account = f"{SELLER}/{US}"
    assert one == DueClock(
        due_ms=thursday_midnight,
        clock_id=f"{account}/sfp-refund/{ORDER}/R-1",
        state="breached",
        account=account,
        rule="sfp-refund",
        rule_version=1,
        subject=f"{ORDER}/R-1",
        started_ms=monday_9am,
        order_id=ORDER,
        calendar=one.calendar,
    )
    assert one.calendar


def test_a_reminder_that_is_due_is_no_breach_but_stands() -> None:
    story = Story()
    story.tell("case.opened", monday_noon, priority="high")
    story.until(monday_noon + 12 * HOUR + 1)
    story.state.take_changes()
    (first, *_) = due_clocks(story.state.rows_at_rest().items(), Asked())
    assert (first.rule, first.state) == ("case-first-response", "reminder_due")


def test_answers_of_several_partitions_are_put_in_one_order(rows: dict[str, bytes]) -> None:
    asked = Asked(limit=3)
    whole = due_clocks(rows.items(), Asked())
    assert in_order([*whole[3:], *whole[:3]], asked) == whole[:3]
