"""`dueclock` that is killed where it is told: the command as it is, with the steps of a source watched from outside.

`DUECLOCK_TEST_KILL=STEP:K python -m tests.sources.killed ARGUMENTS` ends with SIGKILL, of its own hand, when it passes
that step for the K-th time. The packages themselves know nothing of this.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from tests.chaos.faulty import KillPoint

TAKEN, FETCHED, MAPPED, SENDING, IN_FLIGHT = "taken", "fetched", "mapped", "sending", "in flight"
ACKNOWLEDGED, NOTED, BOOKED, PLACED = "acknowledged", "noted", "booked", "placed"
STEPS = (TAKEN, FETCHED, MAPPED, SENDING, IN_FLIGHT, ACKNOWLEDGED, NOTED, BOOKED, PLACED)
"""The order of effects of a reading; `placed`: the source itself has let go of it (its cursor, or its message)."""


def wrap(owner: Any, name: str, point: KillPoint, *, before: str = "", after: str = "") -> None:
    """Pass steps before or after each call of a plain function. A name that is gone fails: nothing would be watched."""
    original: Callable[..., Any] = getattr(owner, name)

    def wrapped(*args: Any, **options: Any) -> Any:
        point.pass_by(before)
        answer = original(*args, **options)
        point.pass_by(after)
        return answer

    setattr(owner, name, wrapped)


def kill_at(told: str) -> None:
    """Watch the steps of every source."""
    from aiokafka import AIOKafkaProducer
    from aiokafka.conn import AIOKafkaConnection

    from agents.sources import gateway, imap, passing_on, reports
    from agents.sources.mailbox_source import MailboxSource
    from agents.sources.return_book import ReturnBook
    from agents.sources.sp_api import SpApi
    from agents.sources.sqs import Queue

    point = KillPoint(told)
    wrap(imap, "mail_of", point, after=FETCHED)
    wrap(reports, "bytes_of", point, after=FETCHED)
    point.wrap(Queue, "take", after=TAKEN)
    point.wrap(SpApi, "_document", after=FETCHED)
    point.wrap(gateway, "_body", after=FETCHED)
    wrap(passing_on.PassingOn, "sort_out", point, after=MAPPED)
    wrap(gateway.Gateway, "_judged", point, after=MAPPED)
    point.wrap(AIOKafkaProducer, "send", after=SENDING)
    _watch_the_line(point, AIOKafkaConnection)
    _watch_the_acknowledgement(point, passing_on)
    point.wrap(gateway.Gateway, "_sent", after=ACKNOWLEDGED)
    wrap(ReturnBook, "note", point, after=BOOKED)
    wrap(ReturnBook, "park", point, after=BOOKED)
    wrap(MailboxSource, "_keep", point, after=PLACED)
    point.wrap(Queue, "remove", after=PLACED)


def _watch_the_line(point: KillPoint, connection: Any) -> None:
    """A request to write has left this process, and no answer has been read."""
    original = connection.send

    def send(self: Any, request: Any, *args: Any, **options: Any) -> Any:
        answer = original(self, request, *args, **options)
        if type(request).__name__.startswith("ProduceRequest"):
            point.pass_by(IN_FLIGHT)
        return answer

    connection.send = send


def _watch_the_acknowledgement(point: KillPoint, passing_on: Any) -> None:
    original = passing_on.send_all

    def send_all(settings: Any, notifications: Any, on_sent: Callable[[Any], None]) -> None:
        def noted(part: Any) -> None:
            point.pass_by(ACKNOWLEDGED)
            on_sent(part)
            point.pass_by(NOTED)

        original(settings, notifications, noted)

    passing_on.send_all = send_all


def main() -> None:
    """Watch, then be `dueclock`."""
    from agents.cli import main as cli

    kill_at(os.environ["DUECLOCK_TEST_KILL"])
    cli.main(sys.argv[1:])


if __name__ == "__main__":
    main()
