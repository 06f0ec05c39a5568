"""`make chaos`: all of tests/chaos for some seeds, one after the other, and the table of the faults that were survived.

`python -m tests.chaos [--seeds N] [--first SEED] [--secured] [PYTEST ARGUMENTS]`; exit status 1 if a test failed with
any seed. With `--secured` the shorter half, on a Kafka with TLS and logins: a worker has no more rights than its role.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from agents.build import build_name

HERE = Path(__file__).parent
SHORTER = ("test_workers.py", "test_brokers.py", "test_rotation.py")


def main() -> int:
    """Run the seeds, then print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--secured", action="store_true")
    chosen, others = parser.parse_known_args()
    own = [str(HERE / name) for name in SHORTER] if chosen.secured else [str(HERE)]
    kafka = {"DUECLOCK_TEST_KAFKA": "secured"} if chosen.secured else {}
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table.jsonl"
        table.touch()
        for seed in range(chosen.first, chosen.first + chosen.seeds):
            print(f"Seed {seed}, {build_name()}", flush=True)
            variables = {"DUECLOCK_TEST_SEED": str(seed), "DUECLOCK_TEST_TABLE": str(table), **kafka}
            command = [sys.executable, "-m", "pytest", "-q", "-n0", "--show-capture=no", *(others or own)]
            failed += bool(subprocess.run(command, env={**os.environ, **variables}, check=False).returncode)
        show([json.loads(line) for line in table.read_text().splitlines()])
    print(f"{chosen.seeds} seeds, {failed} of them with a failure.")
    return 1 if failed else 0


def show(rows: list[dict[str, Any]]) -> None:
    """A row for each fault over all seeds: a fault that was not survived has failed its test and is not counted."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("fault")
    for heading in ("injected", "survived", "repeats", "recovery s (worst)"):
        table.add_column(heading, justify="right")
    for fault in dict.fromkeys(row["fault"] for row in rows):
        own = [row for row in rows if row["fault"] == fault]
        sums = [str(sum(row[name] for row in own)) for name in ("injected", "survived", "repeats")]
        table.add_row(fault, *sums, f"{max(row['recovery_s'] for row in own):.1f}")
    Console(width=110).print(table)


if __name__ == "__main__":
    sys.exit(main())
