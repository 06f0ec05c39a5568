"""Holds what a command wrote with `--json` to its struct and its schema, and knows the examples."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec
import orjson
from jsonschema import Draft202012Validator

import schemas
from agents.terminal import json_document
from schemas.answers.commands import ANSWERS, file_of
from schemas.json_schemas import answer_schema

EXAMPLES: Final = Path(schemas.__file__).parent / "examples"
_VALIDATORS: Final = {command: Draft202012Validator(answer_schema(command)) for command in ANSWERS}


def held(command: str, written: str | bytes) -> dict[str, Any]:
    """A document, or a line, that a command wrote: by its schema, with no member that its struct does not have."""
    document: dict[str, Any] = orjson.loads(written)
    found = [f"{error.json_path}: {error.message}" for error in _VALIDATORS[command].iter_errors(document)]
    assert not found, (command, found)
    answer = msgspec.json.decode(written, type=ANSWERS[command])
    assert orjson.loads(json_document(answer)) == document, command
    return document


def example(command: str) -> bytes:
    """The checked-in example of a command's document."""
    return (EXAMPLES / file_of(command)).read_bytes()
