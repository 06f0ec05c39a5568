"""The image without Docker: its RUN lines, as the script that they are, in an environment with nothing but Python.

No container runs here: that the base has what these lines need (a Python with venv, a shell) is not proved.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.observe.programs import ROOT

DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
BUILD, FINAL = (
    part.replace("\\\n", " ")
    for part in re.split(r"^FROM \$\{(?:BASE|BUILD)\}.*\n", DOCKERFILE, flags=re.MULTILINE)[1:]
)
DIGEST = "sha256:" + "0" * 64
STEP = re.compile(r"^(RUN|COPY) (.*)$", re.MULTILINE)
GOOD_BASE = f"python:3.12-slim@{DIGEST}"


def stripped(part: str) -> str:
    return "\n".join(line for line in part.splitlines() if not line.startswith("#"))


class Machine:
    """A folder as the root of a machine: a shell, a Python, what the lines copy, and nothing else."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.source = root / "src"
        self.source.mkdir()
        (root / "bin").mkdir()
        for name in ("sh", "dirname"):
            (root / "bin" / name).symlink_to(str(shutil.which(name)))
        python = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
        (root / "bin" / "python").write_text(f'#!/bin/sh\nexec "{python}" "$@"\n')
        (root / "bin" / "python").chmod(0o755)

    def run(self, line: str, base: str = GOOD_BASE, build: str = "") -> subprocess.CompletedProcess[str]:
        """A RUN line; of the machine that runs the tests it knows only where packages come from."""
        known = {
            name: value for name, value in os.environ.items() if name.startswith("PIP_") or "proxy" in name.lower()
        }
        environment = {
            **known,
            "PATH": str(self.root / "bin"),
            "HOME": str(self.root),
            "BASE": base,
            "BUILD": build or base,
        }
        script = line.replace("/opt/", f"{self.root}/opt/")
        return subprocess.run(
            [str(self.root / "bin" / "sh"), "-euc", script],
            cwd=self.source,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    def copy(self, line: str) -> None:
        *names, to = line.split()
        target = self.source / to
        for name in names:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                target.mkdir(exist_ok=True)
                shutil.copy(ROOT / name, target)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def first_run() -> str:
    found = STEP.search(stripped(BUILD))
    assert found is not None
    assert found[1] == "RUN"
    return found[2]


def test_the_base_has_no_default_and_every_stage_stands_on_it() -> None:
    assert re.findall(r"^ARG (.*)$", DOCKERFILE, re.MULTILINE) == ["BASE", "BUILD=${BASE}", "BASE", "BUILD=${BASE}"]
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["${BUILD}", "${BASE}"]


@pytest.mark.parametrize("base", ["", "python:3.12-slim", "python@sha1:0"])
def test_a_base_without_a_digest_is_refused_by_the_first_line_with_what_to_say(machine: Machine, base: str) -> None:
    refused = machine.run(first_run(), base)
    assert refused.returncode == 1
    (line,) = refused.stderr.splitlines()
    assert line.endswith("say --build-arg BASE=NAME@sha256:..., as deploy/README.md does.")
    assert machine.run(first_run(), GOOD_BASE).returncode == 0
    assert machine.run(first_run(), GOOD_BASE, build=base or "python:3.12").returncode == 1


def test_nothing_is_installed_that_has_no_hash() -> None:
    for line in re.findall(r"pip (?:install|wheel) [^&\n]*", stripped(BUILD)):
        assert "--no-deps" in line
        assert ("--require-hashes" in line) is not ("--no-index" in line), line


@pytest.mark.skipif("DUECLOCK_TEST_IMAGE" not in os.environ, reason="`make image-lines` tries them: it takes a minute")
@pytest.mark.timeout(900)
def test_its_run_lines_make_a_dueclock_of_the_locks_versions_in_an_empty_environment(machine: Machine) -> None:
    for step, line in STEP.findall(stripped(BUILD)):
        if step == "COPY":
            machine.copy(line)
        else:
            ran = machine.run(line)
            assert ran.returncode == 0, (line, ran.stdout[-2000:], ran.stderr[-2000:])
    made = machine.root / "opt" / "dueclock" / "bin"
    said = subprocess.run([made / "dueclock", "--version"], cwd="/", capture_output=True, text=True, check=True, env={})
    assert said.stdout.startswith("dueclock")
    question = (
        b'{"event_id":"e","type":"message.received","seller_id":"S","marketplace_id":"ATVPDKIKX0DER","occurred_at":'
        b'"2026-02-03T10:15:00Z","message_id":"M","thread_id":"T","from_role":"buyer"}'
    )
    replayed = subprocess.run(
        [made / "dueclock", "replay", "-"], cwd="/", input=question, capture_output=True, check=True, env={}
    )
    assert b'"type":"clock.opened"' in replayed.stdout
    frozen = subprocess.run(
        [made / "pip", "freeze", "--all", "--disable-pip-version-check"], capture_output=True, text=True, check=True
    )
    installed = {line.replace("_", "-").lower() for line in frozen.stdout.splitlines() if "==" in line}
    locked = re.findall(
        r"^([A-Za-z0-9._-]+==[^\s;\\]+)", (ROOT / "deploy" / "requirements.lock").read_text(), re.MULTILINE
    )
    foreign = {one for one in installed if not one.startswith(("pip==", "setuptools=="))}
    assert foreign <= {one.replace("_", "-").lower() for one in locked}
    assert len(foreign) > 40
