"""The shipped policies hold every rule as agreed, and calendars whose dates are those of the official lists."""

import tomllib
from datetime import date
from pathlib import Path

import pytest

from schemas.policies import load_policies, shipped_policies
from schemas.policy_succession import check_successor
from schemas.policy_types import CalendarSpec
from schemas.rules import RULES
from tests.policies.generate_calendars import SHIPPED, SOURCES, with_closed_dates
from tests.zones import calendar_of as made_ready

GOLDEN = Path(__file__).parents[1] / "golden" / "policies.toml"
POLICIES = load_policies(shipped_policies())
AGREED = load_policies(GOLDEN.read_bytes().decode())

US = "ATVPDKIKX0DER"

# Typed from the page "Marketplace IDs" of the Selling Partner API's documentation. The zones are those in which Amazon
# reports a marketplace's days (Canada and Mexico in Pacific time), or the country's own where it has the same offset.
MARKETPLACES = {
    "A2EUQ1WTGCTBG2": ("ca-federal-pacific", "America/Los_Angeles"),
    "ATVPDKIKX0DER": ("us-federal-pacific", "America/Los_Angeles"),
    "A1AM78C64UM0Y8": ("mx-federal-pacific", "America/Los_Angeles"),
    "A1F83G8C2ARO7P": ("uk-england-wales", "Europe/London"),
    "A1PA6795UKMFR9": ("de-national", "Europe/Berlin"),
    "A13V1IB3VIYZZH": ("fr-national", "Europe/Paris"),
    "APJ6JRA9NG5V4": ("it-national", "Europe/Rome"),
    "A1RKKUPIHCS9HS": ("es-national", "Europe/Madrid"),
    "A1805IZSGTT6HS": ("nl-national", "Europe/Amsterdam"),
    "AMEN7PMS3EDWL": ("be-national", "Europe/Brussels"),
    "A1C3SOZRARQ6R3": ("pl-national", "Europe/Warsaw"),
    "A2NODRKZP88ZB9": ("se-national", "Europe/Stockholm"),
    "A28R8C7NBKEWEA": ("ie-national", "Europe/Dublin"),
    "A33AVAJ2PDY3EV": ("tr-national", "Europe/Istanbul"),
    "A1VC38T7YXB528": ("jp-public", "Asia/Tokyo"),
}

# The days of 2026 on which each country rests, typed from these lists and not from the library:
#   US  OPM, "Federal Holidays", 2026 · CA  Canada Labour Code, s. 166 and 195 · MX  Ley Federal del Trabajo, art. 74
#   UK  gov.uk, "UK bank holidays", England and Wales · DE  the holiday laws of the sixteen Länder, what they share
#   FR  service-public.fr, "jours fériés" 2026 · IT  legge 260/1949, as last changed by legge 151/2025
#   ES  BOE of 2025-10-28, labour holidays of 2026, those of all communities · NL  rijksoverheid.nl, feestdagen
#       (5 May is a day off each fifth year only) · BE  the ten legal holidays (loi of 1974-01-04), belgium.be
#   PL  ustawa o dniach wolnych od pracy, as changed in 2024 · SE  lag 1989:253 · IE  citizensinformation.ie, 2026
#   TR  law 2429, and Diyanet's calendar of religious days 2026 · JP  Cabinet Office, 2026 (令和8年)
RESTS_IN_2026 = {
    "us-federal-pacific": "01-01 01-19 02-16 05-25 06-19 07-03 09-07 10-12 11-11 11-26 12-25",
    "ca-federal-pacific": "01-01 04-03 05-18 07-01 09-07 09-30 10-12 11-11 12-25 12-26 12-28",
    "mx-federal-pacific": "01-01 02-02 03-16 05-01 09-16 11-16 12-25",
    "uk-england-wales": "01-01 04-03 04-06 05-04 05-25 08-31 12-25 12-28",
    "de-national": "01-01 04-03 04-06 05-01 05-14 05-25 10-03 12-25 12-26",
    "fr-national": "01-01 04-06 05-01 05-08 05-14 05-25 07-14 08-15 11-01 11-11 12-25",
    "it-national": "01-01 01-06 04-06 04-25 05-01 06-02 08-15 10-04 11-01 12-08 12-25 12-26",
    "es-national": "01-01 01-06 04-03 05-01 08-15 10-12 11-01 12-08 12-25",
    "nl-national": "01-01 04-03 04-05 04-06 04-27 05-14 05-24 05-25 12-25 12-26",
    "be-national": "01-01 04-06 05-01 05-14 05-25 07-21 08-15 11-01 11-11 12-25",
    "pl-national": "01-01 01-06 04-05 04-06 05-01 05-03 05-24 06-04 08-15 11-01 11-11 12-24 12-25 12-26",
    "se-national": "01-01 01-06 04-03 04-05 04-06 05-01 05-14 05-24 06-06 06-20 10-31 12-25 12-26",
    "ie-national": "01-01 02-02 03-17 04-06 05-04 06-01 08-03 10-26 12-25 12-26",
    "tr-national": "01-01 03-20 03-21 03-22 04-23 05-01 05-19 05-27 05-28 05-29 05-30 07-15 08-30 10-29",
    "jp-public": (
        "01-01 01-12 02-11 02-23 03-20 04-29 05-03 05-04 05-05 05-06 07-20 08-11 09-21 09-22 09-23 10-12 11-03 11-23"
    ),
}

# What the official lists say of other years and a rule of thumb would miss.
RESTS_IN_OTHER_YEARS = {
    "us-federal-pacific": "2027-07-05 2027-12-31 2028-11-10 2029-11-12",  # days off in lieu, one of them a year early
    "ca-federal-pacific": "2024-09-30 2027-12-27 2027-12-28 2028-07-03",
    "mx-federal-pacific": "2024-10-01",  # a new President of the Republic
    "uk-england-wales": "2027-12-27 2027-12-28 2028-01-03",  # gov.uk, announced until 2028
    "it-national": "2027-10-04",  # Saint Francis, a Monday
    "nl-national": "2025-05-05",  # Liberation Day, the fifth year
    "pl-national": "2025-12-24",  # the first free Christmas Eve
    "tr-national": "2025-03-31 2025-04-01 2025-06-06 2025-06-09",
    "jp-public": "2024-02-12 2024-08-12 2024-09-23 2027-03-22 2028-09-22 2029-04-30",
}


def calendar_of(name: str) -> CalendarSpec:
    return POLICIES.calendars[name]


def on_weekdays(days: set[date] | frozenset[date]) -> list[date]:
    return sorted(day for day in days if day.weekday() < 5)


def test_every_rule_is_shipped_with_the_versions_agreed() -> None:
    assert set(POLICIES.rules) == set(RULES)
    assert POLICIES.rules == AGREED.rules


def test_the_us_notices_bind_the_us_only() -> None:
    for rule, versions in POLICIES.rules.items():
        bound = [version.marketplaces for version in versions]
        expected = [None, frozenset({US})] if rule in {"mfn-refund", "safe-t-window"} else [None]
        assert bound == expected, rule


def test_safe_t_opens_for_sfp_and_since_the_us_notice_for_mfn_too() -> None:
    assert [version.programs for version in POLICIES.rules["safe-t-window"]] == [{"sfp"}, {"sfp", "mfn"}]


def test_the_tables_of_the_canary_fit_behind_the_shipped_ones() -> None:
    canary = load_policies(shipped_policies(canary=True))
    check_successor(POLICIES, canary)
    assert {rule for rule, versions in canary.rules.items() if versions != POLICIES.rules[rule]} == {
        "csba-inquiry-reply"
    }


def test_retention_is_said_and_not_left_to_defaults() -> None:
    assert tomllib.loads(shipped_policies())["retention"] == {
        "settled_days": 120,
        "unsettled_days": 200,
        "evidence_days": 225,
    }


def test_each_marketplace_has_its_own_calendar_in_its_own_zone() -> None:
    assert {
        marketplace: (name, calendar_of(name).timezone) for marketplace, name in POLICIES.marketplaces.items()
    } == MARKETPLACES
    assert set(POLICIES.calendars) == {name for name, _ in MARKETPLACES.values()}
    assert not POLICIES.accounts


def test_every_calendar_covers_2024_to_2029_with_an_ordinary_weekend() -> None:
    for name, calendar in POLICIES.calendars.items():
        assert calendar.covers == (date(2024, 1, 1), date(2029, 12, 31)), name
        assert calendar.weekend == {5, 6}, name
        assert not calendar.open, name


@pytest.mark.parametrize("name", ["us-federal-pacific", "jp-public"])
def test_until_2028_the_dates_are_those_agreed(name: str) -> None:
    first_on, last_on = AGREED.calendars[name].covers
    assert {day for day in calendar_of(name).closed if first_on <= day <= last_on} == AGREED.calendars[name].closed


def test_the_shipped_policies_may_follow_the_agreed_ones() -> None:
    check_successor(AGREED, POLICIES)


def test_the_library_gives_the_dates_checked_in() -> None:
    assert set(SOURCES) == set(POLICIES.calendars)
    assert with_closed_dates(shipped_policies()) == shipped_policies() == SHIPPED.read_bytes().decode()


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_the_dates_of_2026_are_those_of_the_official_list(name: str) -> None:
    official = {date.fromisoformat(f"2026-{day}") for day in RESTS_IN_2026[name].split()}
    ours = {day for day in calendar_of(name).closed if day.year == 2026}
    # Only weekdays can move a due: lists differ in whether they name a Sunday or a Saturday at all.
    assert on_weekdays(ours) == on_weekdays(official)


@pytest.mark.parametrize("name", sorted(RESTS_IN_OTHER_YEARS))
def test_the_days_that_a_rule_of_thumb_would_miss_are_there(name: str) -> None:
    assert calendar_of(name).closed.issuperset(map(date.fromisoformat, RESTS_IN_OTHER_YEARS[name].split()))


def test_a_return_before_a_long_weekend_is_due_after_it_in_each_country() -> None:
    # Thursday 2026-04-02, 10:00 UTC: Good Friday and Easter Monday are free in England, the Monday only in France.
    start_ms = 1_775_124_000_000
    assert (
        made_ready(calendar_of("uk-england-wales")).business_days_due(start_ms, 1) == 1_775_602_800_000
    )  # Wed 00:00 BST
    assert made_ready(calendar_of("fr-national")).business_days_due(start_ms, 1) == 1_775_253_600_000  # Sat 00:00 CEST


def test_the_generator_says_when_a_calendar_has_no_list_to_fill() -> None:
    text = shipped_policies().replace("closed = [\n", "closed = [ # a remark\n", 1)
    with pytest.raises(SystemExit, match=r"\[calendars\.us-federal-pacific\] needs a list 'closed'"):
        with_closed_dates(text)
