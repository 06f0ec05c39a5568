"""What the image is made of: parts of the one lock, told as CycloneDX in the same bytes each time, and asked about."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.repository.test_lock import Pin, pins
from tests.repository.tree import ROOT, project, text_of

RUNS_ON, BUILT_WITH = "deploy/requirements.lock", "deploy/build.lock"
LINUX = {"sys_platform": "linux", "platform_system": "Linux"}


def of_the_image() -> list[str]:
    """What the ways in need that the image has."""
    optional = project()["project"]["optional-dependencies"]
    return [text for name in re.findall(r"--extra (\w+)", text_of(ROOT / ".ci" / "lock")) for text in optional[name]]


def by_name(lock: str) -> dict[str, Pin]:
    return {canonicalize_name(pin.requirement.name): pin for pin in pins(lock)}


@pytest.mark.parametrize("lock", [RUNS_ON, BUILT_WITH])
def test_the_images_locks_are_parts_of_the_one_lock_with_its_versions_and_hashes(lock: str) -> None:
    whole = by_name("requirements.lock")
    for name, pin in by_name(lock).items():
        assert str(pin.requirement.specifier) == str(whole[name].requirement.specifier), name
        assert pin.hashes == whole[name].hashes, name


@pytest.mark.parametrize(
    ("lock", "asked"),
    [
        (RUNS_ON, [*project()["project"]["dependencies"], *of_the_image()]),
        (BUILT_WITH, project()["build-system"]["requires"]),
    ],
)
def test_a_lock_of_the_image_holds_all_that_is_needed_on_linux_and_nothing_else(lock: str, asked: list[str]) -> None:
    locked, needed, to_see = by_name(lock), set(), [Requirement(text) for text in asked]
    while to_see:
        one = to_see.pop()
        name = canonicalize_name(one.name)
        if (name, *sorted(one.extras)) in needed:
            continue
        needed.add((name, *sorted(one.extras)))
        for text in importlib.metadata.requires(name) or []:
            requirement = Requirement(text)
            extras = ["", *one.extras]
            if requirement.marker is None or any(requirement.marker.evaluate({**LINUX, "extra": e}) for e in extras):
                to_see.append(requirement)
    here = {
        name
        for name, pin in locked.items()
        if pin.requirement.marker is None or pin.requirement.marker.evaluate({**LINUX})
    }
    assert here == {name for name, *_ in needed}


def bill(path: Path, **environment: str) -> dict[str, Any]:
    command = [sys.executable, ".ci/sbom.py", str(path)]
    ran = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(path.read_bytes())
    assert ran.stdout.decode() == f"{len(found['components'])} distributions are in {path}\n"
    return found


def test_the_bill_of_materials_is_what_the_image_holds_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    found = bill(first, PYTHONHASHSEED="1", TZ="Asia/Tokyo")
    bill(second, PYTHONHASHSEED="2", TZ="America/Havana")
    assert first.read_bytes() == second.read_bytes()
    locked = by_name(RUNS_ON)
    assert found["metadata"]["component"]["name"] == "dueclock"
    parts = {canonicalize_name(part["name"]): part for part in found["components"]}
    assert parts.keys() <= locked.keys()
    assert {canonicalize_name(Requirement(text).name) for text in project()["project"]["dependencies"]} <= parts.keys()
    for name, part in parts.items():
        files = [one["hashes"][0]["content"] for one in part["externalReferences"] if "hashes" in one]
        assert sorted(f"sha256:{digest}" for digest in files) == sorted(locked[name].hashes)
        assert part["purl"] == f"pkg:pypi/{name}@{part['version']}"
    (root,) = [way for way in found["dependencies"] if way["ref"] == found["metadata"]["component"]["bom-ref"]]
    asked = [*project()["project"]["dependencies"], *of_the_image()]
    needed = {canonicalize_name(name.partition("==")[0]) for name in root["dependsOn"]}
    assert needed == {canonicalize_name(Requirement(text).name) for text in asked}


def test_the_bill_is_valid_by_the_schema_of_cyclonedx(tmp_path: Path) -> None:
    found = bill(tmp_path / "bill.json")
    # The first parts stand for all: the schema's list of licences makes each of them slow.
    cut = {**found, "components": found["components"][:2], "dependencies": []}
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(cut)) is None
    del cut["components"][0]["name"]
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(cut)) is not None


def test_where_no_database_of_vulnerabilities_answers_one_sentence_says_so() -> None:
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "NO_PROXY": "", "no_proxy": ""}
    command = [sys.executable, ".ci/vulnerabilities.py"]
    ran = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **nowhere}, capture_output=True, text=True, check=False, timeout=55
    )
    assert ran.returncode == 2
    assert ran.stdout == ""
    (line,) = ran.stderr.splitlines()
    assert line.startswith("make: no database of vulnerabilities answered for all of deploy/requirements.lock, so")
    assert "pypi: " in line
    assert "osv: " in line
    assert line.endswith("; run this where one can be reached.")
