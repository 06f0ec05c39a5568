"""`make secured`: all of tests/secured, each login and each right, and what was found as two tables.

`python -m tests.secured [PYTEST ARGUMENTS]`; exit status 1 if a test failed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent


def main() -> int:
    """Run the tests, then print the tables."""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "table.jsonl"
        found.touch()
        variables = {"DUECLOCK_TEST_SECURED": "all", "DUECLOCK_TEST_TABLE": str(found)}
        command = [sys.executable, "-m", "pytest", "-q", "-n0", "--show-capture=no", *(sys.argv[1:] or [str(HERE)])]
        status = subprocess.run(command, env={**os.environ, **variables}, check=False).returncode
        rows = [json.loads(line) for line in found.read_text().splitlines()]
    show(rows)
    return 1 if status else 0


def show(rows: list[dict[str, str]]) -> None:
    """Each right with the job that fails without it; each wrong setting with its sentence."""
    console = Console(width=None if sys.stdout.isatty() else 200)
    rights = Table("role", "right", "the job that fails without it", box=None, pad_edge=False, header_style="bold")
    for row in rows:
        if row["kind"] == "right":
            rights.add_row(row["role"], row["right"], row["job"])
    sentences = Table("what is wrong", "what a person is told", box=None, pad_edge=False, header_style="bold")
    for row in rows:
        if row["kind"] == "sentence":
            sentences.add_row(row["wrong"], row["sentence"])
    of_rights = [row for row in rows if row["kind"] == "right"]
    for kind in ("topic", "group", "transactional id"):
        for row in [one for one in of_rights if f" {kind} " in one["right"]][:1]:
            sentences.add_row(f"no right to a {kind}", row["sentence"])
    roles = Table("role", "rights, each tried", box=None, pad_edge=False, header_style="bold")
    for role, count in Counter(row["role"] for row in of_rights).items():
        roles.add_row(role, str(count))
    for table in (rights, roles, sentences):
        if table.row_count:
            console.print(table)
            console.print()


if __name__ == "__main__":
    sys.exit(main())
