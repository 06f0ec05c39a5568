"""Programs that tests start, to kill them: each says on its output when it has come so far."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]

HOLDS_A_BROKER = """
import json, sys, time
from pathlib import Path
from deploy.embedded import EmbeddedKafka
folder = Path(sys.argv[1]) if sys.argv[1] else None
try:
    with EmbeddedKafka(folder) as kafka:
        print(json.dumps({"pid": kafka.pid, "folder": str(kafka.folder), "bootstrap": kafka.bootstrap}), flush=True)
        while True:
            time.sleep(1)
except KeyboardInterrupt:
    print(json.dumps({"interrupted": True}), flush=True)
"""

STARTS_A_BROKER = """
import json, sys
from pathlib import Path
from deploy.embedded import start
found = start(Path(sys.argv[1]))
print(json.dumps({"pid": found.pid, "bootstrap": found.bootstrap}), flush=True)
"""


@contextmanager
def running(program: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A Python program in a process group of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[str]) -> dict[str, object]:
    """The next line of a program, as JSON."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the program ended without a word"
    found: dict[str, object] = json.loads(line)
    return found


def is_gone(pid: int) -> bool:
    """Whether no such process lives; one that only waits to be reaped is dead."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def descendants(pid: int) -> list[psutil.Process]:
    """All processes below this one."""
    return psutil.Process(pid).children(recursive=True)


def wait_for_java(process: subprocess.Popen[str], *, within_s: float = 20.0) -> psutil.Process:
    """The JVM below a program, once there is one."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        for child in descendants(process.pid):
            try:
                if child.name() == "java":
                    return child
            except psutil.NoSuchProcess:
                continue
        time.sleep(0.01)
    pytest.fail(f"no JVM below process {process.pid} within {within_s} s")


def interrupt(process: subprocess.Popen[str]) -> None:
    """Ctrl-C: SIGINT to the whole process group, as a terminal sends it."""
    os.killpg(process.pid, signal.SIGINT)
