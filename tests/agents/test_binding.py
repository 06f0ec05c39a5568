"""`bind_types`: a notification is taken from the topic of its type only; what was sent on, by its origin."""

from __future__ import annotations

import pytest

from agents.settings import Settings
from agents.worker.binding import Binding
from schemas.dead_letters import WRONG_TOPIC, Rejected
from schemas.decoded import Decoded
from schemas.decoding import decode_notification
from tests.agents.records import InputRecord
from tests.repository.tree import ROOT

SENT = (ROOT / "schemas/examples/notifications/evidence.deleted.json").read_bytes()
BAD = b'{"type":"evidence.deleted"}'
UNKNOWN = b'{"type":"nobody.knows"}'


def judged(topic: str, value: bytes = SENT, *, origin: bytes | None = None, is_on: bool = True) -> str:
    record = InputRecord(topic, 0, 0, 0, value, headers=() if origin is None else (("origin", origin),))
    settings = Settings(bind_types=is_on, topic_prefix="p-")
    found = Binding(settings).judged(decode_notification(value, from_file=False), record)
    return found.reason if isinstance(found, Rejected) else type(found).__name__


@pytest.mark.parametrize(
    ("topic", "value", "origin", "said"),
    [
        ("p-seller-account", SENT, None, Decoded.__name__),
        ("p-buyer-message", SENT, None, WRONG_TOPIC),
        ("p-seller-account", BAD, None, "bad_field"),
        ("p-buyer-message", BAD, None, WRONG_TOPIC),
        ("p-buyer-message", UNKNOWN, None, "unknown_type"),
        ("p-buyer-message", b"[]", None, "not_json"),
        ("p-sla-repartition", SENT, b"p-seller-account/1/7", Decoded.__name__),
        ("p-sla-repartition", SENT, b"p-buyer-message/1/7", WRONG_TOPIC),
        ("p-sla-repartition", SENT, b"nonsense", WRONG_TOPIC),
        ("p-sla-repartition", SENT, None, WRONG_TOPIC),
    ],
)
def test_a_record_is_judged_by_the_topic_it_came_by(topic: str, value: bytes, origin: bytes | None, said: str) -> None:
    assert judged(topic, value, origin=origin) == said


def test_without_the_setting_any_input_topic_will_do() -> None:
    assert judged("p-buyer-message", is_on=False) == Decoded.__name__
