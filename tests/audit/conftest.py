"""Topics on the shared broker for each test of the commands that look back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agents.cli import main as cli
from agents.kafka.topics import create_topics
from agents.settings import Settings
from deploy.embedded import EmbeddedKafka
from tests.audit.history import PARTITIONS
from tests.cli.command import Ended

Run = Callable[..., Ended]


@pytest.fixture
def settings(kafka: EmbeddedKafka, kafka_prefix: str) -> Settings:
    """All topics, under a prefix of the test's own."""
    settings = Settings(broker=kafka.bootstrap, topic_prefix=kafka_prefix, partitions=PARTITIONS)
    create_topics(settings)
    return settings


@pytest.fixture
def run(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command against these topics, in this process; the settings come from the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DUECLOCK_BROKER", settings.broker)
    monkeypatch.setenv("DUECLOCK_TOPIC_PREFIX", settings.topic_prefix)
    monkeypatch.setenv("COLUMNS", "200")

    def ran(*arguments: str | Path) -> Ended:
        capsys.readouterr()
        status = cli.run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Ended(status, out, err)

    return ran
