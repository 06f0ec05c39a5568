"""The yardstick: CPU in passes, one pass being `orjson.dumps(orjson.loads(line))` of the same line in the same run.

A machine's speed swings by two within a minute, so a bare figure in µs says little. A stretch of the lines goes through
orjson before, among and after what is measured, in this process, whose CPU alone is counted.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import orjson

STRETCH: Final = 1_000
"""Lines at a time: about two milliseconds."""


class Yardstick:
    """What a pass costs just now, averaged over the stretches taken so far."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        self._lines = lines
        self._next = 0
        self._cpu_s = 0.0
        self._passed = 0

    def take_stretch(self) -> None:
        """The next lines through orjson; after the last the first again."""
        stretch = self._lines[self._next : self._next + STRETCH]
        cpu_s = time.process_time()
        for line in stretch:
            orjson.dumps(orjson.loads(line))
        self._cpu_s += time.process_time() - cpu_s
        self._passed += len(stretch)
        self._next = self._next + STRETCH if self._next + STRETCH < len(self._lines) else 0

    def take_all(self) -> None:
        """All lines, once more or less."""
        for _ in range(-(-len(self._lines) // STRETCH)):
            self.take_stretch()

    @property
    def pass_us(self) -> float:
        """CPU of one pass, µs. ValueError before the first stretch."""
        if not self._passed:
            raise ValueError("no stretch was taken: there is nothing to measure by")
        return self._cpu_s / self._passed * 1e6

    def passes(self, cpu_us: float) -> float:
        """So much CPU for each line, in passes."""
        return cpu_us / self.pass_us
