"""Input records for tests without a broker, as a fetch would bring them."""

from __future__ import annotations

from typing import NamedTuple

LOG_APPEND_TIME = 1


class InputRecord(NamedTuple):
    """One record of an input topic (the `Record` of agents/worker/slices.py)."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    value: bytes | None
    key: bytes | None = b"k"
    timestamp_type: int = LOG_APPEND_TIME
    headers: tuple[tuple[str, bytes | None], ...] = ()
