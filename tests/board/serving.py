"""A board as a process, and a real browser (Debian's chromium) that looks at it."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest
import requests
from playwright.sync_api import Browser, sync_playwright

from agents.settings import Settings
from tests.cli.command import ROOT

Result = TypeVar("Result")

FLAGS: Final = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--font-render-hinting=none"]
"""The tests may run as root and in a container; a browser's own sandbox would not."""


class Board:
    """One `dueclock board`. `words` are further flags."""

    def __init__(self, settings: Settings, folder: Path, *words: str, within_s: float = 40.0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._file = folder / "board.log"
        environ = {name: value for name, value in os.environ.items() if not name.startswith("DUECLOCK_")}
        environ["PYTHONPATH"] = str(ROOT)
        flags = ("--broker", settings.broker, "--topic-prefix", settings.topic_prefix, "--port", "0", *words)
        with self._file.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "agents", "board", *flags],
                cwd=folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._wait(lambda: "listening on" in self.log(), "a board that listens")
        found = re.search(r"https?://[0-9.]+:\d+", self.log())
        assert found, self.log()
        self.url = found[0]
        self._wait(self._is_ready, "a board that is ready", within_s)

    def _is_ready(self) -> bool:
        ready = f"{self.url}/readyz"
        with warnings.catch_warnings():  # a certificate of the tests vouches for itself
            warnings.simplefilter("ignore")
            return requests.get(ready, timeout=5, headers={"Host": "localhost"}, verify=False).ok

    def _wait(self, holds: Callable[[], bool], missing: str, within_s: float = 40.0) -> None:
        deadline = time.monotonic() + within_s
        while not holds():
            assert self.process.poll() is None, f"it ended: {self.log()}"
            assert time.monotonic() < deadline, f"after {within_s} s still missing: {missing}; {self.log()}"
            time.sleep(0.05)

    def log(self) -> str:
        return self._file.read_text(errors="replace")

    def get(self, path: str, **headers: str) -> requests.Response:
        return requests.get(self.url + path, headers=headers, timeout=30, allow_redirects=False)

    def close(self) -> int:
        """End it as Ctrl-C does; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the board does not end: {self.log()}") from None


def chromium() -> str:
    """The path of Debian's chromium, or no test."""
    if found := shutil.which("chromium"):
        return found
    missing = "chromium is not installed (on Debian: apt install chromium fonts-noto-cjk)"
    if os.environ.get("CI", "").lower() in {"1", "true"} or os.environ.get("DUECLOCK_TEST_BROWSER") == "required":
        pytest.fail(missing)
    pytest.skip(missing)


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser for as long as the `with` lasts."""
    program = chromium()
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=FLAGS)
        try:
            yield opened
        finally:
            opened.close()


def beside(work: Callable[[], Result]) -> Result:
    """Do something in a thread: the browser's driver keeps a loop in this one, beside which no other can run."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def run_beside(work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """The same for a coroutine."""
    return beside(lambda: asyncio.run(work()))
