"""Dead letters in the contract's exact words, on Kafka and in files."""

import base64
import hashlib

import orjson
import pytest

from schemas.dead_letters import (
    ALL_REASONS,
    REASONS,
    Letter,
    Rejected,
    dead_letter_headers,
    dead_letter_line,
    letter_of,
)

MIB = 1_048_576


def test_the_reasons_stand_in_the_order_in_which_they_are_checked() -> None:
    assert REASONS == (
        "too_large",
        "not_json",
        "unknown_type",
        "bad_field",
        "future",
        "no_calendar",
        "calendar_not_covered",
        "too_old",
        "matter_full",
    )


def test_live_there_are_three_more_each_in_its_place() -> None:
    assert ALL_REASONS[:3] == ("skipped", "unreadable", "too_large")
    assert ALL_REASONS[ALL_REASONS.index("unknown_type") + 1] == "wrong_topic"
    assert tuple(reason for reason in ALL_REASONS if reason in REASONS) == REASONS
    assert set(ALL_REASONS) - set(REASONS) == {"skipped", "unreadable", "wrong_topic"}


def test_a_skipped_record_names_the_line_it_would_have_been() -> None:
    headers = dead_letter_headers(Rejected("skipped", None), topic="t", partition=0, offset=5, line=9)
    assert dict(headers) == {
        "dl_reason": b"skipped",
        "dl_topic": b"t",
        "dl_partition": b"0",
        "dl_offset": b"5",
        "dl_line": b"9",
    }


def test_headers_say_why_and_where_it_came_from() -> None:
    rejected = Rejected("bad_field", "occurred_at")
    assert dead_letter_headers(rejected, topic="return-received", partition=3, offset=17) == [
        ("dl_reason", b"bad_field"),
        ("dl_field", b"occurred_at"),
        ("dl_topic", b"return-received"),
        ("dl_partition", b"3"),
        ("dl_offset", b"17"),
    ]


def test_no_field_no_header() -> None:
    headers = dead_letter_headers(Rejected("not_json", None), topic="t", partition=0, offset=0)
    assert [name for name, _ in headers] == ["dl_reason", "dl_topic", "dl_partition", "dl_offset"]


def test_a_line_keeps_the_original_bytes_whatever_they_are() -> None:
    original = b"\xff\x00{not json"
    line = dead_letter_line(Rejected("not_json", None), number=4, original=original)
    assert line == b'{"line":4,"original":"' + base64.b64encode(original) + b'","reason":"not_json"}'
    assert base64.b64decode(orjson.loads(line)["original"]) == original


def test_a_line_names_the_field_to_blame_where_there_is_one() -> None:
    line = dead_letter_line(Rejected("future", "occurred_at"), number=6, original=b"")
    assert line == b'{"field":"occurred_at","line":6,"original":"","reason":"future"}'


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (None, None),
        (b"", b""),
        (b"A3/ATVPDKIKX0DER", b"{not json"),
        (b"k" * 65_536, b"v" * MIB),
    ],
    ids=["nothing", "empty", "usual", "as large as may be"],
)
def test_a_letter_keeps_key_and_value_as_they_came(key: bytes | None, value: bytes | None) -> None:
    assert letter_of(key, value) == Letter(key, value, [])


def test_of_a_value_over_one_mebibyte_the_beginning_is_kept_and_the_whole_described() -> None:
    value = b"\xffv" + b"w" * (MIB - 1)
    assert letter_of(b"k", value) == Letter(
        b"k",
        value[:65_536],
        [("dl_size", b"1048577"), ("dl_sha256", hashlib.sha256(value).hexdigest().encode())],
    )


def test_of_a_key_over_65536_bytes_the_beginning_is_kept_and_the_whole_described() -> None:
    key = b"k" * 65_536 + b"l"
    assert letter_of(key, b"v") == Letter(
        key[:65_536],
        b"v",
        [("dl_key_size", b"65537"), ("dl_key_sha256", hashlib.sha256(key).hexdigest().encode())],
    )


def test_both_may_be_too_large_at_once() -> None:
    key, value = b"k" * 100_000, b"v" * (2 * MIB)
    letter = letter_of(key, value)
    assert (letter.key, letter.value) == (key[:65_536], value[:65_536])
    assert [name for name, _ in letter.headers] == ["dl_size", "dl_sha256", "dl_key_size", "dl_key_sha256"]
