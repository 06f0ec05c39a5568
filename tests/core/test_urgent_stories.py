"""Questions about a refund (SFP 1): whoever asks for the money of a return received is refunded immediately."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.instants import (
    friday_9am,
    monday_9am,
    monday_noon,
    text,
    thursday_9am,
    tuesday_9am,
    tuesday_noon,
)
from tests.core.stories import ORDER, OTHER_ORDER, Story


@pytest.mark.parametrize("program", ["sfp", "mfn"])
def test_a_question_about_the_refund_makes_the_running_clock_urgent_once(program: str) -> None:
    story = Story()
    story.tell("return.received", monday_9am, program=program)
    story.news()
    asks: dict[str, Any] = {"order_id": ORDER, "topic": "refund"}
    story.tell("message.received", tuesday_9am, **asks)
    rule = f"{program}-refund"
    assert story.news() == ["opened buyer-message-reply", f"escalated {rule} urgently"]
    urgent = story.last("clock.escalated")
    assert (urgent["at"], urgent["level"]) == (text(tuesday_9am), 0)
    assert (urgent["reason"], urgent["cause"]) == ("refund_question_after_receipt", "e2")
    story.tell("message.received", tuesday_9am, known=tuesday_noon, **asks)
    assert story.news() == []
    story.tell("message.received", tuesday_noon, message_id="M-2", **asks)
    assert story.news() == ["opened buyer-message-reply", f"escalated {rule} urgently"]


def test_a_question_makes_each_running_clock_of_its_order_urgent() -> None:
    story = Story()
    for number in (2, 1):
        story.tell("return.received", monday_9am, return_id=f"R-{number}")
    story.tell("return.received", monday_9am, order_id=OTHER_ORDER)
    story.news()
    story.tell("message.received", tuesday_9am, order_id=ORDER, topic="refund")
    assert story.news() == ["opened buyer-message-reply", *["escalated sfp-refund urgently"] * 2]
    urgent = [event["subject"] for event in story.events if event.get("urgent")]
    assert urgent == [f"{ORDER}/R-1", f"{ORDER}/R-2"]


def test_a_receipt_known_after_the_question_but_from_before_it_is_urgent_at_once() -> None:
    story = Story()
    story.tell("return.received", monday_9am)
    story.tell("message.received", tuesday_9am, order_id=ORDER, topic="refund")
    story.news()
    story.tell("return.received", tuesday_9am, return_id="R-2")
    story.tell("return.received", tuesday_9am + 1, return_id="R-3")
    assert story.news() == ["opened sfp-refund", "escalated sfp-refund urgently", "opened sfp-refund"]
    urgent = story.last("clock.escalated")
    assert (urgent["subject"], urgent["at"], urgent["cause"]) == (f"{ORDER}/R-2", text(tuesday_9am), "e3")


def test_a_question_makes_a_breached_clock_urgent_too_but_not_one_that_began_after_it_or_has_ended() -> None:
    story = Story()
    asks: dict[str, Any] = {
        "order_id": ORDER,
        "topic": "refund",
        "from_role": "buyer",
        "routed_to": "csba",
        "program": "sfp",
    }
    story.tell("return.received", monday_9am)
    story.tell("return.received", monday_9am, return_id="R-3")
    story.tell("refund.issued", monday_noon, return_id="R-3")
    story.tell("return.received", friday_9am, return_id="R-2")
    story.news()
    story.tell("message.received", thursday_9am, known=friday_9am, **asks)
    urgent = [event for event in story.events if event.get("urgent")]
    assert [event["subject"] for event in urgent] == [f"{ORDER}/R-1"]
    story.tell("message.received", friday_9am, message_id="M-2", topic="order", order_id=ORDER)
    story.tell("message.received", friday_9am, message_id="M-3", from_role="amazon_cs", topic="refund", order_id=ORDER)
    assert [event for event in story.events if event.get("urgent")] == urgent
