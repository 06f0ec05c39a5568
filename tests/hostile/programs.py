"""`dueclock` as an operator runs it beside the workers."""

from __future__ import annotations

import subprocess
import sys

from tests.broker.harness import ROOT, Live


def run(live: Live, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command with the settings of an installation."""
    return subprocess.run(
        [sys.executable, "-m", "agents", "--settings", str(live.settings_file), *arguments],
        cwd=ROOT,
        capture_output=True,
        timeout=50,
        check=False,
    )
