"""`dueclock replay`: the golden bytes through the command, and every way in which a run can go wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import GOLDEN, dueclock, environment, sentence_of

CASE = GOLDEN / "38-bad-lines"
POLICIES = GOLDEN / "policies.toml"


def test_a_golden_case_comes_out_byte_for_byte_with_its_dead_letters(tmp_path: Path) -> None:
    ended = dueclock(
        "replay", CASE / "notifications.jsonl", "--policies", POLICIES, "--dead-letters", "letters", folder=tmp_path
    )
    assert (ended.status, ended.err) == (0, "")
    assert ended.out == (CASE / "expected.jsonl").read_text()
    letters = (tmp_path / "letters").read_text().splitlines()
    assert len(letters) == len((CASE / "dead_letters.jsonl").read_text().splitlines())
    assert all(letter.startswith(('{"field":', '{"line":')) for letter in letters)


def test_standard_input_is_a_file_and_dead_letters_go_to_standard_error(tmp_path: Path) -> None:
    raw = (CASE / "notifications.jsonl").read_bytes()
    ended = dueclock("replay", "-", "--policies", POLICIES, folder=tmp_path, stdin=raw)
    assert ended.status == 0
    assert ended.out == (CASE / "expected.jsonl").read_text()
    assert len(ended.err.splitlines()) == len((CASE / "dead_letters.jsonl").read_text().splitlines())


def test_several_files_are_replayed_as_each_alone_and_come_out_in_the_order_of_their_names(tmp_path: Path) -> None:
    cases = [GOLDEN / name for name in ("38-bad-lines", "08-dst-starts", "02-weekend-breach-late-refund")]
    files = [case / "notifications.jsonl" for case in cases]
    ended = dueclock("replay", *files, "--policies", POLICIES, "--dead-letters", "letters", folder=tmp_path)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out == "".join((case / "expected.jsonl").read_text() for case in cases)
    alone = dueclock("replay", files[0], "--policies", POLICIES, "--dead-letters", "of-one", folder=tmp_path)
    assert alone.status == 0
    assert (tmp_path / "letters").read_text() == (tmp_path / "of-one").read_text()


def test_of_several_files_one_that_cannot_go_on_is_named_and_what_was_said_before_it_stands(tmp_path: Path) -> None:
    case = GOLDEN / "08-dst-starts"
    activation = {
        "type": "policy.activated",
        "journaled_at": "2026-02-03T10:00:00.000Z",
        "digest": "0" * 64,
        "toml": "[",
    }
    (tmp_path / "bad.jsonl").write_text(json.dumps(activation) + "\n")
    good = case / "notifications.jsonl"
    ended = dueclock("replay", good, "bad.jsonl", good, "--policies", POLICIES, folder=tmp_path)
    assert (ended.status, ended.out) == (2, (case / "expected.jsonl").read_text())
    assert sentence_of(ended).startswith("bad.jsonl: Line 1: ")
    missing = dueclock("replay", good, "nowhere.jsonl", folder=tmp_path)
    assert (missing.status, missing.out) == (2, "")
    assert "nowhere.jsonl" in sentence_of(missing)
    assert "Standard input" in sentence_of(dueclock("replay", good, "-", folder=tmp_path))


def test_locale_and_time_zone_change_no_byte(tmp_path: Path) -> None:
    case = GOLDEN / "08-dst-starts"
    for variables in ({"TZ": "Asia/Tokyo", "LC_ALL": "C"}, {"TZ": "UTC", "PYTHONHASHSEED": "7", "LANG": "de_DE"}):
        ended = dueclock(
            "replay", case / "notifications.jsonl", "--policies", POLICIES, folder=tmp_path, variables=variables
        )
        assert ended.out == (case / "expected.jsonl").read_text()


def test_until_is_a_last_tick_and_without_it_nothing_fires_after_the_last_line(tmp_path: Path) -> None:
    first_line = (GOLDEN / "02-weekend-breach-late-refund" / "notifications.jsonl").read_bytes().splitlines()[0]
    alone = dueclock("replay", "-", folder=tmp_path, stdin=first_line)
    later = dueclock("replay", "-", "--until", "2026-02-11T00:00:00-08:00", folder=tmp_path, stdin=first_line)
    assert [line.split('"type":"')[1] for line in alone.out.splitlines()] == ['clock.opened"}']
    assert later.out.splitlines()[-1].endswith('"type":"clock.breached"}')


def test_arguments_that_are_wrong_end_with_status_2(tmp_path: Path) -> None:
    for arguments in (["replay"], ["replay", "-", "--until", "yesterday"], ["replay", "-", "--colour"], ["relay"]):
        ended = dueclock(*arguments, folder=tmp_path)
        assert ended.status == 2
        assert "Traceback" not in ended.err
        assert ended.out == ""


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    ended = dueclock("replay", "nowhere.jsonl", folder=tmp_path)
    assert ended.status == 2
    assert "Cannot read nowhere.jsonl" in sentence_of(ended)
    assert "is a directory" in sentence_of(dueclock("replay", tmp_path, folder=tmp_path)).lower()


def test_a_policy_file_that_does_not_load_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[retention]\nsetled_days = 3\n")
    for arguments in (["replay", "-", "--policies", "bad.toml"], ["policies", "check", "bad.toml"]):
        ended = dueclock(*arguments, folder=tmp_path)
        assert ended.status == 2
        assert "setled_days" in sentence_of(ended)


def test_a_toml_line_that_does_not_load_ends_the_run_with_2_and_what_was_said_stands(tmp_path: Path) -> None:
    good = (GOLDEN / "02-weekend-breach-late-refund" / "notifications.jsonl").read_bytes().splitlines()[0]
    bad = (
        b'{"type":"policy.activated","digest":"' + b"0" * 64 + b'","toml":"[","arrived_at":"2026-02-07T00:00:00-08:00"}'
    )
    ended = dueclock("replay", "-", folder=tmp_path, stdin=good + b"\n" + bad + b"\n" + good)
    assert ended.status == 2
    assert ended.out.count("\n") == 1
    assert "Line 2" in sentence_of(ended)


def test_dead_letters_that_cannot_be_written_are_one_sentence(tmp_path: Path) -> None:
    ended = dueclock("replay", "-", "--dead-letters", "no/such/folder", folder=tmp_path)
    assert ended.status == 2
    assert "Cannot write no/such/folder" in sentence_of(ended)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only some systems have a device that is always full")
def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    line = (GOLDEN / "02-weekend-breach-late-refund" / "notifications.jsonl").read_bytes().splitlines()[0]
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "agents", "replay", "-"],
            input=line,
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(),
            cwd=tmp_path,
            timeout=50,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr.decode() == "dueclock: The disk is full; free some space and try again.\n"


def test_a_reader_that_goes_away_ends_the_run_quietly(tmp_path: Path) -> None:
    lines = (GOLDEN / "02-weekend-breach-late-refund" / "notifications.jsonl").read_bytes().splitlines()[0]
    order = json.loads(lines)["order_id"].encode()
    many = b"\n".join(lines.replace(order, b"111-%07d-0000001" % number) for number in range(3000))
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        ended = subprocess.run(
            [sys.executable, "-m", "agents", "replay", "-"],
            input=many,
            stdout=closed,
            stderr=subprocess.PIPE,
            env=environment(),
            cwd=tmp_path,
            timeout=50,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (141, b"")


def test_help_and_version_need_nothing(tmp_path: Path) -> None:
    assert dueclock("--version", folder=tmp_path).out.startswith("dueclock ")
    for command in ("", "replay", "worker", "demo", "kafka", "topics", "journal", "policies"):
        ended = dueclock(*command.split(), "--help", folder=tmp_path)
        assert ended.status == 0
        assert ended.out.startswith("Usage: dueclock")


def test_replay_loads_neither_faust_nor_kafka_nor_the_terminal(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom agents.cli.main import run\nrun(['replay', '-'])\n"
        "sys.exit(','.join({'faust', 'aiokafka', 'rich', 'prometheus_client'} & set(sys.modules)) or 0)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment(), cwd=tmp_path, input=b"", timeout=50, check=False
    )
    assert ended.returncode == 0


def test_the_policies_that_are_shipped_can_be_shown_checked_and_summed_up(tmp_path: Path) -> None:
    shown = dueclock("policies", "show", folder=tmp_path)
    (tmp_path / "mine.toml").write_text(shown.out)
    checked = dueclock("policies", "check", "mine.toml", folder=tmp_path)
    assert checked.status == 0
    assert checked.out.splitlines()[-1].startswith("16 rules, 15 calendars")
    as_json = dueclock("policies", "check", "mine.toml", "--json", folder=tmp_path)
    assert '"digest": "' in as_json.out


def test_an_old_python_gets_a_sentence(tmp_path: Path) -> None:
    """The check stands before everything that an old Python cannot read; here it is told that it is old."""
    code = "import sys\nsys.version_info = (3, 9, 2)\nsys.version = '3.9.2 (main)'\nimport agents.cli.main"
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment(), cwd=tmp_path, capture_output=True, timeout=50, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.decode() == "dueclock needs Python 3.11 or later and this is 3.9.2; install a newer one.\n"
