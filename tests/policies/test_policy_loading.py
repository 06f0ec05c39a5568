"""A good policy file says what it says, and the contract's defaults where it says nothing (contract §5)."""

import hashlib
from dataclasses import FrozenInstanceError
from datetime import date

import pytest

from schemas.policies import load_policies, shipped_policies
from schemas.policy_types import CalendarSpec, Retention, RuleVersion, Target
from schemas.rules import RULES
from tests.policies.policy_texts import policy_text, version_table

DAY_MS = 86_400_000
HOUR_MS = 3_600_000


def version_of(**keys: str) -> RuleVersion:
    (version,) = load_policies(policy_text(version_table(**keys))).rules["sfp-refund"]
    return version


def test_an_empty_file_is_a_policy_with_the_default_retention() -> None:
    policies = load_policies("")
    assert policies.retention == Retention(120 * DAY_MS, 200 * DAY_MS, 225 * DAY_MS)
    assert (policies.calendars, policies.marketplaces, policies.accounts, policies.rules) == ({}, {}, {}, {})


def test_a_retention_that_is_left_out_is_the_shipped_one() -> None:
    assert load_policies("").retention == load_policies(shipped_policies()).retention


def test_retention_is_in_days_and_each_has_its_own_default() -> None:
    assert load_policies("[retention]\nunsettled_days = 7").retention == Retention(
        120 * DAY_MS, 7 * DAY_MS, 225 * DAY_MS
    )


def test_the_digest_is_of_the_text_as_it_is() -> None:
    text = "# größer\r\n" + policy_text()
    policies = load_policies(text)
    assert policies.toml == text
    assert policies.digest == hashlib.sha256(text.encode("utf-8")).hexdigest()


def test_a_calendar_is_read_as_dates_and_weekday_numbers() -> None:
    assert load_policies(policy_text()).calendars == {
        "us": CalendarSpec(
            name="us",
            timezone="America/Los_Angeles",
            weekend=frozenset({5, 6}),
            closed=frozenset({date(2026, 1, 1)}),
            open=frozenset({date(2026, 1, 3)}),
            covers=(date(2025, 1, 1), date(2027, 12, 31)),
        )
    }


def test_a_calendar_may_list_no_closed_or_open_days_and_have_no_weekend() -> None:
    text = '[calendars.utc]\ntimezone = "UTC"\nweekend = []\ncovers = [2026-01-01, 2026-01-01]'
    calendar = load_policies(text).calendars["utc"]
    assert (calendar.weekend, calendar.closed, calendar.open) == (frozenset(), frozenset(), frozenset())


def test_a_version_that_says_only_what_it_must_has_the_defaults() -> None:
    assert version_of() == RuleVersion(
        rule="sfp-refund",
        version=1,
        effective_from_ms=1_420_070_400_000,
        marketplaces=None,
        target=Target("business_days", 2),
        confirm_after_ms=0,
        escalate_before_ms=(),
        escalate_after_ms=(),
        obligor="seller",
        on_due="clock.breached",
        consequences=(),
        applies_to="new",
        programs=frozenset(),
    )


def test_a_version_that_says_everything_is_read_in_full() -> None:
    assert version_of(
        version="7",
        effective_from="2026-01-26T00:00:00.1239-08:00",
        marketplaces='["ATVPDKIKX0DER", "A1VC38T7YXB528"]',
        target="{ hours = 6 }",
        confirm_after='"12h"',
        escalate_before='["2h", "30m"]',
        escalate_after='["45s", "1d"]',
        obligor='"csba"',
        on_due='"clock.lapsed"',
        consequences='["b", "a"]',
        applies_to='"open"',
    ) == RuleVersion(
        rule="sfp-refund",
        version=7,
        effective_from_ms=1_769_414_400_123,
        marketplaces=frozenset({"ATVPDKIKX0DER", "A1VC38T7YXB528"}),
        target=Target("hours", 6),
        confirm_after_ms=12 * HOUR_MS,
        escalate_before_ms=(2 * HOUR_MS, HOUR_MS // 2),
        escalate_after_ms=(45_000, DAY_MS),
        obligor="csba",
        on_due="clock.lapsed",
        consequences=("b", "a"),
        applies_to="open",
    )


@pytest.mark.parametrize(
    ("kind", "is_days", "elapsed_ms"),
    [
        ("seconds", False, 3_000),
        ("minutes", False, 180_000),
        ("hours", False, 3 * HOUR_MS),
        ("business_days", True, 3 * DAY_MS),
        ("calendar_days", True, 3 * DAY_MS),
    ],
)
def test_a_target_is_days_or_elapsed_time(kind: str, is_days: bool, elapsed_ms: int) -> None:
    target = version_of(target=f"{{ {kind} = 3 }}").target
    assert (target.kind, target.count, target.is_days, target.elapsed_ms) == (kind, 3, is_days, elapsed_ms)


@pytest.mark.parametrize(
    ("said", "programs"),
    [
        ("", {"sfp"}),
        ('["sfp"]', {"sfp"}),
        ('["mfn", "sfp", "mfn"]', {"sfp", "mfn"}),
        ('["fba", "csba_jp"]', {"fba", "csba_jp"}),
    ],
)
def test_the_programs_that_open_safe_t_are_those_said_else_sfp(said: str, programs: set[str]) -> None:
    (version,) = load_policies(policy_text(version_table("safe-t-window", programs=said))).rules["safe-t-window"]
    assert version.programs == programs


def test_the_rules_are_those_of_the_contract_in_its_order() -> None:
    assert tuple(RULES)[8:12] == ("return-response", "a-to-z-evidence", "a-to-z-appeal", "chargeback-answer")
    assert len(RULES) == 16


def test_zones_that_no_calendar_names_are_no_error_and_change_nothing() -> None:
    text = policy_text(version_table())
    assert load_policies(text, zone_names={"America/Los_Angeles", "Mars/Olympus"}) == load_policies(text)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_may_have_versions(rule: str) -> None:
    assert list(load_policies(policy_text(version_table(rule))).rules) == [rule]


def test_versions_may_skip_numbers_and_begin_at_one_instant() -> None:
    tables = version_table(version="2"), version_table(version="5")
    assert [version.version for version in load_policies(policy_text(*tables)).rules["sfp-refund"]] == [2, 5]


def test_an_account_has_its_own_calendar_else_its_marketplaces_else_none() -> None:
    own = '[accounts."A3/ATVPDKIKX0DER"]\ncalendar = "utc"\n'
    utc = '[calendars.utc]\ntimezone = "UTC"\nweekend = []\ncovers = [2026-01-01, 2026-12-31]\n'
    policies = load_policies(policy_text(own, utc))
    assert policies.calendar_of("A3/ATVPDKIKX0DER") == "utc"
    assert policies.calendar_of("A4/ATVPDKIKX0DER") == "us"
    assert policies.calendar_of("A3/A1VC38T7YXB528") is None


def test_the_order_of_the_file_decides_nothing_but_the_digest() -> None:
    one, other = version_table("csba-reply"), version_table("a-to-z-evidence")
    first, second = load_policies(policy_text(one, other)), load_policies(policy_text(other, one))
    assert list(first.rules) == list(second.rules) == ["a-to-z-evidence", "csba-reply"]
    assert first.rules == second.rules
    assert first.digest != second.digest


def test_nothing_loaded_can_be_changed() -> None:
    policies = load_policies(policy_text(version_table()))
    with pytest.raises(FrozenInstanceError):
        policies.rules["sfp-refund"][0].version = 2  # type: ignore[misc]  # that it is frozen is the point
    with pytest.raises((FrozenInstanceError, AttributeError, TypeError)):
        policies.note = "x"  # type: ignore[attr-defined]  # that there are slots is the point
