"""Runs one command and ends it when the process that asked for it is gone: closed, crashed or killed with -9.

A script of its own (`python -I -S embedded_supervisor.py bound|free LOCK_FD FOLDER_TO_REMOVE COMMAND...`), standard
library only, so that it is up in some ten milliseconds. It says the command's process id on its output, then watches
its input, a pipe whose other end only the parent holds, and the parent's process id (a forked child of the parent may
hold the pipe open):

    FREE on the pipe      the supervisor goes and leaves the command running
    END on the pipe       the command gets SIGTERM, and SIGKILL if it has not ended in a few seconds
    the parent is gone    the same, and FOLDER_TO_REMOVE, when not empty, is removed

A bound command also dies with this supervisor (Linux). A session of their own keeps the terminal's Ctrl-C away from
both.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable

_GRACE_S = 8.0
_WATCH_S = 0.2
_PR_SET_PDEATHSIG = 1

FREE = b"f"
END = b"e"
GONE = b"g"


def _death_with_supervisor() -> Callable[[], None] | None:
    """What a bound command does before it begins. Its "parent thread" in prctl(2) is the supervisor's only thread."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ask, wait, then kill. SIGCONT, because a stopped process cannot heed SIGTERM."""
    child.terminate()
    child.send_signal(signal.SIGCONT)
    try:
        child.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _watch(child: subprocess.Popen[bytes], parent: int) -> bytes:
    """What the parent said; GONE when it can say no more; nothing when the command ended by itself."""
    while child.poll() is None:
        readable, _, _ = select.select([0], [], [], _WATCH_S)
        if readable:
            return os.read(0, 1) or GONE
        if os.getppid() != parent:
            return GONE
    return b""


def main() -> int:
    """Run the command; exit status 1 unless it was set free."""
    parent = os.getppid()
    is_bound, lock_fd, folder_to_remove, command = sys.argv[1] == "bound", int(sys.argv[2]), sys.argv[3], sys.argv[4:]
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=2,
        pass_fds=[lock_fd],
        preexec_fn=_death_with_supervisor() if is_bound else None,  # noqa: PLW1509 - safe: one thread, prctl is loaded
    )
    signal.signal(signal.SIGTERM, lambda _number, _frame: child.terminate())
    os.close(lock_fd)  # the lock is the command's alone
    with contextlib.suppress(OSError):  # without a parent to hear it, the watch ends the command
        os.write(1, b"%d\n" % child.pid)
    word = _watch(child, parent)
    if word == FREE:
        os._exit(0)  # without Python's words about a command still running
    if word:
        _end(child)
    if word == GONE and folder_to_remove:
        shutil.rmtree(folder_to_remove, ignore_errors=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
