"""The events as a subscriber reads them: typed, strict, and the same bytes back."""

import msgspec
import orjson
import pytest

from schemas.events import EVENT_TYPES, AccountHealth, ClockBreached, decode_event, encode_event, topic_of
from schemas.notifications import type_name
from tests.schemas.golden_files import golden_lines

EXPECTED = list(golden_lines("expected.jsonl"))


def test_every_golden_event_is_read_strictly_and_written_back_byte_for_byte() -> None:
    for case, number, line in EXPECTED:
        assert encode_event(decode_event(line)) == line, (case, number)


def test_the_golden_cases_show_every_type_of_event() -> None:
    assert {orjson.loads(line)["type"] for _, _, line in EXPECTED} == {type_name(event) for event in EVENT_TYPES}


def test_each_event_has_its_topic_and_a_retraction_that_of_what_it_takes_back() -> None:
    topics = {type_name(event): topic_of(type_name(event), "clock.met") for event in EVENT_TYPES}
    assert topics == {
        "clock.breached": "sla-breach",
        "clock.lapsed": "sla-breach",
        "policy.violation": "sla-breach",
        "clock.escalated": "sla-escalation",
        "clock.reminder_due": "sla-escalation",
        "clock.opened": "sla-clock",
        "clock.met": "sla-clock",
        "clock.closed_late": "sla-clock",
        "clock.superseded": "sla-clock",
        "clock.exempt": "sla-clock",
        "clock.expired": "sla-clock",
        "clock.retracted": "sla-clock",
        "account.health": "sla-health",
    }
    assert topic_of("clock.retracted", "clock.breached") == "sla-breach"
    assert topic_of("clock.retracted", "clock.lapsed") == "sla-breach"
    assert topic_of("clock.retracted", "clock.reminder_due") == "sla-escalation"
    assert topic_of("clock.retracted", "clock.opened") == "sla-clock"


@pytest.mark.parametrize(("type_", "of"), [("clock.no_such", None), ("clock.retracted", None), ("time.tick", None)])
def test_what_is_no_event_has_no_topic(type_: str, of: str | None) -> None:
    with pytest.raises(KeyError):
        topic_of(type_, of)


def a_breach() -> dict[str, object]:
    line = next(line for _, _, line in EXPECTED if b'"type":"clock.breached"' in line)
    said: dict[str, object] = orjson.loads(line)
    return said


def test_an_absent_field_is_none() -> None:
    said = a_breach()
    del said["consequences"]
    event = decode_event(orjson.dumps(said))
    assert isinstance(event, ClockBreached)
    assert event.consequences is None
    assert not isinstance(event, AccountHealth)


@pytest.mark.parametrize(
    "change", [{"new": 1}, {"seq": "1"}, {"seq": 0}, {"obligor": "carrier"}, {"type": "x"}, {"due_at": None}]
)
def test_what_the_contract_does_not_know_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_event(orjson.dumps({**a_breach(), **change}))


def the_first(type_: str, reason: str) -> dict[str, object]:
    """The first event of this type and reason that a golden case emits."""
    events = (orjson.loads(line) for _, _, line in EXPECTED)
    said: dict[str, object] = next(event for event in events if (event["type"], event.get("reason")) == (type_, reason))
    return said


@pytest.mark.parametrize(
    ("type_", "reason", "unknown"),
    [
        ("clock.exempt", "replaced", "message_undelivered"),
        ("clock.exempt", "chargeback_closed", "refund_cancelled"),
        ("clock.retracted", "message_undelivered", "replaced"),
    ],
)
def test_a_reason_belongs_to_its_type_of_event(type_: str, reason: str, unknown: str) -> None:
    said = the_first(type_, reason)
    assert encode_event(decode_event(orjson.dumps(said))) == orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
    with pytest.raises(msgspec.ValidationError, match="reason"):
        decode_event(orjson.dumps({**said, "reason": unknown}))
