"""The import-linter contracts hold, and each of them breaks when it is broken on purpose: none is kept by accident."""

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.repository.tree import PACKAGES, PURE, copy_packages, project, tool

CONTRACTS = {contract["id"]: contract for contract in project()["tool"]["importlinter"]["contracts"]}
PURE_MUST_NOT_KNOW = {
    *("faust", "mode", "aiokafka", "prometheus_client", "rich"),
    *("asyncio", "threading", "subprocess", "socket", "logging"),
    *("os", "pathlib", "time", "random", "secrets", "locale"),
}


class Offence(NamedTuple):
    """An import that a contract must not let pass."""

    contract: str
    importer: str
    imported: str


def offences_between_packages() -> list[Offence]:
    return [
        Offence("layers", "streams", "agents"),
        Offence("layers", "schemas", "agents"),
        Offence("layers", "schemas", "streams"),
        Offence("deploy", "deploy", "agents"),
        Offence("deploy", "deploy", "streams"),
        Offence("core-without-deploy", "streams", "deploy"),
        Offence("core-without-deploy", "schemas", "deploy"),
    ]


def offences_outside(contract: str) -> list[Offence]:
    said = CONTRACTS[contract]
    return [
        Offence(contract, source, forbidden)
        for source in said["source_modules"]
        for forbidden in said["forbidden_modules"]
    ]


def lint(folder: Path) -> str:
    wide = {**os.environ, "COLUMNS": "300", "NO_COLOR": "1"}
    ran = subprocess.run(
        [tool("lint-imports"), "--no-cache", "--no-logo"],
        cwd=folder,
        env=wide,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Contracts: " in ran.stdout, ran.stdout + ran.stderr
    return ran.stdout


def commit(offence: Offence, folder: Path) -> None:
    spoiled = folder / offence.importer / f"spoiled_by_{offence.imported}.py"
    spoiled.write_text(f"import {offence.imported}\n", encoding="utf-8")


def was_caught(offence: Offence, said: str) -> bool:
    is_named = f"{offence.importer}.spoiled_by_{offence.imported} -> {offence.imported} (l.1)" in said
    return is_named and f"{CONTRACTS[offence.contract]['name']} BROKEN" in said


def test_every_contract_holds_as_the_packages_are(tmp_path: Path) -> None:
    copy_packages(tmp_path)
    said = lint(tmp_path)
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in said, said


@pytest.mark.parametrize("offence", offences_between_packages(), ids=lambda o: f"{o.importer} imports {o.imported}")
def test_an_import_against_the_direction_is_caught(offence: Offence, tmp_path: Path) -> None:
    copy_packages(tmp_path)
    commit(offence, tmp_path)
    said = lint(tmp_path)
    assert was_caught(offence, said), said


@pytest.mark.parametrize("contract", ["pure", "shipped-without-tests"])
def test_each_forbidden_module_is_caught_in_each_package(contract: str, tmp_path: Path) -> None:
    copy_packages(tmp_path)
    offences = offences_outside(contract)
    for offence in offences:
        commit(offence, tmp_path)
    said = lint(tmp_path)
    assert [offence for offence in offences if not was_caught(offence, said)] == []


def test_every_contract_is_broken_by_one_of_these_tests() -> None:
    assert {offence.contract for offence in offences_between_packages()} | {"pure", "shipped-without-tests"} == set(
        CONTRACTS
    )


def test_the_contracts_name_what_they_must() -> None:
    assert set(PURE) == set(CONTRACTS["pure"]["source_modules"])
    assert set(CONTRACTS["pure"]["forbidden_modules"]) >= PURE_MUST_NOT_KNOW
    assert set(CONTRACTS["shipped-without-tests"]["source_modules"]) == set(PACKAGES)
