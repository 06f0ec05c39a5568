"""Where answers for people go: nothing is folded where no terminal bounds it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from tests.cli.command import ROOT

LONG = "A" * 64 + "/ATVPDKIKX0DER/sfp-refund/111-0000001-0000001/RET-1"
PRINTING = f"from agents.terminal import for_people; for_people().print({LONG!r})"


def test_into_a_pipe_a_long_id_goes_on_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    said = subprocess.run([sys.executable, "-c", PRINTING], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout == f"{LONG}\n"


def test_a_width_that_is_named_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    said = subprocess.run([sys.executable, "-c", PRINTING], cwd=ROOT, capture_output=True, text=True, check=True)
    assert [len(line) for line in said.stdout.splitlines()] == [60, len(LONG) - 60]


def test_in_a_terminal_its_width_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    ours, theirs = pty.openpty()
    try:
        subprocess.run([sys.executable, "-c", PRINTING], cwd=ROOT, stdout=theirs, stderr=theirs, check=True)
        shown = os.read(ours, 4096).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert max(len(line) for line in shown.splitlines()) == 80
