"""The lock pins all that the project file asks for, with hashes, and names no place to fetch it from."""

import ast
import importlib.metadata
import re
import sys
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.repository.tree import PACKAGES, ROOT, project, text_of

PYTHONS = ("3.11", "3.12", "3.13")
SYSTEMS = (
    {"sys_platform": "linux", "platform_system": "Linux"},
    {"sys_platform": "darwin", "platform_system": "Darwin"},
)


class Pin(NamedTuple):
    """One requirement of the lock."""

    requirement: Requirement
    hashes: list[str]


LOCKS = ("requirements.lock", "deploy/requirements.lock", "deploy/build.lock")


def pins(lock: str = "requirements.lock") -> list[Pin]:
    lines = [line for line in text_of(ROOT / lock).splitlines() if not line.startswith("#")]
    entries = "\n".join(lines).replace("\\\n", "").splitlines()
    return [Pin(Requirement(entry.partition(" --hash")[0]), re.findall(r"--hash=(\S+)", entry)) for entry in entries]


def asked_for() -> list[Requirement]:
    said = project()
    groups = [text for group in ("dev", "docs", "supply") for text in said["dependency-groups"][group]]
    return [
        Requirement(text)
        for text in [*said["project"]["dependencies"], *extras(), *groups, *said["build-system"]["requires"]]
    ]


def extras() -> list[str]:
    """What one way in or one login alone needs; but for Kerberos, which has to be built: no lock wants a compiler."""
    wanted = project()["project"]["optional-dependencies"]
    return [text for name, texts in wanted.items() if name != "kerberos" for text in texts]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_one_version_with_its_hashes(lock: str) -> None:
    for pin in pins(lock):
        assert re.fullmatch(r"==[^*,]+", str(pin.requirement.specifier)), pin
        assert pin.hashes, pin
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in pin.hashes), pin


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_place(lock: str) -> None:
    assert "://" not in text_of(ROOT / lock)
    assert re.findall(r"^\s*-(?!-hash=).*", text_of(ROOT / lock), re.MULTILINE) == []


def test_the_lock_holds_what_the_project_asks_for_on_every_python_and_system() -> None:
    locked = {canonicalize_name(pin.requirement.name): pin.requirement for pin in pins()}
    for asked in asked_for():
        pin = locked[canonicalize_name(asked.name)]
        assert asked.specifier.contains(str(pin.specifier).removeprefix("==")), (asked, pin)
        for python in PYTHONS:
            for system in SYSTEMS:
                assert pin.marker is None or pin.marker.evaluate({"python_version": python, **system}), pin


def test_what_the_slice_layer_stands_on_is_asked_for_to_the_last_digit() -> None:
    exact = {asked.name for asked in asked_for() if str(asked.specifier).startswith("==")}
    pages = {Requirement(text).name for text in project()["dependency-groups"]["docs"]}
    assert exact - pages == {"faust-streaming", "aiokafka", "mode-streaming", "cramjam", "pymap"}


def test_what_the_pages_are_built_with_is_asked_for_to_the_last_digit() -> None:
    assert all("==" in text for text in project()["dependency-groups"]["docs"])


def imported_by(folders: tuple[str, ...]) -> set[str]:
    """The top-level names of others that Python files of these folders import."""
    trees = (ast.parse(text_of(path)) for folder in folders for path in (ROOT / folder).rglob("*.py"))
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names) - {*PACKAGES, "tests"}


@pytest.mark.parametrize("folders", [PACKAGES, ("tests",)], ids=["packages", "tests"])
def test_whatever_is_imported_is_asked_for_by_name(folders: tuple[str, ...]) -> None:
    said = project()
    groups = [text for group in ("dev", "docs", "supply") for text in said["dependency-groups"][group]]
    asked = [*said["project"]["dependencies"], *extras(), *(groups if "tests" in folders else [])]
    asked_names = {canonicalize_name(Requirement(text).name) for text in asked}
    makers = importlib.metadata.packages_distributions()
    unasked = {
        name: makers.get(name, [])
        for name in imported_by(folders)
        if not asked_names & {canonicalize_name(maker) for maker in makers.get(name, [])}
    }
    assert unasked == {}
