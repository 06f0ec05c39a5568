"""The life of `dueclock deliver`: every delivery of the settings at work, until a signal.

One that cannot go on for a reason of its own (a topic that cannot be read, a right that is missing) ends the command
with its sentence; a target that is away is no such reason.
"""

import asyncio
import logging
import random
import signal
from collections.abc import Collection, Sequence

from agents.delivering.courier import Courier
from agents.delivering.delivery_metrics import DeliveryMetrics, shown
from agents.delivering.receivers import receiver_of
from agents.delivering.weekly import WeeklyCourier
from agents.errors import UserError
from agents.kafka.clients import run_with_broker
from agents.kafka.topics import partitions_of
from agents.settings import Settings
from agents.subscriptions import Delivery, Mail
from agents.topic_roles import OUTPUTS

log = logging.getLogger("dueclock.deliver")


def chosen_deliveries(settings: Settings, names: Sequence[str]) -> list[Delivery]:
    """The deliveries with these names; all where none is named. UserError where there is none."""
    if not settings.deliveries:
        raise UserError(
            "The settings name no delivery: add a table [[deliveries]] with `name` and `to` to the settings file.", 2
        )
    known = {one.name: one for one in settings.deliveries}
    for name in names:
        if name not in known:
            raise UserError(f"There is no delivery {name!r} in the settings; there are {', '.join(known)}.", 2)
    return [known[name] for name in names or known]


def deliver(settings: Settings, names: Sequence[str], skipped: Collection[str]) -> int:
    """Deliver until SIGTERM or Ctrl-C. The exit status."""
    deliveries = chosen_deliveries(settings, names)
    receivers = [receiver_of(one) for one in deliveries]
    metrics = DeliveryMetrics(deliveries)

    async def run() -> None:
        for topic in OUTPUTS:
            await partitions_of(settings, topic)  # says in a sentence what is missing
        couriers: list[Courier | WeeklyCourier] = [
            WeeklyCourier(settings, one, metrics, random.random)
            if isinstance(one, Mail) and one.report
            else Courier(settings, one, receiver, metrics, skipped)
            for one, receiver in zip(deliveries, receivers, strict=True)
        ]
        metrics.is_ready = lambda: all(courier.has_joined for courier in couriers)
        log.info("delivering: %s", ", ".join(f"{one.name} by {one.kind}" for one in deliveries))
        await _until_stopped(couriers)

    with shown(settings, metrics):
        run_with_broker(settings, run)
    return 0


async def _until_stopped(couriers: Sequence[Courier | WeeklyCourier]) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    tasks = [asyncio.create_task(courier.run()) for courier in couriers]
    waiting = asyncio.create_task(stopped.wait())
    await asyncio.wait([*tasks, waiting], return_when=asyncio.FIRST_COMPLETED)
    log.info("delivering: stopping")
    waiting.cancel()
    failed = [task for task in tasks if task.done()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in failed:
        task.result()
