"""Texts of reports as values: each form that was seen is read, any other is none, and a local date stays that date."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import DAY_MS, HOUR_MS, format_instant
from streams.sources.documents import at, list_at, text_at
from streams.sources.marketplaces import marketplace_named
from streams.sources.naming import digest, id_made_of, order_in, return_id_of, simple_id
from streams.sources.texts import amount_text, column_key, number_of, read_amount, read_flag, read_moment
from tests.sources.samples import JAPAN, US, account

CALENDAR = account().calendar


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("16-Oct-2026", "2026-10-16T07:00:00.000Z"),
        ("2026-10-16", "2026-10-16T07:00:00.000Z"),
        ("16.10.2026", "2026-10-16T07:00:00.000Z"),
        ("6-fev-2026", "2026-02-06T08:00:00.000Z"),
        ("06-SEPT-2026", "2026-09-06T07:00:00.000Z"),
        ("20-Oct-2026 11:02:13", "2026-10-20T18:02:13.000Z"),
        ("2026-10-18 09:22:10 UTC", "2026-10-18T09:22:10.000Z"),
        ("18.10.2026 09:22:10 UTC", "2026-10-18T09:22:10.000Z"),
        ("2026-10-11T14:03:22Z", "2026-10-11T14:03:22.000Z"),
        ("2026-09-30T23:59Z", "2026-09-30T23:59:00.000Z"),
        ("2026-10-05T15:31:40.1239+05:30", "2026-10-05T10:01:40.123Z"),
        ("2026-10-05T15:31:40-0700", "2026-10-05T22:31:40.000Z"),
        (" 2026-10-16T10:05:00 ", "2026-10-16T17:05:00.000Z"),
        # The day of 25 hours and the day of 23: the date is kept, to the last second.
        ("01-Nov-2026 23:30:00", "2026-11-02T06:30:00.000Z"),
        ("08-Mar-2026 23:59:59", "2026-03-09T06:59:59.999Z"),
    ],
)
def test_a_date_or_time_in_a_known_form_is_read(text: str, instant: str) -> None:
    moment = read_moment(text, CALENDAR)
    assert moment is not None
    assert format_instant(moment.ms) == instant
    assert moment.day == CALENDAR.local_day(moment.ms)
    assert moment.is_exact == (":" in text)


@pytest.mark.parametrize(
    "text",
    [
        "", "yesterday", "31-Feb-2026", "2026-13-01", "16/10/2026", "10-16-2026", "2026-10-16T24:00:00Z", "16-Okt-2026",
        "\u0661\u0666-Oct-2026", "2026-10-16T10",
    ],
)  # fmt: skip
def test_another_form_is_no_date(text: str) -> None:
    assert read_moment(text, CALENDAR) is None


@given(day=st.integers(19_800, 21_500), of_day_s=st.integers(0, 86_399))
def test_a_local_time_never_leaves_its_date(day: int, of_day_s: int) -> None:
    name = return_id_of("", day).removeprefix(".")
    hour, minute, second = of_day_s // 3600, of_day_s // 60 % 60, of_day_s % 60
    moment = read_moment(f"{name} {hour:02}:{minute:02}:{second:02}", CALENDAR)
    assert moment is not None
    assert CALENDAR.local_day(moment.ms) == moment.day == day


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("39.99", "39.99"), ("77,98", "77.98"), ("-5", "-5"), ("1,234.56", "1234.56"), ("1.234,56", "1234.56"),
        ("0.00", "0"),
        ("1,234,567.8", "1234567.8"),
    ],
)  # fmt: skip
def test_an_amount_in_a_known_form_is_read(text: str, amount: str) -> None:
    assert read_amount(text) == Decimal(amount)


@pytest.mark.parametrize(
    "text", ["", "1,234", "1.234", "1.234.56", "12,34,56", "$5", "1e3", "NaN", "1,234,56", "1234.567"]
)
def test_what_may_be_two_amounts_is_none(text: str) -> None:
    assert read_amount(text) is None


@given(st.decimals(min_value=-(10**13), max_value=10**13, allow_nan=False, places=3))
def test_an_amount_is_written_as_the_contract_has_it_or_not_at_all(amount: Decimal) -> None:
    written = amount_text(amount)
    if written is None:
        assert abs(amount) >= 10**12
    else:
        assert abs(Decimal(written) - abs(amount)) <= Decimal("0.005")


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (-39.99, "-39.99"), (5, "5"), ("1.50", "1.50"), (Decimal("2.5"), "2.5"), (None, None), (True, None), ([], None),
        ("much", None), (float("inf"), None), ("NaN", None),
    ],
)  # fmt: skip
def test_a_number_of_a_document_is_exact_or_none(value: object, number: str | None) -> None:
    assert number_of(value) == (None if number is None else Decimal(number))


def test_a_flag_is_yes_no_or_nothing_and_else_an_error() -> None:
    assert [read_flag(text) for text in ("Y", " no ", "TRUE", "false", " ")] == [True, False, True, False, None]
    with pytest.raises(ValueError, match="neither yes nor no"):
        read_flag("J")


def test_a_column_has_one_name_in_all_its_spellings() -> None:
    assert {column_key(name) for name in ("A-to-Z Claim", "a_to_z_claim", " A-TO-Z CLAIM ")} == {"atozclaim"}


def test_an_order_is_found_where_it_stands_alone() -> None:
    assert order_in("(Order: D01-0000001-0000001)") == "D01-0000001-0000001"
    assert order_in("9111-0000001-0000001") is None
    assert order_in("111-0000001-00000019") is None


def test_ids_are_kept_where_they_are_ids_and_hashed_where_they_may_be_addresses() -> None:
    assert simple_id("12345-12345-1234567") == "12345-12345-1234567"
    assert simple_id("jo@example.com") is None
    assert id_made_of("m", "amzn1:crow:EX/1") == "amzn1:crow:EX-1"
    for foreign in ("jo@example.com", "§", "x" * 200):
        made = id_made_of("m", foreign)
        assert made.startswith("m.")
        assert "example" not in made
    assert digest("ab", "c") != digest("a", "bc")
    assert digest("\ud800")


def test_a_marketplace_is_known_by_its_shop() -> None:
    assert marketplace_named("Amazon.com") == US
    assert marketplace_named(" amazon.co.jp ") == JAPAN
    assert marketplace_named("Amazon.com.evil.example") is None
    assert marketplace_named("SI US Prod Marketplace") is None


def test_a_document_of_another_form_is_empty_wherever_one_looks() -> None:
    said = {"a": {"b": ["c"]}, "d": 5}
    assert at(said, "a", "b") == ["c"]
    assert list_at(said, "a", "b") == ["c"]
    assert at(said, "d", "e") is None
    assert list_at(said, "d") == []
    assert text_at(said, "d") == text_at([], "a") == ""


def test_a_day_before_the_zone_is_known_is_a_day_all_the_same() -> None:
    assert (HOUR_MS * 24, return_id_of("111-0000001-0000001", 0)) == (DAY_MS, "111-0000001-0000001.1970-01-01")
