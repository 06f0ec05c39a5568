"""No JVM outlives the process that wanted it, and none dies with a process that wanted it to live."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from deploy import embedded
from tests.kafka.programs import (
    HOLDS_A_BROKER,
    STARTS_A_BROKER,
    descendants,
    interrupt,
    is_gone,
    running,
    said,
    wait_for_java,
)
from tests.kafka_fixtures import eventually_now

pytestmark = pytest.mark.broker


def test_the_jvm_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    with running(HOLDS_A_BROKER, str(tmp_path)) as program:
        jvm = said(program)
        below = [child.pid for child in descendants(program.pid)]
        assert jvm["pid"] in below
        program.kill()
        program.wait()
        eventually_now(lambda: all(map(is_gone, below)), "the end of the JVM and its supervisor", within_s=10)
    assert (tmp_path / "data" / ".kafka_cleanshutdown").exists(), "it was not stopped in order"


def test_the_temporary_folder_goes_when_its_owner_is_killed() -> None:
    with running(HOLDS_A_BROKER, "") as program:
        folder = Path(str(said(program)["folder"]))
        assert folder.exists()
        program.kill()
        program.wait()
        eventually_now(lambda: not folder.exists(), f"the removal of {folder}", within_s=10)


def test_a_frozen_jvm_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    with running(HOLDS_A_BROKER, str(tmp_path)) as program:
        pid = int(str(said(program)["pid"]))
        os.kill(pid, signal.SIGSTOP)
        program.kill()
        program.wait()
        eventually_now(lambda: is_gone(pid), "the end of the JVM", within_s=15)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_the_jvm_ends_when_its_supervisor_is_killed(tmp_path: Path) -> None:
    with running(HOLDS_A_BROKER, str(tmp_path)) as program:
        pid = int(str(said(program)["pid"]))
        psutil.Process(pid).parent().kill()  # type: ignore[union-attr]  # the supervisor lives
        eventually_now(lambda: is_gone(pid), "the end of the JVM", within_s=10)


def test_ctrl_c_stops_the_broker_in_order(tmp_path: Path) -> None:
    with running(HOLDS_A_BROKER, str(tmp_path)) as program:
        pid = int(str(said(program)["pid"]))
        interrupt(program)
        assert said(program) == {"interrupted": True}
        assert program.wait(timeout=10) == 0
        eventually_now(lambda: is_gone(pid), "the end of the JVM", within_s=5)
    assert (tmp_path / "data" / ".kafka_cleanshutdown").exists(), "it was not stopped in order"


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_a_start_cut_short_leaves_nothing_behind(tmp_path: Path, end: signal.Signals) -> None:
    with running(STARTS_A_BROKER, str(tmp_path)) as program:
        eventually_now((tmp_path / "data").exists, "the storage")
        below = [child.pid for child in descendants(program.pid)] + [wait_for_java(program).pid]
        program.send_signal(end)
        program.wait(timeout=15)
        eventually_now(lambda: all(map(is_gone, below)), "the end of the JVM and its supervisor", within_s=15)
        assert not embedded.status(tmp_path).is_running
    assert embedded.start(tmp_path, detached=False).is_answering
    assert embedded.stop(tmp_path)


def test_a_detached_broker_outlives_who_started_it_and_another_stops_it(tmp_path: Path) -> None:
    with running(STARTS_A_BROKER, str(tmp_path)) as program:
        started = said(program)
        assert program.wait(timeout=10) == 0
    try:
        found = embedded.status(tmp_path)
        assert found.is_answering
        assert {"pid": found.pid, "bootstrap": found.bootstrap} == started
    finally:
        assert embedded.stop(tmp_path)
