"""What is judged, as who judges it needs it: a record, whatever client has read it; a snapshot, wherever it lay."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from agents.kafka.batches import Placed
from schemas.notifications import StateSealed


class Record(Placed, Protocol):
    """One record of a partition; `timestamp` in ms UTC. `Fetched` is one, a line of an archive too."""

    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


class Snapshot(NamedTuple):
    """A file as it was read; nothing of it has been confirmed."""

    partition: int
    seal: StateSealed
    rows: list[tuple[bytes, bytes]]
