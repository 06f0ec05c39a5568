"""Each story, told when nothing else is: what comes of it, in order, and that its first line names its rules."""

from __future__ import annotations

import random
import re

import orjson
import pytest

from agents.demo import case_stories, message_stories, return_stories
from agents.demo.cast import DE, US, Story
from agents.demo.generator import demo_policies, told
from agents.demo.performance import line_of
from agents.demo.roles import ROLES
from agents.zones import machine_zones
from schemas.rules import RULES
from streams.replay import Replay
from tests.demo.test_play import START_MS, VIOLATIONS

ALONE_FOR_MS = 90_000
STORIES = {role.story.__name__: role.story for role in ROLES}
AMAZON_REFUNDS = return_stories.amazon_refunds_a_seller_fulfilled_return

Told = dict[tuple[Story, str], list[dict[str, object]]]
"""All that comes of a story, by its marketplace too."""


@pytest.fixture(scope="module")
def played() -> Told:
    """Each role's story, one after the other: when the next one begins, nothing more comes of the one before."""
    refused: list[object] = []
    replay = Replay(demo_policies(), lambda *why: refused.append(why), machine_zones)
    comes: Told = {}
    for number, role in enumerate(ROLES):
        begins_ms = START_MS + number * ALONE_FOR_MS
        events = []
        for record in sorted(told(random.Random(number), role, begins_ms)):
            events += replay.feed(line_of(record))
        events += replay.close(begins_ms + ALONE_FOR_MS - 2_000)
        comes[role.story, role.marketplace_id] = [orjson.loads(event.value) for event in events]
    assert refused == []
    return comes


def of_story(played: Told, story: Story) -> list[dict[str, object]]:
    """Where it is played first."""
    return next(events for (one, _), events in played.items() if one is story)


def subject_of(event: dict[str, object]) -> str:
    return str(event.get("rule") or event.get("kind") or event.get("metric"))


def in_short(event: dict[str, object]) -> str:
    """Rule and type, with the reason or the level where there is one."""
    words = (subject_of(event), str(event["type"]).rpartition(".")[2], event.get("reason") or event.get("level"))
    return " ".join(str(word) for word in words if word)


def what_comes_of(played: Told, story: Story) -> list[str]:
    return [in_short(event) for event in of_story(played, story)]


@pytest.mark.parametrize(
    ("story", "comes"),
    [
        (return_stories.refund_of_nothing, "opened, met"),
        (return_stories.receipt_dated_back, "opened, met, retracted earlier_start, opened, met"),
        (return_stories.replaced, "opened, exempt replaced"),
        (return_stories.refund_goes_to_the_earlier_receipt, "opened, met, retracted reassigned, opened, met, met"),
        (return_stories.return_authorized_by_amazon, "opened, exempt auto_authorized"),
        (message_stories.message_answered_late, "opened, escalated 1, escalated 2, breached, closed_late"),
        (
            message_stories.message_marked_by_mistake,
            "opened, exempt no_response_needed, retracted unmarked, escalated 1, met",
        ),
        (
            message_stories.reply_never_arrives,
            "opened, met, retracted message_undelivered, escalated 1, escalated 2, breached, closed_late",
        ),
        (message_stories.amazon_asks, "opened, met"),
        (message_stories.amazon_and_the_buyer_are_answered_apart, "opened, escalated 1, met"),
        (case_stories.chargeback_answered, "opened, escalated 1, met"),
        (case_stories.chargeback_answered_late, "opened, escalated 1, escalated 2, breached, closed_late"),
        (case_stories.chargeback_decided, "opened, exempt chargeback_closed"),
    ],
)
def test_a_story_of_one_rule_brings_what_it_says(played: Told, story: Story, comes: str) -> None:
    came = what_comes_of(played, story)
    (rule,) = {words.split()[0] for words in came}
    assert [words.removeprefix(f"{rule} ") for words in came] == comes.split(", ")


def test_a_granted_claim_can_be_appealed_against_and_the_right_to_it_lapses(played: Told) -> None:
    assert what_comes_of(played, case_stories.claim_appealed) == [
        "a-to-z-evidence opened", "a-to-z-appeal opened", "a-to-z-evidence exempt claim_closed", "a-to-z-appeal met",
    ]  # fmt: skip
    assert what_comes_of(played, case_stories.claim_lost)[-4:] == [
        "a-to-z-appeal opened", "a-to-z-appeal escalated 1", "a-to-z-appeal escalated 2", "a-to-z-appeal lapsed",
    ]  # fmt: skip


def test_a_case_that_moves_after_its_closing_is_open_again_and_can_be_closed_again(played: Told) -> None:
    came = what_comes_of(played, case_stories.case_closed_twice)
    assert came.count("case-stalled exempt case_closed") == 3
    assert "case_duplicate violation" in came
    assert not [words for words in came if words.endswith("reminder_due")]


def test_safe_t_is_a_right_for_seller_fulfilled_orders_where_version_2_is_in_force(played: Told) -> None:
    germany = [in_short(event) for event in played[AMAZON_REFUNDS, DE]]
    assert germany == ["mfn-refund opened", "mfn-refund superseded"]
    safe_t = [event for event in played[AMAZON_REFUNDS, US] if event["rule"] == "safe-t-window"]
    assert [(event["type"], event["rule_version"]) for event in safe_t] == [("clock.opened", 2), ("clock.met", 2)]


@pytest.mark.parametrize("name", STORIES)
def test_the_first_line_of_a_story_names_rules_that_it_is_about(played: Told, name: str) -> None:
    story = STORIES[name]
    came = {subject_of(event) for (one, _), events in played.items() if one is story for event in events}
    words = re.findall(r"[a-z0-9_-]+", str(story.__doc__))
    named = set(words) & {*RULES, *VIOLATIONS.split(), "order_defect_rate"}
    assert named
    assert named <= came
