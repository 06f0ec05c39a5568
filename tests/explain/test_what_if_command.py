"""`dueclock what-if`: what other policies would have changed, from files and on a real broker."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.auditing.looking_back import what_if_files, what_if_live
from agents.auditing.what_if import Outcomes, WhatIf
from agents.cli import main as cli
from agents.errors import UserError
from agents.journal.lines import JournalLine
from agents.settings import Settings
from agents.terminal import json_document
from schemas.policies import load_policies
from streams.rows import GONE, OUTCOME_NAMES
from tests.audit.conftest import Run, run, settings
from tests.audit.history import BREACH, GOLDEN_ACCOUNT, HOLIDAY, POLICIES, History, write
from tests.cli.command import GOLDEN, dueclock, sentence_of
from tests.zones import activation

__all__ = ["run", "settings"]

BREACHED = f"{GOLDEN_ACCOUNT}/sfp-refund/111-0000001-0000001/RET-2"


def with_target(days: int) -> str:
    """The golden policies with another target for `sfp-refund`."""
    head, rule, rest = POLICIES.partition("[[rules.sfp-refund]]")
    old = "target = { business_days = 2 }"
    assert old in rest
    return head + rule + rest.replace(old, f"target = {{ business_days = {days} }}", 1)


def tried(tmp_path: Path, capsys: pytest.CaptureFixture[str], toml: str, *files: Path) -> dict[str, Any]:
    (tmp_path / "new.toml").write_text(toml)
    capsys.readouterr()
    arguments = [word for file in files for word in ("--journal", str(file))]
    status = cli.run(["what-if", "--policies", str(tmp_path / "new.toml"), "--json", *arguments])
    out, err = capsys.readouterr()
    assert status == 0, err
    document: dict[str, Any] = json.loads(out)
    return document


def test_with_a_longer_target_the_late_refund_would_have_been_in_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = History().tell(BREACH).journal_file(tmp_path / "journal.jsonl")
    document = tried(tmp_path, capsys, with_target(3), journal)
    assert document["changed"] == 1
    (clock,) = document["clocks"]
    assert clock["clock_id"] == BREACHED
    assert clock["before"] == {"outcome": "closed_late", "due_at": "2026-02-11T08:00:00.000Z", "version": 1}
    assert clock["after"] == {"outcome": "met", "due_at": "2026-02-12T08:00:00.000Z", "version": 1}
    counts = document["rules"]["sfp-refund"]
    assert (counts["before"]["closed_late"], counts["after"]["closed_late"], counts["after"]["met"]) == (1, 0, 1)
    assert document["events"]["before"]["clock.breached"] == 1
    assert "clock.breached" not in document["events"]["after"]


def test_the_same_policies_change_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = History().tell(BREACH).journal_file(tmp_path / "journal.jsonl")
    document = tried(tmp_path, capsys, POLICIES, journal)
    assert (document["changed"], document["clocks"]) == (0, [])
    assert document["events"]["before"] == document["events"]["after"]


def test_the_new_policies_act_from_line_1_and_later_activations_are_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history = History(policies=with_target(3))
    again = f"{with_target(3)}\n# the same again\n"
    history.add(activation(again), 0).tell(BREACH)
    journal = history.journal_file(tmp_path / "journal.jsonl")
    (clock,) = tried(tmp_path, capsys, POLICIES, journal)["clocks"]
    assert (clock["before"]["outcome"], clock["after"]["outcome"]) == ("met", "closed_late")


def test_a_rule_that_is_left_out_has_no_clocks_and_its_lines_stay_admitted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = History().tell(BREACH).journal_file(tmp_path / "journal.jsonl")
    head, _, rest = POLICIES.partition("[[rules.sfp-refund]]")
    without = head + rest[rest.index("[[rules.") :]
    (clock,) = tried(tmp_path, capsys, without, journal)["clocks"]
    assert (clock["before"]["outcome"], clock["after"]) == ("closed_late", None)


JOURNALS = sorted(
    path.parent.name
    for path in GOLDEN.glob("*/expected.jsonl")
    if not (path.parent / "dead_letters.jsonl").exists()  # a journal holds no line that is one
)


@pytest.mark.parametrize("case", JOURNALS)
def test_where_clocks_stand_by_their_events_is_where_their_rows_stand(case: str) -> None:
    world = Outcomes(None)
    folder = GOLDEN / case
    own = folder / "policies.toml"
    history = History(policies=own.read_text() if own.exists() else POLICIES).tell(case)
    world.begin(None)
    world.fold([JournalLine(line, None, None) for line in history.lines])
    rows = {
        f"{row_id.rsplit('/', 2)[0]}/{clock.name}": OUTCOME_NAMES[clock.outcome]
        for row_id, row in history.state.matters()
        for clock in row.clocks
        if clock.outcome != GONE
    }
    assert {clock: stand.outcome for clock, stand in world.clocks.items() if clock in rows} == rows


def test_two_files_are_two_partitions(tmp_path: Path) -> None:
    one = History().tell(BREACH).journal_file(tmp_path / "one.jsonl")
    other = History().tell(HOLIDAY).journal_file(tmp_path / "other.jsonl")
    files, policies = [str(one), str(other)], load_policies(with_target(3))
    both: WhatIf = asyncio.run(what_if_files(files, policies, lambda *_: None))
    assert (both.lines, len(list(both.changed()))) == (8, 2)
    side_by_side: WhatIf = asyncio.run(what_if_files(files, policies, lambda *_: None, processes=2))
    assert json.dumps(msgspec.to_builtins(side_by_side.document())) == json.dumps(msgspec.to_builtins(both.document()))


def test_people_read_counts_and_the_first_clocks(tmp_path: Path) -> None:
    journal = History().tell(BREACH).journal_file(tmp_path / "journal.jsonl")
    (tmp_path / "new.toml").write_text(with_target(3))
    ended = dueclock("what-if", "--policies", "new.toml", "--journal", journal, folder=tmp_path)
    assert ended.status == 0, ended
    assert f"{BREACHED}: closed_late (v1, due 2026-02-11T08:00:00.000Z) → met (v1, due 2026-02-12" in ended.out
    assert "1 of 1 clocks would have differed" in ended.out


def test_a_bad_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[rules]\nsfp-refund = 1\n")
    ended = dueclock("what-if", "--policies", "bad.toml", folder=tmp_path)
    assert ended.status == 2
    assert "[[rules.sfp-refund]]" in sentence_of(ended)
    missing = dueclock("what-if", "--policies", "none.toml", folder=tmp_path)
    assert missing.status == 2
    assert "Cannot read the policy file none.toml" in sentence_of(missing)


@pytest.mark.broker
def test_on_a_broker_all_partitions_are_replayed(settings: Settings, run: Run, tmp_path: Path) -> None:
    History().tell(BREACH).write(settings)
    (tmp_path / "new.toml").write_text(with_target(3))
    ended = run("what-if", "--policies", tmp_path / "new.toml", "--json")
    assert ended.status == 0, ended
    document = json.loads(ended.out)
    assert (document["lines"], document["changed"]) == (4, 1)
    assert document["clocks"][0]["after"]["outcome"] == "met"


@pytest.mark.broker
def test_both_worlds_side_by_side_differ_as_one_after_the_other(settings: Settings, tmp_path: Path) -> None:
    History().tell(BREACH).write(settings)
    policies = load_policies(with_target(3))

    def differs(processes: int) -> bytes:
        asked = what_if_live(settings, policies, lambda *_: None, processes=processes)
        return json_document(asyncio.run(asked).document())

    assert json.loads(differs(1))["changed"] == 1
    assert differs(3) == differs(1)


@pytest.mark.broker
def test_a_journal_that_does_not_hold_is_refused_by_both_worlds_as_by_one(settings: Settings) -> None:
    history = History().tell(BREACH).tell(HOLIDAY)
    records = history.journal_records(settings)
    del records[3]
    write(settings, records)
    said = set()
    for processes in (1, 3):
        with pytest.raises(UserError) as refused:
            asyncio.run(what_if_live(settings, load_policies(POLICIES), lambda *_: None, processes=processes))
        said.add(refused.value.sentence)
    (sentence,) = said
    assert "line 5 follows line 3" in sentence
