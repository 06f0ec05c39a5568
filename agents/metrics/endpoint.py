"""Where a worker shows itself: `/metrics`, `/clocks`, `/healthz` and `/readyz`, served by a thread of its own.

`/healthz` answers as long as the process runs, `/readyz` as `Metrics.is_ready` says, `/clocks` where there is a page.
"""

import threading
from collections.abc import Callable, Iterable
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

from agents.errors import UserError
from agents.metrics.counters import Metrics


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def server_bind(self) -> None:
        """Bind, and be called by the address: http.server asks the resolver for a name, which may take seconds."""
        TCPServer.server_bind(self)
        host, port = self.server_address[:2]
        self.server_name, self.server_port = str(host), port
        self.setup_environ()


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's signature
        """Scrapes are not news."""


class MetricsServer:
    """The endpoint, in a thread of its own."""

    def __init__(self, metrics: Metrics, host: str, port: int) -> None:
        scrape = make_wsgi_app(metrics.registry)

        def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
            path = environ["PATH_INFO"]
            if path == "/metrics":
                return scrape(environ, start)  # type: ignore[no-any-return]  # prometheus_client says Any
            if path == "/clocks" and metrics.clocks_page is not None:
                query, authorization = environ.get("QUERY_STRING", ""), environ.get("HTTP_AUTHORIZATION", "")
                status, body = metrics.clocks_page(query, authorization)
                start(status, [("Content-Type", "application/json"), ("Cache-Control", "no-store")])
                return [body]
            said = {"/healthz": True, "/readyz": path == "/readyz" and metrics.is_ready()}.get(path)
            status = "404 Not Found" if said is None else "200 OK" if said else "503 Service Unavailable"
            start(status, [("Content-Type", "text/plain; charset=utf-8")])
            return [b"ok\n" if said else status.encode() + b"\n"]

        try:
            self._server = make_server(host, port, answer, server_class=_Server, handler_class=_Silent)
        except (OSError, OverflowError) as error:
            raise UserError(
                f"Cannot serve metrics on {host}:{port} ({error}); choose a free port with --metrics-port."
            ) from None
        self.port: int = self._server.server_port
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()

    def close(self) -> None:
        """Free the port."""
        self._server.shutdown()
        self._server.server_close()
