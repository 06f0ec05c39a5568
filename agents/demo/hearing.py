"""Somebody who hears of what is due, in the demonstration: a receiver of webhooks here, and `dueclock deliver` to it.

It is a guest: without it the play goes on. What it is told stands in `heard.jsonl`, one webhook a line.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from agents.settings import PREFIX, Settings

_STOPS_WITHIN_S = 1.5
_TOLD = ("clock.breached", "clock.lapsed", "clock.reminder_due", "policy.violation")
_NAMES = ("broker", "topic_prefix", "group", "log_level")
_LOGIN = ("security_protocol", "ssl_ca_location", "sasl_mechanism", "sasl_username", "sasl_password_file")


class Heard:
    """What the receiver was told: how many events, of how many sorts, and the file of them."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.ids: set[str] = set()
        self._lock = threading.Lock()
        self._is_over = False

    def take(self, identity: str, body: bytes) -> bool:
        """Keep one; the same twice is one. False once the sentence was said: nothing is taken any more."""
        with self._lock:
            if not self._is_over and identity not in self.ids:
                self.ids.add(identity)
                with self.file.open("ab") as out:
                    out.write(body.rstrip(b"\n") + b"\n")
            return not self._is_over

    def sentence(self) -> str:
        """For the end of the play; it stays true."""
        with self._lock:
            self._is_over = True
        return f"Told by webhook to a receiver here: {len(self.ids):,} events, in {self.file}"


@contextmanager
def hearing(own: Settings, folder: Path) -> Iterator[Heard]:
    """A receiver, and what delivers to it, for as long as it lasts; both end with us."""
    heard = Heard(folder / "heard.jsonl")
    heard.file.write_bytes(b"")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(heard))
    threading.Thread(target=server.serve_forever, name="hearing", daemon=True).start()
    deliverer = _deliverer(own, folder, f"http://127.0.0.1:{server.server_port}/")
    try:
        yield heard
    finally:
        if deliverer.stdin is not None:
            deliverer.stdin.close()
        try:
            deliverer.wait(_STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            deliverer.kill()
            deliverer.wait()
        server.shutdown()
        server.server_close()


def _handler(heard: Heard) -> type[BaseHTTPRequestHandler]:
    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            is_taken = heard.take(self.headers["webhook-id"], body)
            self.send_response(204 if is_taken else 503)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    return Receiver


def _deliverer(own: Settings, folder: Path, url: str) -> "subprocess.Popen[bytes]":
    """`dueclock deliver` on a leash: it is told by its standard input when we have gone."""
    chosen = {name: getattr(own, name) for name in (*_NAMES, *_LOGIN)}
    table = {"name": "here", "to": "webhook", "url": url, "types": list(_TOLD), "start": "earliest"}
    lines = [f"{name} = {json.dumps(value)}\n" for name, value in chosen.items()]
    lines += ["\n[[deliveries]]\n", *(f"{name} = {json.dumps(value)}\n" for name, value in table.items())]
    file = (folder / "deliver.toml").resolve()
    file.write_text("".join(lines), encoding="utf-8")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    with (folder / "deliver.log").open("wb") as log:
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                "agents.demo.leash",
                sys.executable,
                "-m",
                "agents",
                "--settings",
                str(file),
                "deliver",
            ],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
