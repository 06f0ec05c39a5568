"""What is taken, what is refused, and which field is blamed: contract §2 by example."""

from typing import Any

import orjson
import pytest

from schemas.codec import MAX_NOTIFICATION_BYTES
from schemas.facts import FILE_ONLY_TYPES
from schemas.notifications import (
    NOTIFICATION_TYPES,
    Decoded,
    MessageSent,
    MetricsReported,
    PolicyActivated,
    Rejected,
    ReturnReceived,
    TimeTick,
    decode_journal_value,
    decode_notification,
    journal_value,
    type_name,
)
from tests.schemas.golden_files import golden_lines, golden_reasons
from tests.schemas.plain_validator import FILE_TYPES, TYPES

RECEIVED = {
    "event_id": "n001",
    "type": "return.received",
    "seller_id": "A3GOLDEN",
    "marketplace_id": "ATVPDKIKX0DER",
    "occurred_at": "2026-02-03T10:15:00.1239-08:00",
    "return_id": "RET-1",
    "order_id": "111-0000001-0000001",
    "program": "sfp",
}
RECEIVED_BODY = ReturnReceived(
    event_id="n001",
    seller_id="A3GOLDEN",
    marketplace_id="ATVPDKIKX0DER",
    occurred_ms=1_770_142_500_123,
    return_id="RET-1",
    order_id="111-0000001-0000001",
    program="sfp",
)
SENT = {
    **{key: RECEIVED[key] for key in ("event_id", "seller_id", "marketplace_id", "occurred_at")},
    "type": "message.sent",
    "message_id": "MSG-1",
    "thread_id": "T-1",
    "to_roles": ["buyer", "amazon_cs"],
}
METRICS = {
    **{key: RECEIVED[key] for key in ("event_id", "seller_id", "marketplace_id", "occurred_at")},
    "type": "account.metrics_reported",
    "order_count": 100,
    "orders_with_defects": 0,
    "window_days": 60,
}
TICK = {"type": "time.tick", "arrived_at": "2026-02-03T10:15:00Z"}
TICK_MS = 1_770_113_700_000
ACTIVATION = {
    "type": "policy.activated",
    "journaled_at": "2026-02-03T10:15:00Z",
    "digest": "0a" * 32,
    "toml": "x = 1\n",
}


def live(said: Any) -> Decoded | Rejected:
    return decode_notification(orjson.dumps(said), from_file=False)


def in_file(said: Any) -> Decoded | Rejected:
    return decode_notification(orjson.dumps(said), from_file=True)


def blamed(answer: Decoded | Rejected) -> str | None:
    assert isinstance(answer, Rejected)
    assert answer.reason == "bad_field"
    return answer.field


def test_a_notification_is_decoded_to_its_type() -> None:
    assert live(RECEIVED) == Decoded(RECEIVED_BODY, None, None)


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
    assert len(cases) >= 47


def test_every_type_of_the_contract_has_a_struct() -> None:
    assert [type_name(body_type) for body_type in NOTIFICATION_TYPES] == list(TYPES)
    assert sorted(FILE_TYPES) == sorted(map(type_name, FILE_ONLY_TYPES))


def test_null_is_absent_and_what_is_unknown_is_left_out() -> None:
    said = {**RECEIVED, "receipt_id": None, "unknown": {"buyer_name": "x"}, "claim_id": 7, "refund_id": None}
    assert live(said) == Decoded(RECEIVED_BODY, None, None)
    assert b"buyer_name" not in journal_value(RECEIVED_BODY)


def test_of_a_key_named_twice_the_last_counts() -> None:
    raw = orjson.dumps({**RECEIVED, "return_id": 7})[:-1] + b',"return_id":"RET-1"}'
    assert decode_notification(raw, from_file=False) == Decoded(RECEIVED_BODY, None, None)


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
        b'{"x":' + b"[" * 2_000 + b"]" * 2_000 + b"}",
    ],
    ids=lambda raw: repr(raw[:24]),
)
def test_what_is_no_json_object_is_not_json(raw: bytes) -> None:
    assert decode_notification(raw, from_file=False) == Rejected("not_json", None)


def test_one_byte_too_many_is_too_large_whatever_it_holds() -> None:
    padding = MAX_NOTIFICATION_BYTES - len(orjson.dumps({**RECEIVED, "pad": ""}))
    assert isinstance(live({**RECEIVED, "pad": "x" * padding}), Decoded)
    assert live({**RECEIVED, "pad": "x" * (padding + 1)}) == Rejected("too_large", None)
    assert decode_notification(b"x" * (MAX_NOTIFICATION_BYTES + 1), from_file=False) == Rejected("too_large", None)
    assert decode_notification(b"x" * (MAX_NOTIFICATION_BYTES + 1), from_file=True) == Rejected("too_large", None)


def test_a_line_that_was_journaled_is_never_too_large() -> None:
    pad = "x" * MAX_NOTIFICATION_BYTES
    journaled = {**RECEIVED, "reason": pad, "journaled_at": "2026-02-03T10:15:00Z"}
    assert isinstance(in_file(journaled), Decoded)
    assert live(journaled) == Rejected("too_large", None)
    assert isinstance(in_file({**ACTIVATION, "toml": pad}), Decoded)


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
        ("return_id", ""),
        ("return_id", "RÉT"),
        ("return_id", "１"),
        ("return_id", "a\nb"),
        ("order_id", "111-0000001-000001"),
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
        ("currency", "usd"),
        ("currency", "USDX"),
    ],
)
def test_a_bad_field_is_blamed(field: str, value: object) -> None:
    assert blamed(live({**RECEIVED, field: value})) == field


@pytest.mark.parametrize("value", [-1, 2**53, 2**64, 10**30, 1.0, 1e3, True, "1", [1]])
def test_a_count_is_an_integer_that_every_reader_can_hold(value: object) -> None:
    raw = orjson.dumps({**METRICS, "order_count": 0}).replace(
        b'"order_count":0', f'"order_count":{_json(value)}'.encode()
    )
    assert blamed(decode_notification(raw, from_file=False)) == "order_count"
    assert isinstance(live({**METRICS, "order_count": 2**53 - 1}), Decoded)


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


def test_in_a_file_a_line_brings_its_journal_time() -> None:
    times = {"arrived_at": "2026-02-03T10:15:00Z", "journaled_at": "2026-02-03T10:15:00.001Z"}
    assert in_file({**RECEIVED, **times}) == Decoded(RECEIVED_BODY, TICK_MS, TICK_MS + 1)
    assert in_file(RECEIVED) == Decoded(RECEIVED_BODY, None, None)
    assert in_file({**RECEIVED, "arrived_at": None}) == Decoded(RECEIVED_BODY, None, None)


def test_live_the_journal_times_of_a_file_are_unknown_fields() -> None:
    assert live({**RECEIVED, "arrived_at": "x", "journaled_at": 7}) == Decoded(RECEIVED_BODY, None, None)


def test_a_tick_is_its_journal_time_and_nothing_else() -> None:
    assert in_file(TICK) == Decoded(TimeTick(), TICK_MS, None)
    assert in_file({"type": "time.tick", "journaled_at": TICK["arrived_at"], "junk": 1}) == Decoded(
        TimeTick(), None, TICK_MS
    )
    assert blamed(in_file({"type": "time.tick"})) == "arrived_at"
    assert blamed(in_file({**TICK, "journaled_at": "x"})) == "journaled_at"


def test_an_activation_needs_its_digest_its_text_and_its_journal_time() -> None:
    answer = in_file(ACTIVATION)
    assert answer == Decoded(PolicyActivated(digest="0a" * 32, toml="x = 1\n"), None, TICK_MS)
    assert blamed(in_file({**ACTIVATION, "journaled_at": None})) == "arrived_at"
    assert blamed(in_file({**ACTIVATION, "digest": "0a"})) == "digest"
    assert blamed(in_file({**ACTIVATION, "digest": None})) == "digest"
    assert blamed(in_file({**ACTIVATION, "toml": 7})) == "toml"
    assert isinstance(in_file({**ACTIVATION, "digest": "0A" * 32}), Decoded)


@pytest.mark.parametrize("said", [TICK, ACTIVATION], ids=["tick", "activation"])
def test_no_producer_may_move_time_or_policies(said: dict[str, str]) -> None:
    assert live(said) == Rejected("unknown_type", "type")


def test_the_journal_keeps_known_present_fields_with_the_instant_in_output_form() -> None:
    said = {**RECEIVED, "arrived_at": TICK["arrived_at"], "journaled_at": TICK["arrived_at"], "currency": None, "x": 1}
    answer = in_file(said)
    assert isinstance(answer, Decoded)
    assert journal_value(answer.body) == (
        b'{"event_id":"n001","marketplace_id":"ATVPDKIKX0DER","occurred_at":"2026-02-03T18:15:00.123Z",'
        b'"order_id":"111-0000001-0000001","program":"sfp","return_id":"RET-1","seller_id":"A3GOLDEN",'
        b'"type":"return.received"}'
    )
    assert journal_value(TimeTick()) == b'{"type":"time.tick"}'
    assert (
        journal_value(PolicyActivated(digest="d", toml="t")) == b'{"digest":"d","toml":"t","type":"policy.activated"}'
    )


def test_a_default_that_was_not_said_does_not_reach_the_journal_and_one_that_was_does() -> None:
    for said, is_said in ((SENT, False), ({**SENT, "from_role": "seller", "auto_reply": False}, True)):
        answer = live(said)
        assert isinstance(answer, Decoded)
        value = journal_value(answer.body)
        assert (b'"from_role":"seller"' in value) == is_said
        assert (b'"auto_reply":false' in value) == is_said


@pytest.mark.parametrize("body", [RECEIVED_BODY, TimeTick(), PolicyActivated(digest="0a" * 32, toml="é\n")])
def test_a_journal_value_is_read_back(body: ReturnReceived | TimeTick | PolicyActivated) -> None:
    assert decode_journal_value(journal_value(body)) == body


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"[]",
        b"{}",
        b'{"type":"no.such.type"}',
        b'{"type":5}',
        b'{"type":"time.tick" }',
        b'{"arrived_at":"2026-02-03T10:15:00.000Z","type":"time.tick"}',
        b'{"type":"return.received"}',
        journal_value(RECEIVED_BODY).replace(b".123Z", b".123+00:00"),
        journal_value(RECEIVED_BODY).replace(b'"sfp"', b'"SFP"'),
        journal_value(RECEIVED_BODY).replace(b'"program"', b'"programme":"x","program"'),
    ],
    ids=lambda value: value.decode()[-40:],
)
def test_what_we_would_not_have_written_is_no_journal_value(value: bytes) -> None:
    with pytest.raises(ValueError, match="not the value of a journal line"):
        decode_journal_value(value)
