"""The secured embedded Kafka, once for all tests of this folder: TLS, a SCRAM user for each role, rights."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from agents.kafka.embedded import secured_folder, settings_of, start_secured
from agents.kafka.topics import create_topics
from agents.settings import Settings
from deploy import embedded
from deploy.embedded_secured import Secrets
from tests.secured.search import in_files, in_processes, modes_are_right, secrets_of

Result = TypeVar("Result")
PARTITIONS = 2


class Secured:
    """The broker, and how each user connects to it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.secrets: Path = Secrets(secured_folder(settings)).path
        self.broker = settings_of(settings, "worker").broker

    def of(self, user: str, **changes: object) -> Settings:
        """Settings of a user."""
        return settings_of(self.settings, user).changed(**changes)


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """The broker with its topics."""
    folder = tmp_path_factory.mktemp("secured")
    settings = Settings(state_dir=str(folder), partitions=PARTITIONS, snapshots="topic")
    start_secured(settings, detached=False)
    try:
        found = Secured(settings)
        create_topics(found.of("administrator"))
        yield found
        if os.environ.get("DUECLOCK_TEST_SECURED") == "all":  # with the whole suite there is too much to look through
            _nothing_is_left(found, tmp_path_factory.getbasetemp())
    finally:
        embedded.stop(secured_folder(settings))


def _nothing_is_left(secured: Secured, folder: Path) -> None:
    """No secret of the broker in what all tests have left, nor in a process that is still there."""
    secrets = secrets_of(secured.secrets)
    assert [*in_files(folder, secrets, but=[secured.secrets]), *in_processes(secrets)] == []
    modes_are_right(secured.secrets)


def run(work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """A coroutine in a plain test."""
    return asyncio.run(work())
