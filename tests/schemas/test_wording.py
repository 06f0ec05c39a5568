"""What is valid and still not kept as it came: empty texts, codes, subjects and topics (contract §2)."""

import hashlib

import pytest

from schemas.codec import MAX_NOTIFICATION_BYTES
from schemas.dead_letters import Rejected
from schemas.decoded import Decoded
from schemas.decoding import journal_value
from tests.schemas.samples import (
    ACTIVATION,
    ASKED,
    CASE,
    RECEIVED,
    RECEIVED_BODY,
    REFUND,
    SENT,
    TICK,
    blamed,
    in_file,
    kept,
    live,
)


def test_an_optional_field_that_is_empty_is_absent_whatever_its_kind() -> None:
    assert live({**RECEIVED, "receipt_id": "", "refundable_amount": "", "currency": ""}) == live(RECEIVED)
    assert live({**SENT, "from_role": "", "auto_reply": "", "order_id": ""}) == live(SENT)
    assert live({**REFUND, "kind": "", "full": "", "deduction_reason": "", "reason_code": ""}) == live(REFUND)
    assert live({**ASKED, "routed_to": "", "order_id": "", "program": "", "topic": ""}) == live(ASKED)
    assert in_file({**ACTIVATION, "zones": "", "logic": ""}) == in_file(ACTIVATION)
    assert in_file({**RECEIVED, "arrived_at": "", "journaled_at": ""}) == Decoded(RECEIVED_BODY, None, None)
    assert in_file({**TICK, "journaled_at": ""}) == in_file(TICK)
    assert in_file({**ACTIVATION, "arrived_at": ""}) == in_file(ACTIVATION)


@pytest.mark.parametrize("field", ["event_id", "seller_id", "marketplace_id", "occurred_at", "return_id", "program"])
def test_a_required_field_that_is_empty_is_bad(field: str) -> None:
    assert blamed(live({**RECEIVED, field: ""})) == field


def test_where_all_times_are_empty_a_tick_has_none() -> None:
    assert blamed(in_file({**TICK, "arrived_at": "", "journaled_at": ""})) == "arrived_at"
    assert blamed(in_file({**ACTIVATION, "arrived_at": "", "journaled_at": ""})) == "arrived_at"


def test_an_empty_optional_field_is_not_blamed_where_another_is_bad() -> None:
    assert blamed(live({**RECEIVED, "receipt_id": "", "currency": "usd"})) == "currency"


def test_what_only_looks_empty_is_bad() -> None:
    assert blamed(live({**RECEIVED, "receipt_id": " "})) == "receipt_id"
    assert blamed(live({**SENT, "auto_reply": []})) == "auto_reply"
    assert blamed(live({**SENT, "to_roles": ""})) == "to_roles"


CODES = ["x", "other", "A-Z.a_z:0@9=+-", "x" * 128]
FREE_TEXTS = ["box was opened, sorry Jo", " ", "x" * 129, "é", "a\nb", "a/b", "CODE\n", "１"]


@pytest.mark.parametrize("field", ["deduction_reason", "reason_code"])
@pytest.mark.parametrize("text", [*CODES, *FREE_TEXTS])
def test_a_code_is_kept_and_any_other_text_counts_as_other(field: str, text: str) -> None:
    value = kept(live({**REFUND, field: text}))
    assert value[field] == (text if text in CODES else "other")


@pytest.mark.parametrize("text", [*CODES, *FREE_TEXTS])
def test_the_reason_of_a_return_is_a_code(text: str) -> None:
    said = {**RECEIVED, "type": "return.requested", "reason": text}
    assert kept(live(said))["reason"] == (text if text in CODES else "other")


@pytest.mark.parametrize("value", [7, True, ["x"], {}, 1.5])
def test_a_code_that_is_no_text_is_bad(value: object) -> None:
    assert blamed(live({**REFUND, "reason_code": value})) == "reason_code"
    assert blamed(live({**CASE, "subject_hash": value})) == "subject_hash"
    assert blamed(live({**ASKED, "topic": value})) == "topic"


def test_a_text_that_is_worded_anew_is_not_blamed_where_another_field_is_bad() -> None:
    assert blamed(live({**REFUND, "deduction_reason": "sorry Jo", "reason_code": 7})) == "reason_code"
    assert blamed(in_file({**ASKED, "topic": "Refund", "program": "x"})) == "program"
    assert blamed(live({**CASE, "subject_hash": "from Jo", "priority": "low"})) == "priority"


@pytest.mark.parametrize("text", [*CODES, *FREE_TEXTS, ""])
def test_a_subject_that_is_no_hash_is_hashed_in_its_place(text: str) -> None:
    expected = text if text in CODES else hashlib.sha256(text.encode()).hexdigest()[:32]
    assert kept(live({**CASE, "subject_hash": text}))["subject_hash"] == expected


def test_a_hashed_subject_stays_as_it_is_when_it_is_read_again() -> None:
    once = kept(live({**CASE, "subject_hash": "please help me with B0EXAMPLE"}))
    assert once["subject_hash"] == "301a42fedde14f5f9892ecefdeb97412"
    assert kept(in_file({**once, "journaled_at": "2026-02-03T10:15:00Z"})) == once


@pytest.mark.parametrize("field", ["subject_hash", "priority"])
def test_a_case_needs_its_subject_and_priority(field: str) -> None:
    assert blamed(live({**CASE, field: None})) == field
    assert blamed(live({key: value for key, value in CASE.items() if key != field})) == field


@pytest.mark.parametrize("topic", ["product", "order", "return", "refund", "delivery", "other"])
def test_a_known_topic_is_kept(topic: str) -> None:
    assert kept(live({**ASKED, "topic": topic}))["topic"] == topic


@pytest.mark.parametrize("topic", ["REFUND please", "Refund", "refund ", " ", "x" * 1_000, "返品"])
def test_any_other_topic_counts_as_other(topic: str) -> None:
    assert kept(live({**ASKED, "topic": topic}))["topic"] == "other"


def test_free_text_reaches_neither_the_fact_nor_the_journal() -> None:
    for said in ({**REFUND, "deduction_reason": "sorry Jo"}, {**CASE, "subject_hash": "from Jo"}):
        answer = live(said)
        assert isinstance(answer, Decoded)
        assert "Jo" not in repr(answer.body)
        assert b"Jo" not in journal_value(answer.body)


@pytest.mark.parametrize("absent", [None, ""])
def test_a_line_whose_journal_time_is_absent_was_not_journaled(absent: object) -> None:
    said = {**RECEIVED, "pad": "x" * MAX_NOTIFICATION_BYTES, "journaled_at": absent}
    assert in_file(said) == Rejected("too_large", None)
