"""A machine that lacks something is told so in one sentence, with a status other than 0 and without a traceback."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repository.tree import ROOT

TOO_OLD = "#!/bin/sh\nexit 1\n"
NO_VENV = '#!/bin/sh\ncase "$*" in *ensurepip*) exit 1 ;; *) exit 0 ;; esac\n'
PASS_ON = f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with what `make` needs to build the environment, on a machine whose every Python is `TOO_OLD`."""
    folder = tmp_path / "clone"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / ".ci", folder / ".ci")
    (tmp_path / "bin").mkdir()
    for name in ("sh", "make", "dirname", "rm", "mkdir", "touch", "sed", "awk", "echo"):
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    for name in ("python3", "python3.11", "python3.12", "python3.13"):
        put_python(folder, name, TOO_OLD)
    return folder


def put_python(clone: Path, name: str, script: str) -> None:
    path = clone.parent / "bin" / name
    path.write_text(script, encoding="utf-8")
    path.chmod(0o755)


def make(clone: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    bare = {"PATH": str(clone.parent / "bin"), "HOME": str(clone.parent), **environment}
    return subprocess.run(
        ["make", *words], cwd=clone, env=bare, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


def complaint(ran: subprocess.CompletedProcess[str]) -> str:
    """The one sentence said, without make's own last word."""
    assert ran.returncode != 0
    said = [line for line in ran.stderr.splitlines() if "***" not in line]
    assert len(said) == 1, ran.stderr
    return said[0]


def test_a_machine_with_only_old_pythons_is_told_to_install_a_newer_one(clone: Path) -> None:
    assert complaint(make(clone, "test")).startswith(
        "make: dueclock needs Python 3.11 or later and found none: install it"
    )


def test_a_machine_without_venv_is_told_to_install_it(clone: Path) -> None:
    put_python(clone, "python3.12", NO_VENV)
    assert complaint(make(clone, "check")).startswith("make: python3.12 has no working venv module: install it")


def test_a_machine_that_cannot_fetch_packages_is_told_so(clone: Path) -> None:
    put_python(clone, "python3.13", PASS_ON)
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull}
    said = complaint(make(clone, "run", **nowhere))
    assert said.startswith(
        "make: the packages of requirements.lock could not be installed: check that this machine reaches"
    )
    assert not (clone / ".venv" / ".installed").exists()


def test_make_alone_lists_the_targets(clone: Path) -> None:
    said = make(clone).stdout
    for target in ("run", "test", "docs", "check", "format", "lock", "clean"):
        assert f"make {target} " in said
