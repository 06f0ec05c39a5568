"""The clocks of one worker, those of its own partitions. Who may see them: agents/metrics/door.py.

Its rows are copied on its loop between two slices, a few milliseconds for many (where they rest on disk, nothing is
copied: they are seen as they were); they are read in the thread that answers, one question at a time
(agents/metrics/endpoint.py).
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import orjson

from streams.at_rest import Copied
from streams.due_list import Asked, DueClock, due_clocks, in_order

MOST = 10_000
"""Clocks in one answer of a worker."""
_COPIED_WITHIN_S = 5.0

Rows = Copied


class ClocksPage:
    """The page of a worker. `rows` gives a copy of the rows of each partition it keeps; it is called on `loop`."""

    def __init__(self, rows: Callable[[], list[Rows]], loop: asyncio.AbstractEventLoop) -> None:
        self._rows = rows
        self._loop = loop

    def answer(self, query: str) -> tuple[int, bytes]:
        """Status and body. Called from the thread that serves."""
        try:
            asked = msgspec.convert(dict(parse_qsl(query)), Asked, strict=False)
        except (msgspec.ValidationError, ValueError) as error:
            return HTTPStatus.BAD_REQUEST, orjson.dumps({"error": str(error)}) + b"\n"
        if not 1 <= asked.limit <= MOST:
            return HTTPStatus.BAD_REQUEST, orjson.dumps({"error": f"limit is 1 to {MOST}"}) + b"\n"
        copied = asyncio.run_coroutine_threadsafe(self._copy(), self._loop)
        try:
            parts = copied.result(_COPIED_WITHIN_S)
        except TimeoutError:
            copied.cancel()
            return HTTPStatus.SERVICE_UNAVAILABLE, b'{"error":"busy"}\n'
        found = [clock for rows in parts for clock in due_clocks(rows.items(), asked)]
        return HTTPStatus.OK, orjson.dumps({"clocks": [as_builtins(one) for one in in_order(found, asked)]}) + b"\n"

    async def _copy(self) -> list[Rows]:
        return self._rows()


def as_builtins(clock: DueClock) -> dict[str, Any]:
    """A clock as it goes over the wire."""
    members: dict[str, Any] = msgspec.to_builtins(clock)
    return members
