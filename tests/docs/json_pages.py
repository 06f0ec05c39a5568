"""The page of the documents that commands write with `--json`: each member, its type, and what it means.

Made from the JSON Schemas, which are made from the structs (`schemas/answers`); that commands write what these say is
proved elsewhere (tests/schemas/test_answers.py, tests/desk/test_answers.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from schemas.answers.commands import ANSWERS, file_of
from schemas.json_schemas import Schema, answer_schema
from tests.docs.generated import code, table

KEYED_BY: Final = {
    "accounts": "account",
    "events.after": "event type",
    "events.before": "event type",
    "left_out": "reason",
    "marketplaces": "marketplace",
    "notifications": "type",
    "partitions[].events": "topic",
    "partitions[].findings": "kind",
    "partitions[].sent": "topic",
    "rules": "rule",
}
"""Members whose own members are named by data: they are shown as `<…>`."""


class Member(NamedTuple):
    """A member of a document, by its path."""

    path: str
    kind: str
    meaning: str


def members(schema: Schema, path: str = "") -> Iterator[Member]:
    """The members of an object, and theirs, each before its own."""
    for name, member in sorted(schema.get("properties", {}).items()):
        own = f"{path}.{name}" if path else name
        yield from _member(own, member, is_required=name in schema["required"])


def _member(path: str, member: Schema, *, is_required: bool) -> Iterator[Member]:
    form = next((one for one in member.get("anyOf", []) if one != {"type": "null"}), member)
    kinds = [_kind(path, form), *(["null"] if "anyOf" in member else []), *([] if is_required else ["absent"])]
    yield Member(path, ", ".join(kinds), _meaning(member, form))
    yield from _below(path, form)


def _kind(path: str, form: Schema) -> str:
    if form["type"] == "array":
        return f"list of {form['items']['type']}s"
    if "additionalProperties" in form:
        return f"{form['additionalProperties']['type'].replace('array', 'list')} by {KEYED_BY[path]}"
    return str(form["type"])


def _below(path: str, form: Schema) -> Iterator[Member]:
    """The members of what stands here, through lists and through names that are data."""
    if form["type"] == "array":
        yield from _below(f"{path}[]", form["items"])
    elif "additionalProperties" in form:
        yield from _below(f"{path}.<{KEYED_BY[path]}>", form["additionalProperties"])
    else:
        yield from members(form, path)


def _meaning(member: Schema, form: Schema) -> str:
    said = str(member.get("description", form.get("description", "")))
    values = form.get("enum")
    return f"{said} One of {code(values)}." if values else said


def json_parts() -> Iterator[str]:
    """A heading and a table of members for each command."""
    for command in ANSWERS:
        schema, file = answer_schema(command), file_of(command)
        yield f"## dueclock {command} --json"
        yield f"{schema['description']} Schema `schemas/json/{file}`, example `schemas/examples/{file}`."
        rows = [(f"`{one.path}`", one.kind, one.meaning) for one in members(schema)]
        yield table(("member", "type", "meaning"), rows)
