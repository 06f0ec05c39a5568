"""Processes that belong together: a child that ends with its parent, however that ends.

The parent holds the child's standard input open and never writes; when the parent dies, by kill -9 too, the system
closes the pipe and the child stops itself as on SIGTERM, and at once if that takes too long (its broker may be gone
too). That works on every system and needs no process id.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_STOPS_WITHIN_S = 10.0


def stop_when_stdin_closes() -> None:
    """In the child: SIGTERM to ourselves when standard input ends, SIGKILL if we are still there after a while."""

    def watch(stdin: int) -> None:
        with suppress(OSError):
            while os.read(stdin, 1024):
                pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_STOPS_WITHIN_S)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, args=(os.dup(0),), name="stdin", daemon=True).start()


class BoundCommand:
    """A `dueclock` command that ends with us. Ctrl-C of our terminal does not reach it: we stop it, in order."""

    def __init__(self, arguments: Sequence[str], log_file: Path, environ: Mapping[str, str]) -> None:
        self.log_file = log_file
        with log_file.open("wb") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "agents", *arguments, "--stop-with-stdin"],
                env=environ,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def exit_status(self) -> int | None:
        """None while it runs."""
        return self._child.poll()

    def last_words(self) -> str:
        """Why it cannot run: its own sentence, or else the last line that it wrote."""
        lines = self.log_file.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
        own = [line for line in lines if line.startswith("dueclock: ")]
        return (own or lines)[-1].removeprefix("dueclock: ")

    def stop(self, *, timeout_s: float) -> None:
        """SIGTERM, and after the timeout SIGKILL."""
        if self._child.stdin is not None:
            self._child.stdin.close()
        self._child.terminate()
        try:
            self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
