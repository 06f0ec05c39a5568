"""A webhook on localhost that keeps what Alertmanager tells it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Webhook:
    """What was told, in the order in which it came: path and notification."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.told: list[tuple[str, dict[str, Any]]] = []

    def alerts(self) -> list[str]:
        """The names of the alerts told, one for each notification and alert that fires."""
        return [
            alert["labels"]["alertname"]
            for _, notification in self.told
            for alert in notification["alerts"]
            if alert["status"] == "firing"
        ]


@contextmanager
def webhook() -> Iterator[Webhook]:
    """Listen on a port that the system chooses."""

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = self.rfile.read(int(self.headers["Content-Length"]))
            kept.told.append((self.path, json.loads(said)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    kept = Webhook(server.server_port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
