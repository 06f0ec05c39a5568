"""Writes what is made from the code into docs/ and deploy/overlays: `python -m tests.docs.regenerate`.

Reference pages are whole files. In the architecture page the drawings' tables stand between two marks; a drawing is a
file beside the page. What the commands of a page bring is not written here: `DUECLOCK_TEST_REWRITE=1` does that
(test_pages.py), since it needs a broker.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.docs.blocks import DOCS
from tests.docs.command_pages import command_parts
from tests.docs.generated import exit_statuses_page, headers_page, metrics_page, page, settings_page, topics_page
from tests.docs.json_pages import json_parts
from tests.docs.lives import clock_svg, clock_table, guards_table, partition_svg, partition_table
from tests.observe.overlays import OVERLAYS, manifests
from tests.repository.tree import ROOT

ARCHITECTURE: Final = "explanation/architecture.md"
_PARTITION: Final = "![The life of a partition](partition.svg)"


def documents() -> Mapping[str, str]:
    """Each generated file below docs/, with its text."""
    files = {
        "reference/commands.md": page(
            "Commands",
            "`dueclock --help` and `dueclock COMMAND --help` say the same. Before the command, `--settings FILE` names "
            "a settings file; every flag that is a [setting](settings.md) may also come from there or from a variable.",
            *command_parts(),
        ),
        "reference/exit-statuses.md": exit_statuses_page(),
        "reference/headers.md": headers_page(),
        "reference/json-documents.md": page(
            "Documents of --json",
            "What commands write for scripts, keys in order, instants in RFC 3339 and UTC. A document says all of its "
            "members; what there is not is null, or absent where the table says so. Members are added, never renamed: "
            "the schemas leave unknown members open, and a test holds each to that of the last release. `[]` is each "
            "member of a list, `<…>` a name that is data. Of a file, offsets, origins, partition and what was sent are "
            "null.",
            *json_parts(),
        ),
        "reference/metrics.md": metrics_page(),
        "reference/settings.md": settings_page(),
        "reference/topics.md": topics_page(),
        "explanation/clock.svg": clock_svg(),
    }
    drawing = partition_svg()
    if drawing is not None:
        files["explanation/partition.svg"] = drawing
    parts = {
        "clock table": clock_table(),
        "guards": guards_table(),
        "partition": f"{_PARTITION}\n\n{partition_table()}" if drawing else "",
    }
    files[ARCHITECTURE] = with_parts((DOCS / ARCHITECTURE).read_text(), parts)
    return files


def with_parts(text: str, parts: Mapping[str, str]) -> str:
    """The page with other text between the marks of each part. ValueError where marks are missing."""
    for name, part in parts.items():
        begin, end = f"<!-- made: {name} -->", f"<!-- end: {name} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"the page has not both marks of {name!r}")
        before, _, rest = text.partition(begin)
        after = rest.partition(end)[2]
        filled = f"\n\n{part}\n\n" if part else "\n"
        text = f"{before}{begin}{filled}{end}{after}"
    return text


def main() -> None:
    """Write what differs."""
    wanted = {DOCS / name: text for name, text in documents().items()}
    wanted |= {OVERLAYS / name: text for name, text in manifests().items()}
    for file, text in sorted(wanted.items()):
        if not file.exists() or file.read_text() != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            print(f"wrote {file.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
