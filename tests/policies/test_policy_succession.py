"""What has been activated stays true under the policies that follow (contract §5)."""

import pytest

from schemas.policies import load_policies
from schemas.policy_succession import check_successor
from schemas.policy_types import PolicyError
from tests.policies.policy_texts import CALENDAR, MARKETPLACE, policy_text, version_table

OTHER_CALENDAR = CALENDAR.replace("calendars.us", "calendars.other")
SHORT_CALENDAR = OTHER_CALENDAR.replace("2027-12-31", "2027-12-30")
OWN = '[accounts."A3/ATVPDKIKX0DER"]\ncalendar = "other"\n'
OLD = policy_text(version_table())


def error_of(old: str, new: str) -> str:
    with pytest.raises(PolicyError) as caught:
        check_successor(load_policies(old), load_policies(new))
    return str(caught.value)


@pytest.mark.parametrize(
    "new",
    [
        OLD,
        "# only a comment more\n" + OLD,
        policy_text(version_table(), version_table(version="2", target="{ calendar_days = 4 }")),
        policy_text(version_table(), version_table("csba-reply", target="{ hours = 6 }")),
        policy_text(version_table(), calendar=CALENDAR.replace("2025-01-01, 2027-12-31", "2024-12-31, 2028-01-01")),
        policy_text(version_table(), calendar=CALENDAR.replace("[2026-01-01]", "[2026-01-01, 2026-05-25]")),
        policy_text(version_table(), OTHER_CALENDAR, OWN),
        policy_text(version_table(), OTHER_CALENDAR, marketplace=MARKETPLACE.replace("us", "other")),
        policy_text(version_table(), "[retention]\nsettled_days = 1"),
    ],
)
def test_policies_that_only_add_or_correct_may_follow(new: str) -> None:
    check_successor(load_policies(OLD), load_policies(new))


def test_an_activated_version_may_not_change() -> None:
    assert error_of(OLD, policy_text(version_table(escalate_before='["4h"]'))) == (
        "Version 1 of rule sfp-refund has been activated and may not change; put it back and write a new version."
    )


def test_the_programs_of_an_activated_version_may_not_change_but_may_be_said() -> None:
    silent = policy_text(version_table("safe-t-window"))
    check_successor(
        load_policies(silent), load_policies(policy_text(version_table("safe-t-window", programs='["sfp"]')))
    )
    assert error_of(silent, policy_text(version_table("safe-t-window", programs='["sfp", "mfn"]'))) == (
        "Version 1 of rule safe-t-window has been activated and may not change; put it back and write a new version."
    )


@pytest.mark.parametrize("new", [policy_text(), policy_text(version_table(version="2"))])
def test_an_activated_version_may_not_disappear(new: str) -> None:
    assert error_of(OLD, new) == "Version 1 of rule sfp-refund has been activated and is missing; put it back."


@pytest.mark.parametrize("covers", ["2025-01-02, 2027-12-31", "2025-01-01, 2027-12-30"])
def test_the_coverage_of_a_calendar_may_not_shrink(covers: str) -> None:
    new = policy_text(version_table(), calendar=CALENDAR.replace("2025-01-01, 2027-12-31", covers))
    assert error_of(OLD, new) == (
        "Calendar us has been activated with 'covers' from 2025-01-01 to 2027-12-31, which may not shrink."
    )


def test_a_calendar_may_not_disappear() -> None:
    assert error_of(policy_text(OTHER_CALENDAR), policy_text()) == (
        "Calendar other has been activated and is missing; put it back."
    )


def test_a_marketplace_may_not_lose_its_calendar() -> None:
    assert error_of(OLD, policy_text(version_table(), marketplace="")) == (
        "The marketplace ATVPDKIKX0DER has had calendar us and may not lose it; name one for it."
    )


def test_a_marketplace_may_not_get_a_calendar_that_covers_less() -> None:
    new = policy_text(version_table(), SHORT_CALENDAR, marketplace=MARKETPLACE.replace("us", "other"))
    assert error_of(OLD, new) == (
        "The marketplace ATVPDKIKX0DER has had calendar us; calendar other covers less, which it may not: "
        "extend its 'covers'."
    )


def test_an_account_may_not_get_a_calendar_of_its_own_that_covers_less() -> None:
    assert error_of(OLD, policy_text(version_table(), SHORT_CALENDAR, OWN)) == (
        "The account A3/ATVPDKIKX0DER has had calendar us; calendar other covers less, which it may not: "
        "extend its 'covers'."
    )


def test_an_account_may_fall_back_to_a_marketplace_that_covers_as_much() -> None:
    old = policy_text(OTHER_CALENDAR, OWN)
    check_successor(load_policies(old), load_policies(policy_text(OTHER_CALENDAR)))


def test_an_account_may_not_fall_back_to_nothing() -> None:
    old = policy_text(OTHER_CALENDAR, OWN, marketplace="")
    assert error_of(old, policy_text(OTHER_CALENDAR, marketplace="")) == (
        "The account A3/ATVPDKIKX0DER has had calendar other and may not lose it; name one for it."
    )


def test_an_account_that_had_no_calendar_may_get_any() -> None:
    old = policy_text(SHORT_CALENDAR, marketplace="")
    check_successor(load_policies(old), load_policies(policy_text(SHORT_CALENDAR, OWN, marketplace="")))
