"""`dueclock` in this process: the same door as the program's, with files for its standard streams; far quicker."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import requests

from agents.cli.main import run
from tests.cli.command import Ended


def dueclock_here(*arguments: str | Path, folder: Path, stdin: bytes = b"") -> Ended:
    """Run a command in a folder until it ends."""
    with TemporaryDirectory() as streams, contextlib.chdir(folder):
        names = [Path(streams) / name for name in ("out", "err")]
        with contextlib.ExitStack() as stack:
            out, err = (stack.enter_context(name.open("w", encoding="utf-8")) for name in names)
            stack.enter_context(contextlib.redirect_stdout(out))
            stack.enter_context(contextlib.redirect_stderr(err))
            before, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(stdin))
            stack.callback(setattr, sys, "stdin", before)
            for number in (signal.SIGINT, signal.SIGTERM):  # a command may take them for itself
                stack.callback(signal.signal, number, signal.getsignal(number))
            columns = os.environ.pop("COLUMNS", None)  # how wide the terminal of whoever runs the tests is
            if columns is not None:
                stack.callback(os.environ.__setitem__, "COLUMNS", columns)
            status = run(list(map(str, arguments)))
        return Ended(status, *(name.read_text(encoding="utf-8") for name in names))


def sample(url: str, series: str) -> float | None:
    """What a page of metrics says of one series; None where it has none, or where nobody answers."""
    try:
        page = requests.get(url, timeout=5).text
    except requests.ConnectionError:
        return None
    found = [line.rpartition(" ")[2] for line in page.splitlines() if line.startswith(f"{series} ")]
    return float(found[0]) if found else None
