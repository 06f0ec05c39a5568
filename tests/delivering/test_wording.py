"""What people are told, in three languages; and how long is waited before they are told again."""

from __future__ import annotations

import json
import re
from typing import Any, get_args

import pytest

from agents import phrases
from agents.delivering import texts
from agents.delivering.payloads import incident_of, slack
from agents.delivering.waiting import asked_wait_s, wait_s
from agents.delivering.wording import message, plain_text
from agents.phrases import RULE_NAMES, duration, order_link
from agents.subscriptions import LANGUAGES, Language
from schemas.events import EVENT_TYPES, RetractedType
from schemas.notifications import type_name
from schemas.rules import RULES
from tests.audit.history import History
from tests.cli.command import GOLDEN

TABLES = {
    name: table
    for module in (texts, phrases)
    for name, table in vars(module).items()
    if name.isupper() and isinstance(table, dict) and name not in ("_SHOPS", "ENDINGS")
}


def every_event() -> list[dict[str, Any]]:
    """All events of all golden cases."""
    return [
        json.loads(line) for file in sorted(GOLDEN.glob("*/expected.jsonl")) for line in file.read_text().splitlines()
    ]


EVENTS = every_event()


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_word_is_there_in_every_language(name: str) -> None:
    for word, said in TABLES[name].items():
        assert set(said) == set(LANGUAGES), word
        put_in = {tuple(sorted(re.findall(r"\{(\w+)\}", text))) for text in said.values()}
        assert len(put_in) == 1, f"{word} puts in other things in another language"


def test_every_type_and_rule_has_its_words() -> None:
    assert set(RULE_NAMES) == set(RULES)
    assert set(map(type_name, EVENT_TYPES)) <= set(texts.HEADLINES)
    assert set(texts.TAKEN_BACK) == set(get_args(RetractedType))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_event_of_the_golden_cases_is_said_whole(language: Language) -> None:
    assert {event["type"] for event in EVENTS} == set(map(type_name, EVENT_TYPES))
    for event in EVENTS:
        text = plain_text(message(event, language, "https://board.example/{clock_id}"))
        assert "{" not in text, text
        assert event["seller_id"] in text
        if "reason" in event:
            assert texts.CODES[event["reason"]][language] in text
        if event["type"] == "clock.retracted":
            assert event["retracts"] in text
            assert texts.TAKEN_BACK[event["of"]][language] in text.splitlines()[0]
        if "clock_id" in event:
            assert f"https://board.example/{event['clock_id']}" in text


def test_a_headline_stands_alone() -> None:
    (breach,) = [
        json.loads(sent.event.value)
        for sent in History().tell("02-weekend-breach-late-refund").events
        if sent.event.type == "clock.breached"
    ]
    said = [message(breach, language).headline for language in LANGUAGES]
    order = breach["order_id"]
    assert said == [
        f"Overdue: refund, Seller Fulfilled Prime, {order}",
        f"已逾期：退款（卖家自配Prime），{order}",
        f"期限超過：返金（マケプレプライム）、{order}",
    ]


def test_durations_have_their_two_largest_units() -> None:
    cases = {0: "0 s", 59_999: "59 s", 60_000: "1 min", 14_400_000: "4 h", 90_000_000: "1 d 1 h", 86_460_000: "1 d"}
    assert {ms: duration(ms, "en") for ms in cases} == cases
    assert duration(100_000_000, "zh") == "1天3小时"


def test_orders_are_looked_up_where_their_marketplace_has_them() -> None:
    assert order_link("A1VC38T7YXB528", "111-1") == "https://sellercentral.amazon.co.jp/orders-v3/order/111-1"
    assert order_link("NOWHERE", "111-1") == ""


def test_what_slack_takes_for_markup_is_text() -> None:
    event = {**next(one for one in EVENTS if one["type"] == "clock.breached"), "subject": "<!channel> & co"}
    del event["order_id"]
    said = json.loads(slack(event, "en", "").body)
    assert "&lt;!channel&gt; &amp; co" in said["text"]
    assert "<!channel>" not in json.dumps(said)


def test_an_incident_is_named_within_what_pagerduty_takes() -> None:
    assert incident_of({"clock_id": "C"}) == "C"
    assert len(incident_of({"clock_id": "C" * 500})) == 64
    health = {"seller_id": "S", "marketplace_id": "M", "metric": "late_response_rate", "window_days": 30}
    assert incident_of({**health, "type": "account.health"}) == "S/M/late_response_rate/30"
    assert incident_of({"type": "policy.violation", "output_id": "f"}) == "f"


def test_waits_double_up_to_a_bound_and_chance_spreads_them() -> None:
    bounds = [wait_s(tries, 1.0, first_ms=1_000, most_ms=300_000) for tries in range(1, 12)]
    assert bounds == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert wait_s(10_000, 0.5, first_ms=1_000, most_ms=300_000) == 150
    assert wait_s(3, 0.0, first_ms=1_000, most_ms=300_000) == 0
    assert wait_s(1, 0.5, first_ms=1_000, most_ms=300_000, asked_s=20) == 20.5
    assert wait_s(1, 0.0, first_ms=1, most_ms=1, asked_s=10**9) == 86_400


def test_what_a_target_asks_for_is_a_number_or_a_date() -> None:
    now_ms = 1_771_372_800_000  # 2026-02-18T00:00:00Z
    assert asked_wait_s("120", now_ms) == 120
    assert asked_wait_s("Wed, 18 Feb 2026 00:02:00 GMT", now_ms) == 120
    assert asked_wait_s("Tue, 17 Feb 2026 00:00:00 GMT", now_ms) == 0
    assert [asked_wait_s(text, now_ms) for text in (None, "", "soon", "-5", "１２")] == [0, 0, 0, 0, 0]
