"""Holds what a command wrote with `--json` to its struct and its schema, and knows the examples."""

from __future__ import annotations

import os
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


def held_as_example(command: str, written: str | bytes) -> None:
    """As `held`, and the example has the same members: `DUECLOCK_TEST_REWRITE=1` makes this one the example."""
    document = held(command, written)
    if os.environ.get("DUECLOCK_TEST_REWRITE"):
        EXAMPLES.joinpath(file_of(command)).write_bytes(json_document(document))
    assert orjson.loads(example(command)).keys() == document.keys(), "DUECLOCK_TEST_REWRITE=1 writes it anew"


def example(command: str) -> bytes:
    """The checked-in example of a command's document."""
    return (EXAMPLES / file_of(command)).read_bytes()
