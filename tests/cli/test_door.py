"""The door of the command: what it is started with may be closed, endless or cut short, and is one sentence."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.broker.harness import ROOT


def shell(script: str) -> subprocess.CompletedProcess[bytes]:
    command = ["/bin/sh", "-c", script.replace("dueclock", f"{sys.executable} -m agents")]
    return subprocess.run(command, cwd=ROOT, capture_output=True, timeout=50, check=False)


@pytest.mark.parametrize("command", ["dueclock --version >&-", "dueclock policies check /dev/null >&-"])
def test_a_closed_standard_output_is_one_sentence(command: str) -> None:
    ended = shell(command)
    assert ended.returncode == 1
    assert ended.stderr == b"dueclock: Standard output is closed; leave it open, or send it to /dev/null.\n"


def test_where_both_are_closed_the_status_says_it() -> None:
    assert shell("dueclock --version >&- 2>&-").returncode == 1


def test_a_closed_standard_error_takes_nothing_from_the_answer() -> None:
    ended = shell("dueclock --version 2>&-")
    assert ended.returncode == 0
    assert ended.stdout.startswith(b"dueclock")


def test_a_file_without_an_end_is_no_policy_file() -> None:
    ended = shell("dueclock policies check /dev/zero")
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert (
        line
        == b"dueclock: The policy file /dev/zero holds more than 16,777,216 bytes, so it is none; give the right path."
    )


def test_an_interrupt_while_it_loads_leaves_quietly(tmp_path: Path) -> None:
    """Click is the first thing that it loads: here one that interrupts the process, as a person would just then."""
    (tmp_path / "click.py").write_text(f"import os\nos.kill(os.getpid(), {int(signal.SIGINT)})\n")
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from agents.cli.main import main; main()"
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, timeout=50, check=False)
    assert (ended.returncode, ended.stderr) == (130, b"")
