"""Fixtures that any test may ask for by name, and what must be there before the first of them runs."""

from __future__ import annotations

import contextlib

import pytest

from deploy import jars
from tests.kafka_fixtures import kafka, kafka_prefix, own_kafka

__all__ = ["kafka", "kafka_prefix", "own_kafka"]


_AT_THE_MACHINE = (
    "agents",
    "audit",
    "broker",
    "chaos",
    "cli",
    "demo",
    "desk",
    "explain",
    "kafka",
    "observe",
    "repository",
)
"""Folders whose tests start programs, brokers among them."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two processes share the tests: one takes all that wait for programs, one after the other; one those that compute.

    So no two brokers run at a time, and the cores that waiting leaves idle are used.
    """
    for item in items:
        folder = item.nodeid.split("/")[1]
        item.add_marker(pytest.mark.xdist_group("programs" if folder in _AT_THE_MACHINE else item.nodeid))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Fetch Kafka's jars before the tests if one needs them: the download must not count against a test's time."""
    needed = any({"kafka", "own_kafka"} & set(getattr(item, "fixturenames", ())) for item in session.items)
    if needed and not session.config.option.collectonly:
        with contextlib.suppress(jars.JarsError):  # the fixture says why
            jars.class_path(print)
