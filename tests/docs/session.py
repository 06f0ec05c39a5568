"""A person's shell: what they type, what they see, and what they leave running in another terminal.

One bash for all blocks of a page, in an empty folder, with `dueclock` on its path: what one block defines the next may
use. A block whose last line would not come back (a worker) goes on in the background until the session ends. Standard
error is seen among the rest, as on a terminal.
"""

from __future__ import annotations

import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Final

from agents.demo.process import free_port
from tests.cli.command import environment

LOCAL: Final = "localhost:9092"
PORT: Final = "9464"
BOARD_PORT: Final = "8470"
GOES_ON: Final = re.compile(r"(\w+=\S+ )*dueclock (worker|canary|board|deliver)\b(?!.*--for)")
_SAYS_END: Final = "~~~ ended with"


def fill_bin(folder: Path) -> Path:
    """A folder with the commands that the pages use: `dueclock` as an installation has it, and kcat."""
    folder.mkdir()
    commands = {"dueclock": "agents"} if shutil.which("kcat") else {"dueclock": "agents", "kcat": "tests.docs.kcat"}
    for name, module in commands.items():
        command = folder / name
        command.write_text(f'#!/bin/sh\nexec {sys.executable} -m {module} "$@"\n')
        command.chmod(0o755)
    (folder / "python3").symlink_to(sys.executable)
    return folder


class Session:
    """A shell for the blocks of one page. `broker` stands for the reader's own."""

    def __init__(self, folder: Path, bin_folder: Path, broker: str | None) -> None:
        self.folder, self.broker = folder, broker
        self._scripts = bin_folder.parent / "typed"
        self._scripts.mkdir()
        path = f"{bin_folder}:{os.environ['PATH']}"
        self._variables = environment(PATH=path, COLUMNS="200", LC_ALL="C.UTF-8", TZ="UTC")
        self._seen: queue.Queue[str | None] = queue.Queue()
        self._typed = 0
        self._port = str(free_port())
        self._board_port = str(free_port())
        self.background: dict[str, subprocess.Popen[str]] = {}
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-euo", "pipefail"],
            cwd=folder,
            env=self._variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._shell.stdout is not None
        with self._shell.stdout as seen:
            for line in seen:
                self._seen.put(line)
        self._seen.put(None)

    def adapted(self, text: str) -> str:
        """The text with the tests' broker, and a port of our own for metrics."""
        text = text.replace(PORT, self._port).replace(BOARD_PORT, self._board_port)
        return text.replace(LOCAL, self.broker) if self.broker else text

    def as_read(self, text: str) -> str:
        """What the reader would have seen on the broker of the page."""
        text = text.replace(self._port, PORT).replace(self._board_port, BOARD_PORT)
        return text.replace(self.broker, LOCAL) if self.broker else text

    def type(self, text: str, within_s: float = 50) -> str:
        """Type a block and wait for its end; what was seen of it. Its last line may stay behind in the background."""
        *first, last = self.adapted(text).rstrip("\n").split("\n")
        if GOES_ON.match(last):
            self._start(last)
            text = "\n".join(first)
        if not text.strip():
            return ""
        script = self._scripts / f"{self._typed}.sh"
        self._typed += 1
        script.write_text(self.adapted(text))
        assert self._shell.stdin is not None
        self._shell.stdin.write(f". {script}; echo '{_SAYS_END}' $?\n")
        self._shell.stdin.flush()
        return self.as_read(self._seen_until_end(text, within_s))

    def _seen_until_end(self, text: str, within_s: float) -> str:
        deadline = time.monotonic() + within_s
        lines: list[str] = []
        while True:
            try:
                line = self._seen.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"not done after {within_s} s:\n{text}\n{''.join(lines)}") from None
            assert line is not None, f"a command failed:\n{text}\n{''.join(lines)}\n{self.log()}"
            before, is_end, _ = line.partition(_SAYS_END)
            if is_end:
                return "".join(lines) + before
            lines.append(line)

    def _start(self, command: str) -> None:
        log = self._scripts / f"background-{len(self.background)}.log"
        with log.open("w") as out:
            process = subprocess.Popen(
                ["bash", "-c", command],
                cwd=self.folder,
                env=self._variables,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                text=True,
                start_new_session=True,
            )
        self.background[command] = process

    def log(self) -> str:
        """What those in the background have said."""
        return "\n".join(one.read_text() for one in sorted(self._scripts.glob("background-*.log")))

    @property
    def metrics(self) -> str | None:
        """Address of the metrics of a worker in the background, if it serves them."""
        serves = any("--metrics-port" in command for command in self.background)
        return f"http://127.0.0.1:{self._port}" if serves else None

    def end_background(self) -> list[str]:
        """End what goes on, as Ctrl-C in its terminal would; a sentence for each that did not end well."""
        badly: list[str] = []
        for command, process in self.background.items():
            is_there = process.poll() is None
            if is_there:
                process.send_signal(signal.SIGTERM)
            try:
                status = process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                status = process.wait()
            if not is_there or status not in (0, -signal.SIGTERM):
                badly.append(f"{command} ended with {status}: {self.log()}")
        self.background.clear()
        return badly

    def close(self) -> list[str]:
        """End everything."""
        badly = self.end_background()
        self._shell.kill()
        self._shell.wait()
        if self._shell.stdin is not None:
            self._shell.stdin.close()
        self._reader.join(20)
        return badly
