"""JSON Schemas (draft 2020-12), made from the types: for each notification, each event, the journal, dead letters
and what commands answer.

What a schema cannot say stays with the decoder: `1.0` is an integer to JSON Schema and none to the contract,
30 February fits any pattern, and no keyword holds one figure to another or a list to its order. Unknown fields are open
wherever the contract lets a reader or a writer have them; the journal alone is closed.
"""

from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

from schemas.answers.commands import ANSWERS, file_of, key_of
from schemas.codec import INSTANT_PATTERN
from schemas.dead_letters import REASONS
from schemas.events import EVENT_TYPES, Event
from schemas.forms import FILE_TIMES, FORMS
from schemas.notifications import FILE_ONLY_TYPES, NOTIFICATION_TYPES, FileOnly, Notification, type_name

Schema: TypeAlias = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
OUTPUT_INSTANT: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"

_INPUT_TIME: Final[Schema] = {"type": "string", "format": "date-time", "pattern": f"^{INSTANT_PATTERN}$"}
_OUTPUT_TIME: Final[Schema] = {"type": "string", "format": "date-time", "pattern": OUTPUT_INSTANT}
_ABSENT: Final[tuple[Schema, ...]] = ({"type": "null"}, {"const": ""})  # what counts as not said, where it may be so
_OF_FILE_TIMES: Final = ("Journal time of this line.", "Journal time of this line in an exported journal.")


def notification_schema(body_type: type[Notification]) -> Schema:
    """The value of an input record: a field unknown to us counts as not said."""
    form = _input_form(body_type)
    form["properties"]["occurred_at"] |= _INPUT_TIME
    return _root(f"notification:{type_name(body_type)}", form)


def file_only_schema(body_type: type[FileOnly]) -> Schema:
    """A tick, an activation or a seal as a line of a file: it must bring its journal time."""
    line = _input_form(body_type)
    for name, description in zip(FILE_TIMES, _OF_FILE_TIMES, strict=True):
        line["properties"][name] = {"anyOf": [_INPUT_TIME, *_ABSENT], "description": description}
    line["anyOf"] = [{"properties": {name: _INPUT_TIME}, "required": [name]} for name in FILE_TIMES]
    return _root(f"notification:{type_name(body_type)}", line)


def event_schema(event_type: type[Event]) -> Schema:
    """The value of a record of an output topic."""
    event = _form(event_type)
    del event["additionalProperties"]  # a later version may say more, and a subscriber ignores what it does not know
    return _root(f"event:{type_name(event_type)}", event)


def journal_schema() -> Schema:
    """The value of a journal record, whatever its type: known, present fields and nothing else."""
    forms: Schema = {}
    body_types: tuple[type[Struct], ...] = (*NOTIFICATION_TYPES, *FILE_ONLY_TYPES)
    for body_type in body_types:
        form = _form(body_type)
        if "occurred_at" in form["properties"]:
            form["properties"]["occurred_at"] |= _OUTPUT_TIME
        forms[type_name(body_type)] = form | {"additionalProperties": False}
    return _root(
        "journal",
        {
            "title": "JournalValue",
            "description": "The value of a journal record. The record's timestamp is its journal time.",
            "oneOf": [{"$ref": f"#/$defs/{name}"} for name in forms],
            "$defs": forms,
        },
    )


def dead_letter_schema() -> Schema:
    """A dead letter as a line of a file. On Kafka key and value are as they came, and the headers say why."""
    properties: Schema = {
        "field": {"type": "string", "description": "The first field to blame, where there is one."},
        "line": {"type": "integer", "minimum": 1, "description": "Number of the line in its file."},
        "original": {"type": "string", "contentEncoding": "base64", "description": "The bytes of the line."},
        "reason": {"enum": list(REASONS)},
    }
    return _root(
        "dead-letter",
        {
            "title": "DeadLetterLine",
            "description": "A line of a file that is no fact.",
            "type": "object",
            "properties": properties,
            "required": ["line", "original", "reason"],
        },
    )


def answer_schema(command: str) -> Schema:
    """What a command answers with `--json`: the document, or each line where it writes many. Nothing is referred to."""
    schema = msgspec.json.schema(ANSWERS[command])
    return _root(f"answer:{key_of(command)}", _inlined(schema, schema["$defs"]))


def all_schemas() -> dict[str, Schema]:
    """Every schema by its path below `schemas/json`."""
    return {
        **{f"notifications/{type_name(form)}.json": notification_schema(form) for form in NOTIFICATION_TYPES},
        **{f"notifications/{type_name(form)}.json": file_only_schema(form) for form in FILE_ONLY_TYPES},
        **{f"events/{type_name(form)}.json": event_schema(form) for form in EVENT_TYPES},
        **{file_of(command): answer_schema(command) for command in ANSWERS},
        "journal.json": journal_schema(),
        "dead-letter.json": dead_letter_schema(),
    }


def _root(name: str, schema: Schema) -> Schema:
    return {"$schema": DIALECT, "$id": f"urn:dueclock:{name}", **schema}


def _form(struct: type[Struct]) -> Schema:
    """What msgspec says of one flat struct, without its wrapping. Absent is absent: no default, and no null."""
    form: Schema = msgspec.json.schema(struct)["$defs"][struct.__name__]
    for name, member in form["properties"].items():
        form["properties"][name] = _of_member(member)
    form["properties"]["type"] = {"const": type_name(struct)}
    return form


def _of_member(property_: Schema) -> Schema:
    """The schema of a field that is there."""
    property_.pop("default", None)
    alternatives = property_.pop("anyOf", [{}, {"type": "null"}])
    (only,) = (alternative for alternative in alternatives if alternative != {"type": "null"})
    return {**only, **property_}


def _input_form(struct: type[Struct]) -> Schema:
    """As `_form`, with what an input may say beyond what is kept: nothing, in two ways, and any text for a code."""
    form = _form(struct)
    properties = form["properties"]
    for name, _ in FORMS[type_name(struct)].reworded:
        properties[name] = {"type": "string", "description": properties[name]["description"]}
    for name in properties.keys() - set(form["required"]):
        properties[name] = {"anyOf": [properties[name], *_ABSENT]}
    return form


def _inlined(node: Any, forms: Schema) -> Any:
    """The schema with each form where it is used, and open to members that a later version adds."""
    if isinstance(node, list):
        return [_inlined(one, forms) for one in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        form = forms[node["$ref"].removeprefix("#/$defs/")]
        return _inlined({**form, **{key: value for key, value in node.items() if key not in ("$ref", "$defs")}}, forms)
    is_closed = node.get("additionalProperties") is False
    return {
        key: _inlined(value, forms) for key, value in node.items() if not (is_closed and key == "additionalProperties")
    }
