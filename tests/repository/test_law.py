"""The law lives in the house: the contract and the rules are the original's, and what the code cites is there."""

import re
from pathlib import Path

import pytest

from tests.repository.tree import PACKAGES, ROOT, files_in_git, text_of

REFERENCE = ROOT / "docs" / "reference"
ORIGINAL = ROOT.parent / "shared"
CASES = ROOT / "tests" / "proposals"
HEADINGS = re.findall(r"^## (\d+)\. ", text_of(REFERENCE / "contract.md"), re.MULTILINE)


def cited(path: Path) -> set[str]:
    """The sections of the contract that a file of code cites: `contract §3`, or several with commas."""
    return set(re.findall(r"§\s?(\d+)", text_of(path)))


@pytest.mark.parametrize("name", ["contract.md", "rules.md"])
@pytest.mark.skipif(not (ORIGINAL / "contract.md").is_file(), reason="the law's original is not beside this project")
def test_the_law_equals_its_original_byte_for_byte(name: str) -> None:
    assert (REFERENCE / name).read_bytes() == (ORIGINAL / name).read_bytes()


def test_every_section_of_the_contract_that_code_cites_is_a_heading_of_it() -> None:
    citing = {path: cited(path) for path in files_in_git() if path.suffix in (".py", ".toml")}
    assert sum(map(len, citing.values())) > 80
    assert {str(path): sections - set(HEADINGS) for path, sections in citing.items() if sections - set(HEADINGS)} == {}


def test_every_page_that_code_names_is_there() -> None:
    """By its path, or by its name alone: `rules.md`, `architecture.md`."""
    code = [
        path
        for path in files_in_git()
        if path.suffix in (".py", ".toml") and path.relative_to(ROOT).parts[0] in PACKAGES
    ]
    named = {(name, str(path)) for path in code for name in re.findall(r"[\w/.-]*\w\.md\b", text_of(path))}
    pages = {page.name for page in files_in_git() if page.suffix == ".md"}
    assert len({name for name, _ in named}) > 5
    assert [(name, path) for name, path in sorted(named) if name not in pages and not (ROOT / name).is_file()] == []


def test_the_contract_numbers_its_sections_from_one() -> None:
    assert [str(number) for number in range(1, len(HEADINGS) + 1)] == HEADINGS


def test_a_proposal_and_its_cases_go_together() -> None:
    texts = {path.stem for path in (REFERENCE / "proposals").glob("*.md")} - {"README"}
    cases = {path.name for path in CASES.iterdir() if path.is_dir() and not path.name.startswith("__")}
    assert cases <= texts
