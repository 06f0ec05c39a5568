"""`dueclock kafka`: start, status and stop as a person types them; other commands find it by themselves."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cli.command import dueclock, sentence_of


def test_what_does_not_run_is_said(tmp_path: Path) -> None:
    ended = dueclock("kafka", "status", folder=tmp_path)
    assert ended.status == 1
    assert ended.out == "Kafka is not running; `dueclock kafka start` starts it.\n"
    assert dueclock("kafka", "stop", folder=tmp_path).out == "Kafka was not running.\n"
    assert not (tmp_path / ".dueclock").exists(), "asking leaves nothing behind"


@pytest.mark.parametrize("command", ["kafka start", "kafka stop", "kafka status", "demo --for 1s"])
@pytest.mark.parametrize("linked", [".dueclock", ".dueclock/kafka"])
def test_a_state_folder_that_leads_elsewhere_is_refused(command: str, linked: str, tmp_path: Path) -> None:
    elsewhere, here = tmp_path / "elsewhere", tmp_path / "here"
    elsewhere.mkdir()
    (here / linked).parent.mkdir(parents=True)
    (here / linked).symlink_to(elsewhere)
    ended = dueclock(*command.split(), folder=here)
    assert ended.status == 1
    assert f"{linked} is a symbolic link" in sentence_of(ended)
    assert list(elsewhere.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_state_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".dueclock").mkdir()
    os.chown(tmp_path / ".dueclock", 65534, 65534)
    assert ".dueclock belongs to another user (65534)" in sentence_of(dueclock("kafka", "start", folder=tmp_path))


@pytest.mark.broker
@pytest.mark.timeout(180)
def test_it_starts_is_found_by_other_commands_and_stops(tmp_path: Path) -> None:
    try:
        started = dueclock("kafka", "start", "--json", folder=tmp_path)
        assert started.status == 0, started.err
        bootstrap = json.loads(started.out)["bootstrap"]
        assert bootstrap in dueclock("kafka", "status", folder=tmp_path).out
        assert dueclock("topics", "create", "--partitions", "1", folder=tmp_path).out.startswith("Created ")
        assert dueclock("topics", "check", folder=tmp_path).status == 0

        found = [tmp_path / ".dueclock", *(tmp_path / ".dueclock").rglob("*")]
        open_to_others = [str(path) for path in found if path.stat().st_mode & 0o077]
        assert open_to_others == [], "dead letters lie there as they came"

        port = bootstrap.rpartition(":")[2]
        taken = dueclock("kafka", "start", "--port", port, "--state-dir", "other", folder=tmp_path)
        assert f"Port {port} " in sentence_of(taken)
    finally:
        stopped = dueclock("kafka", "stop", folder=tmp_path)
    assert stopped.out == "Kafka has stopped.\n"
    assert sentence_of(dueclock("topics", "check", folder=tmp_path)).startswith("No Kafka answers at localhost:9092")
