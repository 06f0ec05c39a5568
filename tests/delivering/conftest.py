"""An installation, and somebody who hears of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.embedded import EmbeddedKafka
from tests.delivering.deliverer import Installation
from tests.delivering.receiver import Receiver, receiver


@pytest.fixture
def installation(kafka: EmbeddedKafka, kafka_prefix: str, tmp_path: Path) -> Iterator[Installation]:
    """Topics of its own on the shared broker; its processes end with the test."""
    made = Installation(kafka.bootstrap, kafka_prefix, tmp_path)
    yield made
    made.close()


@pytest.fixture
def hook() -> Iterator[Receiver]:
    """A receiver of webhooks."""
    with receiver() as made:
        yield made
