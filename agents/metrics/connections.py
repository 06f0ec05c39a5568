"""Who comes to the endpoint's port: few at a time, none for long. HTTP itself is aiohttp's.

aiohttp bounds neither connections nor the time in which a request has to come, so this is done before it: a connection
is accepted only where there is room, and has one request, `ASKS_WITHIN_S` to say it and `GOES_WITHIN_S` to read its
answer. Where there is no room, who came first and has asked nothing yet goes: an idle crowd does not keep out those who
ask. All others wait in the kernel's queue, which is bounded too.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMethod

log = logging.getLogger("dueclock.endpoint")

MOST: Final = 16
"""Connections at once: two Prometheus, probes and people need fewer; a worker has 64 descriptors at the very least."""
QUEUED: Final = 4096
"""In the kernel, which keeps to its own bound: a request that finds the queue full is lost for a second or more."""
ASKS_WITHIN_S: Final = 5.0
GOES_WITHIN_S: Final = 60.0
_NO_DESCRIPTOR_S: Final = 0.5
_AT_A_TIME: Final = MOST // 4
"""So few that nobody who speaks at once is sent away before that is heard."""
ALLOWED: Final = ("GET", "HEAD")
HEADERS: Final = {"Server": "dueclock", "X-Content-Type-Options": "nosniff"}
"""Of every answer. aiohttp would name itself with its version."""


def plain(status: HTTPStatus, reason: str = "", **headers: str) -> web.Response:
    """An answer in words, after which the connection ends."""
    text = f"{reason or f'{status.value} {status.phrase}'}\n"
    named = {**HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}}
    answer = web.Response(status=status.value, text=text, headers=named)
    answer.force_close()
    return answer


class Visit(web.RequestHandler):
    """One connection, from its acceptance to its end."""

    def __init__(self, manager: web.Server, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            manager,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # as aiohttp's own AppRunner says that there is none
            lingering_time=0,
            tcp_keepalive=False,
        )
        self.has_asked = False
        self.limit: asyncio.Timeout | None = None
        self.gone = asyncio.Event()

    def asked(self) -> None:
        """The request is there: from now on it is ours to hurry."""
        self.has_asked = True
        if self.limit is not None:
            self.limit.reschedule(asyncio.get_running_loop().time() + GOES_WITHIN_S)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Called by the loop."""
        super().connection_lost(exc)
        self.gone.set()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  the base class's signature
    ) -> web.StreamResponse:
        """What is no HTTP: no page of aiohttp's, and nothing in the log, or whoever comes could fill it."""
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("the endpoint could not answer %s", request.path, exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun")
        if isinstance(exc, BadHttpMethod):
            return plain(HTTPStatus.METHOD_NOT_ALLOWED, Allow=", ".join(ALLOWED))
        return plain(HTTPStatus(status))


class Connections:
    """Accepts connections on a listening socket until it is cancelled."""

    def __init__(self, listening: socket.socket, manager: web.Server, tls: Callable[[], ssl.SSLContext | None]) -> None:
        self._listening = listening
        self._manager = manager
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._lobby: dict[socket.socket, asyncio.TimerHandle] = {}
        """Those that have not said a byte, in the order in which they came. They cost a descriptor and nothing else."""
        self._visits: dict[Visit, asyncio.Task[None]] = {}
        """Those that have begun to speak, in that order."""
        self._is_over = False

    async def accept(self) -> None:
        """Accept for ever."""
        self._open()
        try:
            await asyncio.Event().wait()
        finally:
            self._is_over = True
            self._shut()
            for accepted in list(self._lobby):
                self._send_away(accepted)
            for task in self._visits.values():
                task.cancel()
            await asyncio.gather(*self._visits.values(), return_exceptions=True)

    def _open(self) -> None:
        if not self._is_over:
            self._loop.add_reader(self._listening, self._let_in)

    def _shut(self) -> None:
        self._loop.remove_reader(self._listening)

    def _let_in(self) -> None:
        """Somebody is at the door: let in who is there, some at a time, as long as there is room."""
        for _ in range(_AT_A_TIME):
            if not self._has_room():
                return
            try:
                accepted, _ = self._listening.accept()
            except BlockingIOError:
                return
            except OSError:  # no descriptor is left, or the visitor has gone already
                self._shut()
                self._loop.call_later(_NO_DESCRIPTOR_S, self._open)
                return
            accepted.setblocking(False)
            self._lobby[accepted] = self._loop.call_later(ASKS_WITHIN_S, self._send_away, accepted)
            self._loop.add_reader(accepted, self._begin, accepted)

    def _has_room(self) -> bool:
        """Whether one more may come. Who came first and has asked nothing makes room; else the door stays shut."""
        if len(self._lobby) + len(self._visits) < MOST:
            return True
        if self._lobby:
            self._send_away(next(iter(self._lobby)))
            return True
        self._shut()
        idle = [task for visit, task in self._visits.items() if not visit.has_asked and not task.cancelling()]
        for task in idle[:1]:
            task.cancel()
        return False

    def _send_away(self, accepted: socket.socket) -> None:
        self._lobby.pop(accepted).cancel()
        self._loop.remove_reader(accepted)
        accepted.close()

    def _begin(self, accepted: socket.socket) -> None:
        """It says something: from here on aiohttp listens."""
        self._lobby.pop(accepted).cancel()
        self._loop.remove_reader(accepted)
        visit = Visit(self._manager, self._loop)
        task = self._visits[visit] = self._loop.create_task(self._attend(visit, accepted))

        def leave(_task: asyncio.Task[None]) -> None:
            accepted.close()
            del self._visits[visit]
            self._open()

        task.add_done_callback(leave)

    async def _attend(self, visit: Visit, accepted: socket.socket) -> None:
        transport: asyncio.Transport | None = None
        try:
            async with asyncio.timeout(ASKS_WITHIN_S) as visit.limit:
                transport, _ = await self._loop.connect_accepted_socket(lambda: visit, accepted, ssl=self._tls())
                await visit.gone.wait()
        except (TimeoutError, OSError):
            pass
        finally:
            if transport is not None:
                transport.abort()
                await visit.gone.wait()
