"""The import-linter contracts hold, and each of them breaks when it is broken on purpose: none is kept by accident."""

import ast
import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.repository.tree import PACKAGES, PURE, ROOMS, ROOT, copy_packages, project, tool

CONTRACTS = {contract["id"]: contract for contract in project()["tool"]["importlinter"]["contracts"]}
FORBIDDING = [
    *("pure", "live-path", "auditors-only-read", "faust-in-one-room", "faust-behind-the-door"),
    "pure-auditing",
    "pure-delivering",
    "shipped-without-tests",
    "the-board-only-reads",
]
PURE_MUST_NOT_KNOW = {
    *("faust", "mode", "aiokafka", "prometheus_client", "rich"),
    *("asyncio", "threading", "subprocess", "socket", "logging"),
    *("os", "pathlib", "time", "random", "secrets", "locale"),
}


WRITERS = {"writer", "admin_client", "create_topics", "delete_topics", "Transactions", "Outbox", "AIOKafkaProducer"}


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


def offences_against_the_floors() -> list[Offence]:
    """Each import of a floor by one below it, and by its neighbours on the same floor."""
    floors = [[f"agents.{room}" for room in floor.split(" | ")] for floor in CONTRACTS["rooms"]["layers"]]
    upwards = [(low, high) for n, floor in enumerate(floors) for low in floor for above in floors[:n] for high in above]
    sideways = [(one, other) for floor in floors for one in floor for other in floor if one != other]
    return [Offence("rooms", importer, imported) for importer, imported in upwards + sideways]


def offences_of(contract: str) -> list[Offence]:
    """Each import that a contract forbids by name."""
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
    """Spoil the importer: a package gets a new module with the import, a module the import as its first line."""
    spoiled = folder / offence.importer.replace(".", "/")
    line = f"import {offence.imported}\n"
    if spoiled.is_dir():
        (spoiled / f"{_mark(offence)}.py").write_text(line, encoding="utf-8")
    else:
        module = spoiled.with_suffix(".py")
        module.write_text(line + module.read_text(encoding="utf-8"), encoding="utf-8")


def was_caught(offence: Offence, folder: Path, said: str) -> bool:
    is_package = (folder / offence.importer.replace(".", "/")).is_dir()
    spoiled = f"{offence.importer}.{_mark(offence)}" if is_package else offence.importer
    is_named = re.search(rf"\b{re.escape(f'{spoiled} -> {offence.imported}')} \(l\.\d+", said) is not None
    return is_named and is_broken(offence.contract, said)


def is_broken(contract: str, said: str) -> bool:
    return f"{CONTRACTS[contract]['name']} BROKEN" in said


def _mark(offence: Offence) -> str:
    return f"spoiled_by_{offence.imported.replace('.', '_')}"


def test_every_contract_holds_as_the_packages_are(tmp_path: Path) -> None:
    copy_packages(tmp_path)
    said = lint(tmp_path)
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in said, said


@pytest.mark.parametrize("offence", offences_between_packages(), ids=lambda o: f"{o.importer} imports {o.imported}")
def test_an_import_against_the_direction_is_caught(offence: Offence, tmp_path: Path) -> None:
    copy_packages(tmp_path)
    commit(offence, tmp_path)
    said = lint(tmp_path)
    assert was_caught(offence, tmp_path, said), said


def test_a_room_that_looks_upwards_or_sideways_is_caught(tmp_path: Path) -> None:
    copy_packages(tmp_path)
    offences = offences_against_the_floors()
    for offence in offences:
        commit(offence, tmp_path)
    said = lint(tmp_path)
    assert [offence for offence in offences if not was_caught(offence, tmp_path, said)] == []


def test_a_file_that_stands_in_no_room_is_caught(tmp_path: Path) -> None:
    copy_packages(tmp_path)
    (tmp_path / "agents" / "newcomer.py").write_text('"""Nobody knows where I live."""\n', encoding="utf-8")
    said = lint(tmp_path)
    assert "not listed as layers" in said
    assert "- agents.newcomer\n" in said
    assert is_broken("rooms", said)


@pytest.mark.parametrize("contract", FORBIDDING)
def test_each_forbidden_module_is_caught_in_each_package(contract: str, tmp_path: Path) -> None:
    copy_packages(tmp_path)
    offences = offences_of(contract)
    for offence in offences:
        commit(offence, tmp_path)
    said = lint(tmp_path)
    assert [offence for offence in offences if not was_caught(offence, tmp_path, said)] == []


def test_faust_behind_another_module_is_caught(tmp_path: Path) -> None:
    copy_packages(tmp_path)
    (tmp_path / "deploy" / "detour.py").write_text("import faust\n", encoding="utf-8")
    (tmp_path / "agents" / "journal" / "lines.py").write_text("import deploy.detour\n", encoding="utf-8")
    said = lint(tmp_path)
    assert is_broken("faust-in-one-room", said), said
    assert is_broken("auditors-only-read", said), said


def test_every_contract_is_broken_by_one_of_these_tests() -> None:
    assert {offence.contract for offence in offences_between_packages()} | {"rooms", *FORBIDDING} == set(CONTRACTS)


@pytest.mark.parametrize(
    ("room", "wanted"), [("auditing", {"log_cursor", "partitions_of"}), ("board", {"reader", "partitions_of"})]
)
def test_who_only_reads_takes_nothing_from_kafka_that_writes(room: str, wanted: set[str]) -> None:
    """`agents.kafka.clients` has a reader and a writer: the contract sees modules, this sees names."""
    taken = {
        name.name
        for path in (ROOT / "agents" / room).glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("agents.kafka", "aiokafka"))
        for name in node.names
    }
    assert taken >= wanted
    assert taken & WRITERS == set()


def test_the_contracts_name_what_they_must() -> None:
    assert set(PURE) == set(CONTRACTS["pure"]["source_modules"])
    assert set(CONTRACTS["pure"]["forbidden_modules"]) >= PURE_MUST_NOT_KNOW
    assert set(CONTRACTS["shipped-without-tests"]["source_modules"]) == set(PACKAGES)
    assert CONTRACTS["rooms"]["exhaustive"] is True
    rooms = {f"agents.{room}" for floor in CONTRACTS["rooms"]["layers"] for room in floor.split(" | ")}
    assert {room.replace("/", ".") for room in ROOMS} <= rooms
    without_faust = (
        CONTRACTS["faust-in-one-room"]["source_modules"] + CONTRACTS["faust-behind-the-door"]["source_modules"]
    )
    assert set(without_faust) == rooms - {"agents.worker"}
