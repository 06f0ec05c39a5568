"""No secret is found where it may not be: logs, command lines, environments, errors, files outside the secrets' folder.

Canaries are passwords that are made for these tests alone. They are looked for while a worker and the demonstration
run, after they have failed, and by `make secured` when all tests of this folder have run (`secured` in conftest.py).
"""

from __future__ import annotations

import base64
import contextlib
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from agents.kafka.embedded import settings_file
from agents.kafka.rights import ROLES
from tests.broker.harness import wait_until
from tests.cli.command import dueclock, environment, sentence_of
from tests.secured.conftest import Secured
from tests.secured.search import Leak, in_files, in_processes, leaves_no_core, modes_are_right, secrets_of
from tests.secured.workers import working, write_settings


def commands(pid: int) -> list[list[str]]:
    """The command lines of what a process has started."""
    found = []
    for one in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it has ended meanwhile
            found.append(one.cmdline())
    return found


@pytest.mark.broker
def test_a_search_finds_what_it_should(tmp_path: Path) -> None:
    secret = "canary-0123456789abcdef-canary"
    (tmp_path / "log").write_bytes(b"... " + base64.b64encode(secret.encode()) + b" ...")
    assert [leak.user for leak in in_files(tmp_path, {"it": secret})] == ["it"]
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()", secret],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()  # it has begun: before, a process may have no command line yet
        assert Leak(f"/proc/{child.pid}/cmdline", "it") in list(in_processes({"it": secret}))
        child.communicate(b"")


@pytest.mark.broker
@pytest.mark.timeout(180)
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="this system has no /proc")
def test_no_secret_is_found_while_a_worker_works_nor_after_logins_have_failed(secured: Secured, tmp_path: Path) -> None:
    secrets = secrets_of(secured.secrets)
    assert len(secrets) == len(ROLES) + 2
    state = Path(secured.settings.state_dir)
    file = settings_file(secured.settings, "worker")
    with working("searched", file, tmp_path, {"DUECLOCK_LOG_LEVEL": "debug"}) as worker:
        leaves_no_core(worker.process.pid)
        assert list(in_processes(secrets)) == []
    wrong = tmp_path / "wrong.password"
    wrong.write_text("canary-of-a-wrong-password-0123456789\n")
    secrets["a wrong one"] = wrong.read_text().strip()
    told = []
    for changes in (
        {"sasl_password_file": str(wrong)},
        {"sasl_username": "nobody"},
        {"sasl_mechanism": "PLAIN"},
        {"broker": "127.0.0.1:1"},
    ):
        chosen = write_settings(secured.of("worker", **changes), tmp_path / "wrong.toml")
        ended = dueclock("--settings", chosen, "worker", folder=tmp_path, variables={"DUECLOCK_DEBUG": "1"})
        told.append(ended.out + ended.err)
    (tmp_path / "told").write_text("\n".join(told))
    assert list(in_files(tmp_path, secrets, but=[wrong])) == []
    assert list(in_files(state, secrets, but=[secured.secrets])) == []
    modes_are_right(secured.secrets)


@pytest.mark.broker
def test_a_secret_in_a_variable_reaches_no_child_and_no_output(secured: Secured, tmp_path: Path) -> None:
    canary = "canary-of-a-variable-0123456789abcdef"
    file = write_settings(secured.of("worker", sasl_password_file="", sasl_password="none"), tmp_path / "v.toml")
    text = "\n".join(line for line in file.read_text().splitlines() if "sasl_password" not in line)
    file.write_text(text + "\n")
    ended = dueclock("--settings", file, "clocks", folder=tmp_path, variables={"DUECLOCK_SASL_PASSWORD": canary})
    assert "refuses the login of the user worker" in sentence_of(ended)
    assert canary not in ended.out + ended.err
    assert list(in_files(tmp_path, {"canary": canary})) == []


@pytest.mark.broker
@pytest.mark.timeout(300)
@pytest.mark.skipif(os.environ.get("DUECLOCK_TEST_SECURED") != "all", reason="it takes a minute: make secured runs it")
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="this system has no /proc")
def test_no_secret_is_found_while_the_demonstration_runs_on_a_secured_kafka(tmp_path: Path) -> None:
    with (tmp_path / "told").open("w") as told:
        play = subprocess.Popen(
            [sys.executable, "-m", "agents", "demo", "--for", "10s", "--secured"],
            cwd=tmp_path,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=told,
        )
    folder = tmp_path / ".dueclock" / "secrets"

    def runs() -> bool:
        assert play.poll() is None, (tmp_path / "told").read_text()
        running = commands(play.pid)
        return all(any(name in words for words in running) for name in ("worker", "deliver", "board"))

    try:
        wait_until(runs, (tmp_path / "told").read_text, within_s=150)
        secrets = secrets_of(folder)
        assert list(in_processes(secrets)) == []
        leaves_no_core(play.pid)
        play.wait(120)  # whether it has shown all that it may show is the business of tests/demo
        assert "Stopping" in (tmp_path / "told").read_text()
    finally:
        if play.poll() is None:
            play.kill()
            play.wait(10)
    assert list(in_files(tmp_path, secrets, but=[folder])) == []
    assert list(in_processes(secrets)) == []
    modes_are_right(folder)
