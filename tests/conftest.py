"""Fixtures that any test may ask for by name, and what must be there before the first of them runs."""

from __future__ import annotations

import contextlib
import os
import signal

import pytest

from agents.build import build_name
from deploy import jars
from tests.kafka_fixtures import kafka, kafka_prefix, own_kafka

__all__ = ["kafka", "kafka_prefix", "own_kafka"]


def pytest_configure() -> None:
    """Programs that are started here heed Ctrl-C, also where a shell in the background had these tests ignore it."""
    if os.environ.get("DUECLOCK_TEST_COMPILED") == "1" and build_name() != "compiled":
        raise pytest.UsageError("this is not the compiled build; make has the targets that try it, with COMPILED=1")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that need a broker come first: they take long, and `make test` deals out whole files to two processes.

    What is left for the end is short then, and neither waits for the other.
    """
    with_broker = {item.path for item in items if item.get_closest_marker("broker")}
    items.sort(key=lambda item: item.path not in with_broker)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Fetch Kafka's jars before the tests if one needs them: the download must not count against a test's time."""
    needed = any({"kafka", "own_kafka"} & set(getattr(item, "fixturenames", ())) for item in session.items)
    if needed and not session.config.option.collectonly:
        with contextlib.suppress(jars.JarsError):  # the fixture says why
            jars.class_path(print)
