"""Each thin place of the mappings says so where it stands, and on the page of them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from streams import sources
from tests.repository.tree import ROOT

ROOM = Path(sources.__path__[0])
PAGE = (ROOT / "docs" / "reference" / "sources.md").read_text()
# What a module speaks of on the page; a module that is thin and is not here has no section yet.
SECTIONS = {
    "mail": "Mails",
    "mail_mappers": "Mails",
    "mail_phrases": "Mails",
    "mail_threads": "Mails",
    "deliveries": "Carriers",
    "performance_report": "Settlements, transactions, performance",
    "returns_report": "Returns report",
    "settlement": "Settlements, transactions, performance",
    "texts": "Returns report",
    "transactions": "Settlements, transactions, performance",
    "triggers": "Selling Partner API and its notifications",
}
THIN = re.compile(r"\[(?:1|I)\b")


def test_every_module_with_a_thin_place_has_its_section() -> None:
    thin = {file.stem for file in ROOM.glob("*.py") if THIN.search(file.read_text()) and file.stem != "__init__"}
    assert thin <= set(SECTIONS)
    for name in thin:
        assert f"## {SECTIONS[name]}\n" in PAGE


def test_every_phrase_says_how_certain_it_is() -> None:
    text = (ROOM / "mail_phrases.py").read_text()
    lines = text.splitlines()
    ungraded = []
    for node in ast.parse(text).body:
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        if node.target.id in ("KINDS", "CURRENCIES", "Kind"):
            continue  # codes, no phrases
        head = lines[node.lineno - 2] if node.lineno > 1 else ""
        is_graded_as_a_whole = re.search(r"\[.*(?:A|T|1|I)", head) is not None
        phrases = [one for one in ast.walk(node.value or node) if isinstance(one, ast.Constant) and one.value]
        graded = {one.lineno for one in phrases if re.search(r"#.*\[[AT1I]\]", lines[one.lineno - 1])}
        ungraded += [
            str(one.value)
            for one in phrases
            if isinstance(one.value, str) and one.lineno not in graded and not is_graded_as_a_whole
        ]
    assert ungraded == []


@pytest.mark.parametrize("line", [line for line in PAGE.splitlines() if line.startswith("| ") and "---" not in line])
def test_every_row_of_the_page_has_a_grade(line: str) -> None:
    *_, grade, _ = (cell.strip() for cell in re.split(r"(?<!\\)\|", line))
    assert grade == "grade" or re.fullmatch(r"(?:[AT1I](?:, )?|merging |)+", grade), line
