"""Whether a notification came by the topic of its type (setting `bind_types`; contract §2, `wrong_topic`).

Where the brokers let each producer write to one topic only, this is what makes that a bound on what it may say. A
record that was sent on (misrouted.py) is judged by the topic it came from, which only a worker may have written there.
"""

import orjson

from agents.settings import Settings
from agents.topic_roles import REPARTITION
from agents.worker.slices import Record
from schemas.dead_letters import WRONG_TOPIC, Rejected
from schemas.decoded import Decoded
from schemas.headers import HEADER_ORIGIN, Origin
from schemas.notifications import type_name
from schemas.registry import INPUT_TOPIC_OF

_NO_TYPE = {"too_large", "not_json", "unknown_type"}
"""Reasons that stand before this one: there is no type to judge."""


class Binding:
    """Judges records, if the setting is on."""

    def __init__(self, settings: Settings) -> None:
        self.is_on = settings.bind_types
        self._repartition = settings.topic(REPARTITION)
        self._topic_of = {name: settings.topic(topic) for name, topic in INPUT_TOPIC_OF.items()}

    def judged(self, decoded: Decoded | Rejected, record: Record) -> Decoded | Rejected:
        """What was decoded, or that it came by the wrong topic."""
        if not self.is_on or (isinstance(decoded, Rejected) and decoded.reason in _NO_TYPE):
            return decoded
        # A bad field stands behind the type, which is known then.
        name = type_name(decoded.body) if isinstance(decoded, Decoded) else _said_type(record)
        return decoded if self._topic_of.get(name) == self._came_by(record) else Rejected(WRONG_TOPIC, None)

    def _came_by(self, record: Record) -> str | None:
        """The topic that the producer wrote to; None where a record that was sent on does not say."""
        if record.topic != self._repartition:
            return record.topic
        origin_bytes = dict(record.headers).get(HEADER_ORIGIN)
        origin = Origin.parse(origin_bytes.decode("utf-8", "replace")) if origin_bytes else None
        return None if origin is None else origin.topic


def _said_type(record: Record) -> str:
    document: dict[str, str] = orjson.loads(record.value or b"{}")
    return document["type"]
