"""What the pages name is there: files, functions, rules, figures, settings, and the notifications that they show."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from pathlib import Path

import jsonschema
import msgspec
import pytest

from agents.board.readers import Readers
from agents.settings import load_settings
from schemas.dead_letters import ALL_REASONS
from schemas.rules import RULES
from tests.docs.blocks import DOCS, LAW, ROOT, Block, blocks_of, name_of, pages

READ = [*pages(), *LAW, DOCS / "reference" / "proposals" / "README.md"]
README = (ROOT / "README.md").read_text()
ARCHITECTURE = (DOCS / "explanation" / "architecture.md").read_text()
FOLDERS = "agents|schemas|streams|deploy|tests|docs"
BLOCKS = [(name_of(page), block) for page in pages() for block in blocks_of(page.read_text())]


def rows_of(text: str, heading: str) -> list[list[str]]:
    """The rows of the table whose first heading is this."""
    lines = text[text.index(f"| {heading} |") :].splitlines()
    table = lines[: next(number for number, line in enumerate(lines) if not line.startswith("|"))]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table[2:]]


def test_every_file_that_a_page_names_is_there() -> None:
    named = {
        (name_of(page), name) for page in READ for name in re.findall(rf"`((?:{FOLDERS})/[\w/.-]*)`", page.read_text())
    }
    assert len(named) > 40
    assert [(page, name) for page, name in sorted(named) if not (ROOT / name).exists()] == []


def functions_of(file: Path) -> set[str]:
    found = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, found)}


@pytest.mark.parametrize("heading", ["step", "what fails"])
def test_the_functions_that_the_architecture_names_are_where_it_says(heading: str) -> None:
    rows = rows_of(ARCHITECTURE, heading)
    assert len(rows) > 15
    for row in rows:
        file, function = re.findall(r"`([^`]+)`", " ".join(row[-2:]))[-2:]
        assert function in functions_of(ROOT / file), row


def test_the_architecture_says_what_lives_in_each_room() -> None:
    rooms = {f"agents/{folder.name}" for folder in (ROOT / "agents").iterdir() if (folder / "README.md").exists()}
    assert {row[0].strip("`") for row in rows_of(ARCHITECTURE, "room")} == rooms | {"schemas", "streams", "deploy"}


def test_the_rules_table_of_the_readme_names_every_rule() -> None:
    assert [row[0].strip("`") for row in rows_of(README, "rule")] == list(RULES)


def test_the_page_of_dead_letters_has_every_reason() -> None:
    found = {row[0].strip("`") for row in rows_of((DOCS / "reference" / "dead-letters.md").read_text(), "reason")}
    assert set(ALL_REASONS) <= found


def test_the_figures_of_the_readme_are_those_of_the_table() -> None:
    told = README[README.index("## Figures") : README.index("## Use it when")]
    table = (DOCS / "explanation" / "figures.md").read_text()
    figures = set(re.findall(r"(?<![\w.])\d[\d,.]*\d(?![\w])", told)) - {"100", "99", "100,000"}
    assert len(figures) >= 7
    assert [figure for figure in figures if f"| {figure} |" not in table] == []


def test_the_readme_is_short_enough_to_be_read() -> None:
    assert len(README.splitlines()) <= 160


def ids(found: list[tuple[str, Block]]) -> list[str]:
    return [f"{page}:{block.line}" for page, block in found]


JSON = [(page, block) for page, block in BLOCKS if block.language == "json" and block.shows is None]
TOML = [(page, block) for page, block in BLOCKS if block.language == "toml"]


@pytest.mark.parametrize("block", [block for _, block in JSON], ids=ids(JSON))
def test_a_message_that_a_page_shows_is_valid(block: Block) -> None:
    said = json.loads(block.text)
    (schema,) = (ROOT / "schemas" / "json").glob(f"*/{said['type']}.json")
    jsonschema.validate(said, json.loads(schema.read_text()))


READERS = [(page, block) for page, block in TOML if "[[readers]]" in block.text]
SETTINGS = [one for one in TOML if one not in READERS]


@pytest.mark.parametrize("block", [block for _, block in READERS], ids=ids(READERS))
def test_readers_that_a_page_shows_are_taken(block: Block, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("0123456789abcdef")
    file = tmp_path / "readers.toml"
    file.write_text(re.sub(r'token_file = ".*"', f'token_file = "{tmp_path / "token"}"', block.text))
    readers = Readers(str(file))
    assert readers.reader_with("0123456789abcdef") is not None
    assert readers.reader_of({"X-Forwarded-User": "amy@example.com"}, "10.0.0.7", "") is not None


@pytest.mark.parametrize("block", [block for _, block in SETTINGS], ids=ids(SETTINGS))
def test_settings_that_a_page_shows_are_taken(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "dueclock.toml"
    file.write_text(block.text)
    settings = load_settings(path=str(file), environ={})
    for name, value in tomllib.loads(block.text).items():
        if name in ("accounts", "deliveries", "sources"):
            taken = json.loads(msgspec.json.encode(getattr(settings, name)))
            assert [{**one, **told} for one, told in zip(taken, value, strict=True)] == taken
        else:
            assert getattr(settings, name) == value


def test_the_words_of_the_glossary_are_those_of_the_contract() -> None:
    contract = LAW[0].read_text().casefold()
    glossary = (DOCS / "reference" / "glossary.md").read_text()
    for row in rows_of(glossary, "word"):
        word, _, where = row
        if "contract.md" in where:
            stem = word.strip("*").removeprefix("to ").casefold()[:6]
            assert stem in contract, word
