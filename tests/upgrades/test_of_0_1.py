"""Topics and files of dueclock 0.1: every command ends with one sentence that says so, and how to begin anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.settings import Settings
from schemas.registry import TOPICS
from tests.audit.conftest import Run, run, settings
from tests.audit.history import POLICIES, write
from tests.cli.command import Ended, dueclock, sentence_of
from tests.kafka_fixtures import Outgoing
from tests.upgrades import of_0_1

__all__ = ["run", "settings"]

WORDS = (
    "written by dueclock 0.1, whose topics cannot be gone on with; begin anew with empty topics (another topic_prefix) "
    "and send the notifications again."
)


def put(settings: Settings, *records: Outgoing) -> None:
    names: dict[str, str] = {topic.name: settings.topic(topic.name) for topic in TOPICS}
    write(settings, [one._replace(topic=names[one.topic]) for one in records])


def says_so(ended: Ended, status: int) -> None:
    assert ended.status == status, ended
    assert sentence_of(ended).endswith(WORDS)
    assert ended.out == ""


@pytest.fixture
def topics(settings: Settings) -> Settings:
    """The topics as 0.1 left them."""
    put(settings, *of_0_1.journal(), of_0_1.event(), *of_0_1.rows())
    return settings


@pytest.mark.broker
def test_the_commands_for_auditors_and_operators_say_so(topics: Settings, run: Run, tmp_path: Path) -> None:
    (tmp_path / "policies.toml").write_text(POLICIES)
    for arguments, status in (
        (["audit"], 2),
        (["audit", "--json"], 2),
        (["audit", "--snapshot", str(of_0_1.snapshot(tmp_path / "0.snapshot"))], 2),
        (["explain", of_0_1.CLOCK], 2),
        (["explain", of_0_1.CLOCK, "--evidence", "pack"], 2),
        (["what-if", "--policies", "policies.toml"], 2),
        (["rebuild", "--partition", "0"], 2),
        (["rebuild", "--partition", "0", "--dry-run"], 2),
        (["clocks"], 1),
        (["clocks", "--json"], 1),
    ):
        says_so(run(*arguments), status)


@pytest.mark.broker
def test_a_worker_says_so(topics: Settings, tmp_path: Path) -> None:
    flags = ("--broker", topics.broker, "--topic-prefix", topics.topic_prefix, "--group", f"{topics.topic_prefix}group")
    ended = dueclock("worker", *flags, folder=tmp_path)
    assert ended.status == 1, ended
    last = ended.err.strip().splitlines()[-1]
    assert last.startswith("dueclock: Partition 0 cannot be kept: Row ")
    assert last.endswith(WORDS)
    assert "Traceback" not in ended.out + ended.err


@pytest.mark.broker
def test_a_worker_without_rows_sends_to_the_rebuild_which_says_so(settings: Settings, run: Run, tmp_path: Path) -> None:
    put(settings, *of_0_1.journal(), of_0_1.event())
    flags = ("--broker", settings.broker, "--topic-prefix", settings.topic_prefix)
    ended = dueclock("worker", *flags, "--group", f"{settings.topic_prefix}group", folder=tmp_path)
    assert (ended.status, "run `dueclock rebuild --partition 0`" in ended.err) == (1, True), ended
    says_so(run("rebuild", "--partition", "0"), 2)


def test_the_commands_that_take_files_say_so(tmp_path: Path) -> None:
    journal, events = of_0_1.journal_file(tmp_path / "j.jsonl"), of_0_1.events_file(tmp_path / "e.jsonl")
    (tmp_path / "policies.toml").write_text(POLICIES)
    for arguments in (
        ("audit", "--journal", journal, "--events", events),
        ("explain", of_0_1.CLOCK, "--journal", journal),
        ("what-if", "--policies", "policies.toml", "--journal", journal),
    ):
        says_so(dueclock(*arguments, folder=tmp_path), 2)
