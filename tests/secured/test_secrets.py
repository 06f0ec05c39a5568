"""No secret is found where it may not be: logs, command lines, environments, errors, files outside the secrets' folder.

Canaries are passwords that are made for these tests alone. They are looked for while a worker, a rebuild, a source of
tokens and the demonstration run, and after they have failed.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from agents.kafka.embedded import settings_file
from agents.kafka.rights import ROLES
from tests.broker.harness import wait_until
from tests.cli.command import dueclock, environment, sentence_of
from tests.secured.conftest import Secured
from tests.secured.workers import working, write_settings


class Leak(NamedTuple):
    """Where a secret was found, and whose."""

    where: str
    user: str


def spellings(secret: str) -> list[bytes]:
    """A secret as it is, and as a log or a form might hold it."""
    raw = secret.encode()
    return [raw, base64.b64encode(raw).rstrip(b"="), raw.hex().encode()]


def in_files(folder: Path, secrets: dict[str, str], *, but: Iterable[Path] = ()) -> Iterator[Leak]:
    """Secrets in files below a folder."""
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.is_symlink() and not any(file.is_relative_to(one) for one in but):
            content = file.read_bytes().rstrip(b"\0")  # Kafka's indexes are mostly room
            yield from (Leak(str(file), user) for user, secret in secrets.items() if _holds(content, secret))


def in_processes(secrets: dict[str, str]) -> Iterator[Leak]:
    """Secrets in the command line or the environment of a process of this machine, as far as we may look."""
    for process in Path("/proc").iterdir():
        if not re.fullmatch(r"\d+", process.name):
            continue
        for kind in ("cmdline", "environ"):
            try:
                content = (process / kind).read_bytes()
            except OSError:
                continue  # it has ended, or is another user's
            yield from (Leak(f"{process}/{kind}", user) for user, secret in secrets.items() if _holds(content, secret))


def _holds(content: bytes, secret: str) -> bool:
    return any(spelling in content for spelling in spellings(secret))


def secrets_of(folder: Path) -> dict[str, str]:
    """The passwords in a folder of secrets, by user, and the private key of the broker."""
    found = {file.stem: file.read_text().strip() for file in folder.glob("*.password")}
    key = re.search(r"PRIVATE KEY-----\\n(\w{40,})", (folder / "broker.properties").read_text().replace("\\\\n", "\\n"))
    assert key is not None
    return {**found, "the broker's key": key[1]}


def modes_are_right(folder: Path) -> None:
    """The folder is ours alone, and each file in it."""
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file in folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def leaves_no_core(pid: int) -> None:
    """The process, and all that it has started."""
    process = psutil.Process(pid)
    for one in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):  # one that has just ended leaves none either
            assert one.rlimit(psutil.RLIMIT_CORE) == (0, 0), one


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
        [sys.executable, "-c", "import sys; sys.stdin.read()", secret], stdin=subprocess.PIPE
    ) as child:
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
        return any("worker" in words for words in commands(play.pid))

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
    modes_are_right(folder)
