"""Partitions side by side: each in a process of its own, as many at a time as there are cores; answers in their order.

A partition shares nothing with another, so what comes out is what one process would have found after the other. Where
little is to be read one process does all: the others would take longer to start. Ctrl-C and a failure end them all; if
one is killed, that is said. What is asked is a coroutine function of a module, since another process has to find it.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, TypeVar, cast

from agents.errors import UserError
from agents.memory import look_for_cycles_rarely

LEAST_RECORDS = 20_000
"""Records, all partitions together, from which on it pays to start processes."""

Result = TypeVar("Result")
Tell = Callable[[int, int], None]
"""Told now and then: which partition (or file) has come how far."""
Task = Callable[..., Awaitable[Result]]
"""Called with its own arguments, and with a `Tell` at their end."""


def cores() -> int:
    """How many processes can work at a time."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


async def side_by_side(
    task: Task[Result], arguments: Sequence[tuple[Any, ...]], tell: Tell, *, processes: int
) -> list[Result]:
    """The task with each of these arguments, in so many processes at a time; one: all in this one, in turn.

    The answers stand in the order of the arguments. What a task raises is raised here: that of the first in order that
    failed, and the others are ended.
    """
    if processes <= 1 or len(arguments) <= 1:
        return [await task(*one, tell) for one in arguments]
    free = asyncio.Semaphore(processes)

    async def in_its_turn(one: tuple[Any, ...]) -> Result:
        async with free:
            return await _in_a_process(task, one, tell)

    running = [asyncio.ensure_future(in_its_turn(one)) for one in arguments]
    try:
        return [await one for one in running]
    finally:
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _in_a_process(task: Task[Result], arguments: tuple[Any, ...], tell: Tell) -> Result:
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_carry_out, args=(theirs, task, arguments), daemon=True)
    child.start()
    theirs.close()
    listening = asyncio.get_running_loop().run_in_executor(None, _listen, ours, tell)
    try:
        kind, answer = await asyncio.shield(listening)
    except EOFError:
        await asyncio.to_thread(child.join)
        raise UserError(
            f"A process that read a partition ended before it was done (status {child.exitcode}): was it killed, or is "
            "memory short? Run the command again."
        ) from None
    finally:
        child.kill()  # what it had to say was said
        await asyncio.gather(listening, return_exceptions=True)
        child.join()
        ours.close()
    if kind == "failed":
        raise answer
    return cast(Result, answer)


def _listen(ours: Connection, tell: Tell) -> tuple[str, Any]:
    """In a thread: pass on how far it is, until it has done or failed. EOFError where it is gone before."""
    while True:
        kind, answer = ours.recv()
        if kind != "told":
            return kind, answer
        tell(*answer)


def _carry_out(theirs: Connection, task: Task[Any], arguments: tuple[Any, ...]) -> None:
    """In the child. Ctrl-C reaches it too, and is the parent's to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    look_for_cycles_rarely()

    def tell(place: int, done: int) -> None:
        theirs.send(("told", (place, done)))

    async def told() -> Any:
        return await task(*arguments, tell)

    try:
        answer = ("done", asyncio.run(told()))
    except Exception as error:  # noqa: BLE001 - it is raised again where somebody waits for it
        answer = ("failed", error)
    theirs.send(answer)
