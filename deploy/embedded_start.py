"""The start of an embedded broker, step by step: lock, ports, storage, JVM, wait until it answers."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded_fencing import fence_dead_broker
from deploy.embedded_folder import HOST, LOOK_S, BrokerFolder, Ports, free_port, is_free, wait_until_free
from deploy.embedded_java import (
    BROKER_OPTIONS,
    SETTINGS_FILE,
    EmbeddedKafkaError,
    PortTakenError,
    format_storage,
    java_command,
    why_it_ended,
)
from deploy.embedded_jvm import Jvm, answers
from deploy.private import ForeignFolderError

_START_TIMEOUT_S = 120.0
_MIN_FREE_BYTES = 200_000_000
_PORT_TRIES = 3


@dataclass(frozen=True)
class KafkaStatus:
    """What is known of the broker in a folder. `is_answering` is false while it starts, stops or hangs."""

    is_running: bool
    is_answering: bool
    pid: int | None
    bootstrap: str | None
    folder: Path
    log_file: Path


@dataclass(frozen=True)
class Wish:
    """How a broker is to be started. A bound one ends with this process."""

    port: int | None
    report: Callable[[str], None] | None
    settings: Mapping[str, str]
    is_bound: bool
    is_temporary: bool = False
    users: Sequence[str] = ()
    """With users it is secured (embedded_secured.py)."""
    options: Sequence[str] = ()
    """More options of the JVM: what Kafka takes from nowhere else."""


def start_broker(home: BrokerFolder, wish: Wish) -> tuple[KafkaStatus, Jvm | None]:
    """The broker of this folder once it answers, and its JVM; no JVM when the broker ran already."""
    if sys.platform == "win32":
        raise EmbeddedKafkaError(
            "The embedded Kafka runs on Linux and macOS: on Windows use WSL, or a Kafka of your own with --broker."
        )
    with plain_sentences(home):
        home.create()
        if wish.users:
            home.secure(wish.users)
        for tries_left in reversed(range(_PORT_TRIES)):
            lock = _lock_or_running(home)
            if isinstance(lock, KafkaStatus):
                return lock, None
            try:
                return _start_locked(home, wish, lock)
            except PortTakenError:
                if wish.port is not None or not tries_left:
                    raise
    raise AssertionError("the last try returns or raises")


def status_of(home: BrokerFolder) -> KafkaStatus:
    """What is known of the folder's broker now."""
    is_running = home.is_locked()
    pid, ports = home.read_record() if is_running else (None, None)
    return KafkaStatus(
        is_running=is_running,
        is_answering=pid is not None and ports is not None and _answers(home, ports),
        pid=pid,
        bootstrap=ports.bootstrap if ports else None,
        folder=home.path,
        log_file=home.log_file,
    )


@contextmanager
def plain_sentences(home: BrokerFolder) -> Iterator[None]:
    """What the system refuses, as one sentence."""
    try:
        yield
    except ForeignFolderError as error:
        raise EmbeddedKafkaError(str(error)) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise EmbeddedKafkaError(f"The disk is full: make room in {home.path} and start Kafka again.") from error
        raise EmbeddedKafkaError(
            f"Kafka cannot use its folder {home.path} ({error.strerror or error}): "
            "make it writable for you, or choose another."
        ) from error


def _lock_or_running(home: BrokerFolder) -> int | KafkaStatus:
    """The folder's lock; or, when another has it, its broker once that answers."""
    deadline = time.monotonic() + _START_TIMEOUT_S
    while (lock := home.take_lock()) is None:
        found = status_of(home)
        if found.is_answering:
            return found
        if time.monotonic() > deadline:
            raise EmbeddedKafkaError(
                f"Kafka in {home.path} (process {found.pid or 'unknown'}) runs but does not answer: "
                "stop it with `dueclock kafka stop` and start it again."
            )
        time.sleep(LOOK_S)
    return lock


def _start_locked(home: BrokerFolder, wish: Wish, lock: int) -> tuple[KafkaStatus, Jvm]:
    with _released(lock):  # the JVM has it by then; without one, the folder is free again
        ports = _choose_ports(home, wish.port)
        home.write_record(None, ports)
        _check_room(home.path)
        home.write_settings(SETTINGS_FILE, ports, wish.settings)
        options = [*BROKER_OPTIONS, *wish.options]
        command = java_command(
            home, options, ["kafka.Kafka", SETTINGS_FILE], log_file=home.log_file, report=wish.report
        )
        if not home.is_formatted:
            format_storage(home, ports, wish.report)
        elif not home.was_left_in_order:
            fence_dead_broker(home, ports, lock)
        log_start = home.log_file.stat().st_size if home.log_file.exists() else 0
        jvm = Jvm.begin(home, command, lock, is_bound=wish.is_bound, is_temporary=wish.is_temporary)
    try:
        home.write_record(jvm.pid, ports)
        _wait_until_it_answers(home, jvm, ports, log_start)
        if not wish.is_bound:
            jvm.set_free()
    except BaseException:
        jvm.kill()
        raise
    return KafkaStatus(True, True, jvm.pid, ports.bootstrap, home.path, home.log_file), jvm


def _answers(home: BrokerFolder, ports: Ports) -> bool:
    return answers(ports.broker, ca_file=home.secrets.ca_file if home.is_secured else None)


@contextmanager
def _released(lock: int) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, lock)
        yield


def _choose_ports(home: BrokerFolder, port: int | None) -> Ports:
    """The wished port; else the last ones, if they are free."""
    _, last = home.read_record()
    if last is not None:
        wait_until_free(last)
    if port is not None and not is_free(port):
        raise PortTakenError(f"Port {port} on {HOST} is in use: stop what listens there, or choose another port.")
    broker = port or (last.broker if last and is_free(last.broker) else free_port())
    is_controller_kept = last is not None and last.controller != broker and is_free(last.controller)
    return Ports(broker, last.controller if last and is_controller_kept else free_port({broker}))


def _check_room(folder: Path) -> None:
    if shutil.disk_usage(folder).free < _MIN_FREE_BYTES:
        needed = _MIN_FREE_BYTES // 1_000_000
        raise EmbeddedKafkaError(
            f"The disk is full: Kafka needs {needed} MB in {folder}; make room and start it again."
        )


def _wait_until_it_answers(home: BrokerFolder, jvm: Jvm, ports: Ports, log_start: int) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not _answers(home, ports):
        if jvm.has_ended:
            raise why_it_ended(home, log_start)
        if time.monotonic() > deadline:
            raise EmbeddedKafkaError(
                f"Kafka did not answer within {_START_TIMEOUT_S:.0f} s of its start: "
                f"try again on a less busy machine, or see {home.log_file}."
            )
        time.sleep(LOOK_S)
