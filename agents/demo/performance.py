"""One performance: notifications are sent at their instants, SLA events are read as they come, the board is drawn.

What must show is not guessed: the notifications that were sent are replayed, and each kind of event that this brings
some seconds before the end has to have come from the worker too.
"""

import asyncio
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from rich.console import Console
from rich.live import Live

from agents.demo.board import Board
from agents.demo.generator import ToSend, demo_policies, play
from agents.demo.process import BoundCommand
from agents.demo.view import Frame, picture, plain_text
from agents.errors import UserError
from agents.kafka.batches import Fetched
from agents.kafka.clients import no_broker, reader, run_with_broker, writer
from agents.settings import Settings
from agents.topic_roles import DEAD_LETTER, OUTPUTS
from agents.zones import machine_zones
from schemas.codec import canonical_json, format_instant
from schemas.dead_letters import HEADER_FIELD, HEADER_REASON, HEADER_TOPIC, Rejected
from schemas.headers import texts_of
from streams.replay import Replay

WATCHED = (*OUTPUTS, DEAD_LETTER)
_READY_WITHIN_S = 60.0
_TAKEN_WITHIN_S = 10.0
_DRAWN_EVERY_S = 0.25
_NEWS_TRAVELS_MS = 4000


class Performance:
    """Sender, reader and painter of one play, and what they share."""

    def __init__(
        self,
        settings: Settings,
        producer: Settings,
        reader: Settings,
        worker: BoundCommand,
        console: Console,
        *,
        seed: int,
        is_plain: bool,
    ) -> None:
        self.board = Board()
        self._settings = settings
        self._producer = producer
        self._reader = reader
        self._worker = worker
        self._console = console
        self._seed = seed
        self._is_plain = is_plain
        self._logical = {settings.topic(name): name for name in WATCHED}
        self.where = settings.broker
        """Where else to look: the head of the board says it."""
        self._sent: list[ToSend] = []
        self._started_ms = 0

    def run(self, for_ms: int | None) -> list[tuple[str, str]]:
        """Play for so long, or until Ctrl-C. Returns what had to show and did not."""
        return run_with_broker(self._settings, lambda: self._run(for_ms))

    async def _run(self, for_ms: int | None) -> list[tuple[str, str]]:
        over = asyncio.Event()
        for one in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(one, over.set)
        async with writer(self._producer) as producer, reader(self._reader, fetch_max_wait_ms=100) as consumer:
            await self._turn_to_the_end(consumer)
            await _first_of(over.wait(), self._worker_is_ready())
            self._started_ms = _now_ms()
            if for_ms is not None:
                asyncio.get_running_loop().call_later(for_ms / 1000, over.set)
            if not over.is_set():
                await _first_of(
                    over.wait(), self._send(producer), self._watch(consumer), self._draw(), self._guard_worker()
                )
        expected = expected_kinds(self._sent, _now_ms() - _NEWS_TRAVELS_MS)
        return sorted(expected - self.board.shown)

    async def _turn_to_the_end(self, consumer: AIOKafkaConsumer) -> None:
        """What earlier plays left on the topics is not ours to show."""
        partitions = [TopicPartition(topic, p) for topic in self._logical for p in range(self._settings.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_end(*partitions)
        for one in partitions:
            await consumer.position(one)

    async def _worker_is_ready(self) -> None:
        deadline = time.monotonic() + _READY_WITHIN_S
        while not await asyncio.to_thread(self._says_ready):
            self._require_worker()
            if time.monotonic() > deadline:
                raise UserError(f"The worker is not ready after {_READY_WITHIN_S:.0f} s; see {self._worker.log_file}.")
            await asyncio.sleep(0.1)

    def _says_ready(self) -> bool:
        url = f"http://{self._settings.metrics_host}:{self._settings.metrics_port}/readyz"
        try:
            with urllib.request.urlopen(url, timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            return False

    async def _guard_worker(self) -> None:
        while True:
            self._require_worker()
            await asyncio.sleep(0.2)

    def _require_worker(self) -> None:
        if self._worker.exit_status is not None:
            log = self._worker.log_file
            raise UserError(f"The worker ended: {self._worker.last_words()} (its log is {log})")

    async def _send(self, producer: AIOKafkaProducer) -> None:
        for record in play(self._seed, self._started_ms):
            await asyncio.sleep(max(0.0, (record.at_ms - _now_ms()) / 1000))
            try:
                # Not `wait_for`: before Python 3.12 it swallows a cancellation that comes with the answer.
                async with asyncio.timeout(_TAKEN_WITHIN_S):
                    await producer.send_and_wait(self._settings.topic(record.topic), record.value, key=record.key)
            except TimeoutError:
                raise no_broker(self._settings) from None
            self._sent.append(record)

    async def _watch(self, consumer: AIOKafkaConsumer) -> None:
        async for record in consumer:
            self._see(record)

    def _see(self, record: Fetched) -> None:
        topic = self._logical[record.topic]
        if topic == DEAD_LETTER:
            headers = texts_of(record.headers)
            if HEADER_REASON not in headers:
                return  # the mark of a letter that was sent again
            seen = self.board.see_dead_letter(
                headers[HEADER_REASON], headers.get(HEADER_FIELD, ""), headers[HEADER_TOPIC], record.timestamp
            )
        else:
            seen = self.board.see_event(topic, record.value or b"", record.timestamp)
        if self._is_plain:
            self._console.print(plain_text(seen), highlight=False, soft_wrap=True, markup=False)

    def frame(self, width: int, height: int) -> Frame:
        """What the picture needs besides the board, at this moment."""
        return Frame(width, height, _now_ms(), self._started_ms, len(self._sent), self.where)

    async def _draw(self) -> None:
        if self._is_plain:
            await asyncio.Event().wait()
        with Live(console=self._console, screen=True, auto_refresh=False) as live:
            while True:
                size = self._console.size
                live.update(picture(self.board, self.frame(size.width, size.height)), refresh=True)
                await asyncio.sleep(_DRAWN_EVERY_S)


def expected_kinds(sent: Iterable[ToSend], until_ms: int) -> set[tuple[str, str]]:
    """What a replay of these records, each known when it was sent, has brought by then."""
    expected = Board()

    def see_dead_letter(_number: int, _line: bytes, why: Rejected) -> None:
        expected.see_dead_letter(why.reason, "", "", until_ms)

    replay = Replay(demo_policies(), see_dead_letter, machine_zones)
    for record in sent:
        if record.at_ms > until_ms:
            break
        for event in replay.feed(line_of(record)):
            expected.see_event(event.topic, event.value, until_ms)
    for event in replay.close(until_ms):
        expected.see_event(event.topic, event.value, until_ms)
    return expected.shown


def line_of(record: ToSend) -> bytes:
    """A record as a line of a file, known when it was sent; what is no JSON stays as it is."""
    try:
        notification = orjson.loads(record.value)
    except ValueError:
        return record.value
    return canonical_json({**notification, "arrived_at": format_instant(record.at_ms)})


async def _first_of(*works: Coroutine[Any, Any, Any]) -> None:
    """Run all until one ends; end the others, and raise what went wrong."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
