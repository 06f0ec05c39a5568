"""`dueclock kafka`: start, status and stop as a person types them; other commands find it by themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import dueclock, sentence_of


def test_what_does_not_run_is_said(tmp_path: Path) -> None:
    ended = dueclock("kafka", "status", folder=tmp_path)
    assert ended.status == 1
    assert ended.out == "Kafka is not running; `dueclock kafka start` starts it.\n"
    assert dueclock("kafka", "stop", folder=tmp_path).out == "Kafka was not running.\n"
    assert not (tmp_path / ".dueclock").exists(), "asking leaves nothing behind"


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

        port = bootstrap.rpartition(":")[2]
        taken = dueclock("kafka", "start", "--port", port, "--state-dir", "other", folder=tmp_path)
        assert f"Port {port} " in sentence_of(taken)
    finally:
        stopped = dueclock("kafka", "stop", folder=tmp_path)
    assert stopped.out == "Kafka has stopped.\n"
    assert sentence_of(dueclock("topics", "check", folder=tmp_path)).startswith("No Kafka answers at localhost:9092")
