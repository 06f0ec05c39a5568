"""One sentence says what is wrong with a policy file, and where; nothing is guessed (contract §5)."""

import re

import pytest

from schemas.policies import load_policies
from schemas.policy_types import PolicyError
from schemas.rules import RULES
from tests.policies.policy_texts import CALENDAR, MARKETPLACE, policy_text, version_table

PLACE = "[[rules.sfp-refund]] (table 1)"


def error_of(text: str) -> str:
    with pytest.raises(PolicyError) as caught:
        load_policies(text)
    return str(caught.value)


def test_a_file_that_is_no_toml_is_refused_with_the_place() -> None:
    assert re.fullmatch(r"The policy file is not TOML: Invalid value \(at .*\)\.", error_of("a = "))


@pytest.mark.parametrize("text", ["a = \ud800", f"a = {'9' * 5_000}", "\ufeffa = 1", "a = 2026-02-30"])
def test_text_that_only_looks_like_toml_is_refused(text: str) -> None:
    assert error_of(text).startswith("The policy file is not TOML: ")


def test_toml_nested_beyond_all_reason_is_refused() -> None:
    assert error_of("a = " + "[" * 20_000) == "The policy file is not usable TOML: it is nested too deeply."


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("rule = 1", "The policy file has the unknown key 'rule'; did you mean 'rules'?"),
        ("[retention]\nsetled_days = 1", "[retention] has the unknown key 'setled_days'; did you mean 'settled_days'?"),
        (
            policy_text(calendar=CALENDAR + "holidays = 1"),
            "[calendars.us] has the unknown key 'holidays'; known here: closed, covers, open, timezone, weekend.",
        ),
        (
            policy_text(marketplace=MARKETPLACE + "calender = 1"),
            "[marketplaces.ATVPDKIKX0DER] has the unknown key 'calender'; did you mean 'calendar'?",
        ),
        (
            policy_text('[accounts."A/B"]\ncalendar = "us"\nname = "x"'),
            "[accounts.\"A/B\"] has the unknown key 'name'; known here: calendar.",
        ),
        (
            policy_text(version_table(), version_table(version="2", escalate_befor="[]")),
            "[[rules.sfp-refund]] (table 2) has the unknown key 'escalate_befor'; did you mean 'escalate_before'?",
        ),
        (
            policy_text(version_table(target="{ days = 2 }")),
            (
                "'target' in [[rules.sfp-refund]] (table 1) has the unknown key 'days'; "
                "known here: business_days, calendar_days, hours, minutes, seconds."
            ),
        ),
    ],
)
def test_an_unknown_key_is_named_with_its_place_and_the_nearest_known_one(text: str, sentence: str) -> None:
    assert error_of(text) == sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            policy_text(marketplace='[marketplaces.ATVPDKIKX0DER]\ncalendar = "uss"'),
            "[marketplaces.ATVPDKIKX0DER] names the unknown calendar 'uss'; did you mean 'us'?",
        ),
        (
            '[accounts."A/B"]\ncalendar = "us"',
            "[accounts.\"A/B\"] names the unknown calendar 'us'; none is known here.",
        ),
        (
            policy_text(calendar=CALENDAR.replace("America/Los_Angeles", "America/Los_Angels")),
            "[calendars.us] names the unknown time zone 'America/Los_Angels'; did you mean 'America/Los_Angeles'?",
        ),
        (
            policy_text(version_table("sfp-refunds")),
            "[[rules.sfp-refunds]] is an unknown rule; did you mean 'sfp-refund'?",
        ),
    ],
)
def test_an_unknown_calendar_zone_or_rule_is_named_with_the_nearest_known_one(text: str, sentence: str) -> None:
    assert error_of(text) == sentence


def test_a_zone_that_is_like_no_other_is_named_without_the_hundreds_there_are() -> None:
    sentence = error_of(policy_text(calendar=CALENDAR.replace("America/Los_Angeles", "../../etc/passwd")))
    assert re.fullmatch(
        r"\[calendars\.us\] names the unknown time zone '../../etc/passwd'; it is none of the \d+ known ones\.",
        sentence,
    )


MARS = CALENDAR.replace("America/Los_Angeles", "Mars/Olympus")


def test_with_zones_said_a_calendar_may_name_those_and_no_others() -> None:
    zone_names = {"Mars/Olympus": 1, "Etc/UTC": 2}
    assert load_policies(policy_text(calendar=MARS), zone_names=zone_names).calendars["us"].timezone == "Mars/Olympus"
    assert error_of(policy_text(calendar=MARS)).startswith(
        "[calendars.us] names the unknown time zone 'Mars/Olympus'; "
    )
    for zones in (zone_names, {}):
        with pytest.raises(PolicyError) as caught:
            load_policies(policy_text(), zone_names=zones)
        assert str(caught.value) == (
            "[calendars.us] names the time zone 'America/Los_Angeles', which the activation's 'zones' lack; "
            "add it to them."
        )


def test_every_zone_that_a_calendar_names_must_be_said_also_where_no_marketplace_has_the_calendar() -> None:
    text = policy_text(calendar=CALENDAR + MARS.replace("calendars.us", "calendars.mars"))
    load_policies(text, zone_names=["Mars/Olympus", "America/Los_Angeles"])
    with pytest.raises(PolicyError, match=r"^\[calendars\.mars\] names the time zone 'Mars/Olympus', which "):
        load_policies(text, zone_names=["America/Los_Angeles"])


@pytest.mark.parametrize("number", ["1", "2"])
def test_versions_are_listed_oldest_first(number: str) -> None:
    text = policy_text(version_table(version="2"), version_table(version=number))
    assert error_of(text) == f"[[rules.sfp-refund]] has version {number} after version 2; list the oldest first."


def test_a_newer_version_is_not_in_force_before_an_older_one() -> None:
    text = policy_text(version_table(), version_table(version="2", effective_from="2014-12-31T23:59:59.999Z"))
    assert error_of(text) == (
        "[[rules.sfp-refund]] has version 2 in force before version 1; "
        "let 'effective_from' follow the order of the versions."
    )


@pytest.mark.parametrize(
    ("target", "offset", "said"),
    [
        ("{ hours = 24 }", "24h", "hours = 24"),
        ("{ hours = 24 }", "2d", "hours = 24"),
        ("{ business_days = 2 }", "48h", "business_days = 2"),
        ("{ calendar_days = 2 }", "2880m", "calendar_days = 2"),
        ("{ seconds = 30 }", "30s", "seconds = 30"),
    ],
)
def test_an_escalation_before_the_start_is_refused(target: str, offset: str, said: str) -> None:
    text = policy_text(version_table(target=target, escalate_before=f'["{offset}", "1s"]'))
    assert error_of(text) == (
        "'escalate_before' in [[rules.sfp-refund]] (table 1) has an offset that is not shorter than the target "
        f"({said}); shorten it."
    )


def test_the_longest_escalation_is_just_shorter_than_the_target() -> None:
    load_policies(policy_text(version_table(target="{ hours = 1 }", escalate_before='["3599s"]')))


@pytest.mark.parametrize("offsets", ['["4h", "12h"]', '["12h", "4h", "4h"]', '["12h", "720m"]', '["8h", "4h", "6h"]'])
def test_the_offsets_before_the_due_fall(offsets: str) -> None:
    assert error_of(policy_text(version_table(escalate_before=offsets))) == (
        f"The offsets of 'escalate_before' in {PLACE} do not fall; list the longest first."
    )


@pytest.mark.parametrize("offsets", ['["12h", "4h"]', '["4h", "4h", "12h"]', '["12h", "720m"]', '["4h", "8h", "6h"]'])
def test_the_offsets_after_the_due_rise(offsets: str) -> None:
    assert error_of(policy_text(version_table(escalate_after=offsets))) == (
        f"The offsets of 'escalate_after' in {PLACE} do not rise; list the shortest first."
    )


def test_offsets_in_order_are_taken_also_one_alone_and_none() -> None:
    for before, after in (('["24h", "4h", "1s"]', '["0s", "1s", "400d"]'), ('["1h"]', '["1h"]'), ("[]", "[]")):
        load_policies(policy_text(version_table(escalate_before=before, escalate_after=after)))


@pytest.mark.parametrize("key", ["timezone", "weekend", "covers"])
def test_a_calendar_without_zone_weekend_or_coverage_is_refused(key: str) -> None:
    lines = [line for line in CALENDAR.splitlines() if not line.startswith(key)]
    assert error_of("\n".join(lines)) == f"[calendars.us] lacks the key '{key}'; add it."


@pytest.mark.parametrize("key", ["version", "effective_from", "target", "obligor"])
def test_a_version_without_what_it_must_say_is_refused(key: str) -> None:
    text = policy_text(version_table(**{key: ""}))
    assert error_of(text) == f"[[rules.sfp-refund]] (table 1) lacks the key '{key}'; add it."


def test_a_marketplace_without_a_calendar_is_refused() -> None:
    assert error_of("[marketplaces.M]") == "[marketplaces.M] lacks the key 'calendar'; add it."


@pytest.mark.parametrize(
    "covers", ["[]", "[2026-01-01]", "[2026-01-01, 2026-01-02, 2026-01-03]", "[1, 2]", "2026-01-01"]
)
def test_a_coverage_that_is_not_two_dates_is_refused(covers: str) -> None:
    text = CALENDAR.replace("[2025-01-01, 2027-12-31]", covers)
    assert error_of(text) == (
        "'covers' in [calendars.us] must be a list of two local dates, the first and the last one covered."
    )


def test_a_coverage_that_ends_before_it_begins_is_refused() -> None:
    text = CALENDAR.replace("[2025-01-01, 2027-12-31]", "[2027-12-31, 2025-01-01]")
    assert (
        error_of(text) == "'covers' in [calendars.us] ends (2025-01-01) before it begins (2027-12-31); swap the dates."
    )


def test_a_coverage_that_begins_before_journal_time_can_is_refused() -> None:
    text = CALENDAR.replace("[2025-01-01, 2027-12-31]", "[1970-01-01, 2027-12-31]")
    assert error_of(text) == "'covers' in [calendars.us] begins before 1970-01-02; journal time begins with 1970."


@pytest.mark.parametrize(("listed", "day"), [("closed", "2024-12-31"), ("open", "2028-01-01")])
def test_a_date_outside_the_coverage_is_refused(listed: str, day: str) -> None:
    old = {"closed": "2026-01-01", "open": "2026-01-03"}[listed]
    assert error_of(CALENDAR.replace(old, day)) == (
        f"[calendars.us] lists {day}, which its 'covers' (2025-01-01 to 2027-12-31) leaves out."
    )


def test_a_date_both_closed_and_open_is_refused() -> None:
    assert error_of(CALENDAR.replace("2026-01-03", "2026-01-01")) == (
        "[calendars.us] lists 2026-01-01 as closed and as open; take it out of one of the two."
    )


@pytest.mark.parametrize("dates", ['["2026-01-01"]', "[2026-01-01T00:00:00]", "[2026-01-01T00:00:00Z]", "2026-01-01"])
def test_dates_are_toml_local_dates(dates: str) -> None:
    assert error_of(CALENDAR.replace("[2026-01-01]", dates)) == (
        "'closed' in [calendars.us] must be a list of local dates, such as [2026-01-01]."
    )


@pytest.mark.parametrize(
    "weekend", ['["Sat"]', '["saturday"]', "[6]", '"sat"', '["mon", "tue", "wed", "thu", "fri", "sat", "sun"]']
)
def test_a_weekend_is_at_most_six_weekdays_by_their_short_names(weekend: str) -> None:
    assert error_of(CALENDAR.replace('["sat", "sun"]', weekend)) == (
        "'weekend' in [calendars.us] must be a list of at most six of "
        '"mon", "tue", "wed", "thu", "fri", "sat", "sun".'
    )


DURATION = 'a whole number with s, m, h or d, such as "24h", of at most 3660 days'


@pytest.mark.parametrize("duration", ["24", '"24"', '"1.5h"', '"-1h"', '"1w"', '""', '" 1h"', '"3661d"', "true"])
def test_a_bad_duration_is_refused(duration: str) -> None:
    assert error_of(policy_text(version_table(confirm_after=duration))) == (
        f"'confirm_after' in {PLACE} must be {DURATION}."
    )


@pytest.mark.parametrize("key", ["escalate_before", "escalate_after"])
@pytest.mark.parametrize("offsets", ['"1h"', '["1h", 3]', '["1h", "x"]'])
def test_escalation_offsets_are_a_list_of_durations(key: str, offsets: str) -> None:
    assert error_of(policy_text(version_table(**{key: offsets}))) == (
        f"'{key}' in {PLACE} must be a list, each item {DURATION}."
    )


@pytest.mark.parametrize(
    "target", ["{}", "{ hours = 1, minutes = 1 }", "{ business_days = 2, calendar_days = 2, hours = 1 }"]
)
def test_a_target_is_of_exactly_one_kind(target: str) -> None:
    assert error_of(policy_text(version_table(target=target))) == (
        f"'target' in {PLACE} must hold exactly one of hours, minutes, seconds, business_days, calendar_days."
    )


def test_a_target_is_a_table() -> None:
    assert error_of(policy_text(version_table(target='"24h"'))) == f"'target' in {PLACE} must be a table."


@pytest.mark.parametrize("count", ["0", "-1", "1.0", "true", '"2"'])
def test_a_target_counts_in_positive_integers(count: str) -> None:
    assert error_of(policy_text(version_table(target=f"{{ hours = {count} }}"))) == (
        f"'hours' in 'target' in {PLACE} must be a positive integer."
    )


@pytest.mark.parametrize(("kind", "longest"), [("calendar_days", 3_660), ("hours", 87_840), ("seconds", 316_224_000)])
def test_no_target_is_longer_than_ten_years(kind: str, longest: int) -> None:
    load_policies(policy_text(version_table(target=f"{{ {kind} = {longest} }}")))
    assert error_of(policy_text(version_table(target=f"{{ {kind} = {longest + 1} }}"))) == (
        f"'{kind}' in 'target' in {PLACE} must be at most {longest}."
    )


def test_business_days_are_at_most_15_so_that_the_coverage_holds_their_due() -> None:
    load_policies(policy_text(version_table(target="{ business_days = 15 }")))
    assert error_of(policy_text(version_table(target="{ business_days = 16 }"))) == (
        f"'business_days' in 'target' in {PLACE} must be at most 15."
    )


@pytest.mark.parametrize("kind", ["hours", "minutes", "seconds", "business_days", "calendar_days"])
def test_a_target_of_one_is_the_shortest_of_each_kind(kind: str) -> None:
    load_policies(policy_text(version_table(target=f"{{ {kind} = 1 }}")))
    assert error_of(policy_text(version_table(target=f"{{ {kind} = 0 }}"))) == (
        f"'{kind}' in 'target' in {PLACE} must be a positive integer."
    )


@pytest.mark.parametrize("programs", ["[]", '["sfp", "prime"]', '["SFP"]', "[1]", '"sfp"', "[[]]"])
def test_the_programs_of_safe_t_are_known_ones_and_at_least_one(programs: str) -> None:
    assert error_of(policy_text(version_table("safe-t-window", programs=programs))) == (
        "'programs' in [[rules.safe-t-window]] (table 1) must be a list of at least one of "
        '"sfp", "mfn", "fba", "csba_jp".'
    )


@pytest.mark.parametrize("programs", ['["sfp"]', "[]", "1"])
@pytest.mark.parametrize("rule", sorted({*RULES} - {"safe-t-window"}))
def test_no_other_rule_has_programs(rule: str, programs: str) -> None:
    assert error_of(policy_text(version_table(rule, programs=programs))) == (
        f"[[rules.{rule}]] (table 1) has 'programs', which safe-t-window alone may have; take it out."
    )


@pytest.mark.parametrize("number", ["0", "-1", "1.0", "true", '"1"'])
def test_a_version_number_is_a_positive_integer(number: str) -> None:
    assert error_of(policy_text(version_table(version=number))) == f"'version' in {PLACE} must be a positive integer."


@pytest.mark.parametrize("instant", ["2026-01-01", "2026-01-01T00:00:00", '"2026-01-01T00:00:00Z"', "00:00:00"])
def test_effective_from_is_a_date_time_with_an_offset(instant: str) -> None:
    assert error_of(policy_text(version_table(effective_from=instant))) == (
        f"'effective_from' in {PLACE} must be a date-time with an offset, such as 2026-01-26T08:00:00Z."
    )


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("obligor", '"buyer"', 'one of "seller", "csba", "amazon"'),
        ("on_due", '"clock.met"', 'one of "clock.breached", "clock.reminder_due", "clock.lapsed"'),
        ("on_due", "1", 'one of "clock.breached", "clock.reminder_due", "clock.lapsed"'),
        ("applies_to", '"all"', 'one of "new", "open"'),
        ("consequences", '"a"', "a list of strings that are not empty"),
        ("consequences", '["a", ""]', "a list of strings that are not empty"),
        ("consequences", '["a", 1]', "a list of strings that are not empty"),
        ("marketplaces", "[]", "a list of at least one marketplace id; leave the key out to bind all"),
        ("marketplaces", '["a/b"]', "a list of at least one marketplace id; leave the key out to bind all"),
        ("marketplaces", "[1]", "a list of at least one marketplace id; leave the key out to bind all"),
    ],
)
def test_a_value_out_of_place_is_refused(key: str, value: str, expected: str) -> None:
    assert error_of(policy_text(version_table(**{key: value}))) == f"'{key}' in {PLACE} must be {expected}."


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("retention = 1", "[retention] must be a table."),
        ("calendars = []", "[calendars] must be a table."),
        ("calendars.us = 1", "[calendars.us] must be a table."),
        ("marketplaces.M = 'us'", "[marketplaces.M] must be a table."),
        ("accounts = 1", "[accounts] must be a table."),
        ("rules = 1", "[rules] must be a table."),
        ("rules.sfp-refund = 1", "[[rules.sfp-refund]] must be a list of tables, one for each version."),
        ("rules.sfp-refund = []", "[[rules.sfp-refund]] must be a list of tables, one for each version."),
        ("[rules.sfp-refund]", "[[rules.sfp-refund]] must be a list of tables, one for each version."),
        ("rules.sfp-refund = [1]", "[[rules.sfp-refund]] (table 1) must be a table."),
        ("[retention]\nsettled_days = 0", "'settled_days' in [retention] must be a positive integer."),
        ("[retention]\nevidence_days = true", "'evidence_days' in [retention] must be a positive integer."),
        ("[retention]\nunsettled_days = 3661", "'unsettled_days' in [retention] must be at most 3660."),
        ("[calendars.us]\ntimezone = 1", "'timezone' in [calendars.us] must be a string that is not empty."),
        ("[marketplaces.M]\ncalendar = ''", "'calendar' in [marketplaces.M] must be a string that is not empty."),
        ("[marketplaces.'a b']", "[marketplaces] holds 'a b', which is no marketplace id."),
        (f"[marketplaces.{'M' * 33}]", f"[marketplaces] holds '{'M' * 33}', which is no marketplace id."),
        ("[accounts.A]", "[accounts] holds 'A', which is no account; write \"seller_id/marketplace_id\"."),
        ("[accounts.'A/B/C']", "[accounts] holds 'A/B/C', which is no account; write \"seller_id/marketplace_id\"."),
        ("[accounts.'/B']", "[accounts] holds '/B', which is no account; write \"seller_id/marketplace_id\"."),
    ],
)
def test_a_table_out_of_shape_is_refused(text: str, sentence: str) -> None:
    assert error_of(text) == sentence


def test_every_error_is_one_sentence_on_one_line() -> None:
    for text in ("a = ", "rule = 1", policy_text(version_table("x")), CALENDAR.replace("sat", "sot")):
        sentence = error_of(text)
        assert "\n" not in sentence
        assert sentence.endswith((".", "?"))
