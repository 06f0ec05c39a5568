"""`dueclock demo` as a person sees it: it plays, sums up, says what to try, and leaves nothing behind."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import pty
import re
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import requests

from deploy.embedded import EmbeddedKafka
from schemas.rules import RULES
from tests.cli.command import dueclock, environment, sentence_of
from tests.kafka_fixtures import eventually_now

pytestmark = [pytest.mark.broker, pytest.mark.timeout(240)]


class Play:
    """A demonstration in a process of its own, on a pipe or on a terminal."""

    def __init__(self, folder: Path, *arguments: str, terminal: tuple[int, int] | None = None) -> None:
        self.folder = folder
        self._output: list[bytes] = []
        command = [sys.executable, "-m", "agents", "demo", *arguments]
        ours, theirs = pty.openpty() if terminal else os.pipe()
        if terminal:
            width, height = terminal
            fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(TERM="xterm", COLUMNS="", LINES=""),
            stdin=theirs if terminal else subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._reader = threading.Thread(target=self._read, args=(ours,))
        self._reader.start()

    def _read(self, ours: int) -> None:
        try:
            while some := os.read(ours, 65_536):
                self._output.append(some)
        except OSError as error:
            if error.errno != errno.EIO:  # Linux says so when the last writer has closed a terminal
                raise
        finally:
            os.close(ours)

    @property
    def output(self) -> str:
        return b"".join(self._output).decode(errors="replace")

    def wait_for(self, words: str, *, within_s: float = 100) -> None:
        def is_there() -> bool:
            assert self.process.poll() is None or words in self.output, f"it ended: {self.output}"
            return words in self.output

        eventually_now(is_there, lambda: f"{words!r} in: {self.output[-2000:]}", within_s=within_s)

    def wait(self, *, within_s: float = 100) -> int:
        status = self.process.wait(within_s)
        self._reader.join(within_s)
        return status

    def children(self) -> list[psutil.Process]:
        """All that was started for this play, wherever it hangs now."""
        return [one for one in psutil.process_iter(["cwd", "cmdline"]) if self._is_ours(one)]

    def _is_ours(self, one: psutil.Process) -> bool:
        words = " ".join([*(one.info["cmdline"] or []), one.info["cwd"] or ""])
        return one.pid != self.process.pid and str(self.folder) in words and one.status() != psutil.STATUS_ZOMBIE

    def clear_away(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for one in self.children():
            with suppress(psutil.NoSuchProcess):
                one.kill()


@pytest.fixture
def plays(tmp_path: Path) -> Iterator[list[Play]]:
    made: list[Play] = []
    yield made
    for play in made:
        play.clear_away()


def assert_nothing_is_left(play: Play) -> None:
    eventually_now(lambda: not play.children(), lambda: f"the end of {play.children()}", within_s=20)


def typed(command: str, folder: Path) -> str:
    words = shlex.split(command)
    ended = subprocess.run(words, cwd=folder, env=environment(), capture_output=True, timeout=100, check=False)
    assert ended.returncode == 0, f"{command}: {ended.stderr.decode()}"
    return ended.stdout.decode()


def test_it_plays_sums_up_and_the_commands_it_ends_with_work_when_typed(tmp_path: Path, plays: list[Play]) -> None:
    play = Play(tmp_path, "--for", "15s", "--picture", "board.svg")
    plays.append(play)
    assert play.wait(within_s=150) == 0, play.output
    drawn = (tmp_path / "board.svg").read_text()
    assert all(rule in drawn for rule in RULES)
    assert re.findall(r"url\((?!#)|href=", drawn) == [], "who opens the picture fetches nothing"
    assert_nothing_is_left(play)
    said = play.output
    assert "Traceback" not in said
    for kind in ("opened", "met", "escalated", "breached", "violation", "dead letter", "health"):
        assert f" {kind} " in said, kind
    summed_up = said[said.index("rule  ") :]
    assert all(rule in summed_up for rule in RULES)
    assert "Expected and not seen" not in said
    told = [json.loads(line) for line in (tmp_path / ".dueclock/demo/heard.jsonl").read_text().splitlines()]
    assert {"clock.breached", "policy.violation"} <= {one["type"] for one in told}
    assert f"Told by webhook to a receiver here: {len(told):,} events" in said

    commands = [line.strip() for line in said[said.index("To try next:") :].splitlines()[1:] if line.strip()]
    assert len(commands) == 3
    try:
        outputs = [typed(command, tmp_path) for command in commands]
        assert "What was sent is what the journal calls for." in outputs[1]
        assert (tmp_path / ".dueclock/demo/journal.jsonl").read_text().count("\n") > 20
    finally:
        dueclock("kafka", "stop", folder=tmp_path)


def test_on_a_terminal_it_draws_a_board_and_ctrl_c_ends_it_with_the_summary(
    kafka: EmbeddedKafka, tmp_path: Path, plays: list[Play]
) -> None:
    play = Play(tmp_path, "--broker", kafka.bootstrap, terminal=(80, 24))
    plays.append(play)
    play.wait_for("what is due next")
    play.wait_for("dead letter")
    os.killpg(play.process.pid, signal.SIGINT)  # as a terminal does: to everyone in the foreground
    assert play.wait(within_s=30) == 0, play.output
    last_screen = play.output[play.output.rindex("\x1b[?1049l") :]
    assert all(rule in last_screen for rule in RULES)
    assert "To try next:" in last_screen
    assert "Traceback" not in play.output
    assert_nothing_is_left(play)


def asked(prometheus: str) -> list[object]:
    """What Prometheus knows of the events that the worker has sent."""
    said = requests.get(f"{prometheus}/api/v1/query", params={"query": "sum(sla_events_total) > 0"}, timeout=5).json()
    found: list[object] = said["data"]["result"]
    return found


def in_browser(play: Play) -> str:
    """The address of the board in a browser, as the play says it."""
    (address,) = re.findall(r"The board in a browser: (http://127\.0\.0\.1:\d+)", play.output)
    return str(address)


def test_kill_9_leaves_nothing_that_was_started_and_before_it_prometheus_sees_the_play(
    tmp_path: Path, plays: list[Play]
) -> None:
    play = Play(tmp_path)
    plays.append(play)
    play.wait_for("Starting a worker")
    play.wait_for("Dashboards for Grafana:")
    board = in_browser(play)
    eventually_now(
        lambda: "data-row" in requests.get(board, timeout=5).text, "a clock of the play on the board", within_s=60
    )
    if shutil.which("prometheus"):
        (address,) = re.findall(r"Prometheus, with rules and alerts: (\S+)", play.output)
        eventually_now(lambda: bool(asked(address)), "events in the demonstration's Prometheus", within_s=40)
    eventually_now(lambda: len(play.children()) >= 2, "worker and Kafka", within_s=30)
    play.process.kill()
    play.wait()
    assert_nothing_is_left(play)


def test_ctrl_c_while_kafka_starts_leaves_quietly_with_130(tmp_path: Path, plays: list[Play]) -> None:
    play = Play(tmp_path)
    plays.append(play)
    play.wait_for("Starting Kafka")
    os.killpg(play.process.pid, signal.SIGINT)
    assert play.wait(within_s=60) == 130, play.output
    assert "Traceback" not in play.output
    assert_nothing_is_left(play)


def test_a_worker_that_dies_ends_the_play_with_one_sentence(
    kafka: EmbeddedKafka, tmp_path: Path, plays: list[Play]
) -> None:
    play = Play(tmp_path, "--broker", kafka.bootstrap)
    plays.append(play)
    play.wait_for("sla-clock")
    (worker,) = (one for one in play.children() if "worker" in one.cmdline())
    worker.kill()
    assert play.wait(within_s=30) == 1
    assert play.output.splitlines()[-1].startswith("dueclock: The worker ended: ")
    assert "Traceback" not in play.output


def test_a_broker_that_goes_away_ends_the_play_with_one_sentence_and_without_orphans(
    own_kafka: EmbeddedKafka, tmp_path: Path, plays: list[Play]
) -> None:
    play = Play(tmp_path, "--broker", own_kafka.bootstrap)
    plays.append(play)
    play.wait_for("sla-clock")
    own_kafka.kill()
    assert play.wait(within_s=60) == 1
    assert play.output.splitlines()[-1].startswith(f"dueclock: No Kafka answers at {own_kafka.bootstrap}")
    assert "Traceback" not in play.output
    assert_nothing_is_left(play)


def test_no_broker_there_is_one_sentence(tmp_path: Path) -> None:
    ended = dueclock("demo", "--broker", "127.0.0.1:1", "--for", "5s", folder=tmp_path)
    assert ended.status == 1
    assert ended.err.startswith("dueclock: No Kafka answers at 127.0.0.1:1")
    assert dueclock("demo", "--for", "soon", folder=tmp_path).status == 2


def test_a_state_folder_that_cannot_be_is_one_sentence(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    assert "--picture" in sentence_of(dueclock("demo", "--picture", "none/board.svg", folder=tmp_path))
    for more in ([], ["--broker", kafka.bootstrap]):
        ended = dueclock("demo", "--state-dir", "taken", "--for", "5s", *more, folder=tmp_path)
        assert ended.status == 1
        assert "taken" in sentence_of(ended)
