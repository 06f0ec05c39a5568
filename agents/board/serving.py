"""`dueclock board`: its life. The port is bound, the topics are read, pages are served until a signal."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable

from aiohttp import web

from agents.board.feed import Feed
from agents.board.readers import Readers
from agents.board.server import Server
from agents.board.stories import Stories
from agents.errors import UserError
from agents.kafka.clients import run_with_broker
from agents.metrics.door import Tls, is_loopback
from agents.settings import Settings

log = logging.getLogger("dueclock.board")

_ENDS_WITHIN_S = 1.0


def serve_board(settings: Settings, host: str, port: int, readers_path: str, tell: Callable[[str], None]) -> int:
    """Serve until SIGTERM or Ctrl-C; `tell` is given the address, and progress before. The exit status."""
    readers, tls = Readers(readers_path), Tls(settings)
    listening = _listen(host, port)
    address = listening.getsockname()
    if not is_loopback(address[0]) and not readers.are_named:
        listening.close()
        raise UserError(
            f"On {host} other machines can ask, and nobody is named who may look: give --readers, or --host 127.0.0.1.",
            2,
        )
    scheme = "http" if tls.context is None else "https"
    shown = f"[{address[0]}]" if ":" in address[0] else address[0]
    with contextlib.closing(listening):
        run_with_broker(
            settings, lambda: _serve(settings, readers, listening, tls, f"{scheme}://{shown}:{address[1]}", tell)
        )
    return 0


async def _serve(
    settings: Settings,
    readers: Readers,
    listening: socket.socket,
    tls: Tls,
    address: str,
    tell: Callable[[str], None],
) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    feed, stories = Feed(settings), Stories(settings)
    server = Server(feed, readers, stories, is_secure=tls.context is not None)
    runner = web.AppRunner(server.application(), access_log=None, shutdown_timeout=_ENDS_WITHIN_S)
    await runner.setup()
    await web.SockSite(runner, listening, ssl_context=tls.context).start()
    log.info("board: listening on %s", address)
    tell(f"The board is at {address}")
    feeding = asyncio.create_task(feed.run())
    ending = asyncio.create_task(stopped.wait())
    try:
        await asyncio.wait([feeding, ending], return_when=asyncio.FIRST_COMPLETED)
        if feeding.done():
            feeding.result()
    finally:
        server.is_ending.set()
        for task in (feeding, ending):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await feeding
        await stories.close()
        await runner.cleanup()


def _listen(host: str, port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"Cannot listen on {host}:{port} ({reason}); choose another --port.", 2) from None
    return listening
