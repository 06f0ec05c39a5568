"""The secured embedded Kafka, once for all tests of this folder: TLS, a SCRAM user for each role, rights."""

from __future__ import annotations

import asyncio
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
    settings = Settings(state_dir=str(tmp_path_factory.mktemp("secured")), partitions=PARTITIONS)
    start_secured(settings, detached=False)
    try:
        found = Secured(settings)
        create_topics(found.of("administrator"))
        yield found
        secrets = secrets_of(found.secrets)
        leaks = [*in_files(tmp_path_factory.getbasetemp(), secrets, but=[found.secrets]), *in_processes(secrets)]
        assert leaks == [], "secrets that the tests have left where none may be"
        modes_are_right(found.secrets)
    finally:
        embedded.stop(secured_folder(settings))


def run(work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """A coroutine in a plain test."""
    return asyncio.run(work())
