"""The lines of the golden cases, by case and number."""

from collections.abc import Iterator
from pathlib import Path

import orjson

GOLDEN = Path(__file__).parents[1] / "golden"


def golden_lines(name: str) -> Iterator[tuple[str, int, bytes]]:
    """Case, number from 1 and bytes of each line of the files of this name, `notifications.jsonl` or another."""
    for path in sorted(GOLDEN.rglob(name)):
        for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
            if line:
                yield path.parent.name, number, line


def golden_reasons() -> dict[tuple[str, int], str]:
    """The reason of each bad line, by case and number."""
    letters = ((case, orjson.loads(line)) for case, _, line in golden_lines("dead_letters.jsonl"))
    return {(case, letter["line"]): letter["reason"] for case, letter in letters}
