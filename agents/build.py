"""Which build runs: the same sources, with the hot path compiled or not. Nothing else asks."""

from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec

HOT_MODULE = "streams.engine"


def build_name() -> str:
    """`compiled` or `pure Python`, by what the interpreter finds under the name of the engine."""
    found = find_spec(HOT_MODULE)
    origin = "" if found is None else found.origin or ""
    return "compiled" if origin.endswith(tuple(EXTENSION_SUFFIXES)) else "pure Python"
