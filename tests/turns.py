"""Turns on a loop: for how long nobody else had one, by the processor's time, which others do not lengthen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """`longest_s`: the most CPU of this thread, in seconds, between two turns of somebody who always wants one."""

    def __init__(self) -> None:
        self.longest_s = 0.0

    async def watch(self) -> None:
        """Until cancelled."""
        before_s = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now_s = time.thread_time()
            self.longest_s, before_s = max(self.longest_s, now_s - before_s), now_s


@asynccontextmanager
async def turns() -> AsyncIterator[Turns]:
    """Watch the loop for as long as what stands in it takes; the last stretch of it too."""
    watched = Turns()
    watching = asyncio.create_task(watched.watch())
    await asyncio.sleep(0)
    try:
        yield watched
        await asyncio.sleep(0)
    finally:
        watching.cancel()
