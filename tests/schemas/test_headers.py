"""The headers of our records, as the wire has them."""

import pytest

from schemas.headers import (
    Inherited,
    Origin,
    event_headers,
    inherited_by,
    journal_headers,
    judged_by,
    line_header,
    line_number,
    line_of,
    texts_of,
)


def test_an_event_carries_cloudevents_and_its_provenance() -> None:
    headers = event_headers(
        output_id="1dfdcf305236e6229d8433dba2381cb6",
        type="clock.breached",
        at="2026-02-11T08:00:00.000Z",
        subject="A3GOLDEN/ATVPDKIKX0DER/sfp-refund/111-0000001-0000001/RET-2",
        line=line_header(42),
        judged=judged_by("0ae10f520011ae4212d49042f3d34e0dfd91e3d5e2c0d88ef2465f7ffe21d9f6", 1),
    )
    assert headers == [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"1dfdcf305236e6229d8433dba2381cb6"),
        ("ce_source", b"/dueclock"),
        ("ce_type", b"clock.breached"),
        ("ce_time", b"2026-02-11T08:00:00.000Z"),
        ("ce_subject", b"A3GOLDEN/ATVPDKIKX0DER/sfp-refund/111-0000001-0000001/RET-2"),
        ("content-type", b"application/json"),
        ("line", b"42"),
        ("policy", b"0ae10f520011"),
        ("logic", b"1"),
    ]


def test_a_journal_line_has_its_number_and_where_it_came_from() -> None:
    origin = Origin("return-received", 3, 1042)
    assert journal_headers(7, origin) == [("line", b"7"), ("origin", b"return-received/3/1042")]


def test_a_tick_comes_from_nowhere() -> None:
    assert journal_headers(8, None) == [("line", b"8")]


def test_a_journal_record_says_its_number() -> None:
    assert line_number(journal_headers(7, Origin("return-received", 3, 1042))) == 7


def test_an_event_says_which_line_it_comes_from_and_the_last_word_counts() -> None:
    assert line_of([("line", b"41"), ("line", b"42"), ("policy", b"0ae10f520011")]) == 42


def test_what_names_no_line_comes_from_none() -> None:
    assert line_of([]) is None
    assert line_of([("policy", b"0ae10f520011")]) is None
    assert line_of([("line", None)]) is None
    assert line_of([("line", b"forty-two")]) is None


def test_an_origin_is_read_back_from_its_text() -> None:
    origin = Origin("return-received", 3, 1042)
    assert Origin.parse(str(origin)) == origin


@pytest.mark.parametrize("text", ["", "t", "t/1", "t/1/2/3", "t/x/2", "t/1/-2", "t/1/", "t/1/٢"])
def test_what_names_no_record_is_no_origin(text: str) -> None:
    assert Origin.parse(text) is None


def test_a_first_line_names_the_seals_that_it_goes_on_from() -> None:
    one = Inherited("sla-journal", "00ff", 3, 41, 52, "ab" * 32)
    headers = [*journal_headers(1, None), ("inherits", str(one).encode())]
    assert inherited_by(headers) == [one]
    assert inherited_by(journal_headers(1, None)) == []
    with pytest.raises(ValueError, match="unpack"):
        inherited_by([("inherits", b"sla-journal/3")])


def test_headers_that_somebody_else_wrote_are_texts_whatever_they_hold() -> None:
    assert texts_of([("a", b"x"), ("b", None), ("c", b"\xff"), ("a", b"y")]) == {"a": "y", "b": "", "c": "\ufffd"}
    assert texts_of([]) == {}
