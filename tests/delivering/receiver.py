"""A receiver of webhooks as somebody would run one: a real aiohttp server, in a thread, that keeps what it is sent."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from aiohttp import web

Answer = Callable[["Got"], "web.Response | Awaitable[web.Response]"]


class Got(NamedTuple):
    """A request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def event(self) -> dict[str, Any]:
        """The event of a webhook in the form `standard`."""
        found: dict[str, Any] = self.json["data"]
        return found


class Receiver:
    """What came, in the order in which it came, whatever was answered; and what was answered with 2xx."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.taken: list[Got] = []
        self.answer: Answer = lambda _: web.Response(status=204)
        self.after: Callable[[Got], None] = lambda _: None
        self.port = 0

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def at(self, path: str) -> list[Got]:
        """What was taken there."""
        return [one for one in self.taken if one.path == path]

    def events(self, path: str = "/hook") -> list[dict[str, Any]]:
        return [one.event for one in self.at(path)]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        got = Got(request.path, {name.lower(): value for name, value in request.headers.items()}, await request.read())
        self.got.append(got)
        answered = self.answer(got)
        response = answered if isinstance(answered, web.Response) else await answered
        if 200 <= response.status < 300:
            self.taken.append(got)
        await response.prepare(request)
        await response.write_eof()
        self.after(got)
        return response


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Listen on a port that the system chooses."""
    made = Receiver()
    loop = asyncio.new_event_loop()

    async def serve() -> web.AppRunner:
        application = web.Application(client_max_size=16 * 1024 * 1024)
        application.router.add_post("/{path:.*}", made.handle)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        made.port = runner.addresses[0][1]
        return runner

    runner = loop.run_until_complete(serve())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
