"""The probe of the broker's clock: a tiny record every few seconds to a topic of our own that the broker stamps.

The answer to a produce request carries the broker's append time; nothing else that a broker answers tells its time.
The topic (`sla-clock-probe`, one partition, an hour's retention) is made where it is absent. A probe that fails
changes nothing: the monotonic clock goes on, and the next probe follows.
"""

import asyncio
import logging
from time import monotonic, time

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from agents.kafka.clients import new_producer
from agents.kafka.topics import make_probe_topic
from agents.settings import Settings
from agents.topic_roles import PROBE
from agents.worker.journal_time import BrokerClock

EVERY_S = 5.0
EVERY_S_AT_FIRST = 0.2
AT_FIRST = 4

log = logging.getLogger("dueclock.clock")


class ClockProbe:
    """Measures the broker's clock until it is stopped."""

    def __init__(self, clock: BrokerClock, settings: Settings) -> None:
        self._clock = clock
        self._settings = settings
        self._topic = settings.topic(PROBE)
        self._task: asyncio.Task[None] | None = None
        self._producer: AIOKafkaProducer | None = None
        self.wall_offset_s = 0.0
        """The broker's clock less this machine's wall clock: a figure to watch, used for nothing."""

    async def start(self) -> None:
        """Make the topic where it is absent and begin to measure."""
        if self._task is not None:
            return
        await make_probe_topic(self._settings)
        self._producer = new_producer(self._settings, acks=1, request_timeout_ms=10_000)
        await self._producer.start()
        await self._measure(self._producer)
        self._task = asyncio.create_task(self._run(self._producer), name="clock-probe")

    async def stop(self) -> None:
        """End; what was measured stays."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def _run(self, producer: AIOKafkaProducer) -> None:
        measured = 0
        while True:
            await asyncio.sleep(EVERY_S if measured >= AT_FIRST else EVERY_S_AT_FIRST)
            try:
                await self._measure(producer)
                measured += 1
            except KafkaError as error:
                log.debug("the broker's clock could not be measured: %s", error)

    async def _measure(self, producer: AIOKafkaProducer) -> None:
        sent_s = monotonic()
        written = await producer.send_and_wait(self._topic, b"", partition=0)
        answered_s = monotonic()
        self._clock.measured(written.timestamp, sent_s, answered_s)
        self.wall_offset_s = written.timestamp / 1000 - time()
