"""Where a worker or a source shows itself: `/metrics`, `/clocks`, `/healthz` and `/readyz`, by a thread of its own.

`/healthz` answers as long as the process runs; `/readyz` as `Metrics.is_ready` says, and never while the worker's loop
stands or its watch does not look (agents/metrics/freshness.py). Who may see the rest: agents/metrics/door.py. What
comes from outside is never written to the log: it could fill it, and a log that nobody reads stops who writes to it.
"""

import asyncio
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http import HTTPStatus
from typing import Protocol

from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from agents.errors import UserError
from agents.metrics.connections import ALLOWED, HEADERS, QUEUED, Connections, Visit, plain
from agents.metrics.door import Door, Tls
from agents.settings import Settings

_CLOSED_WITHIN_S = 5.0


class Fresh(Protocol):
    """What knows whether somebody still looks."""

    def complaint(self) -> str | None:
        """Why what is shown is not to be believed; None where it is."""


class Shown(Protocol):
    """What a process has to show: that of a worker (`agents/metrics/counters.py`), or that of a source."""

    registry: CollectorRegistry
    is_ready: Callable[[], bool]
    clocks_page: Callable[[str], tuple[int, bytes]] | None

    @property
    def freshness(self) -> Fresh:
        """Of a worker's loop and watch."""


class MetricsServer:
    """The endpoint, in a thread of its own."""

    def __init__(self, metrics: Shown, settings: Settings) -> None:
        self._metrics = metrics
        self._tls = Tls(settings)
        self._listening = _listen(settings.metrics_host, settings.metrics_port)
        address, self.port, *_ = self._listening.getsockname()
        try:
            self.door = Door(settings, address)
        except UserError:
            self._listening.close()
            raise
        # Clocks are looked up one question at a time, beside the loop that answers the probes.
        self._looking_up = ThreadPoolExecutor(1, thread_name_prefix="clocks")
        self._loop = asyncio.new_event_loop()
        self._serving = self._loop.create_task(self._serve())
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Free the port."""
        with suppress(RuntimeError):  # its loop is closed already
            self._loop.call_soon_threadsafe(self._serving.cancel)
        self._thread.join(_CLOSED_WITHIN_S)
        self._looking_up.shutdown(wait=False, cancel_futures=True)
        self._listening.close()

    def _run(self) -> None:
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._serving)
        self._loop.close()

    async def _serve(self) -> None:
        await Connections(self._listening, web.Server(self._answer), lambda: self._tls.context).accept()

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        if isinstance(request.protocol, Visit):
            request.protocol.asked()
        if request.method not in ALLOWED:
            return plain(HTTPStatus.METHOD_NOT_ALLOWED, Allow=", ".join(ALLOWED))
        authorization = request.headers.get(hdrs.AUTHORIZATION, "")
        if request.path == "/healthz":
            return plain(HTTPStatus.OK, "ok")
        if request.path == "/readyz":
            return self._readiness()
        if request.path == "/metrics":
            may = self.door.may_see_metrics(authorization)
            return self._scrape(request) if may else plain(HTTPStatus.UNAUTHORIZED, WWW_Authenticate="Bearer")
        if request.path == "/clocks" and self._metrics.clocks_page is not None and self.door.has_clocks:
            if not self.door.may_see_clocks(authorization):
                return plain(HTTPStatus.UNAUTHORIZED, WWW_Authenticate="Bearer")
            page = self._metrics.clocks_page
            status, body = await self._loop.run_in_executor(self._looking_up, page, request.query_string)
            return _with_body(body, "application/json", status)
        return plain(HTTPStatus.NOT_FOUND)

    def _readiness(self) -> web.Response:
        complaint = self._metrics.freshness.complaint()
        if complaint is None and self._metrics.is_ready():
            return plain(HTTPStatus.OK, "ok")
        return plain(HTTPStatus.SERVICE_UNAVAILABLE, complaint or "")

    def _scrape(self, request: web.BaseRequest) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get(hdrs.ACCEPT, ""))
        answer = _with_body(encode(self._metrics.registry), content_type, HTTPStatus.OK)
        answer.enable_compression()
        return answer


def _with_body(body: bytes, content_type: str, status: int) -> web.Response:
    headers = {**HEADERS, hdrs.CONTENT_TYPE: content_type, hdrs.CACHE_CONTROL: "no-store"}
    answer = web.Response(status=status, body=body, headers=headers)
    answer.force_close()
    return answer


def _listen(host: str, port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what waits to time out is no other server
        listening.bind((host, port))
        listening.listen(QUEUED)
    except (OSError, OverflowError) as error:
        listening.close()
        raise UserError(
            f"Cannot serve metrics on {host}:{port} ({error}); choose a free port with --metrics-port."
        ) from None
    listening.setblocking(False)
    return listening
