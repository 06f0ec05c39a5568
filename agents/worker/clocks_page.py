"""The clocks of one worker, those of its own partitions, for whoever has the token; without one set there is no page.

Its rows are copied on its loop between two slices, a few milliseconds for many; they are read in the thread that
answers, one question at a time.
"""

import asyncio
import hmac
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import orjson

from streams.due_list import Asked, DueClock, due_clocks, in_order

MOST = 10_000
"""Clocks in one answer of a worker."""
_COPIED_WITHIN_S = 5.0

Rows = dict[str, bytes]


class ClocksPage:
    """The page of a worker. `rows` gives a copy of the rows of each partition it keeps; it is called on `loop`."""

    def __init__(self, token: str, rows: Callable[[], list[Rows]], loop: asyncio.AbstractEventLoop) -> None:
        self._token = token.encode()
        self._rows = rows
        self._loop = loop
        self._one_at_a_time = threading.Lock()

    def answer(self, query: str, authorization: str) -> tuple[str, bytes]:
        """Status and body. Called from the thread that serves."""
        if not hmac.compare_digest(authorization.encode(), b"Bearer " + self._token):
            return "401 Unauthorized", b'{"error":"wrong token"}\n'
        try:
            asked = msgspec.convert(dict(parse_qsl(query)), Asked, strict=False)
        except (msgspec.ValidationError, ValueError) as error:
            return "400 Bad Request", orjson.dumps({"error": str(error)}) + b"\n"
        if not 1 <= asked.limit <= MOST:
            return "400 Bad Request", orjson.dumps({"error": f"limit is 1 to {MOST}"}) + b"\n"
        with self._one_at_a_time:
            copied = asyncio.run_coroutine_threadsafe(self._copy(), self._loop)
            try:
                parts = copied.result(_COPIED_WITHIN_S)
            except TimeoutError:
                copied.cancel()
                return "503 Service Unavailable", b'{"error":"busy"}\n'
            found = [clock for rows in parts for clock in due_clocks(rows.items(), asked)]
        return "200 OK", orjson.dumps({"clocks": [as_builtins(one) for one in in_order(found, asked)]}) + b"\n"

    async def _copy(self) -> list[Rows]:
        return self._rows()


def as_builtins(clock: DueClock) -> dict[str, Any]:
    """A clock as it goes over the wire."""
    said: dict[str, Any] = msgspec.to_builtins(clock)
    return said
