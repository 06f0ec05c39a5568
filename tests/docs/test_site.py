"""`make docs`: the site is built offline, and a link or an anchor that leads nowhere fails it.

Links of Markdown files outside docs/ are followed here, since no site is built of them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.docs.blocks import DOCS, FENCE, ROOT
from tests.repository.tree import files_in_git, tool

LINK = re.compile(r"\]\(([^)\s]+)\)")


def build(config: Path, site: Path) -> subprocess.CompletedProcess[str]:
    offline = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(
        [tool("mkdocs"), "build", "--strict", "--config-file", str(config), "--site-dir", str(site)],
        env={**os.environ, **offline},
        capture_output=True,
        text=True,
        check=False,
        cwd=config.parent,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The pages, and what they include, to spoil."""
    for name in ("docs", "deploy"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return Path(shutil.copy(ROOT / "mkdocs.yml", tmp_path))


class Loads(HTMLParser):
    """What a page makes a browser load."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag in ("script", "img", "iframe", "source"):
            self.addresses.append(said.get("src") or "")
        elif tag == "link" and said.get("rel") not in ("canonical", "prev", "next"):
            self.addresses.append(said.get("href") or "")


def test_the_site_is_built_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    built = build(ROOT / "mkdocs.yml", tmp_path / "site")
    assert built.returncode == 0, built.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) >= len(list(DOCS.rglob("*.md")))
    loads = Loads()
    for page in pages:
        loads.feed(page.read_text())
    assert [address for address in loads.addresses if "//" in address] == []
    for style in (tmp_path / "site").rglob("*.css"):
        assert re.findall(r"url\((?:https?:)?//", style.read_text()) == []


@pytest.mark.parametrize(
    "line", ["[x](nowhere.md)", "[x](time.md#nowhere)", "[x](#nowhere)", "[x](/time.md)", "![x](nowhere.svg)"]
)
def test_a_link_that_leads_nowhere_fails_it(copy: Path, line: str) -> None:
    page = copy.parent / "docs" / "explanation" / "faust.md"
    page.write_text(f"{page.read_text()}\n{line}\n")
    built = build(copy, copy.parent / "site")
    assert built.returncode != 0
    assert "faust.md" in built.stderr


def test_a_page_that_is_in_no_menu_fails_it(copy: Path) -> None:
    (copy.parent / "docs" / "lost.md").write_text("# Lost\n")
    assert build(copy, copy.parent / "site").returncode != 0


def anchors_of(page: Path) -> set[str]:
    """The anchors of a page's headings, as the site and a forge make them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_a_link_of_a_page_beside_docs_leads_somewhere() -> None:
    beside = [path for path in files_in_git() if path.suffix == ".md" and DOCS not in path.parents]
    followed = 0
    for page in beside:
        for link in LINK.findall(FENCE.sub("", page.read_text())):
            file, _, anchor = link.partition("#")
            if "://" in link:
                continue
            target = (page.parent / file).resolve() if file else page
            assert target.exists(), f"{page.relative_to(ROOT)}: {link}"
            assert not anchor or anchor in anchors_of(target), f"{page.relative_to(ROOT)}: {link}"
            followed += 1
    assert followed > 20
