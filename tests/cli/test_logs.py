"""Logs of a worker: readable by people, or one JSON object a line; what others repeat is cut short."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from agents.logs import set_up_logging


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    """The logging of the tests themselves comes back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_each_line_is_a_json_object_where_that_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("info", "json")
    log = logging.getLogger("dueclock.test")
    log.info('partition %d says "%s"', 3, "no\nnewline")
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("it failed")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert (first["level"], first["logger"], first["message"]) == (
        "info",
        "dueclock.test",
        'partition 3 says "no\nnewline"',
    )
    assert first["at"].endswith("Z")
    assert second["traceback"].endswith("ValueError: broken")


def test_a_line_for_people_begins_with_the_time_in_utc(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("info")
    logging.getLogger("dueclock.test").warning("held back")
    (line,) = capsys.readouterr().err.splitlines()
    assert line[10] == "T"
    assert line[23] == "Z"
    assert line.endswith("WARNING dueclock.test: held back")


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_what_others_repeat_is_said_once(capsys: pytest.CaptureFixture[str], log_format: str) -> None:
    set_up_logging("info", log_format)
    for offset in range(1_000):
        logging.getLogger("aiokafka.consumer").error("no broker at offset %d", offset)
    logging.getLogger("aiokafka.consumer").info("not from WARNING on")
    assert len(capsys.readouterr().err.splitlines()) == 1
