"""`dueclock explain --evidence`: a pack that checks itself, and shows what was changed in it."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.settings import Settings
from schemas.codec import parse_instant
from schemas.notifications import ReturnReceived
from schemas.policies import load_policies
from streams.partitioner import partition_of
from tests.audit.conftest import Run, run, settings
from tests.audit.history import BREACH, GOLDEN_ACCOUNT, HOME, PARTITIONS, POLICIES, History
from tests.cli.command import dueclock, sentence_of

__all__ = ["run", "settings"]

BREACHED = f"{GOLDEN_ACCOUNT}/sfp-refund/111-0000001-0000001/RET-2"
FILES = {
    "MANIFEST.sha256",
    "README.md",
    "calendar.json",
    "chain.txt",
    "events.jsonl",
    "journal.jsonl",
    "policies-8ba1c18330a5.toml",
    "proof.json",
    "story.json",
    "story.txt",
    "verify.py",
}


def ended(folder: Path, *command: str) -> tuple[int, str]:
    """A tool of the auditor's, in the pack's folder."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=20)
    return done.returncode, done.stdout + done.stderr


def verified(folder: Path) -> tuple[int, str]:
    return ended(folder, sys.executable, "-I", "verify.py")


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def other_seller() -> str:
    """A seller whose account is at home in the same partition."""
    return next(
        seller
        for seller in (f"A3OTHER{n}" for n in range(99))
        if partition_of(f"{seller}/ATVPDKIKX0DER".encode(), PARTITIONS) == HOME
    )


def sealed(settings: Settings) -> History:
    """The breach between two seals; another seller's line brings the time at which it is declared."""
    history = History().wait_until(parse_instant("2026-02-01T00:00:00Z")).seal(settings)
    told = History().tell(BREACH).lines
    received = told[1].body
    assert isinstance(received, ReturnReceived)
    theirs = msgspec.structs.replace(received, seller_id=other_seller(), event_id="theirs")
    history.add(received, told[1].journal_ms).add(theirs, parse_instant("2026-02-11T10:00:00Z"))
    history.add(told[2].body, told[2].journal_ms).add(told[3].body, told[3].journal_ms).seal(settings)
    return history.wait_until(parse_instant("2026-02-13T00:00:00Z"))


@pytest.fixture
def pack(settings: Settings, run: Run, tmp_path: Path) -> Path:
    sealed(settings).write(settings)
    told = run("explain", BREACHED, "--evidence", tmp_path / "pack")
    assert told.status == 0, told
    assert told.out == (tmp_path / "pack" / "story.txt").read_text()
    return tmp_path / "pack"


@pytest.mark.broker
def test_a_pack_checks_itself_with_standard_tools(pack: Path) -> None:
    assert {file.name for file in pack.iterdir()} == FILES
    status, said = ended(pack, "sha256sum", "-c", "MANIFEST.sha256")
    assert (status, said.count(": OK")) == (0, len(FILES) - 1)
    assert verified(pack) == (0, "The journal records are those that the chain holds.\n")


@pytest.mark.broker
def test_the_chain_leads_from_the_seal_before_to_the_seal_behind(pack: Path) -> None:
    proof = json.loads((pack / "proof.json").read_text())
    assert (proof["seal_before"]["line"], proof["seal_after"]["line"]) == (3, 8)
    chain = [line.split() for line in (pack / "chain.txt").read_text().splitlines()]
    assert [int(line) for line, _, _ in chain] == [3, 4, 5, 6, 7]
    journal = bytes.fromhex(proof["seal_before"]["journal"])
    for _, _, digest in chain:
        journal = sha256(journal + bytes.fromhex(digest)).digest()
    assert journal.hex() == proof["seal_after"]["journal"]


@pytest.mark.broker
def test_records_and_policies_are_there_as_they_are_and_those_of_others_are_not(pack: Path, settings: Settings) -> None:
    history = sealed(settings)
    journal = lines(pack / "journal.jsonl")
    assert [record["line"] for record in journal] == [1, 3, 4, 6, 8]
    written = history.journal_records(settings)
    for record in journal:
        as_written = written[record["line"] - 1]
        assert b64decode(record["value"]) == as_written.value
        assert b64decode(record["key"]) == as_written.key
        assert record["timestamp"] == as_written.timestamp_ms
    own = [one.event.value for one in history.events if one.event.subject == BREACHED]
    assert [b64decode(event["value"]) for event in lines(pack / "events.jsonl")] == own
    assert other_seller() not in "".join(file.read_text() for file in pack.iterdir())
    assert "belong to other accounts" in (pack / "README.md").read_text()
    (policies,) = pack.glob("policies-*.toml")
    assert policies.read_bytes() == POLICIES.encode()
    assert load_policies(policies.read_text()).digest.startswith(policies.stem.removeprefix("policies-"))


@pytest.mark.broker
def test_a_record_that_was_changed_is_found(pack: Path) -> None:
    file = pack / "journal.jsonl"
    records = lines(file)
    changed = b64decode(records[3]["value"]).replace(b"100.00", b"900.00")
    records[3]["value"] = b64encode(changed).decode()
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert ended(pack, "sha256sum", "--status", "-c", "MANIFEST.sha256")[0] == 1
    assert verified(pack) == (1, "line 6 at offset 5 is not the record of the chain\n")


@pytest.mark.broker
def test_a_link_that_was_changed_is_found(pack: Path) -> None:
    file = pack / "chain.txt"
    rows = file.read_text().splitlines(keepends=True)
    file.write_text("".join([*rows[:2], rows[3], rows[2], *rows[4:]]))
    assert verified(pack) == (1, "the chain does not come to the digest that proof.json names\n")


@pytest.mark.broker
def test_the_same_cluster_gives_the_same_pack_and_never_over_another(pack: Path, run: Run) -> None:
    again = pack.parent / "again"
    again.mkdir()
    assert run("explain", BREACHED, "--evidence", again).status == 0
    assert {file.name: file.read_bytes() for file in again.iterdir()} == {
        file.name: file.read_bytes() for file in pack.iterdir()
    }
    refused = run("explain", BREACHED, "--evidence", again)
    assert refused.status == 2
    assert "is not an empty folder; give a new one for --evidence" in refused.err


@pytest.mark.broker
def test_where_nothing_has_sealed_the_records_yet_the_pack_says_so(
    settings: Settings, run: Run, tmp_path: Path
) -> None:
    History().tell(BREACH).write(settings)
    assert run("explain", BREACHED, "--evidence", tmp_path / "pack").status == 0
    assert "No seal stands behind the last of them yet" in (tmp_path / "pack" / "README.md").read_text()
    proof = json.loads((tmp_path / "pack" / "proof.json").read_text())
    assert (proof["from"], proof["seal_before"], proof["seal_after"]) == ("00" * 32, None, None)
    assert verified(tmp_path / "pack")[0] == 0


def test_an_exported_journal_is_not_enough_for_evidence(tmp_path: Path) -> None:
    journal = History().tell(BREACH).journal_file(tmp_path / "journal.jsonl")
    refused = dueclock("explain", BREACHED, "--journal", journal, "--evidence", tmp_path / "pack", folder=tmp_path)
    assert refused.status == 2
    assert "--evidence needs a cluster" in sentence_of(refused)
    assert not (tmp_path / "pack").exists()
