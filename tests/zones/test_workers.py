"""Workers with other time-zone data or policies: who activates, what is said, and that nobody takes turns (§5)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.broker.conftest import MakeLive, make_live
from tests.broker.harness import Live, WorkerProcess, answer, question, seller_on, wait_until
from tests.cli.command import dueclock, sentence_of
from tests.zones import DATA, NEWER, OLDER

__all__ = ["make_live"]

MONDAY = "2026-11-16T20:00:00Z"
WINTER = "2026-11-19T08:00:00.000Z"
SUMMER = "2026-11-19T07:00:00.000Z"
POLICIES = """
[retention]
settled_days = 3660
unsettled_days = 3660

[calendars.ca]
timezone = "America/Vancouver"
weekend = ["sat", "sun"]
covers = [2024-01-01, 2036-12-31]

[marketplaces.ATVPDKIKX0DER]
calendar = "ca"

[[rules.buyer-message-reply]]
version = 1
effective_from = 2015-01-01T00:00:00Z
target = { business_days = 2 }
confirm_after = "3660d"  # no clock of these tests falls due while they run
escalate_before = []
escalate_after = []
obligor = "seller"
on_due = "clock.breached"
consequences = []
applies_to = "new"
"""
OTHER_FILE = f"{POLICIES}# another file\n"
GOES_ON = "goes on with the policies"


def with_data(release: str, **variables: str) -> dict[str, str]:
    """The variables of a worker on a machine with this release of the data."""
    return {"DUECLOCK_ZONEINFO_DIR": str(DATA / release), **variables}


def dues(live: Live, name: str) -> list[str]:
    """The dues with which the clock of a question was opened, one after the other."""
    return [
        event["due_at"]
        for event in (json.loads(record.value) for record in live.read("sla-clock"))
        if event["type"] == "clock.opened" and event["subject"].endswith(f"M-{name}")
    ]


def activations(live: Live) -> list[list[dict[str, Any]]]:
    """What was put in force in each partition, in order."""
    found: list[list[dict[str, Any]]] = [[] for _ in range(live.partitions)]
    for record in live.read("sla-journal"):
        line = json.loads(record.value)
        if line["type"] == "policy.activated":
            found[record.partition].append(line)
    return found


@pytest.mark.broker
@pytest.mark.timeout(120)
def test_newer_data_are_activated_and_said_and_every_clock_keeps_its_due(make_live: MakeLive) -> None:
    live = make_live(POLICIES)
    seller = seller_on(0, live.partitions)
    first = live.worker("first", variables=with_data(OLDER))
    live.send([question(seller, "before", occurred_at=MONDAY)])
    live.wait_until_finished(1)
    first.wait_for("in force, logic 1", times=2)
    assert first.terminate() == 0
    assert "time-zone data" not in first.log()

    second = live.worker("second", variables=with_data(NEWER))
    second.wait_for("time-zone data of America/Vancouver now in force; every clock keeps its due", times=2)
    live.send([question(seller, "after", occurred_at=MONDAY), answer(seller, "before")])
    live.wait_until_finished(3)
    assert second.terminate() == 0
    assert (dues(live, "before"), dues(live, "after")) == ([WINTER], [SUMMER])
    told = live.told()
    told.prove()
    assert [event["due_at"] for event in told.events("clock.closed_late")] == [WINTER]
    for older, newer in activations(live):
        assert (older["digest"], older["zones"] == newer["zones"]) == (newer["digest"], False)
    listed = dueclock("--settings", live.settings_file, "clocks", "--json", folder=live.folder)
    assert [json.loads(line)["due_at"] for line in listed.out.splitlines()] == [SUMMER]


def kept_by(worker: WorkerProcess) -> set[str]:
    """The partitions that a worker says it keeps, by the last line that says so."""
    found = re.findall(r"recovered: partitions ([\d, ]*) \(", worker.log())
    return set(found[-1].split(", ")) if found else set()


def wait_for_shares(*workers: WorkerProcess) -> None:
    """Wait until these workers keep all partitions between them."""
    shares = [2 // len(workers)] * len(workers)
    wait_until(
        lambda: [len(kept_by(worker)) for worker in workers] == shares,
        lambda: f"even shares, not {[kept_by(worker) for worker in workers]}",
        within_s=40,
    )


@pytest.mark.broker
@pytest.mark.timeout(150)
def test_workers_with_other_files_and_data_take_no_turns(make_live: MakeLive, tmp_path: Path) -> None:
    live = make_live(POLICIES)
    (tmp_path / "other.toml").write_text(OTHER_FILE)
    old = with_data(OLDER)
    new = with_data(NEWER, DUECLOCK_POLICIES_PATH=str(tmp_path / "other.toml"))

    def started(name: str, variables: dict[str, str], *flags: str) -> WorkerProcess:
        return live.worker(name, variables=variables, flags=flags, is_ready=False)

    def said() -> list[list[str]]:
        return [["old" if line["toml"] == POLICIES else "new" for line in lines] for lines in activations(live)]

    a = started("a", old)
    wait_for_shares(a)
    a.wait_for("in force, logic", times=2)
    b = started("b", new)
    wait_for_shares(a, b)
    b.wait_for("in force, logic")
    assert b.terminate() == 0
    wait_for_shares(a)
    a.wait_for(GOES_ON)
    assert "this worker's policies and time-zone data of America/Vancouver (policies" in a.log()
    assert a.terminate() == 0
    assert sorted(said()) == [["old"], ["old", "new"]]

    b = started("b-again", new)
    wait_for_shares(b)
    b.wait_for("in force, logic")
    a = started("a-again", old)
    wait_for_shares(a, b)
    assert b.terminate() == 0
    wait_for_shares(a)
    a.wait_for(GOES_ON, times=2)
    live.send([question(seller_on(0, 2), "q", occurred_at=MONDAY)])
    live.wait_until_finished(1)
    assert a.terminate() == 0
    assert said() == [["old", "new"]] * 2
    assert dues(live, "q") == [SUMMER]
    live.told().prove()


@pytest.mark.broker
@pytest.mark.timeout(150)
def test_an_operators_word_brings_what_was_left_back_once(make_live: MakeLive) -> None:
    live = make_live(POLICIES)

    def said() -> list[list[str]]:
        older = [lines[0]["zones"] for lines in activations(live)]
        return [
            ["old" if line["zones"] == older[number] else "new" for line in lines]
            for number, lines in enumerate(activations(live))
        ]

    for name, release in (("older", OLDER), ("newer", NEWER)):
        worker = live.worker(name, variables=with_data(release))
        worker.wait_for("in force, logic", times=2)
        assert worker.terminate() == 0
    assert said() == [["old", "new"]] * 2

    back = live.worker("back", variables=with_data(OLDER), flags=["--activate-again"])
    back.wait_for("time-zone data of America/Vancouver now in force", times=2)
    other = live.worker("other", variables=with_data(NEWER), flags=["--activate-again"], is_ready=False)
    wait_for_shares(back, other)
    other.wait_for("in force, logic")
    assert other.terminate() == 0
    wait_for_shares(back)
    back.wait_for(GOES_ON)
    assert back.terminate() == 0
    assert sorted(said()) == [["old", "new", "old"], ["old", "new", "old", "new"]]
    live.told().prove()


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        (str(DATA / OLDER), f"There is no compiled zone file {DATA / OLDER}/Europe/Amsterdam; set zoneinfo_dir to"),
        ("nowhere", "There is no compiled zone file nowhere/America/Los_Angeles; set zoneinfo_dir to"),
    ],
)
def test_a_zone_that_the_folder_lacks_ends_the_worker_with_one_sentence(
    folder: str, words: str, tmp_path: Path
) -> None:
    ended = dueclock("worker", "--zoneinfo-dir", folder, folder=tmp_path)
    assert ended.status == 2
    assert words in sentence_of(ended)


@pytest.mark.parametrize("length", [0, 100, 1_000, -4, -1])
def test_a_zone_file_that_is_cut_short_ends_the_worker_with_one_sentence(length: int, tmp_path: Path) -> None:
    (tmp_path / "policies.toml").write_text(POLICIES)
    whole = (DATA / NEWER / "America" / "Vancouver").read_bytes()
    (tmp_path / "America").mkdir()
    (tmp_path / "America" / "Vancouver").write_bytes(whole[:length])
    ended = dueclock("worker", "--zoneinfo-dir", ".", "--policies", "policies.toml", folder=tmp_path)
    assert ended.status == 2
    assert "There is no compiled zone file America/Vancouver" in sentence_of(ended)


def test_a_zone_that_only_the_folder_knows_is_no_unknown_zone(tmp_path: Path) -> None:
    (tmp_path / "policies.toml").write_text(POLICIES.replace("America/Vancouver", "America/Lindeman_Island"))
    (tmp_path / "America").mkdir()
    (tmp_path / "America" / "Lindeman_Island").write_bytes((DATA / NEWER / "America" / "Vancouver").read_bytes())
    flags = ("--policies", "policies.toml", "--broker", "127.0.0.1:1")
    assert "unknown time zone 'America/Lindeman_Island'" in sentence_of(dueclock("worker", *flags, folder=tmp_path))
    known = dueclock("worker", *flags, "--zoneinfo-dir", ".", folder=tmp_path)
    assert "No Kafka answers" in sentence_of(known)
