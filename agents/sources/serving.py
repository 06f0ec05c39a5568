"""The gateway's life: policies and clients are read, Kafka is there, the port is bound; it serves until a signal."""

import asyncio
import contextlib
import logging
import signal

from aiohttp import web

from agents.errors import UserError
from agents.kafka.clients import run_with_broker, writer
from agents.metrics.door import Door
from agents.settings import Settings
from agents.sources.clients import read_clients
from agents.sources.gateway import Gateway
from agents.sources.passing_on import state_of
from agents.sources.return_book import ReturnBook
from agents.sources.source_metrics import GatewayMetrics, shown

log = logging.getLogger("dueclock.gateway")

_REQUEST_TIMEOUT_MS = 10_000


def serve(settings: Settings, host: str, port: int, clients_path: str) -> int:
    """Serve until SIGTERM or Ctrl-C; what is on its way is finished first. The exit status."""
    clients, state = read_clients(clients_path), state_of(settings)
    assert state.book is not None  # state_of has seen to that
    book = ReturnBook(settings, kept_ms=state.book.policies.retention.unsettled_ms)

    metrics = GatewayMetrics()

    async def run() -> None:
        async with writer(settings, acks="all", request_timeout_ms=_REQUEST_TIMEOUT_MS) as producer:
            await _serve(Gateway(settings, clients, state, book, producer, metrics), metrics, settings, host, port)

    with shown(settings, metrics):
        run_with_broker(settings, run)
    return 0


async def _serve(gateway: Gateway, metrics: GatewayMetrics, settings: Settings, host: str, port: int) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    runner = web.AppRunner(gateway.application(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise UserError(f"Cannot listen on {host}:{port} ({error.strerror}); choose another with --listen.") from None
    address = runner.addresses[0]
    gateway.door = Door(settings, address[0])
    metrics.is_listening = True
    log.info("gateway: listening on http://%s:%d", address[0], address[1])
    retrying = asyncio.create_task(gateway.retry_parked())
    await gateway.end_parked()
    await stopped.wait()
    log.info("gateway: stopping")
    retrying.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await retrying
    await runner.cleanup()
