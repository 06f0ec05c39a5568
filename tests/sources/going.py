"""A source as a process of its own, and its log."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.broker.harness import ROOT, Live


@contextmanager
def going(
    live: Live, arguments: Sequence[str], *, module: str = "agents", variables: Mapping[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Start it in the installation's folder; it is gone when the block ends."""
    log_file = live.folder / "source.log"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DUECLOCK_")}
    environ |= {**(variables or {}), "PYTHONPATH": str(ROOT)}
    with log_file.open("wb") as log:
        command = [sys.executable, "-m", module, *arguments]
        source = subprocess.Popen(command, cwd=live.folder, env=environ, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield source, log_file
    finally:
        if source.poll() is None:
            source.kill()
            source.wait(10)
