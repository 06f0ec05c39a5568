"""Workers of the secured Kafka as processes, and what is sent to them and read of them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from agents.demo.process import free_port
from agents.kafka.clients import new_consumer, new_producer
from agents.settings import Settings
from schemas.registry import Logical
from tests.broker.harness import MARKETPLACE, question
from tests.cli.command import environment
from tests.kafka_fixtures import eventually_now

READY_WITHIN_S = 100
ASKED_EVERY_S = 0.3


def write_settings(settings: Settings, file: Path) -> Path:
    """A settings file of what is not the default, for us alone."""
    default = msgspec.structs.asdict(Settings())
    chosen = {name: value for name, value in msgspec.structs.asdict(settings).items() if value != default[name]}
    file.touch(0o600)
    file.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in chosen.items()))
    return file


class Worker:
    """One `dueclock worker`."""

    def __init__(
        self, name: str, settings_file: Path, folder: Path, variables: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.port = free_port()
        self._heard: dict[str, tuple[float, str]] = {}
        self.log_file = folder / f"{name}.log"
        arguments = ["--settings", str(settings_file), "worker", "--metrics-port", str(self.port), "--client-id", name]
        with self.log_file.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "agents", *arguments],
                cwd=folder,
                env=environment(**(variables or {})),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def _get(self, path: str) -> str:
        """What it answers; not asked anew within a moment, since whoever waits asks all the time."""
        assert self.process.poll() is None, f"{self.name} has ended:\n{self.log()}"
        at_s, text = self._heard.get(path, (0.0, ""))
        if time.monotonic() - at_s < ASKED_EVERY_S:
            return text
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                text = answer.read().decode()
        except (urllib.error.URLError, OSError):
            text = ""
        self._heard[path] = time.monotonic(), text
        return text

    @property
    def is_ready(self) -> bool:
        """Whether it keeps its partitions and journal time follows."""
        return bool(self._get("/readyz"))

    def figure(self, name: str) -> float:
        """The sum of a metric over its labels."""
        lines = [line for line in self._get("/metrics").splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def wait_until_ready(self, *, within_s: float = READY_WITHIN_S) -> None:
        eventually_now(lambda: self.is_ready, lambda: f"{self.name} to be ready\n{self.log()}", within_s=within_s)

    def end(self) -> None:
        """SIGTERM; it ends well."""
        self.process.terminate()
        assert self.process.wait(30) == 0, self.log()

    def close(self) -> None:
        """Whatever happened, it is gone."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)


@contextmanager
def working(
    name: str, settings_file: Path, folder: Path, variables: Mapping[str, str] | None = None
) -> Iterator[Worker]:
    """A worker once it is ready; it ends well behind the `with`."""
    worker = Worker(name, settings_file, folder, variables)
    try:
        worker.wait_until_ready()
        yield worker
        worker.end()
    finally:
        worker.close()


async def send(settings: Settings, topic: Logical, value: bytes, key: bytes) -> str:
    """As a producer of notifications sends; where it stands now, as TOPIC/PARTITION/OFFSET."""
    producer = new_producer(settings)
    try:
        await producer.start()
        written = await producer.send_and_wait(settings.topic(topic), value, key=key)
        return f"{written.topic}/{written.partition}/{written.offset}"
    finally:
        await producer.stop()


def ask(settings: Settings, seller: str, name: str) -> None:
    """A buyer of this seller asks; a clock is opened for it."""
    asyncio.run(send(settings, "buyer-message", question(seller, name).value(name), f"{seller}/{MARKETPLACE}".encode()))


async def read(
    settings: Settings, topics: Sequence[Logical], *, group: str, wanted: Sequence[bytes], within_s: float = 40
) -> dict[bytes, bytes]:
    """As a subscriber reads: in a group, until there was a record for each of what is wanted; at least one."""
    consumer = new_consumer(settings, group_id=group, auto_offset_reset="earliest", isolation_level="read_committed")
    consumer.subscribe([settings.topic(topic) for topic in topics])
    found: dict[bytes, bytes] = {}
    try:
        await consumer.start()
        async with asyncio.timeout(within_s):
            async for record in consumer:
                found |= {one: bytes(record.value) for one in wanted if one in (record.value or b"")}
                if len(found) == len(wanted):
                    return found
    except TimeoutError:
        raise AssertionError(f"not read within {within_s} s: {set(wanted) - set(found)}") from None
    finally:
        await consumer.stop()
    raise AssertionError("a consumer ends only when it is stopped")
