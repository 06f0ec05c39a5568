"""Stories and evidence packs on demand: each read by a process of its own (`looking_back`), one at a time.

Who asks for what is being read already waits for the same reading. What nobody has asked after for a while is ended;
what has been read is kept for a minute, so that a page that comes back finds it.
"""

import asyncio
import base64
import sys
import time
from contextlib import suppress
from typing import Any, Final, NamedTuple

import msgspec
import orjson

from agents.settings import Settings
from schemas.answers.story import Story

KEPT_S: Final = 60.0
GIVEN_UP_AFTER_S: Final = 30.0
MOST: Final = 8
"""Readings that wait or run: more are told to come again."""
_LONGEST_LINE: Final = 256 * 1024 * 1024


class BusyError(Exception):
    """Too many are being read."""


class Question(msgspec.Struct, frozen=True):
    """What the board asks."""

    settings: dict[str, Any]
    clock_id: str
    at_ms: int | None = None
    is_evidence: bool = False


class Answer(NamedTuple):
    """What a reading brought. One of them is there: the story, a pack as a zip file, or why there is neither."""

    story: Story | None = None
    pack: bytes | None = None
    error: str = ""
    is_unknown: bool = False


class Reading:
    """One question on its way."""

    def __init__(self) -> None:
        self.lines = 0
        self.asked_s = time.monotonic()
        self.ended_s: float | None = None
        self.answer: asyncio.Task[Answer] | None = None


Key = tuple[str, int | None, bool]
"""Clock, instant, whether the evidence is asked for."""


class Stories:
    """All readings of a board."""

    def __init__(self, settings: Settings) -> None:
        self._settings = msgspec.to_builtins(settings)
        self._readings: dict[tuple[Key, int], Reading] = {}
        self._one_at_a_time = asyncio.Semaphore(1)

    async def ask(self, key: Key, version: int, within_s: float) -> Answer | int:
        """The answer, or how many journal lines have been read where it takes longer. BusyError where all are busy.

        `version` grows with what is known of the clock: an older answer does not do.
        """
        self._tidy()
        reading = self._readings.get((key, version))
        if reading is None:
            if sum(one.ended_s is None for one in self._readings.values()) >= MOST:
                raise BusyError
            reading = self._readings[key, version] = Reading()
            reading.answer = asyncio.create_task(self._read(reading, Question(self._settings, *key)))
        reading.asked_s = time.monotonic()
        assert reading.answer is not None  # made with it
        done, _ = await asyncio.wait([reading.answer], timeout=within_s)
        if done:
            reading.ended_s = time.monotonic()  # what is asked for is kept
        return reading.answer.result() if done else reading.lines

    async def close(self) -> None:
        """End them all."""
        for reading in self._readings.values():
            if reading.answer is not None:
                reading.answer.cancel()
        tasks = [one.answer for one in self._readings.values() if one.answer is not None]
        await asyncio.gather(*tasks, return_exceptions=True)

    def _tidy(self) -> None:
        now_s = time.monotonic()
        for key, one in list(self._readings.items()):
            is_old = one.ended_s is not None and now_s > one.ended_s + KEPT_S
            if is_old or (one.ended_s is None and now_s > one.asked_s + GIVEN_UP_AFTER_S):
                if one.answer is not None:
                    one.answer.cancel()
                del self._readings[key]

    async def _read(self, reading: Reading, asked: Question) -> Answer:
        try:
            async with self._one_at_a_time:
                return await self._ask_process(reading, asked)
        finally:
            reading.ended_s = time.monotonic()

    async def _ask_process(self, reading: Reading, asked: Question) -> Answer:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "agents.board.looking_back"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_LONGEST_LINE,
            start_new_session=True,
        )
        assert process.stdin is not None  # they are pipes
        assert process.stdout is not None
        try:
            process.stdin.write(msgspec.json.encode(asked) + b"\n")
            await process.stdin.drain()
            async for line in process.stdout:
                answered: dict[str, Any] = orjson.loads(line)
                if "lines" not in answered:
                    return _answer_of(answered)
                reading.lines = answered["lines"]
            return Answer(error="The reading of the journal ended without an answer.")
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _answer_of(answered: dict[str, Any]) -> Answer:
    if "story" in answered:
        return Answer(story=msgspec.convert(answered["story"], Story))
    if "pack" in answered:
        return Answer(pack=base64.b64decode(answered["pack"]))
    return Answer(error=answered.get("error", ""), is_unknown="unknown" in answered)
