"""One JVM under its supervisor (embedded_supervisor.py), from our side of the pipe."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from deploy import embedded_supervisor
from deploy.embedded_folder import HOST, BrokerFolder
from deploy.embedded_java import environment, java_does_not_run

# An ApiVersions request, version 0: length, key 18, version 0, correlation 1, no client id. A serving broker answers.
_API_VERSIONS_REQUEST = bytes.fromhex("0000000a 0012 0000 00000001 ffff")


class Jvm:
    """A JVM that ends when this process does, unless it is set free."""

    def __init__(self, supervisor: subprocess.Popen[bytes], pid: int) -> None:
        self._supervisor = supervisor
        self.pid = pid

    @classmethod
    def begin(
        cls, folder: BrokerFolder, command: Sequence[str], lock: int, *, is_bound: bool, is_temporary: bool = False
    ) -> Self:
        """Run a command in the folder; it holds the folder's lock from now on, too."""
        own_command = [sys.executable, "-I", "-S", embedded_supervisor.__file__, "bound" if is_bound else "free"]
        with folder.output_file.open("wb") as output:
            supervisor = subprocess.Popen(
                [*own_command, str(lock), str(folder.path) if is_temporary else "", *command],
                cwd=folder.path,
                env=environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                pass_fds=[lock],
                start_new_session=True,
            )
        try:
            assert supervisor.stdout is not None, "a pipe was asked for"
            pid_line = supervisor.stdout.readline()
            if not pid_line:
                raise java_does_not_run(folder.output_file.read_text("utf-8", "replace").strip().rpartition("\n")[2])
        except BaseException:
            _close(supervisor, embedded_supervisor.END)
            raise
        return cls(supervisor, int(pid_line))

    @property
    def has_ended(self) -> bool:
        """Whether the JVM is gone."""
        return self._supervisor.poll() is not None

    def set_free(self) -> None:
        """Let the JVM outlive this process."""
        _close(self._supervisor, embedded_supervisor.FREE)

    def end(self) -> None:
        """End the JVM in order, by force if it does not heed; at once when it has ended already."""
        _close(self._supervisor, embedded_supervisor.END)

    def kill(self) -> None:
        """End the JVM with SIGKILL."""
        send(self.pid, signal.SIGKILL)
        self.end()


def send(pid: int, *signals: signal.Signals) -> None:
    """Send signals to a process that may be gone."""
    for one in signals:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, one)


def answers(port: int, *, ca_file: Path | None = None) -> bool:
    """Whether a broker serves clients there; over TLS where there is a CA to believe."""
    try:
        with contextlib.ExitStack() as stack:
            connection = stack.enter_context(socket.create_connection((HOST, port), timeout=1.0))
            if ca_file is not None:
                context = ssl.create_default_context(cafile=str(ca_file))
                connection = stack.enter_context(context.wrap_socket(connection, server_hostname=HOST))
            connection.sendall(_API_VERSIONS_REQUEST)
            return len(connection.recv(4)) > 0
    except OSError:
        return False


def _close(supervisor: subprocess.Popen[bytes], last_word: bytes) -> None:
    assert supervisor.stdin is not None, "a pipe was asked for"
    assert supervisor.stdout is not None, "a pipe was asked for"
    with contextlib.suppress(BrokenPipeError, ValueError):  # it went by itself, or was told already
        supervisor.stdin.write(last_word)
        supervisor.stdin.flush()
    with contextlib.suppress(BrokenPipeError):
        supervisor.stdin.close()
    supervisor.stdout.close()
    supervisor.wait()
