"""`dueclock` with faults: the tests' own entry point, which runs the production command with some functions wrapped.

`python -m tests.chaos.faulty ARGUMENTS` heeds four variables:
- `DUECLOCK_TEST_KILL=POINT:K` ends this process with SIGKILL when it passes the point for the K-th time;
- `DUECLOCK_TEST_CLOCK=SECONDS` puts the wall clock off by so much; `jump:SECONDS` moves it back and forth every second;
- `DUECLOCK_TEST_POISON=EVENT_ID` makes the core raise on the notification of that id, behind the timers;
- `DUECLOCK_TEST_PROXY=PORT:OTHER` connects to the other port wherever the first one is meant.
The packages themselves know nothing of this.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

_REAL_TIME = time.time
_STARTED_S = time.monotonic()


def shift_clock(how: str) -> None:
    """Put `time.time` off, before anything of ours has taken it."""
    kind, _, text = how.rpartition(":")
    offset_s = float(text)

    def shifted() -> float:
        turn = int(time.monotonic() - _STARTED_S) % 3 - 1 if kind == "jump" else 1
        return _REAL_TIME() + turn * offset_s

    time.time = shifted


class KillPoint:
    """Ends this process at the K-th passing of one point."""

    def __init__(self, told: str) -> None:
        self.point, _, times = told.partition(":")
        self._left = int(times)

    def pass_by(self, point: str) -> None:
        """This point is being passed."""
        if point == self.point:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def wrap(self, owner: Any, name: str, *, before: str = "", after: str = "") -> None:
        """Pass points before or after each call of a coroutine function."""
        original: Callable[..., Any] = getattr(owner, name)

        async def wrapped(*args: Any, **options: Any) -> Any:
            self.pass_by(before)
            answer = await original(*args, **options)
            self.pass_by(after)
            return answer

        setattr(owner, name, wrapped)


STEPS = ("slice taken", "rows taken", "begun", "sending", "sent", "committed", "slice done")
"""The order of effects of a slice."""
RECOVERY = ("fenced", "journal read", "rows read", "before seek", "sought")
ON_DISK = (*STEPS, "store behind", "store written", "fenced", "store opened", "before seek", "sought")
"""The same where rows rest on disk: they are written behind the commit."""
POINTS = (*STEPS, *RECOVERY, *ON_DISK)


def kill_at(told: str) -> None:
    """Wrap the steps of a transaction and of recovery."""
    from aiokafka import AIOKafkaProducer

    from agents.kafka.log_reader import LogReader
    from agents.kafka.transactions import Transactions
    from agents.worker import opening
    from agents.worker.faust_private import SliceConsumer
    from agents.worker.keeper import Keeper
    from agents.worker.rows_on_disk import RowsOnDisk
    from streams.state import State

    point = KillPoint(told)
    point.wrap(Keeper, "keep", before="slice taken", after="slice done")
    point.wrap(AIOKafkaProducer, "begin_transaction", after="begun")
    point.wrap(AIOKafkaProducer, "send_batch", after="sending")
    point.wrap(AIOKafkaProducer, "commit_transaction", before="sent", after="committed")
    point.wrap(Transactions, "start", after="fenced")
    point.wrap(LogReader, "journal_ends", after="journal read")
    point.wrap(LogReader, "rows", after="rows read")
    point.wrap(SliceConsumer, "seek_all", before="before seek", after="sought")
    point.wrap(RowsOnDisk, "committed", before="store behind", after="store written")
    point.wrap(opening, "open_store", after="store opened")
    changes = State.changes

    def taken(state: State) -> Any:
        yield from changes(state)
        point.pass_by("rows taken")

    setattr(State, "changes", taken)  # noqa: B010 - a method is replaced: this is what the module is for


def poison(event_id: str) -> None:
    """Make the core raise on one notification when it says what came of it: behind the timers, half way through a line.

    It raises in the place of what cannot be compiled, a struct: what is compiled calls its own, whatever their names.
    """
    from streams import events

    original = vars(events)["SlaEvent"]  # fails where an event is said by another name: nothing would be injected
    cause = f'"cause":"{event_id}"'.encode()

    def said(topic: str, kind: str, value: bytes, *more: Any) -> Any:
        if cause in value:
            raise RuntimeError(f"the tests make the core fail on {event_id}")
        return original(topic, kind, value, *more)

    setattr(events, "SlaEvent", said)  # noqa: B010 - as above


def connect_through(told: str) -> None:
    """Go through a proxy of the tests, whatever address the broker gives of itself."""
    meant, _, other = told.partition(":")
    original = asyncio.BaseEventLoop.create_connection

    async def create_connection(loop: Any, protocol: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        port = int(other) if port == int(meant) else port
        return await original(loop, protocol, host, port, **options)

    setattr(asyncio.BaseEventLoop, "create_connection", create_connection)  # noqa: B010 - as above


def main() -> None:
    """Wrap what the variables ask for, then be `dueclock`."""
    if how := os.environ.get("DUECLOCK_TEST_CLOCK"):
        shift_clock(how)
    from agents.cli import main as cli

    if told := os.environ.get("DUECLOCK_TEST_PROXY"):
        connect_through(told)
    if told := os.environ.get("DUECLOCK_TEST_KILL"):
        kill_at(told)
    if event_id := os.environ.get("DUECLOCK_TEST_POISON"):
        poison(event_id)
    cli.main(sys.argv[1:])


if __name__ == "__main__":
    main()
