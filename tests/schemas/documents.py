"""The documents that are checked in beside the types: JSON Schemas and the AsyncAPI document, as texts.

They are made from the types alone, and from the checked-in examples: the same types give the same bytes. Nothing is
written here; `python -m tests.schemas.regenerate` writes them, and a test fails when they have drifted.
"""

from importlib.resources import files
from importlib.resources.abc import Traversable

import orjson

from schemas.json_schemas import all_schemas
from tests.schemas.asyncapi import asyncapi_document


def documents() -> dict[str, bytes]:
    """Every generated file by its path below `schemas/`."""
    texts = {f"json/{path}": schema for path, schema in all_schemas().items()}
    texts["asyncapi.json"] = asyncapi_document(examples())
    return {path: orjson.dumps(text, option=orjson.OPT_INDENT_2) + b"\n" for path, text in texts.items()}


def examples() -> dict[str, list[object]]:
    """The examples of each type by its name: `<type>.json`, and `<type>.<shape>.json` for what it looks like else."""
    found: dict[str, list[object]] = {}
    for folder in ("notifications", "events"):
        for file in sorted(_examples().joinpath(folder).iterdir(), key=lambda file: file.name.removesuffix(".json")):
            name = ".".join(file.name.split(".")[:2])
            found.setdefault(name, []).append(orjson.loads(file.read_bytes()))
    return found


def _examples() -> Traversable:
    return files("schemas").joinpath("examples")
