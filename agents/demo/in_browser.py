"""The board in a browser, beside the one on the terminal: `dueclock board` as a person would start it, on this machine.

It is a guest: without it the play goes on. It takes its usual port, or any other where that is taken.
"""

import os
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agents.demo.process import BoundCommand, free_port
from agents.settings import PREFIX

PORT = 8470
_ANSWERS_WITHIN_S = 20.0
_STOPS_WITHIN_S = 1.5


@contextmanager
def board_in_browser(settings_file: Path, folder: Path) -> Iterator[str | None]:
    """Its address while it runs; None where it would not start (its log says why)."""
    port = PORT if _is_free(PORT) else free_port()
    environ = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    words = ["--settings", str(settings_file), "board", "--port", str(port)]
    board = BoundCommand(words, folder / "board.log", environ)
    address = f"http://127.0.0.1:{port}"
    try:
        yield address if _answers(address, board) else None
    finally:
        board.stop(timeout_s=_STOPS_WITHIN_S)


def _is_free(port: int) -> bool:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _answers(address: str, board: BoundCommand) -> bool:
    deadline = time.monotonic() + _ANSWERS_WITHIN_S
    while board.exit_status is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{address}/healthz", timeout=1):  # noqa: S310 - our own address
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    return False
