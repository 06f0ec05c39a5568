"""A TCP proxy of the tests between one worker and its broker: it can cut every connection, and slow each piece down."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Self

PIECE = 65_536


class Proxy:
    """Forwards to the broker's port; `cut` and `mend` the line, `delay_s` slows each piece in both directions."""

    def __init__(self, bootstrap: str) -> None:
        host, _, port = bootstrap.rpartition(":")
        self._broker = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._is_cut = False
        self.delay_s = 0.0

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.cut()

    @property
    def variables(self) -> dict[str, str]:
        """What `tests.chaos.faulty` has to be told, to go through here."""
        return {"DUECLOCK_TEST_PROXY": f"{self._broker[1]}:{self._listener.getsockname()[1]}"}

    def cut(self) -> None:
        """End all connections and refuse new ones."""
        with self._lock:
            self._is_cut = True
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
            self._open.clear()

    def mend(self) -> None:
        """Let connections through again."""
        with self._lock:
            self._is_cut = False

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self._broker, timeout=5)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            with self._lock:
                if self._is_cut:
                    near.close()
                    far.close()
                    continue
                self._open.update((near, far))
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(PIECE):
                if self.delay_s:
                    time.sleep(self.delay_s)  # the fault itself, not a wait for something
                target.sendall(piece)
        with self._lock:
            for one in (source, target):
                self._open.discard(one)
                one.close()
