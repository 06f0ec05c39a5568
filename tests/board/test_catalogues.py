"""The catalogues of the board: every message is translated, and nothing stands there that nobody says."""

from __future__ import annotations

import re

import pytest

from agents.board.languages import LANGUAGES, language_for
from agents.board.words import CONSEQUENCES, EVENTS, FACTS, METRICS, REASONS, RULES, STATUSES, VIOLATIONS
from schemas.events import EVENT_TYPES
from schemas.notifications import type_name
from schemas.policies import load_policies, shipped_policies
from schemas.rules import RULES as KNOWN_RULES
from tests.board.catalogues import LOCALES, catalogue, file_of, messages, text_of

BRACES = re.compile(r"\{\w+\}")


@pytest.mark.parametrize("locale", LOCALES)
def test_every_message_is_translated_and_no_other_stands_there(locale: str) -> None:
    known = {str(one.id): str(one.string) for one in catalogue(locale) if one.id}
    wanted = messages()
    assert len(wanted) > 200
    assert sorted(wanted - known.keys()) == [], "python -m tests.board.catalogues adds them"
    assert sorted(known.keys() - wanted) == [], "python -m tests.board.catalogues drops them"
    assert [message for message in sorted(known) if not known[message].strip()] == [], "not translated"


@pytest.mark.parametrize("locale", LOCALES)
def test_what_is_put_into_a_message_is_put_into_its_translation(locale: str) -> None:
    differing = [
        str(one.id)
        for one in catalogue(locale)
        if sorted(BRACES.findall(str(one.id))) != sorted(BRACES.findall(str(one.string)))
    ]
    assert differing == []


@pytest.mark.parametrize("locale", LOCALES)
def test_a_catalogue_is_the_same_whoever_writes_it(locale: str) -> None:
    known = {str(one.id): str(one.string) for one in catalogue(locale)}
    assert file_of(locale).read_text(encoding="utf-8") == text_of(locale, known)


@pytest.mark.parametrize(
    ("chosen", "accepted", "code"),
    [
        ("", "", "en"),
        ("", "zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans"),
        ("", "fr-FR,ja;q=0.7,en;q=0.5", "ja"),
        ("", "en;q=0.3, ja;q=0.9", "ja"),
        ("ja", "zh-CN", "ja"),
        ("xx", "tlh, *;q=nonsense", "en"),
    ],
)
def test_a_reader_gets_the_language_that_was_chosen_or_that_the_browser_asks_for(
    chosen: str, accepted: str, code: str
) -> None:
    assert language_for(chosen, accepted).code == code


def test_each_language_says_it_in_its_own_words() -> None:
    said = {one.text("{n} clocks", n=3) for one in LANGUAGES.values()}
    assert len(said) == len(LANGUAGES)
    assert all("3" in one for one in said)


def test_all_that_the_contract_names_has_words() -> None:
    assert set(RULES) == set(KNOWN_RULES)
    assert set(EVENTS) == {type_name(one) for one in EVENT_TYPES} - {"account.health"}
    policies = load_policies(shipped_policies())
    shipped = {one for versions in policies.rules.values() for version in versions for one in version.consequences}
    assert shipped <= set(CONSEQUENCES)
    for names in (FACTS, METRICS, REASONS, STATUSES, VIOLATIONS):
        assert all(names.values())


def test_the_reasons_kinds_and_metrics_are_those_of_the_events() -> None:
    from typing import get_args

    from schemas import events

    reasons = {
        one
        for choice in (events.UrgentReason, events.ExemptReason, events.RetractionReason)
        for one in get_args(choice)
    }
    assert set(REASONS) == reasons
    assert set(VIOLATIONS) == set(get_args(events.ViolationKind))
    assert set(METRICS) == set(get_args(events.Metric))
    assert set(STATUSES) == set(get_args(events.HealthStatus))
