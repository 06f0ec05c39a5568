"""`dueclock worker --processes N`: as many workers as are asked for, each a process, as one: one endpoint, one end.

Each is a member of the group with names of its own (`-1`, `-2` after client_id and group_instance_id), so Kafka shares
the partitions among them and a static member comes back as itself. They end together: SIGTERM and SIGINT are passed on
to all; if one ends by itself or is killed, the others are stopped in order and the status is not 0, so that whoever
started us starts all again. They watch our standard input: if we are killed, they end.

The endpoint is the parent's: it asks the processes, on ports that this machine alone can reach, when it is asked. Each
series has the label `process`; ready is who has all of them ready; the clocks are those of all, in their order.
"""

import logging
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.parse import parse_qsl
from urllib.request import Request, urlopen

import msgspec
import orjson
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from agents.errors import UserError
from agents.logs import set_up_logging
from agents.metrics.door import read_token
from agents.metrics.endpoint import MetricsServer
from agents.settings import Settings
from agents.worker.clocks_page import as_builtins
from streams.due_list import Asked, DueClock, in_order

log = logging.getLogger("dueclock.worker")

ENDS_WITHIN_S: Final = 60.0
ANSWERS_WITHIN_S: Final = 4.0
LOOPBACK: Final = "127.0.0.1"

Answer = tuple[int, bytes]


class Child:
    """One worker as a process, and what it shows on its own port (0: nothing)."""

    def __init__(self, number: int, settings: Settings, arguments: Sequence[str]) -> None:
        self.number = number
        self.port = _free_port() if settings.metrics_port else 0
        names = ["--client-id", f"{settings.client_id}-{number}"]
        if settings.group_instance_id:
            names += ["--group-instance-id", f"{settings.group_instance_id}-{number}"]
        # Of a flag that is given twice the last counts.
        own = ["--processes", "1", "--stop-with-stdin", "--metrics-host", LOOPBACK, "--metrics-port", str(self.port)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "agents", *arguments, *names, *own], stdin=subprocess.PIPE, start_new_session=True
        )
        self._scheme = "https" if settings.http_tls_cert else "http"
        self._settings = settings

    def stop(self) -> None:
        """SIGTERM, if it still runs."""
        self._process.terminate()

    def kill(self) -> None:
        """SIGKILL, if it still runs."""
        self._process.kill()

    def wait(self) -> int:
        """Its exit status, when it has ended; that of a signal is negative."""
        return self._process.wait()

    def ask(self, path: str) -> Answer:
        """Status and body of its page; 503 where it does not answer."""
        request = Request(f"{self._scheme}://{LOOPBACK}:{self.port}{path}")  # noqa: S310 - our own child, on this machine
        if token := self._token():
            request.add_header("Authorization", f"Bearer {token}")
        # Its certificate is for the names under which we are asked from outside.
        context = ssl._create_unverified_context() if self._scheme == "https" else None  # noqa: S323, SLF001 - as said
        try:
            with urlopen(request, timeout=ANSWERS_WITHIN_S, context=context) as answer:  # noqa: S310 - as above
                return answer.status, answer.read()
        except HTTPError as refused:
            return refused.code, refused.read()
        except (URLError, OSError):
            return 503, b""

    def _token(self) -> str:
        if self._settings.http_token_file:
            with suppress(UserError):
                return read_token(self._settings.http_token_file)
        return self._settings.clocks_token


class Together(Collector):
    """What the processes show, as one: what the endpoint of a worker asks of its metrics."""

    def __init__(self, children: Sequence[Child]) -> None:
        self._children = children
        self._asking = ThreadPoolExecutor(len(children), thread_name_prefix="processes")
        self.registry = CollectorRegistry()
        self.registry.register(self)
        self.is_ready: Callable[[], bool] = lambda: all(status == 200 for status, _ in self._ask_all("/readyz"))
        self.clocks_page: Callable[[str], Answer] | None = self._page

    @property
    def freshness(self) -> "Together":
        """It is asked when we are asked: nothing grows old."""
        return self

    def complaint(self) -> str | None:
        """Why the first that is not ready is not; None where it does not say."""
        for child, (status, body) in zip(self._children, self._ask_all("/readyz"), strict=True):
            if status != 200 and body:
                return f"process {child.number}: {body.decode(errors='replace').strip()}"
        return None

    def describe(self) -> list[Metric]:
        """Nothing is asked of anybody before there is a scrape."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Each metric once, with the series of all processes that answer."""
        found: dict[str, Metric] = {}
        for child, (status, body) in zip(self._children, self._ask_all("/metrics"), strict=True):
            if status == 200:
                for one in text_string_to_metric_families(body.decode()):
                    whole = found.setdefault(one.name, Metric(one.name, one.documentation, one.type))
                    for sample in one.samples:
                        labels = {**sample.labels, "process": str(child.number)}
                        whole.samples.append(sample._replace(labels=labels))
        yield from found.values()

    def _page(self, query: str) -> Answer:
        answers = self._ask_all(f"/clocks?{query}")
        for status, body in answers:
            if status != 200:
                return status, body
        asked = msgspec.convert(dict(parse_qsl(query)), Asked, strict=False)
        clocks = [msgspec.convert(one, DueClock) for _, body in answers for one in orjson.loads(body)["clocks"]]
        return 200, orjson.dumps({"clocks": [as_builtins(one) for one in in_order(clocks, asked)]}) + b"\n"

    def _ask_all(self, path: str) -> list[Answer]:
        return list(self._asking.map(lambda child: child.ask(path), self._children))


def run_workers(settings: Settings, processes: int, arguments: Sequence[str]) -> int:
    """Run so many until they are stopped; 0 then. UserError where one ended by itself.

    `arguments` are those of the command line: each process is started with the same, and with names of its own.
    """
    set_up_logging(settings.log_level, settings.log_format)
    ended: SimpleQueue[tuple[Child | None, int]] = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.put((None, 0)))
    children = [Child(number, settings, arguments) for number in range(1, processes + 1)]
    server = None
    try:
        if settings.metrics_port:
            server = MetricsServer(Together(children), settings)
        log.info("worker %s starts %d processes", settings.group, processes)
        for child in children:
            threading.Thread(target=lambda one=child: ended.put((one, one.wait())), daemon=True).start()
        first, status = ended.get()
    finally:
        _stop(children)
        if server is not None:
            server.close()
    if first is not None:
        raise UserError(
            f"Worker process {first.number} of {processes} {_end(status)}: its last words stand above. The others were "
            "stopped; mend what it says and start the worker again.",
            status if status > 0 else 1,
        )
    log.info("worker %s ended, with its %d processes", settings.group, processes)
    return 0


def _stop(children: Sequence[Child]) -> None:
    """Stop all in order, and wait for them; who does not end is killed."""
    for child in children:
        child.stop()
    late = threading.Timer(ENDS_WITHIN_S, _kill, [children])
    late.start()
    for child in children:
        child.wait()
    late.cancel()


def _kill(children: Sequence[Child]) -> None:
    for child in children:
        child.kill()


def _end(status: int) -> str:
    return f"was killed by signal {-status}" if status < 0 else f"ended by itself with status {status}"


def _free_port() -> int:
    with socket.socket() as one:
        one.bind((LOOPBACK, 0))
        return int(one.getsockname()[1])
