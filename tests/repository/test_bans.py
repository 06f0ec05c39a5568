"""The pure packages reach for no clock, chance, environment or I/O: ruff refuses each banned name, and only there."""

import ast
import json
import subprocess
from pathlib import Path

import pytest

from tests.repository.tree import PACKAGES, PURE, ROOT, project, tool

# For each banned name, code that uses it as people would write it.
OFFENCES = {
    "asyncio": "import asyncio.tasks",
    "datetime.date.today": "from datetime import date\n\nprint(date.today())",
    "datetime.datetime.now": "import datetime as dt\n\nprint(dt.datetime.now(dt.UTC))",
    "datetime.datetime.today": "from datetime import datetime\n\nprint(datetime.today())",
    "datetime.datetime.utcnow": "from datetime import datetime\n\nnow = datetime.utcnow",
    "io.open": "import io\n\nio.open('x')",
    "locale": "from locale import strxfrm",
    "logging": "from logging.handlers import QueueHandler",
    "os": "from os import path",
    "os.environ": "import os\n\nprint(os.environ['TZ'])",
    "os.getenv": "from os import getenv",
    "os.urandom": "import os\n\nprint(os.urandom(8))",
    "pathlib": "from pathlib import Path",
    "random": "import random as chance",
    "secrets": "from secrets import token_hex",
    "socket": "import socket",
    "subprocess": "from subprocess import run",
    "threading": "import threading",
    "time": "import time",
    "time.monotonic": "from time import monotonic",
    "time.monotonic_ns": "import time\n\nprint(time.monotonic_ns())",
    "time.perf_counter": "from time import perf_counter as clock",
    "time.perf_counter_ns": "import time\n\nprint(time.perf_counter_ns())",
    "time.sleep": "import time\n\ntime.sleep(1)",
    "time.time": "import time\n\nprint(time.time())",
    "time.time_ns": "from time import time_ns",
    "uuid.uuid1": "import uuid\n\nprint(uuid.uuid1())",
    "uuid.uuid4": "from uuid import uuid4",
}
# Out of the rule's reach, since they need no import. `hash` differs from process to process.
BUILT_IN = {"__import__", "breakpoint", "eval", "exec", "hash", "id", "input", "open", "print"}


def refused(folder: Path) -> dict[str, str]:
    """What ruff's rule on banned names says in `folder`, by file, with the project's settings."""
    settings = ["--no-cache", "--config", str(ROOT / "pyproject.toml"), "--select", "TID251", "--output-format", "json"]
    ran = subprocess.run(
        [tool("ruff"), "check", *settings, "."], cwd=folder, capture_output=True, text=True, check=False
    )
    assert ran.returncode in {0, 1}, ran.stderr
    said: dict[str, str] = {}
    for finding in json.loads(ran.stdout):
        name = str(Path(finding["filename"]).relative_to(folder.resolve()))
        said[name] = said.get(name, "") + finding["message"] + "\n"
    return said


@pytest.fixture(scope="module")
def said_of_offences(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("offences")
    for package in (*PACKAGES, "tests"):
        (folder / package / "inner").mkdir(parents=True)
        for banned, code in OFFENCES.items():
            (folder / package / "inner" / f"{banned}.py").write_text(code + "\n", encoding="utf-8")
    return refused(folder)


@pytest.mark.parametrize("package", PURE)
@pytest.mark.parametrize("banned", OFFENCES)
def test_a_banned_name_is_refused(banned: str, package: str, said_of_offences: dict[str, str]) -> None:
    assert f"`{banned}` is banned" in said_of_offences.get(f"{package}/inner/{banned}.py", "nothing")


def test_the_other_packages_may_use_what_is_banned_in_the_pure_ones(said_of_offences: dict[str, str]) -> None:
    assert {name.partition("/")[0] for name in said_of_offences} == set(PURE)


def test_every_banned_name_is_tried_here() -> None:
    assert set(OFFENCES) == set(project()["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"])


@pytest.mark.parametrize("package", PURE)
def test_a_pure_package_uses_no_built_in_of_the_outer_world(package: str) -> None:
    used = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.id}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in BUILT_IN
    ]
    assert used == []
