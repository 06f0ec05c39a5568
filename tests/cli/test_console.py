"""Where answers go and how they look: nothing is folded where no terminal bounds it, and all is said alike."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from io import StringIO
from pathlib import Path

from rich.console import Console

from agents.terminal import json_document, short_instant, table
from schemas.policy_types import Target
from tests.broker.harness import reply_within
from tests.cli.command import ROOT, dueclock

LONG = "A" * 64 + "/ATVPDKIKX0DER/sfp-refund/111-0000001-0000001/RET-1"
PRINTING = f"from agents.terminal import for_people; for_people().print({LONG!r})"


def printed(*, columns: str | None = None, out: int = subprocess.PIPE) -> str:
    """What a process of its own prints; `COLUMNS` is as said here, whatever readline has put where no Python looks."""
    chosen = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    chosen |= {} if columns is None else {"COLUMNS": columns}
    ran = subprocess.run([sys.executable, "-c", PRINTING], cwd=ROOT, env=chosen, stdout=out, text=True, check=True)
    return ran.stdout or ""


def test_into_a_pipe_a_long_id_goes_on_one_line() -> None:
    assert printed() == f"{LONG}\n"


def test_a_width_that_is_named_holds() -> None:
    assert [len(line) for line in printed(columns="60").splitlines()] == [60, len(LONG) - 60]


def test_in_a_terminal_its_width_holds() -> None:
    ours, theirs = pty.openpty()
    try:
        printed(out=theirs)
        shown = os.read(ours, 4096).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert max(len(line) for line in shown.splitlines()) == 80


def test_a_target_of_one_is_said_in_the_singular() -> None:
    assert Target("business_days", 2).in_words == "2 business days"
    assert Target("business_days", 1).in_words == "1 business day"
    assert Target("hours", 1).in_words == "1 hour"


def test_the_summary_of_a_policy_file_says_targets_as_the_story_does(tmp_path: Path) -> None:
    (tmp_path / "policies.toml").write_text(reply_within("hours = 1"))
    said = dueclock("policies", "check", "policies.toml", folder=tmp_path).out
    assert said.splitlines()[0] == "buyer-message-reply  v1  from 2015-01-01  1 hour, seller, clock.breached"


def test_an_instant_in_a_table_leaves_its_milliseconds_out() -> None:
    assert short_instant("2026-02-11T08:00:00.123Z") == "2026-02-11T08:00:00Z"


def test_a_document_is_indented_and_in_order_and_ends_with_a_newline() -> None:
    assert json_document({"b": 1, "a": [True]}) == b'{\n  "a": [\n    true\n  ],\n  "b": 1\n}\n'


def test_a_table_stands_its_numbers_to_the_right_and_folds_what_may_be_folded() -> None:
    out = StringIO()
    rows = table("lines", "clock", right=("lines",))
    rows.add_row("7", LONG)
    Console(file=out, width=60).print(rows)
    said = [line.rstrip() for line in out.getvalue().splitlines()]
    assert said[0] == "lines  clock"
    assert said[1].startswith("    7  AAAA")
    assert "".join(line[7:] for line in said[1:]) == LONG
