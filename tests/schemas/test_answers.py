"""The documents of `--json`: each command has one, each has an example, and what commands write is what they say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.cli import main as cli
from schemas.answers.commands import ANSWERS, file_of
from schemas.json_schemas import answer_schema
from tests.audit.history import POLICIES, History
from tests.docs.command_pages import commands
from tests.schemas.answered import EXAMPLES, example, held

CASES = (
    "02-weekend-breach-late-refund",
    "10a-reply-at-exactly-24h",
    "12b-marked-after-breach",
    "43-forgotten-and-expired",
    "45-policy-activated-new",
    "57-breach-taken-back-and-forth",
)


def written(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """What a command writes to standard output."""
    capsys.readouterr()
    cli.run([*map(str, arguments), "--json"])
    out, err = capsys.readouterr()
    assert out, err
    return out


def stands_under(command: str) -> str:
    """The name under which a command's document stands: its own, or its group's where all of the group answer alike."""
    return command if command in ANSWERS else command.partition(" ")[0]


def test_every_command_that_has_json_has_a_document_and_no_other() -> None:
    with_json = {
        stands_under(typed.removeprefix("dueclock "))
        for typed, command in commands()
        if any("--json" in parameter.opts for parameter in command.params)
    }
    assert with_json == {name.partition(" --")[0] for name in ANSWERS}


def test_every_document_has_an_example_and_no_example_is_left_over() -> None:
    assert {f"answers/{file.name}" for file in (EXAMPLES / "answers").iterdir()} == set(map(file_of, ANSWERS))


@pytest.mark.parametrize("command", ANSWERS)
def test_an_example_is_held_to_its_document(command: str) -> None:
    held(command, example(command))


@pytest.mark.parametrize("command", ANSWERS)
def test_no_example_tells_of_the_machine_that_made_it(command: str) -> None:
    assert all(path.startswith(b"/srv/dueclock/") for path in re.findall(rb'"(/[^"]*)"', example(command)))


def bare(schema: Any, where: str) -> Iterator[str]:
    """The members without a description."""
    for name, member in schema.get("properties", {}).items():
        if not member.get("description"):
            yield f"{where}.{name}"
        yield from bare(member, f"{where}.{name}")
    for one in (schema.get("items"), schema.get("additionalProperties"), *schema.get("anyOf", [])):
        if isinstance(one, dict):
            yield from bare(one, where)


@pytest.mark.parametrize("command", ANSWERS)
def test_every_member_says_what_it_means(command: str) -> None:
    assert list(bare(answer_schema(command), command)) == []


@pytest.mark.parametrize("case", CASES)
def test_what_is_written_of_a_file_is_held_to_its_document(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history = History().tell(case)
    journal = history.journal_file(tmp_path / "journal.jsonl")
    events = history.events_file(tmp_path / "events.jsonl")
    policies = tmp_path / "longer.toml"
    policies.write_text(POLICIES.replace("business_days = 2", "business_days = 3"))
    held("audit", written(capsys, "audit", "--journal", journal, "--events", events))
    lines = events.read_text().splitlines(keepends=True)
    events.write_text("".join(lines[1:]))
    assert held("audit", written(capsys, "audit", "--journal", journal, "--events", events))["findings"]
    held("what-if", written(capsys, "what-if", "--policies", policies, "--journal", journal))
    held("policies check", written(capsys, "policies", "check", policies))
    clocks = sorted({one.event.subject for one in history.events if one.event.rule})
    for clock in clocks:
        told = held("explain", written(capsys, "explain", clock, "--journal", journal))
        for event in told["events"]:
            held("explain", written(capsys, "explain", clock, "--journal", journal, "--at", event["at"]))


def test_a_member_that_no_document_has_is_seen() -> None:
    with pytest.raises(AssertionError, match="is a required property"):
        held("topics check", b"{}")
    with pytest.raises(ValueError, match="unknown field `other`"):
        held("topics check", b'{"differences":[],"other":1}')
