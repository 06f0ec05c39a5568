"""How long the audit of a large journal takes: wall time of the command over four partitions, as a person starts it.

The journal is one that workers wrote. It is kept as long as its measurement, and audited as often as asked.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from schemas.registry import DEAD_LETTER_TOPIC
from tests.bench.installation import ROOT, Installation, NotMeasuredError
from tests.bench.workload import DAY_MS, workload

SPAN_MS = 30 * DAY_MS
AT_ONCE = 50_000
"""Notifications that are told before the workers are waited for."""


def audits(bootstrap: str, folder: Path, *, seed: int, count: int, runs: int) -> Iterator[dict[str, float]]:
    """Have two workers write a journal of so many notifications, then audit it so often."""
    start_ms = int(time.time() * 1000) - SPAN_MS
    told = workload(seed, count, start_ms=start_ms, span_ms=SPAN_MS)
    with Installation(bootstrap, folder) as installation:
        running = [installation.worker() for _ in range(2)]
        for worker in running:
            worker.wait_for_log("recovered: partitions")
        reader = installation.reader("sla-journal", DEAD_LETTER_TOPIC.name)  # the largest account outgrows a bound
        for first in range(0, count, AT_ONCE):
            installation.send(told[first : first + AT_ONCE])
            reader.wait_for_lines(min(count, first + AT_ONCE), within_s=60 + AT_ONCE / 500)
        for worker in running:
            worker.stop()
        for _ in range(runs):
            yield _audited(installation, count - reader.letters)


def _audited(installation: Installation, count: int) -> dict[str, float]:
    began_s = time.monotonic()
    command = [sys.executable, "-m", "agents", "--settings", str(installation.settings_file), "audit", "--json"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=1_800)
    seconds = time.monotonic() - began_s
    if ran.returncode != 0:
        raise NotMeasuredError(f"the audit left with {ran.returncode}: {(ran.stderr or ran.stdout)[-300:]!r}")
    lines = sum(one["lines"] for one in json.loads(ran.stdout)["partitions"])
    if lines < count:
        raise NotMeasuredError(f"the audit folded {lines} lines of {count}")
    return {"audit.seconds_1m": seconds}
