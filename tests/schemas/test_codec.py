"""Bytes, instants and durations, at their edges."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import (
    FIRST_MS,
    LAST_MS,
    canonical_json,
    format_instant,
    parse_duration,
    parse_instant,
)

GOOD_INSTANTS = {
    "2026-02-03T10:15:00-08:00": 1_770_142_500_000,
    "2026-02-03T18:15:00Z": 1_770_142_500_000,
    "2026-02-03t18:15:00z": 1_770_142_500_000,
    "2026-02-03T18:15:00-00:00": 1_770_142_500_000,
    "2026-02-04T18:14:00+23:59": 1_770_142_500_000,
    "2026-02-03T10:15:00.1-08:00": 1_770_142_500_100,
    "2026-02-03T10:15:00.1239-08:00": 1_770_142_500_123,
    "2026-02-03T10:15:00.999999999-08:00": 1_770_142_500_999,
    "1969-12-31T23:59:59.9999Z": -1,
    "2024-02-29T00:00:00Z": 1_709_164_800_000,
    "0001-01-01T00:00:00Z": FIRST_MS,
    "9999-12-31T23:59:59.999999999Z": LAST_MS,
}
BAD_INSTANTS = [
    "",
    "2026-02-03",
    "2026-02-03T10:15:00",
    "2026-02-03T10:15Z",
    "2026-02-03 10:15:00Z",
    "2026-02-03T10:15:60Z",
    "2026-02-03T10:60:00Z",
    "2026-02-03T24:00:00Z",
    "2026-02-30T10:15:00Z",
    "2025-02-29T10:15:00Z",
    "2026-13-01T10:15:00Z",
    "2026-00-01T10:15:00Z",
    "0000-01-01T00:00:00Z",
    "2026-02-03T10:15:00.Z",
    "2026-02-03T10:15:00,5Z",
    "2026-02-03T10:15:00.1234567890Z",
    "2026-02-03T10:15:00+24:00",
    "2026-02-03T10:15:00+08:60",
    "2026-02-03T10:15:00+0800",
    "2026-02-03T10:15:00+08",
    "2026-02-03T10:15:00+08:00:00",
    "2026-02-03T10:15:00 Z",
    "2026-02-03T10:15:00Z\n",
    " 2026-02-03T10:15:00Z",
    "20260203T101500Z",
    "2026-W06-2T10:15:00Z",
    "٢٠٢٦-02-03T10:15:00Z",
    "0001-01-01T00:00:00+00:01",
    "9999-12-31T23:59:59-00:01",
]


@pytest.mark.parametrize(("text", "ms"), GOOD_INSTANTS.items())
def test_an_instant_with_offset_is_milliseconds_utc_and_its_fraction_is_cut(text: str, ms: int) -> None:
    assert parse_instant(text) == ms


@pytest.mark.parametrize("text", BAD_INSTANTS)
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"RFC 3339|years|out of range|must be in"):
        parse_instant(text)


def test_an_instant_is_shown_in_utc_with_three_decimals() -> None:
    assert format_instant(1_770_142_500_000) == "2026-02-03T18:15:00.000Z"
    assert format_instant(-1) == "1969-12-31T23:59:59.999Z"
    assert format_instant(FIRST_MS) == "0001-01-01T00:00:00.000Z"
    assert format_instant(LAST_MS) == "9999-12-31T23:59:59.999Z"


@pytest.mark.parametrize("ms", [FIRST_MS - 1, LAST_MS + 1, 10**30, -(10**30)])
def test_an_instant_outside_four_digit_years_is_refused(ms: int) -> None:
    with pytest.raises(ValueError, match="outside the years"):
        format_instant(ms)


@settings(deadline=None)
@given(st.integers(FIRST_MS, LAST_MS))
def test_an_instant_shown_and_read_is_the_same(ms: int) -> None:
    assert parse_instant(format_instant(ms)) == ms


def test_more_instants_than_are_kept_at_hand_are_each_shown_as_the_first_time() -> None:
    shown = {ms: format_instant(ms) for ms in range(0, 20_000 * 61_001, 61_001)}
    assert all(parse_instant(text) == ms for ms, text in shown.items())
    assert {ms: format_instant(ms) for ms in shown} == shown


@pytest.mark.parametrize(
    ("text", "ms"),
    [("0s", 0), ("90s", 90_000), ("30m", 1_800_000), ("24h", 86_400_000), ("2d", 172_800_000), ("007s", 7_000)],
)
def test_a_duration_is_a_whole_number_and_a_unit(text: str, ms: int) -> None:
    assert parse_duration(text) == ms


@pytest.mark.parametrize("text", ["", "s", "24", "24 h", "-1h", "+1h", "1.5h", "1w", "1H", "1h30m", "٢h", "1h\n"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="whole number"):
        parse_duration(text)


def test_canonical_json_sorts_keys_by_code_point_and_escapes_nothing_it_need_not() -> None:
    assert canonical_json({"é": 1, "b": "日本\u007f/", "a": {"z": 1, "Z": "\n\u0001"}, "𐀀": None, "\uffff": 2}) == (
        '{"a":{"Z":"\\n\\u0001","z":1},"b":"日本\u007f/","é":1,"\uffff":2,"𐀀":null}'.encode()
    )


@settings(deadline=None)
@given(st.from_regex(r"[0-9]{4}-[0-3][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{3})?Z", fullmatch=True))
def test_what_is_looked_up_is_what_the_pattern_reads(text: str) -> None:
    looked_up, read = _ms_or_none(text), _ms_or_none(text[:-1] + "+00:00")  # no table has an offset
    assert looked_up == read
    if read is not None and len(text) == len("2026-02-03T18:15:00.000Z"):
        assert format_instant(read) == text


def _ms_or_none(text: str) -> int | None:
    try:
        return parse_instant(text)
    except ValueError:
        return None
