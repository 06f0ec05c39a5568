"""The lines and objects of an evidence pack (`dueclock explain --evidence`), beside the story itself.

Bytes are in base64. The pack is checked by a program of its own (`verify.py` in it), which reads these by name.
"""

from msgspec import field

from schemas.answers.members import Answer
from schemas.answers.story import DayTold


class PackedRecord(Answer, frozen=True):
    """A record as it is; `timestamp` in ms UTC."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: str | None
    value: str | None
    headers: list[tuple[str, str | None]]


class PackedLine(PackedRecord, frozen=True):
    """A record of the journal: its line, its digest, and the journal's digest behind it (null: before the chain)."""

    line: int
    digest: str
    journal: str | None


class PackedEvent(PackedRecord, frozen=True):
    """A record of an output topic."""

    seq: int
    output_id: str


class PackedSeal(Answer, frozen=True):
    """A seal, where it stands and what it says."""

    line: int
    offset: int
    seals_line: int
    seals_offset: int
    state: str
    journal: str


class ChainProof(Answer, frozen=True):
    """Where the chain of digests starts and ends, and the seals before and behind it."""

    since: str = field(name="from")
    until: str
    seal_before: PackedSeal | None
    seal_after: PackedSeal | None


class PackedCalendar(Answer, frozen=True):
    """The calendar that the due was counted by, what its zone means, and the days counted."""

    name: str
    timezone: str
    zones: dict[str, list[tuple[int, int]]]
    weekend: list[str]
    closed: list[str]
    open: list[str]
    covers: list[str]
    days: list[DayTold] | None
