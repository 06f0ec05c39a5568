"""The AsyncAPI 3.0 document: every topic as a channel, every message with headers, key, value and an example.

Made from the registry and the types; the values' schemas are referred to, not repeated. It is written from the system's
side: it receives notifications and sends events, journal lines and dead letters.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from schemas.dead_letters import (
    ALL_REASONS,
    HEADER_FIELD,
    HEADER_KEY_SHA256,
    HEADER_KEY_SIZE,
    HEADER_OFFSET,
    HEADER_PARTITION,
    HEADER_REASON,
    HEADER_REDRIVEN,
    HEADER_SHA256,
    HEADER_SIZE,
    HEADER_SKIPPED_LINE,
    HEADER_TOPIC,
    KEPT_BYTES,
    LARGEST_KEY_BYTES,
    LARGEST_VALUE_BYTES,
)
from schemas.events import EVENT_TYPES, Event
from schemas.headers import (
    CE_SOURCE,
    CE_SPECVERSION,
    CONTENT_TYPE,
    HEADER_LINE,
    HEADER_LOGIC,
    HEADER_ORIGIN,
    HEADER_POLICY,
)
from schemas.json_schemas import OUTPUT_INSTANT
from schemas.notifications import NOTIFICATION_TYPES, Notification, type_name
from schemas.registry import DEAD_LETTER_TOPIC, JOURNAL_TOPIC, TOPICS, Topic

Document: TypeAlias = dict[str, Any]
Examples: TypeAlias = Mapping[str, Sequence[object]]

JOURNAL_MESSAGE: Final = "journal-line"
DEAD_LETTER_MESSAGE: Final = "dead-letter"
_BINDING: Final = "0.5.0"
_ACTIONS: Final = {
    "input": ("receive",),
    "repartition": ("send", "receive"),
    "journal": ("send",),
    "output": ("send",),
    "dead-letter": ("send",),
}

_NUMBER: Final[Document] = {"type": "string", "pattern": "^[0-9]+$"}
_SHA256: Final[Document] = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_ACCOUNT_KEY: Final[Document] = {
    "type": "string",
    "description": "The account, `<seller_id>/<marketplace_id>`, partitioned as Kafka's default partitioner does.",
    "examples": ["A3GOLDEN/ATVPDKIKX0DER"],
}


def asyncapi_document(examples: Examples) -> Document:
    """The document. `examples` holds examples of each type's value by the type's name."""
    channels = {topic.name: _channel(topic) for topic in TOPICS if topic.kind != "changelog"}
    operations = {
        f"{action}.{topic.name}": _operation(action, topic, channels[topic.name])
        for topic in TOPICS
        for action in _ACTIONS.get(topic.kind, ())
    }
    messages = {
        **{type_name(form): _notification(form, examples) for form in NOTIFICATION_TYPES},
        **{type_name(form): _event(form, examples) for form in EVENT_TYPES},
        JOURNAL_MESSAGE: _journal_line(),
        DEAD_LETTER_MESSAGE: _dead_letter(),
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "dueclock",
            "version": "0.2.0",
            "description": "Notifications of what happens after a sale in; the seller's duties as SLA clocks out.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages},
    }


def _channel(topic: Topic) -> Document:
    configuration: Document = {
        "cleanup.policy": [topic.cleanup_policy],
        "retention.ms": topic.retention_ms,
        "max.message.bytes": topic.max_message_bytes,
    }
    return {
        "address": topic.name,
        "description": f"{topic.description} Stamped {topic.timestamp_type}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _message_names(topic)},
        "bindings": {
            "kafka": {"topic": topic.name, "topicConfiguration": configuration, "bindingVersion": _BINDING},
        },
    }


def _message_names(topic: Topic) -> tuple[str, ...]:
    if topic is JOURNAL_TOPIC:
        return (JOURNAL_MESSAGE,)
    if topic is DEAD_LETTER_TOPIC:
        return (DEAD_LETTER_MESSAGE,)
    return topic.types


def _operation(action: str, topic: Topic, channel: Document) -> Document:
    address = f"#/channels/{topic.name}"
    return {
        "action": action,
        "channel": {"$ref": address},
        "summary": topic.description,
        "messages": [{"$ref": f"{address}/messages/{name}"} for name in channel["messages"]],
    }


def _message(name: str, title: str, summary: str, key: Document, **parts: object) -> Document:
    return {
        "name": name,
        "title": title,
        "summary": summary,
        **parts,
        "bindings": {"kafka": {"key": key, "bindingVersion": _BINDING}},
    }


def _summary(struct: type) -> str:
    return (struct.__doc__ or "").partition("\n")[0]


def _notification(form: type[Notification], examples: Examples) -> Document:
    name = type_name(form)
    return _message(
        name,
        form.__name__,
        _summary(form),
        _ACCOUNT_KEY,
        contentType=CONTENT_TYPE,
        payload={"$ref": f"./json/notifications/{name}.json"},
        examples=[{"payload": example} for example in examples[name]],
    )


def _event(form: type[Event], examples: Examples) -> Document:
    name = type_name(form)
    subject = "The clock's id." if name.startswith("clock.") else "The account."
    headers = _headers(
        {
            "ce_specversion": {"const": CE_SPECVERSION},
            "ce_id": {"type": "string", "description": "`output_id` of the value."},
            "ce_source": {"const": CE_SOURCE},
            "ce_type": {"const": name},
            "ce_time": {"type": "string", "pattern": OUTPUT_INSTANT, "description": "`at` of the value."},
            "ce_subject": {"type": "string", "description": subject},
            "content-type": {"const": CONTENT_TYPE},
            HEADER_LINE: {**_NUMBER, "description": "Number of the journal line that brought the event."},
            HEADER_POLICY: {"type": "string", "pattern": "^[0-9a-f]{12}$", "description": "Digest of the policies."},
            HEADER_LOGIC: {**_NUMBER, "description": "Number of the rules' code that decided."},
        }
    )
    return _message(
        name,
        form.__name__,
        _summary(form),
        _ACCOUNT_KEY,
        contentType=CONTENT_TYPE,
        headers=headers,
        payload={"$ref": f"./json/events/{name}.json"},
        examples=[{"payload": example} for example in examples[name]],
    )


def _journal_line() -> Document:
    headers = _headers(
        {
            HEADER_LINE: {**_NUMBER, "description": "Running number in the partition, from 1."},
            HEADER_ORIGIN: {"type": "string", "description": "`<topic>/<partition>/<offset>` of the input record."},
        },
        optional=(HEADER_ORIGIN,),
    )
    return _message(
        JOURNAL_MESSAGE,
        "JournalLine",
        "One line of the journal; the record's timestamp is its journal time.",
        {"type": "string", "description": "The account; of ticks and activations the partition's number."},
        contentType=CONTENT_TYPE,
        headers=headers,
        payload={"$ref": "./json/journal.json"},
    )


def _dead_letter() -> Document:
    always: Document = {
        HEADER_REASON: {"enum": list(ALL_REASONS)},
        HEADER_TOPIC: {"type": "string"},
        HEADER_PARTITION: _NUMBER,
        HEADER_OFFSET: _NUMBER,
    }
    sometimes: Document = {
        HEADER_FIELD: {"type": "string", "description": "The first field to blame, where there is one."},
        HEADER_SIZE: {**_NUMBER, "description": "Bytes of the whole value, where it was cut."},
        HEADER_SHA256: {**_SHA256, "description": "SHA-256 of the whole value, where it was cut."},
        HEADER_KEY_SIZE: {**_NUMBER, "description": "Bytes of the whole key, where it was cut."},
        HEADER_KEY_SHA256: {**_SHA256, "description": "SHA-256 of the whole key, where it was cut."},
        HEADER_SKIPPED_LINE: {
            **_NUMBER,
            "description": "Skipped by an operator: the journal line it would have been.",
        },
        HEADER_REDRIVEN: {
            **_NUMBER,
            "description": "Alone and without a value, it marks that the letter at this offset was sent again.",
        },
    }
    return _message(
        DEAD_LETTER_MESSAGE,
        "DeadLetter",
        "Input that is no fact; key and value as they came.",
        {"description": f"Any bytes, as they came; of more than {LARGEST_KEY_BYTES:,} the first {KEPT_BYTES:,}."},
        contentType="application/octet-stream",
        headers=_headers({**always, **sometimes}, optional=tuple(sometimes)),
        payload={
            "description": f"Any bytes, as they came; of more than {LARGEST_VALUE_BYTES:,} the first {KEPT_BYTES:,}."
        },
    )


def _headers(properties: Document, *, optional: Sequence[str] = ()) -> Document:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}
