"""What is seen of the fleet while it runs: how late each breach was, and each second the memory and CPU of everyone.

Lateness is the time at which a `read_committed` consumer has the breach, less the clock's `fire_at`, or less the time
at which the brokers acknowledged the question, where that came later. One machine, one clock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import orjson
import psutil
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from agents.settings import Settings

EVERY_S: Final = 1.0


class Usage(NamedTuple):
    """Of one process, at one second of the run: what it holds, and how much of a core it took since the last."""

    at_s: float
    who: str
    resident_mib: float
    cores: float


class Watch:
    """Two threads, from `start` until `stop`. `processes` says who is there now."""

    def __init__(self, settings: Settings, processes: Callable[[], Mapping[str, psutil.Process]]) -> None:
        self._processes = processes
        self._enough = threading.Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.broker,
                "group.id": "none",
                "log_level": 2,  # a broker that is taken away is no news
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 50,
                "fetch.error.backoff.ms": 20,
                "topic.metadata.refresh.fast.interval.ms": 50,
                "reconnect.backoff.max.ms": 500,
            }
        )
        topic = settings.topic("sla-breach")
        self._consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(settings.partitions)])
        self._threads = [threading.Thread(target=run) for run in (self._read, self._look)]
        self.began_s = time.monotonic()
        self._began_ms = time.time_ns() // 1_000_000
        self.visible: dict[str, int] = {}
        """Thread of a question: when its first breach was visible, ms UTC."""
        self.usage: list[Usage] = []

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End both."""
        self._enough.set()
        for thread in self._threads:
            thread.join()
        self._consumer.close()

    def now_s(self) -> float:
        """Seconds since this was made."""
        return time.monotonic() - self.began_s

    def at_s(self, at_ms: int) -> float:
        """An instant as seconds since this was made."""
        return (at_ms - self._began_ms) / 1000

    def _read(self) -> None:
        while not self._enough.is_set():
            messages = self._consumer.consume(5_000, 0.02)
            at_ms = time.time_ns() // 1_000_000
            for message in messages:
                value = message.value()
                if message.error() is None and value and b'"clock.breached"' in value and b"/T-ASKED" in value:
                    self.visible.setdefault(orjson.loads(value)["clock_id"].split("/")[3], at_ms)

    def _look(self) -> None:
        before: dict[int, tuple[float, float]] = {}
        while not self._enough.wait(EVERY_S):
            for who, process in self._processes().items():
                try:
                    times, resident, created_s = process.cpu_times(), process.memory_info().rss, process.create_time()
                except psutil.NoSuchProcess:
                    continue
                now_s, cpu_s = time.monotonic(), times.user + times.system
                last_s, last_cpu_s = before.get(process.pid, (now_s - (time.time() - created_s), 0.0))
                before[process.pid] = now_s, cpu_s
                if now_s > last_s:
                    cores = (cpu_s - last_cpu_s) / (now_s - last_s)
                    self.usage.append(Usage(self.now_s(), who, resident / 2**20, cores))
