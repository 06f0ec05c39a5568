"""Breathing: who has much to do on the loop gives it up now and then, so that nothing else waits long.

One line may bring a hundred thousand events, a slice two thousand lines; other partitions, ticks, the watch, readiness
and a signal to stop have their turn between two pieces. No loop is to be held for 100 ms.
"""

import asyncio
from collections.abc import Iterable
from time import monotonic
from typing import Final

HELD_S: Final = 0.04
"""How long the loop is held at most, but for the piece at work."""


class Breath:
    """Of one task: since when it has held the loop."""

    __slots__ = ("_held_s", "_until_s")

    def __init__(self, held_s: float = HELD_S) -> None:
        self._held_s = held_s
        self._until_s = monotonic() + held_s

    @property
    def is_due(self) -> bool:
        """Whether the loop has been held long enough."""
        return monotonic() > self._until_s

    async def take(self, rest_s: float = 0) -> None:
        """Let everything else have its turn, and rest for so long."""
        await asyncio.sleep(rest_s)
        self._until_s = monotonic() + self._held_s


async def in_pieces(pieces: Iterable[None], breath: Breath) -> None:
    """Do all pieces, and let others have their turn between two of them when it is time."""
    for _ in pieces:
        if breath.is_due:
            await breath.take()
