"""A journal that a later version judged: each command of this one ends with one sentence; and how a fleet goes up."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.cli import main as cli
from agents.settings import Settings
from schemas.notifications import StateSealed
from streams.engine import Line
from streams.logic import CHANGES, NEWEST
from streams.row_codec import decode_partition, encode_row
from streams.rows import PARTITION_KEY
from tests.audit.conftest import Run, run, settings
from tests.audit.history import BREACH, GOLDEN_ACCOUNT, HOME, POLICIES, History, write
from tests.broker.conftest import MakeLive, make_live
from tests.broker.harness import Live, question, reply_within, seller_on
from tests.cli.command import Ended, dueclock, environment, sentence_of
from tests.kafka_fixtures import Outgoing
from tests.upgrades.newer import LATER
from tests.zones import activation

__all__ = ["make_live", "run", "settings"]

WORDS = f"Logic {LATER} is not known here, where the newest is {NEWEST}; use a newer dueclock."
NEWER = "tests.upgrades.newer"
BREACHED = f"{GOLDEN_ACCOUNT}/sfp-refund/111-0000001-0000001/RET-2"


def newer(live: Live, *arguments: str | Path) -> Ended:
    """A command of the later version."""
    ended = subprocess.run(
        [sys.executable, "-m", NEWER, "--settings", str(live.settings_file), *map(str, arguments)],
        cwd=live.folder,
        env=environment(),
        capture_output=True,
        timeout=50,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def says_so(ended: Ended, status: int, words: str = WORDS) -> None:
    assert ended.status == status, ended
    assert sentence_of(ended).endswith(words)
    assert ended.out == ""


def logics(live: Live, name: str) -> list[list[Any]]:
    """The numbers put in force in each partition."""
    found: list[list[Any]] = [[] for _ in range(live.partitions)]
    for record in live.read("sla-journal"):
        line = json.loads(record.value)
        if line["type"] == name:
            found[record.partition].append(line["logic"])
    return found


@pytest.mark.broker
@pytest.mark.timeout(150)
def test_what_a_later_version_judged_ends_every_command_of_this_one(
    make_live: MakeLive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    live = make_live()
    seller = seller_on(0, live.partitions)
    worker = live.worker("newer", module=NEWER)
    worker.wait_for(f"in force, logic {LATER}", times=2)
    live.send([question(seller, "q")])
    live.wait_until_finished(1)
    assert worker.terminate() == 0
    assert logics(live, "policy.activated") == [[LATER], [LATER]]
    (opened,) = [record for record in live.read("sla-clock") if b"clock.opened" in record.value]
    assert dict(opened.headers)["logic"] == str(LATER).encode()

    clock = json.loads(opened.value)["clock_id"]
    journal, events = tmp_path / "j.jsonl", tmp_path / "e.jsonl"
    events.write_bytes(opened.value)

    def ours(*arguments: str | Path) -> Ended:
        capsys.readouterr()
        status = cli.run(["--settings", str(live.settings_file), *map(str, arguments)])
        return Ended(status, *capsys.readouterr())

    assert ours("journal", "export", "--output", journal).status == 0
    for arguments in (
        ("audit",),
        ("audit", "--journal", journal, "--events", events),
        ("explain", clock),
        ("what-if", "--policies", live.policies_file),
        ("rebuild",),
        ("rebuild", "--dry-run"),
    ):
        says_so(ours(*arguments), 2)
    says_so(dueclock("replay", journal, folder=tmp_path), 2)
    assert ours("clocks", "--json").status == 0, "what is due is no question of logic"
    older = live.worker("older", is_ready=False)
    assert older.wait_for_end() == 1
    last = older.log().strip().splitlines()[-1]
    assert last.endswith(f"cannot be kept: {WORDS}")
    assert "Traceback" not in older.log()
    report = json.loads(newer(live, "audit", "--json").out)
    assert (report["clean"], [one["logics"] for one in report["partitions"]]) == (True, [[LATER], [LATER]])


@pytest.mark.broker
@pytest.mark.timeout(150)
def test_a_fleet_goes_up_behind_the_setting_and_a_worker_never_lowers_the_logic(make_live: MakeLive) -> None:
    live = make_live(reply_within("hours = 24"))
    seller = seller_on(0, live.partitions)
    held_back = {"DUECLOCK_LOGIC": str(NEWEST)}

    first = live.worker("this version")
    first.wait_for(f"in force, logic {NEWEST}", times=2)
    live.send([question(seller, "q1")])
    live.wait_until_finished(1)
    assert first.terminate() == 0
    second = live.worker("held back", module=NEWER, variables=held_back)
    live.send([question(seller, "q2")])
    live.wait_until_finished(2)
    assert second.terminate() == 0
    assert logics(live, "policy.activated") == [[NEWEST], [NEWEST]]
    again = live.worker("this version again")
    assert again.terminate() == 0

    third = live.worker("let go", module=NEWER)
    third.wait_for(f"in force, logic {LATER}", times=2)
    assert "time-zone data" not in third.log()
    assert third.terminate() == 0
    live.policies_file.write_text(reply_within("hours = 24") + "# another file\n")
    fourth = live.worker("held back again", module=NEWER, variables=held_back)
    fourth.wait_for(f"in force, logic {LATER}", times=2)
    live.send([question(seller, "q3")])
    live.wait_until_finished(3)
    assert fourth.terminate() == 0
    assert logics(live, "policy.activated") == [[NEWEST, LATER, LATER]] * 2

    audited = newer(live, "audit", "--json")
    assert audited.status == 0, audited
    report = json.loads(audited.out)
    assert [one["logics"] for one in report["partitions"]] == [[NEWEST, LATER]] * 2


def test_an_audit_and_a_story_name_the_numbers_that_the_journal_passed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CHANGES, LATER, "What a later version changed.")
    history = History()
    history.add(msgspec.structs.replace(activation(POLICIES), logic=LATER), 0).tell(BREACH)
    journal, events = history.journal_file(tmp_path / "j.jsonl"), history.events_file(tmp_path / "e.jsonl")

    def said(*arguments: str | Path) -> str:
        capsys.readouterr()
        assert cli.run([str(argument) for argument in arguments]) == 0
        return capsys.readouterr().out

    audit = ("audit", "--journal", journal, "--events", events)
    assert json.loads(said(*audit, "--json"))["partitions"][0]["logics"] == [NEWEST, LATER]
    heading, row, _ = said(*audit).splitlines()
    assert row[heading.index("logic") :].startswith(f"{NEWEST} {LATER} ")
    explain = ("explain", BREACHED, "--journal", journal)
    story = json.loads(said(*explain, "--json"))
    assert (story["journal"]["logics"], story["policy"]["logic"]) == ([NEWEST, LATER], LATER)
    assert {event["logic"] for event in story["events"]} == {LATER}
    text = said(*explain)
    assert f"It was judged by logic {NEWEST}, then {LATER}." in text
    assert f"activated by line 2, logic {LATER}" in text


def test_the_setting_names_no_number_that_is_not_known(tmp_path: Path) -> None:
    ended = dueclock("worker", "--logic", str(LATER), folder=tmp_path)
    assert ended.status == 2
    assert "the setting 'logic' on the command line or in the settings: expected" in sentence_of(ended)
    assert f"<= {NEWEST}" in sentence_of(ended)


# --- seals and rows ------------------------------------------------------------------------------------------------


def sealed_later() -> History:
    """A history of this version, behind which stands a seal of a later one."""
    history = History().tell(BREACH)
    last = history.lines[-1]
    seal = StateSealed(line=last.number, offset=last.number - 1, state="0" * 64, journal="0" * 64, logic=LATER)
    history.lines.append(Line(last.number + 1, last.journal_ms, seal))
    return history


def test_a_seal_of_a_later_version_in_a_file_is_said(tmp_path: Path) -> None:
    history = sealed_later()
    journal, events = history.journal_file(tmp_path / "j.jsonl"), history.events_file(tmp_path / "e.jsonl")
    says_so(dueclock("audit", "--journal", journal, "--events", events, folder=tmp_path), 2)
    says_so(dueclock("explain", BREACHED, "--journal", journal, folder=tmp_path), 2)
    replayed = dueclock("replay", journal, folder=tmp_path)
    assert (replayed.status, replayed.out) == (2, events.read_text())
    assert sentence_of(replayed) == f"Line 5: {WORDS}"


@pytest.mark.broker
def test_a_seal_of_a_later_version_on_a_broker_is_said(settings: Settings, run: Run) -> None:
    journal = History().tell(BREACH).seal(settings)
    written = journal.journal_records(settings)
    later = (written[-1].value or b"").replace(b'"logic":1', b'"logic":%d' % LATER)
    write(settings, written[:-1], [written[-1]._replace(value=later)], journal.event_records(settings))
    for arguments in (("audit",), ("explain", BREACHED), ("rebuild",)):
        says_so(run(*arguments), 2)


@pytest.mark.broker
def test_a_row_of_a_later_version_is_not_rebuilt_and_a_row_of_another_form_is(settings: Settings, run: Run) -> None:
    History().tell(BREACH).write(settings)
    assert run("rebuild").status == 0

    def put(value: bytes) -> None:
        write(settings, [Outgoing(settings.topic("changelog"), value, key=PARTITION_KEY, partition=HOME)])

    later = decode_partition(dict(History().tell(BREACH).state.take_changes())[PARTITION_KEY] or b"")
    later.logic = LATER
    put(encode_row(later))
    says_so(run("rebuild", "--partition", str(HOME)), 2, f"Nothing was rebuilt: {WORDS}")
    put(b"\x92\x63\xa5later")  # version 99, in a form of its own
    done = run("rebuild", "--json", "--partition", str(HOME))
    assert done.status == 0, done
    assert json.loads(done.out)["partitions"][0]["rows"] == 1
