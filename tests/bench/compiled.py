"""The same measurements of the compiled build, by its own interpreter in a tree of its own (`.ci/compiled.py`).

What they are called says so: `replay.passes` of that build is `replay_compiled.passes` here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from tests.bench.installation import ROOT, NotMeasuredError

TREE: Final = ROOT / "build" / "compiled"
PARTS: Final = ("replay", "live", "simple", "audit")
"""In a quick run all but the last."""
KEYS: Final = ("passes", "cpu_us", "per_second", "seconds_1m")


def measured(
    folder: Path, parts: Sequence[str], arguments: list[str], say: Callable[[str], None]
) -> Iterator[dict[str, float]]:
    """Build it where it is not built yet, measure with these arguments, and give run by run what is asked of it."""
    built = subprocess.run([sys.executable, ROOT / ".ci" / "compiled.py"], capture_output=True, text=True, check=False)
    if built.returncode != 0:
        raise NotMeasuredError((built.stderr or built.stdout).strip().splitlines()[-1])
    python = str(TREE / ".venv" / "bin" / "python")
    command = [python, "-m", "tests.bench", "--only", ",".join(parts), "--out", str(folder)]
    with subprocess.Popen(
        [*command, *arguments], cwd=TREE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as child:
        assert child.stdout is not None  # a pipe was asked for
        said = []
        for line in child.stdout:
            said.append(line)
            if line.startswith(tuple(parts)):
                say(f"compiled {line.rstrip()}")
    results = folder / "results.json"
    if not results.exists():
        raise NotMeasuredError(f"the compiled build: {''.join(said)[-300:]}")
    told = json.loads(results.read_text())
    runs: dict[str, list[float]] = told["runs"]
    for number in range(max(map(len, runs.values()), default=0)):
        yield {
            renamed(key): values[number]
            for key, values in runs.items()
            if key.rpartition(".")[2] in KEYS and number < len(values)
        }
    if told["failures"]:  # what was measured stands all the same
        raise NotMeasuredError(
            "; ".join(f"{renamed(key)} {reason}" for key, reason in sorted(told["failures"].items()))
        )


def renamed(key: str) -> str:
    """What a figure is called when it is the compiled build's."""
    part, _, name = key.partition(".")
    return f"{part}_compiled.{name}"
