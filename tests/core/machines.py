"""The same histories in processes of their own, each with another machine's variables: what `replay` says on it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]

PROGRAM = """
import sys, hashlib
from agents.zones import machine_zones
from streams.replay import Replay
def refused(line, raw, rejected):
    print(line, rejected.reason, rejected.field)
for name in sys.argv[1:]:
    policies, lines = open(name, encoding="utf-8").read().split("\\x00")
    replay = Replay(policies or None, refused, machine_zones)
    digest = hashlib.sha256()
    for line in lines.encode().split(b"\\n"):
        for event in replay.feed(line):
            digest.update(event.value)
    for key, value in replay.state.take_changes():
        digest.update(key + (value or b""))
    print(digest.hexdigest())
"""


def run_on(machine: Mapping[str, str], files: Sequence[str], *folders: Path) -> list[str]:
    """What it prints for files of policies, a zero byte and lines: each refusal, and a digest of what came out.

    `folders` are searched for packages before all others.
    """
    path = os.pathsep.join(map(str, [*folders, PROJECT]))
    environment = {"PATH": os.environ.get("PATH", ""), **machine, "PYTHONPATH": path}
    program = [sys.executable, "-c", PROGRAM, *files]
    done = subprocess.run(program, env=environment, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
