"""Dead letters in the contract's exact words, on Kafka and in files."""

import base64

import orjson

from schemas.dead_letters import ALL_REASONS, REASONS, Rejected, dead_letter_headers, dead_letter_line


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
    )


def test_an_operator_has_one_more_reason_that_no_check_finds() -> None:
    assert (*REASONS, "skipped") == ALL_REASONS
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
