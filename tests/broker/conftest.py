"""Installations for the tests of the live path."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.embedded import EmbeddedKafka
from tests.broker.harness import Live, reply_within

MakeLive = Callable[..., Live]


@pytest.fixture
def make_live(kafka: EmbeddedKafka, kafka_prefix: str, tmp_path: Path) -> Iterator[MakeLive]:
    """Make an installation on the shared broker; its workers end with the test."""
    made: list[Live] = []

    def make(policies: str = reply_within("hours = 24"), **changes: Any) -> Live:
        live = Live(kafka.bootstrap, kafka_prefix, tmp_path, policies, **changes)
        made.append(live)
        return live

    yield make
    for live in made:
        live.close()
