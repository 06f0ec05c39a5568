"""Running `dueclock` as a person does: a process of its own, its output, its exit status."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

GOLDEN = Path(__file__).parent.parent / "golden"
ROOT = Path(__file__).parent.parent.parent


class Ended(NamedTuple):
    """A command that has ended."""

    status: int
    out: str
    err: str


def environment(**variables: str) -> dict[str, str]:
    """The environment of the tests without settings of whoever runs them."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("DUECLOCK_") or "CACHE" in name}
    return {**mine, "PYTHONPATH": str(ROOT), **variables}


def dueclock(
    *arguments: str | Path,
    folder: Path,
    stdin: bytes = b"",
    variables: Mapping[str, str] | None = None,
    within_s: float = 50,
) -> Ended:
    """Run a command in a folder until it ends."""
    ended = subprocess.run(
        [sys.executable, "-m", "agents", *map(str, arguments)],
        cwd=folder,
        env=environment(**(variables or {})),
        input=stdin,
        capture_output=True,
        timeout=within_s,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def sentence_of(ended: Ended) -> str:
    """What a person sees who did something wrong: one sentence, no traceback."""
    assert "Traceback" not in ended.err, ended.err
    lines = ended.err.strip().splitlines()
    assert len(lines) == 1, ended.err
    assert lines[0].startswith("dueclock: ")
    assert ended.status != 0
    return lines[0].removeprefix("dueclock: ")
