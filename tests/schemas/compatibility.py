"""Says whether a changed JSON Schema breaks somebody: one who writes what we read, or reads what we write.

One question underneath: may a value that the writer's schema allows be refused by the reader's? On input the writers
hold the old schema and we the new one; on output we write by the new one and the readers hold the old one. On both
sides a field that is gone is a break, though every value stays valid. A keyword not understood is an error and no yes.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal, TypeAlias

Schema: TypeAlias = dict[str, Any]
Direction: TypeAlias = Literal["input", "output"]

_ABSENT: Final = ({"type": "null"}, {"const": ""})  # what a reader of ours takes for a field that is not there
_NOTES: Final = {"$schema", "$id", "title", "description", "examples"}
_UNDERSTOOD: Final = {
    "additionalProperties", "anyOf", "const", "contentEncoding", "$defs", "enum", "format", "items", "maxItems",
    "maximum", "minItems", "minimum", "oneOf", "pattern", "prefixItems", "properties", "required", "type",
}  # fmt: skip


def breaks(old: Schema, new: Schema, direction: Direction) -> list[str]:
    """Each way in which the change breaks somebody, as a sentence. None: it is additive."""
    old, new = without_notes(old), without_notes(new)
    writer, reader = (old, new) if direction == "input" else (new, old)
    return [*_lost(old, new, "value"), *_refusals(writer, reader, "value")]


def without_notes(schema: Schema) -> Schema:
    """The schema without what only people read."""
    return {key: _without_notes(key, value) for key, value in schema.items() if key not in _NOTES}


def _without_notes(key: str, value: Any) -> Any:
    if key in ("properties", "$defs"):  # here the keys are names, and a field may well be called `title`
        return {name: without_notes(schema) for name, schema in value.items()}
    if isinstance(value, list):
        return [without_notes(one) if isinstance(one, dict) and "$ref" not in one else one for one in value]
    return without_notes(value) if isinstance(value, dict) else value


def _lost(old: Schema, new: Schema, where: str) -> Iterator[str]:
    for name, schema in old.get("properties", {}).items():
        if name not in new.get("properties", {}):
            yield f"{where}.{name} is gone"
        else:
            yield from _lost(schema, new["properties"][name], f"{where}.{name}")
    for keyword, place in (("items", "[]"), ("additionalProperties", ".*")):
        if isinstance(old.get(keyword), dict) and isinstance(new.get(keyword), dict):
            yield from _lost(old[keyword], new[keyword], f"{where}{place}")
    for one, other in zip(old.get("anyOf", []), new.get("anyOf", []), strict=False):
        yield from _lost(one, other, where)


def _refusals(writer: Schema | bool, reader: Schema | bool, where: str) -> Iterator[str]:
    if writer is False:
        return
    if reader is False:
        yield f"{where} may no longer be there"
        return
    writer, reader = (({} if one is True else one) for one in (writer, reader))
    unknown = (writer.keys() | reader.keys()) - _UNDERSTOOD
    if unknown:
        raise NotImplementedError(f"teach tests/schemas/compatibility.py what {sorted(unknown)} means")
    if not reader:
        return
    written, read = _alternatives(writer), _alternatives(reader)
    for absent in written.absent:
        if absent not in read.absent:
            yield f"{where} may no longer be {'null' if 'type' in absent else 'empty'}"
    yield from _value_refusals(written.schema, read.schema, where)
    yield from _object_refusals(written.schema, read.schema, where)
    for name, schema in writer.get("$defs", {}).items():
        if name not in reader.get("$defs", {}):
            yield f"{where}: the form {name} is not known"
        else:
            yield from _lost(schema, reader["$defs"][name], name)
            yield from _refusals(schema, reader["$defs"][name], name)


class _Alternatives:
    """A schema that may also be absent in so many words, taken apart."""

    def __init__(self, schema: Schema, absent: Sequence[Schema]) -> None:
        self.schema = schema
        self.absent = absent


def _alternatives(schema: Schema) -> _Alternatives:
    others = [one for one in schema.get("anyOf", []) if one not in _ABSENT]
    if len(others) == 1 and len(schema["anyOf"]) > 1:
        return _Alternatives(others[0], [one for one in schema["anyOf"] if one in _ABSENT])
    return _Alternatives(schema, [])


def _values(schema: Schema) -> set[Any] | None:
    if "const" in schema:
        return {schema["const"]}
    return set(schema["enum"]) if "enum" in schema else None


def _value_refusals(writer: Schema, reader: Schema, where: str) -> Iterator[str]:
    written, read = _values(writer), _values(reader)
    if read is not None:
        if written is None:
            yield f"{where} is held to a list of values"
        elif not written <= read:
            yield f"{where} may be {', '.join(sorted(map(str, written - read)))}, which is not known"
    elif "type" in reader and not _is_all_of(written, writer, reader["type"]):
        yield f"{where} has another type"
    for keyword in ("pattern", "format", "contentEncoding", "anyOf"):
        if keyword in reader and writer.get(keyword) != reader[keyword]:
            yield f"{where} has another {keyword}"
    for keyword in ("minimum", "minItems"):
        if reader.get(keyword, float("-inf")) > writer.get(keyword, float("-inf")):
            yield f"{where} has a larger {keyword}"
    for keyword in ("maximum", "maxItems"):
        if reader.get(keyword, float("inf")) < writer.get(keyword, float("inf")):
            yield f"{where} has a smaller {keyword}"
    yield from _item_refusals(writer, reader, where)


def _item_refusals(writer: Schema, reader: Schema, where: str) -> Iterator[str]:
    """The first items by their place, the rest by what holds for all."""
    written, read = (one.get("prefixItems", []) for one in (writer, reader))
    rest_written, rest_read = (one.get("items", True) for one in (writer, reader))
    for place in range(max(len(written), len(read))):
        yield from _refusals(
            written[place] if place < len(written) else rest_written,
            read[place] if place < len(read) else rest_read,
            f"{where}[{place}]",
        )
    yield from _refusals(rest_written, rest_read, f"{where}[]")


def _is_all_of(written: set[Any] | None, writer: Schema, type_name: str) -> bool:
    if written is not None and type_name == "string":
        return all(isinstance(value, str) for value in written)
    return writer.get("type") == type_name


def _object_refusals(writer: Schema, reader: Schema, where: str) -> Iterator[str]:
    properties = reader.get("properties", {})
    for name in reader.get("required", []):
        if name not in writer.get("required", []):
            yield f"{where}.{name} is required"
    for name, schema in writer.get("properties", {}).items():
        if name in properties:
            yield from _refusals(schema, properties[name], f"{where}.{name}")
        elif reader.get("additionalProperties", True) is False:
            yield f"{where}.{name} is not allowed"
    written, read = (one.get("additionalProperties", True) for one in (writer, reader))
    if read is False and written is not False:
        yield f"{where} may no longer hold unknown fields"
    elif read is not False:
        yield from _refusals(written, read, f"{where}.*")
