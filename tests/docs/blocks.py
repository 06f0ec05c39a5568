"""The pages that people read, and the blocks in them.

A page is a Markdown file of `docs/`, or one of those beside the README. The contract and the rules are law, and a
proposal is not law yet: they are read, not run. A block is what stands between two fences at the left margin:

    sh      typed by a person, line by line: run (tests/docs/test_pages.py)
    text    what the block before it brings: compared. `json` likewise, where a block of `sh` stands right before it
    json    otherwise: a notification or an event, held against its schema
    python, java, toml
            a client, a file of policies or settings: run or loaded
    (none)  a drawing: nothing to prove
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
BESIDE = ("README.md", "CONTRIBUTING.md", "SECURITY.md")
OUTPUTS = ("text", "json")
LAW = (DOCS / "reference" / "contract.md", DOCS / "reference" / "rules.md")
PROPOSALS = DOCS / "reference" / "proposals"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A block of a page: where its text begins, what it is, and the block of commands whose output it shows."""

    line: int
    language: str
    text: str
    shows: int | None
    """Number of the block before it, if that is `sh` and nothing stands between the two."""


def pages() -> list[Path]:
    """Every page whose blocks are run, in the order of their paths."""
    own = [page for page in sorted(DOCS.rglob("*.md")) if page not in LAW and PROPOSALS not in page.parents]
    return [ROOT / name for name in BESIDE] + own


def name_of(page: Path) -> str:
    """How a test names a page."""
    return str(page.relative_to(ROOT))


def blocks_of(text: str) -> list[Block]:
    """The blocks of a page, in order."""
    found: list[Block] = []
    end = 0
    for fence in FENCE.finditer(text):
        language = fence[1]
        is_next = bool(found) and found[-1].language == "sh" and not text[end : fence.start()].strip()
        shows = len(found) - 1 if is_next and language in OUTPUTS else None
        found.append(Block(text.count("\n", 0, fence.start(2)) + 1, language, fence[2], shows))
        end = fence.end()
    return found


def with_outputs(text: str, outputs: dict[int, str]) -> str:
    """The page with other text in some of its blocks, by their number."""
    parts: list[str] = []
    at = 0
    for number, fence in enumerate(FENCE.finditer(text)):
        if number in outputs:
            parts += [text[at : fence.start(2)], outputs[number]]
            at = fence.end(2)
    return "".join([*parts, text[at:]])
