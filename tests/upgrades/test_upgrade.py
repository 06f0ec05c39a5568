"""The upgrade test: what a logic once said, every later version says again byte for byte, and asks no machine."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.cli import main as cli
from schemas.dead_letters import Rejected
from schemas.notifications import Zones
from schemas.policy_types import Policies
from streams.logic import CHANGES, NEWEST
from streams.replay import Replay
from tests.cli.command import ROOT, dueclock, environment
from tests.upgrades.__main__ import EVENTS, HERE, JOURNAL, MIXED_LINES, Told, histories, keep
from tests.zones.machines import NOBODYS, machine

KEPT = sorted(HERE.glob(f"logic-*/*{JOURNAL}"))


def number_of(journal: Path) -> int:
    return int(journal.parent.name.removeprefix("logic-"))


def name_of(journal: Path) -> str:
    return f"{journal.parent.name}/{journal.name.removesuffix(JOURNAL)}"


def events_of(journal: Path) -> Path:
    return journal.with_name(journal.name.removesuffix(JOURNAL) + EVENTS)


def unpacked(file: Path, folder: Path) -> Path:
    """The file as a command takes it."""
    target = folder / file.name.removesuffix(".gz")
    target.write_bytes(gzip.decompress(file.read_bytes()))
    return target


def never(*why: object) -> Zones:
    raise AssertionError(f"the machine was asked, or a journaled line refused: {why}")


def replayed(journal: Path) -> bytes:
    refuse: Callable[[int, bytes, Rejected], None] = never  # type: ignore[assignment] # it never returns
    ask: Callable[[Policies], Zones] = never
    replay = Replay(None, refuse, ask)
    lines = gzip.decompress(journal.read_bytes()).splitlines()
    return b"".join(event.value + b"\n" for line in lines for event in replay.feed(line))


@pytest.mark.parametrize("journal", KEPT, ids=name_of)
def test_a_kept_journal_brings_the_bytes_that_it_brought(journal: Path) -> None:
    assert replayed(journal) == gzip.decompress(events_of(journal).read_bytes())


@pytest.mark.parametrize("journal", KEPT, ids=name_of)
def test_a_kept_journal_is_clean_in_an_audit_and_names_its_logic(
    journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ["--journal", str(unpacked(journal, tmp_path)), "--events", str(unpacked(events_of(journal), tmp_path))]
    status = cli.run(["audit", "--json", *files])
    report = json.loads(capsys.readouterr().out)
    assert (status, report["clean"]) == (0, True)
    assert report["partitions"][0]["logics"] == [number_of(journal)]


@pytest.mark.parametrize("number", CHANGES)
def test_the_command_gives_the_same_bytes_on_a_machine_without_time_zone_data(number: int, tmp_path: Path) -> None:
    mixed = HERE / f"logic-{number}" / f"mixed{JOURNAL}"
    journal, events = unpacked(mixed, tmp_path), unpacked(events_of(mixed), tmp_path)
    assert len(journal.read_bytes().splitlines()) == MIXED_LINES + 1
    ended = dueclock("replay", journal, folder=tmp_path, variables=machine(tmp_path, NOBODYS))
    assert (ended.status, ended.err) == (0, "")
    assert ended.out == events.read_text()


def test_every_number_has_its_folder_and_no_other_has_one() -> None:
    assert {number_of(journal) for journal in KEPT} == set(CHANGES)
    assert all(events_of(journal).is_file() for journal in KEPT)


def test_what_was_kept_is_never_written_over() -> None:
    before = {file: file.stat().st_mtime_ns for file in (HERE / f"logic-{NEWEST}").iterdir()}
    ended = subprocess.run(
        [sys.executable, "-m", "tests.upgrades"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (f"logic-{NEWEST} has been kept and is not written over; give changed rules a new number.\n")
    assert before == {file: file.stat().st_mtime_ns for file in (HERE / f"logic-{NEWEST}").iterdir()}


def test_what_would_be_kept_of_a_new_number_holds(tmp_path: Path) -> None:
    """Some of what the script writes: each kind of history, and the mixed one shortened."""
    golden = [told for told in histories() if told.name[0].isdigit()][::16]
    random = [told for told in histories() if told.name == "random-01"]
    mixed = next(told for told in histories() if told.name == "mixed")
    keep(tmp_path / "logic-9", [*golden, *random, Told("mixed", mixed.policies, list(mixed.lines)[:500])])
    made = sorted((tmp_path / "logic-9").glob(f"*{JOURNAL}"))
    assert len(made) == len(golden) + 2
    for journal in made:
        assert replayed(journal) == gzip.decompress(events_of(journal).read_bytes()), journal.name
    with pytest.raises(FileExistsError):
        keep(tmp_path / "logic-9", golden)
