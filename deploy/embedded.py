"""A real Apache Kafka of our own: one KRaft node on 127.0.0.1, no Java, Docker or Kafka installed beforehand.

`start`, `stop` and `status` keep a broker in a folder for people; `EmbeddedKafka` is one for a test or a demo, that
ends with the process that made it, even when that is killed with -9. One broker a folder (embedded_folder.py). A
failure is an EmbeddedKafkaError: one sentence that says what to do. Ctrl-C in a terminal never reaches the JVM: it has
a session of its own and is stopped in order. Data survive a stop, and kill -9 too.

Measured (2 cores, Kafka 4.3.1, JRE 25): jars fetched once in 8 to 12 s; a new folder's broker answers after 3 to 4 s,
an old one's after 2.2 to 2.6 s, after kill -9 after 4.1 s; a stop takes 0.3 s.
"""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.embedded_folder import LOOK_S, BrokerFolder, wait_until_free
from deploy.embedded_java import EmbeddedKafkaError
from deploy.embedded_jvm import Jvm, send
from deploy.embedded_start import KafkaStatus, Wish, plain_sentences, start_broker, status_of
from deploy.private import private_files

__all__ = ["EmbeddedKafka", "EmbeddedKafkaError", "KafkaStatus", "start", "status", "stop"]

Report = Callable[[str], None]

# The brokers that end with this process.
_bound: dict[Path, Jvm] = {}


def start(
    folder: Path,
    *,
    port: int | None = None,
    report: Report | None = None,
    detached: bool = True,
    settings: Mapping[str, str] | None = None,
    users: Sequence[str] = (),
    options: Sequence[str] = (),
) -> KafkaStatus:
    """Start the broker of this folder and wait until it answers; when it runs already, say where.

    Without a port, that of the last start if it is free, else any free one. A broker that is not detached ends with
    this process. `settings` are more broker settings, `options` more of the JVM's. With `users`, a new folder's broker
    is secured, and these can log in (embedded_secured.py). Raises EmbeddedKafkaError.
    """
    wish = Wish(port, report, settings or {}, is_bound=not detached, users=users, options=options)
    return _start(BrokerFolder(folder), wish)


def stop(folder: Path, *, timeout_s: float = 20) -> bool:
    """Stop the broker of this folder, in order; after `timeout_s` by force. False when none ran."""
    home = BrokerFolder(folder)
    with plain_sentences(home):
        was_running = _stop(home, timeout_s)
    if jvm := _bound.pop(home.path, None):
        jvm.end()
    _, ports = home.read_record()
    if was_running and ports is not None:
        wait_until_free(ports)
    return was_running


def status(folder: Path) -> KafkaStatus:
    """Whether the broker of this folder runs and answers, and where."""
    home = BrokerFolder(folder)
    with plain_sentences(home):
        return status_of(home)


class EmbeddedKafka:
    """A broker for as long as a `with` lasts, in a temporary folder unless one is given.

    It keeps its address over kill and restart. It ends with this process, and its temporary folder goes too, even when
    the process is killed with -9. `settings`, `users` and `options` are those of `start`.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        settings: Mapping[str, str] | None = None,
        report: Report | None = None,
        users: Sequence[str] = (),
        options: Sequence[str] = (),
    ) -> None:
        self._is_temporary = folder is None
        self.folder = Path(tempfile.mkdtemp(prefix="dueclock-kafka-")) if folder is None else folder
        self._home = BrokerFolder(self.folder)
        self._wish = Wish(
            None,
            report,
            settings or {},
            is_bound=True,
            is_temporary=self._is_temporary,
            users=users,
            options=options,
        )
        self._status: KafkaStatus | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def bootstrap(self) -> str:
        """HOST:PORT for clients."""
        bootstrap = self._last_status().bootstrap
        assert bootstrap is not None, "a broker that was started has an address"
        return bootstrap

    @property
    def pid(self) -> int:
        """The process id of the JVM."""
        pid = self._last_status().pid
        assert pid is not None, "a broker that was started has a process id"
        return pid

    @property
    def log_file(self) -> Path:
        """Kafka's own log."""
        return self._home.log_file

    def start(self) -> None:
        """Start the broker, again at the address it had, and wait until it answers."""
        self._status = _start(self._home, self._wish)

    def stop(self) -> None:
        """Stop the broker in order; its data stay for `start`."""
        stop(self.folder)

    def restart(self) -> None:
        """Stop the broker in order if it runs, and start it."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """End the broker with SIGKILL; its data stay for `start`."""
        send(self.pid, signal.SIGKILL)
        self.stop()

    def pause(self) -> None:
        """Freeze the broker (SIGSTOP) until `resume`."""
        send(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen broker go on (SIGCONT)."""
        send(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """Stop the broker if this process started it, and remove its temporary folder."""
        if self._home.path in _bound:
            self.stop()
        if self._is_temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _last_status(self) -> KafkaStatus:
        if self._status is None:
            raise EmbeddedKafkaError("This Kafka was not started yet: use it in a `with` statement, or call start().")
        return self._status


def _start(home: BrokerFolder, wish: Wish) -> KafkaStatus:
    with private_files():
        found, jvm = start_broker(home, wish)
    if jvm is not None and wish.is_bound:
        if ended := _bound.pop(home.path, None):
            ended.end()
        _bound[home.path] = jvm
    return found


def _stop(home: BrokerFolder, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    asked = None
    while home.is_locked():
        pid, _ = home.read_record()
        is_late = time.monotonic() > deadline
        if pid is None and is_late:
            raise EmbeddedKafkaError(
                f"Another process is starting Kafka in {home.path}: wait for it, then stop Kafka again."
            )
        if pid is not None and pid != asked:
            asked = pid
            send(pid, signal.SIGTERM, signal.SIGCONT)  # a process that is stopped cannot heed SIGTERM
        if pid is not None and is_late:
            send(pid, signal.SIGKILL)
        time.sleep(LOOK_S)
    return asked is not None
