"""JSON documents of a file: one, or one a line, as a collector of pages writes them. Decimals stay exact."""

import json
from decimal import Decimal
from typing import Any

from agents.errors import UserError
from agents.sources.bytes_of import shown_name
from agents.sources.tables import text_of


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def documents_of(file: str, raw: bytes) -> list[tuple[str, Any]]:
    """Each document with the place where a person finds it. UserError where the file holds no JSON."""
    name, text = shown_name(file), text_of(raw, "")
    try:
        return [(name, _loaded(text))]
    except (ValueError, RecursionError):
        pass
    try:
        lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
        return [(f"{name}:{number}", _loaded(line)) for number, line in lines]
    except (ValueError, RecursionError):
        raise UserError(f"{name} is no JSON; give the document as the API gives it.", 2) from None


def _loaded(text: str) -> Any:
    return json.loads(text, parse_float=Decimal, parse_constant=_refuse)
