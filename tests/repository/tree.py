"""What the repository's own tests look at: the files in git, the project file, and a copy of the packages to spoil."""

import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "streams", "agents", "deploy")
PURE = ("schemas", "streams")
ROOMS = tuple(sorted(f"agents/{room.parent.name}" for room in (ROOT / "agents").glob("*/__init__.py")))


@cache
def files_in_git() -> tuple[Path, ...]:
    """Each file of the repository that was not deleted since. Outside a clone the test is skipped."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("not a git clone, or no git: which files belong to the repository is not known")
    paths = (ROOT / name for name in listed.decode().split("\0") if name)
    return tuple(path for path in paths if path.is_file())


def python_files() -> list[Path]:
    """Each Python file of the repository."""
    return [path for path in files_in_git() if path.suffix == ".py"]


def text_of(path: Path) -> str:
    """The file as text; what is not text reads as replacement characters."""
    return path.read_text(encoding="utf-8", errors="replace")


@cache
def project() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads(text_of(ROOT / "pyproject.toml"))


def tool(name: str) -> str:
    """The path of a command of the environment that runs this test."""
    return str(Path(sys.executable).with_name(name))


def copy_packages(target: Path) -> None:
    """Puts the packages and the project file into `target`."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, target / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", target)
