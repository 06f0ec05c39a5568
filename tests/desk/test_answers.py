"""What commands answer about a cluster, as JSON, is what its documents say; the examples are what was written here.

`DUECLOCK_TEST_REWRITE=1` writes the examples anew. What differs from run to run (a port, a process, a broker's stamp)
is written in them as one value that stands for all.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agents.settings import Settings
from tests.audit.conftest import Run, run, settings
from tests.audit.history import BREACH, GOLDEN_ACCOUNT, HOME, POLICIES, History, write
from tests.cli.command import dueclock
from tests.desk.test_dead_letters import some_letters
from tests.schemas.answered import held, held_as_example

__all__ = ["run", "settings"]

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]

CLOCK = f"{GOLDEN_ACCOUNT}/sfp-refund/111-0000001-0000001/RET-2"
REPLY = "10a-reply-at-exactly-24h"
LATER_MS = 1_775_001_700_000


class Answers:
    """What was answered, held to its document; its example has the same members. Offsets may differ from run to run."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def hold(self, command: str, out: str) -> None:
        """The last line, or the whole document."""
        one = out if out.startswith("{\n") else out.splitlines()[-1]
        held_as_example(command, self._same_everywhere(one))

    def _same_everywhere(self, text: str) -> str:
        text = text.replace(self.prefix, "")
        for pattern, value in (
            (r'("bootstrap": ?)"[^"]+"', r'\1"127.0.0.1:9092"'),
            (r'(?<="sentence": ")[^" ]+(?= by )', "127.0.0.1:9092"),
            (r"(?<=clock is )[+-][0-9.]+", "+0.002"),
            (r'("(?:folder|log_file)": ?)"[^"]*/(\.dueclock/)', r'\1"/srv/dueclock/\2'),
            (r'("pid": ?)\d+', r"\g<1>4242"),
            (r'(?<="at":)"[^"]+"(?=.*"redriven")', '"2026-02-11T08:00:00.000Z"'),
        ):
            text = re.sub(pattern, value, text)
        return text


def history_of(settings: Settings) -> History:
    """A breach, a seal, and a question that is open."""
    history = History().tell(BREACH).seal(settings)
    question = History().tell(REPLY).lines[1]
    return history.add(question.body, question.journal_ms).wait_until(LATER_MS)


def test_what_is_answered_about_journal_and_state_is_held_to_its_document(settings: Settings, run: Run) -> None:
    history = history_of(settings)
    events = history.event_records(settings)
    write(settings, history.journal_records(settings), events[:1] + events[2:])
    answers = Answers(settings.topic_prefix)
    at = ("--at", "2026-02-10T12:00:00Z")
    answers.hold("audit", run("audit", "--json", "--partition", str(HOME)).out)
    answers.hold("rebuild", run("rebuild", "--json", "--partition", str(HOME)).out)
    answers.hold("explain", run("explain", CLOCK, "--json", *at).out)
    answers.hold("audit seals", run("audit", "seals", "--json").out)
    answers.hold("clocks", run("clocks", "--json").out)


def test_what_other_policies_would_change_is_held_to_its_document(settings: Settings, run: Run, tmp_path: Path) -> None:
    write(settings, history_of(settings).journal_records(settings))
    longer = tmp_path / "longer.toml"
    longer.write_text(POLICIES.replace("business_days = 2", "business_days = 3"))
    answers = Answers(settings.topic_prefix)
    answers.hold("what-if", run("what-if", "--policies", longer, "--json").out)
    answers.hold("policies check", run("policies", "check", longer, "--json").out)


def test_what_is_answered_about_letters_is_held_to_its_document(settings: Settings, run: Run) -> None:
    some_letters(settings)
    answers = Answers(settings.topic_prefix)
    answers.hold("deadletter list", run("deadletter", "list", "--json", "--topic", "refund-issued").out)
    answers.hold("deadletter show", run("deadletter", "show", "1:1", "--json").out)
    redriven = run("deadletter", "redrive", "--topic", "refund-issued", "--yes", "--json").out
    answers.hold("deadletter redrive", redriven)


def test_what_is_answered_about_topics_is_held_to_its_document(
    settings: Settings, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    held("topics check", run("topics", "check", "--json").out)
    monkeypatch.setenv("DUECLOCK_TOPIC_PREFIX", "other-")
    Answers("other-").hold("topics check", run("topics", "check", "--json").out)


def test_what_the_doctor_finds_is_held_to_its_document(
    settings: Settings, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    well = run("doctor", "--json")
    assert (well.status, [step["is_well"] for step in held("doctor", well.out)["findings"]]) == (0, [True] * 5)
    monkeypatch.setenv("DUECLOCK_TOPIC_RETURN_RECEIVED", "returns")
    monkeypatch.setenv("DUECLOCK_TOPIC_REFUND_ISSUED", "refunds")
    ended = run("doctor", "--json")
    assert ended.status == 1
    Answers(settings.topic_prefix).hold("doctor", ended.out)
    for_people = run("doctor")
    assert for_people.out.startswith(f"ok       connection: {settings.broker} by PLAINTEXT\n")
    assert "MISSING  topics: The topic refunds is missing; `dueclock topics create` makes it.\n" in for_people.out
    assert for_people.out.endswith("\nTo run:\n  dueclock topics create\n")


def test_what_is_answered_about_the_embedded_kafka_is_held_to_its_document(tmp_path: Path) -> None:
    answers = Answers("no prefix")
    held("kafka status", dueclock("kafka", "status", "--json", folder=tmp_path).out)
    try:
        answers.hold("kafka start", dueclock("kafka", "start", "--json", folder=tmp_path).out)
        answers.hold("kafka status", dueclock("kafka", "status", "--json", folder=tmp_path).out)
    finally:
        dueclock("kafka", "stop", folder=tmp_path)
