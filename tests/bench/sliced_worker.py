"""`python -m tests.bench.sliced_worker RECORDS ARGUMENTS...`: `dueclock` with slices of so many records at most."""

from __future__ import annotations

import sys

from agents.cli import main as cli
from agents.worker.slices import Hand

if __name__ == "__main__":
    Hand.take.__defaults__ = (int(sys.argv.pop(1)),)
    cli.main()
