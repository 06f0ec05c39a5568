"""What is taken, what is refused, and which field is blamed: contract §2 by example."""

import orjson
import pytest

from schemas.codec import MAX_NOTIFICATION_BYTES
from schemas.dead_letters import Rejected
from schemas.decoded import Decoded
from schemas.decoding import decode_notification, journal_value
from schemas.notifications import FILE_ONLY_TYPES, NOTIFICATION_TYPES, MessageSent, MetricsReported, type_name
from tests.schemas.golden_files import golden_lines, golden_reasons
from tests.schemas.plain_validator import FILE_TYPES, TYPES
from tests.schemas.samples import METRICS, RECEIVED, RECEIVED_BODY, SENT, blamed, in_file, live


def test_a_notification_is_decoded_to_its_type() -> None:
    assert live(RECEIVED) == Decoded(RECEIVED_BODY, None, None, journal_value(RECEIVED_BODY))


def test_the_golden_lines_are_taken_or_refused_as_the_cases_say() -> None:
    reasons = golden_reasons()
    bytes_alone_decide = {"too_large", "not_json", "unknown_type", "bad_field"}
    cases = set()
    for case, number, line in golden_lines("notifications.jsonl"):
        answer = decode_notification(line, from_file=True)
        reason = reasons.get((case, number))
        expected = reason if reason in bytes_alone_decide else None
        assert (answer.reason if isinstance(answer, Rejected) else None) == expected, (case, number)
        cases.add(case)
    assert len(cases) >= 64


def test_every_type_of_the_contract_has_a_struct() -> None:
    assert [type_name(body_type) for body_type in NOTIFICATION_TYPES] == list(TYPES)
    assert sorted(FILE_TYPES) == sorted(map(type_name, FILE_ONLY_TYPES))


def test_null_is_absent_and_what_is_unknown_is_left_out() -> None:
    said = {**RECEIVED, "receipt_id": None, "unknown": {"buyer_name": "x"}, "claim_id": 7, "refund_id": None}
    assert live(said) == Decoded(RECEIVED_BODY, None, None)
    assert b"buyer_name" not in journal_value(RECEIVED_BODY)


def test_of_a_key_named_twice_the_last_counts() -> None:
    raw = orjson.dumps({**RECEIVED, "return_id": 7})[:-1] + b',"return_id":"RET-1"}'
    assert decode_notification(raw, from_file=False) == live(RECEIVED)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{not json",
        b"[]",
        b'"text"',
        b"null",
        b"7",
        b'{"type":NaN}',
        b'{"type":Infinity}',
        b'\xef\xbb\xbf{"type":"x"}',
        b'{"type":"\xff"}',
        b'{"type":"\xed\xa0\x80"}',
        b'{"x":"\\ud800"}',
        b'{"\\udc00\\ud800":1}',
        b'{"type":"x",}',
        b'{"type":"x"} {}',
        b'{"x":1e400}',
        b'{"x":{"y":[-1e400]}}',
        b'{"x":1e400,"x":1}',
        b'{"x":1' + b"0" * 309 + b"}",
        b'{"x":1.7976931348623159e308}',
        b'{"x":' + b"[" * 2_000 + b"]" * 2_000 + b"}",
    ],
    ids=lambda raw: repr(raw[:24]),
)
def test_what_is_no_json_object_is_not_json(raw: bytes) -> None:
    assert decode_notification(raw, from_file=False) == Rejected("not_json", None)


@pytest.mark.parametrize(
    "number", [b"1.7976931348623157e308", b"1" + b"0" * 308, b"1e-400", b"-0", b"0e999", b"0." + b"0" * 400 + b"1e700"]
)
def test_a_number_that_a_double_holds_is_json_however_it_is_written(number: bytes) -> None:
    raw = orjson.dumps(RECEIVED)[:-1] + b',"note":[' + number + b"]}"
    assert decode_notification(raw, from_file=False) == live(RECEIVED)


@pytest.mark.parametrize("opening", [b"[", b'{"a":'], ids=["lists", "objects"])
def test_json_may_be_nested_1024_deep_and_no_deeper(opening: bytes) -> None:
    def nested(depth: int) -> bytes:
        closing = b"]" if opening == b"[" else b"}"
        inside = opening * (depth - 1) + b"1" + closing * (depth - 1)
        return orjson.dumps(RECEIVED)[:-1] + b',"note":' + inside + b"}"

    assert decode_notification(nested(1_024), from_file=False) == live(RECEIVED)
    assert decode_notification(nested(1_025), from_file=False) == Rejected("not_json", None)


def test_one_byte_too_many_is_too_large_whatever_it_holds() -> None:
    padding = MAX_NOTIFICATION_BYTES - len(orjson.dumps({**RECEIVED, "pad": ""}))
    assert isinstance(live({**RECEIVED, "pad": "x" * padding}), Decoded)
    assert live({**RECEIVED, "pad": "x" * (padding + 1)}) == Rejected("too_large", None)
    assert decode_notification(b"x" * (MAX_NOTIFICATION_BYTES + 1), from_file=False) == Rejected("too_large", None)
    assert decode_notification(b"x" * (MAX_NOTIFICATION_BYTES + 1), from_file=True) == Rejected("too_large", None)


@pytest.mark.parametrize("name", ["no.such.type", "", "Return.Received", 5, 5.0, True, [], {}, None])
def test_a_type_that_is_not_in_the_table_is_unknown(name: object) -> None:
    assert live({**RECEIVED, "type": name}) == Rejected("unknown_type", "type")


def test_no_type_at_all_is_unknown_too() -> None:
    assert live({key: value for key, value in RECEIVED.items() if key != "type"}) == Rejected("unknown_type", "type")


@pytest.mark.parametrize("field", ["event_id", "seller_id", "marketplace_id", "occurred_at", "return_id", "program"])
def test_a_missing_field_is_blamed(field: str) -> None:
    assert blamed(live({key: value for key, value in RECEIVED.items() if key != field})) == field
    assert blamed(live({**RECEIVED, field: None})) == field


def test_the_first_bad_field_in_the_order_of_the_contract_is_blamed() -> None:
    bad = {**RECEIVED, "event_id": "", "seller_id": "/", "occurred_at": "now", "return_id": 7, "program": "SFP"}
    order = ["event_id", "seller_id", "occurred_at", "return_id", "program"]
    for field in order:
        assert blamed(live(bad)) == field
        bad[field] = RECEIVED[field]
    assert isinstance(live(bad), Decoded)
    assert blamed(live({**SENT, "from_role": "x", "to_roles": 1, "auto_reply": 1})) == "from_role"
    assert blamed(in_file({**RECEIVED, "arrived_at": "x", "return_id": 7})) == "arrived_at"
    assert blamed(in_file({**RECEIVED, "journaled_at": 7, "return_id": 7})) == "journaled_at"
    assert blamed(in_file({**RECEIVED, "journaled_at": 7})) == "journaled_at"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("event_id", "x" * 128),
        ("seller_id", "x" * 64),
        ("marketplace_id", "x" * 32),
        ("return_id", "A-Z.a_z:0@9=+-"),
        ("refundable_amount", "0"),
        ("refundable_amount", "123456789012.99"),
        ("refundable_amount", "1.5"),
        ("order_id", "D01-0000001-0000001"),
        ("order_id", "Z9Z-0000001-0000001"),
        ("order_id", "000-0000000-0000000"),
        ("occurred_at", "0001-01-01T00:00:00Z"),
        ("occurred_at", "9999-12-31T23:59:59.999Z"),
        ("currency", "EUR"),
        ("receipt_id", "x"),
    ],
)
def test_a_field_at_its_edge_is_good(field: str, value: str) -> None:
    assert isinstance(live({**RECEIVED, field: value}), Decoded)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("event_id", "x" * 129),
        ("event_id", 7),
        ("seller_id", "x" * 65),
        ("seller_id", "A3/GOLDEN"),
        ("marketplace_id", "x" * 33),
        ("marketplace_id", "ATVPDKIKX0DER\n"),
        ("occurred_at", 1_770_000_000),
        ("return_id", "RÉT"),
        ("return_id", "１"),
        ("return_id", "a\nb"),
        ("order_id", "111-0000001-000001"),
        ("order_id", "11-0000001-0000001"),
        ("order_id", "D1-0000001-0000001"),
        ("order_id", "d01-0000001-0000001"),
        ("order_id", "D01-000000A-0000001"),
        ("order_id", "D０1-0000001-0000001"),
        ("order_id", "D01-٠٠٠٠٠٠١-0000001"),
        ("order_id", "١١١-0000001-0000001"),
        ("order_id", "111-0000001-0000001\n"),
        ("program", "SFP"),
        ("program", ["sfp"]),
        ("receipt_id", "x" * 129),
        ("receipt_id", False),
        ("refundable_amount", 10),
        ("refundable_amount", "1.234"),
        ("refundable_amount", "1e3"),
        ("refundable_amount", "-1"),
        ("refundable_amount", "1234567890123"),
        ("refundable_amount", "1\n"),
        ("refundable_amount", "１00.00"),
        ("occurred_at", "２026-03-02T09:00:00-08:00"),
        ("occurred_at", "10000-01-01T00:00:00Z"),
        ("occurred_at", "0001-01-01T00:00:00+00:01"),
        ("occurred_at", "9999-12-31T23:59:59-00:01"),
        ("currency", "usd"),
        ("currency", "USDX"),
    ],
)
def test_a_bad_field_is_blamed(field: str, value: object) -> None:
    assert blamed(live({**RECEIVED, field: value})) == field


BILLION = 1_000_000_000


@pytest.mark.parametrize("value", [-1, BILLION + 1, 2**53, 2**64, 10**30, 1.0, 1e3, True, "1", [1]])
def test_a_figure_is_an_integer_from_0_to_a_billion(value: object) -> None:
    for field in ("order_count", "orders_with_defects"):
        raw = orjson.dumps({**METRICS, field: 7}).replace(f'"{field}":7'.encode(), f'"{field}":{_json(value)}'.encode())
        assert blamed(decode_notification(raw, from_file=False)) == field


@pytest.mark.parametrize(
    ("orders", "defects", "is_good"),
    [(0, 0, True), (1, 0, True), (1, 1, True), (BILLION, BILLION, True), (0, 1, False), (10, 11, False)],
)
def test_no_more_orders_have_defects_than_there_are(orders: int, defects: int, is_good: bool) -> None:
    answer = live({**METRICS, "order_count": orders, "orders_with_defects": defects})
    assert isinstance(answer, Decoded) if is_good else blamed(answer) == "orders_with_defects"


def test_of_figures_that_are_at_odds_the_first_to_blame_is_blamed() -> None:
    assert blamed(live({**METRICS, "order_count": -1, "orders_with_defects": 11})) == "order_count"
    assert blamed(live({**METRICS, "order_count": 10, "orders_with_defects": 11, "window_days": 0})) == (
        "orders_with_defects"
    )
    assert blamed(live({**METRICS, "order_count": 10, "orders_with_defects": 10, "window_days": 0})) == "window_days"
    assert blamed(live({**METRICS, "order_count": None, "orders_with_defects": 11})) == "order_count"


def _json(value: object) -> str:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else orjson.dumps(value).decode()


@pytest.mark.parametrize(("days", "is_good"), [(0, False), (1, True), (366, True), (367, False)])
def test_a_window_has_1_to_366_days(days: int, is_good: bool) -> None:
    answer = live({**METRICS, "window_days": days})
    assert isinstance(answer, Decoded) == is_good
    assert not is_good or (isinstance(answer, Decoded) and isinstance(answer.body, MetricsReported))


@pytest.mark.parametrize("roles", ["buyer", ["Buyer"], ["buyer", 1], ["buyer", None], {}, None])
def test_roles_are_a_list_of_known_roles(roles: object) -> None:
    assert blamed(live({**SENT, "to_roles": roles})) == "to_roles"


@pytest.mark.parametrize("roles", [[], ["buyer"], ["buyer", "amazon_cs", "csba", "seller"], ["buyer", "buyer"]])
def test_a_list_of_roles_may_hold_any_number_of_them(roles: list[str]) -> None:
    answer = live({**SENT, "to_roles": roles})
    assert isinstance(answer, Decoded)
    assert isinstance(answer.body, MessageSent)
    assert answer.body.to_roles == tuple(roles)
