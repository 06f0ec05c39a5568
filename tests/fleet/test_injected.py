"""A small fleet on three real brokers that breaks its promise: the verdict says no, and says what (`make years`)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.broker.harness import ROOT

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(not os.environ.get("DUECLOCK_TEST_YEARS"), reason="takes its time: `make years`"),
]

SMALL = ["--workers", "2", "--partitions", "4", "--clocks", "2000", "--idle", "2", "--only", "steady", "--steady", "10"]


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("how", "sentences"),
    [
        ("lost", ["2 breaches lost", "2 differences from the replay", "The audit: there are differences"]),
        ("twice", ["2 breaches twice", "2 events twice", "2 differences from the replay", "The audit: there are"]),
    ],
)
def test_a_fleet_that_breaks_its_promise_is_found_out(how: str, sentences: list[str], tmp_path: Path) -> None:
    """Each of the two workers leaves out, or repeats, one breach; nothing else is wrong."""
    command = [sys.executable, "-m", "tests.fleet", *SMALL, "--inject", how, "--folder", str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=380)
    assert ended.returncode == 1, ended.stdout[-2000:] + ended.stderr[-2000:]
    verdict: list[str] = json.loads((tmp_path / "results.json").read_text())["verdict"]
    assert len(verdict) == len(sentences), verdict
    for sentence, said in zip(sentences, verdict, strict=True):
        assert said.startswith(sentence), verdict
