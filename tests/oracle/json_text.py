"""JSON by RFC 8259 and the contract's own bounds (§2): depth, the range of a double, no lone surrogate.

`parse` gives what the bytes say; ValueError where they say nothing.
"""

import json
import math
import re
import sys
from typing import Any

MAX_DEPTH = 1024
STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def parse(raw: bytes) -> Any:
    text = raw.decode("utf-8")
    if _depth(text) > MAX_DEPTH:
        raise ValueError("nested too deep")
    allowed = sys.getrecursionlimit()
    sys.setrecursionlimit(allowed + 2 * MAX_DEPTH)
    try:
        return json.loads(
            text, object_pairs_hook=_object, parse_constant=_no_constant, parse_int=_integer, parse_float=_double
        )
    finally:
        sys.setrecursionlimit(allowed)


def _depth(text: str) -> int:
    """The deepest nesting, outside of strings; the outermost object or array is the first level."""
    deepest = depth = 0
    for char in re.sub(r"[^\[\]{}]", "", STRING.sub("", text)):
        depth += 1 if char in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for key, value in pairs:
        _refuse_lone_surrogates(key)
        _refuse_lone_surrogates(value)
    return dict(pairs)  # of a key named twice the last counts


def _refuse_lone_surrogates(value: Any) -> None:
    if isinstance(value, str) and any(0xD800 <= ord(char) <= 0xDFFF for char in value):
        raise ValueError("lone surrogate")
    if isinstance(value, list):
        for item in value:
            _refuse_lone_surrogates(item)


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _double(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(text)
    return value


def _integer(text: str) -> Any:
    value = _double(text)
    return int(text) if len(text) <= 40 else value
