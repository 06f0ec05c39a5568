"""An event that the journal calls for, and whether it was seen on its topic: what a story tells of it."""

from typing import NamedTuple

from agents.journal.records import Record
from streams.sla_event import SlaEvent


class Wanted(NamedTuple):
    """An event to look for, the line that brought it, and what was in force: digest of the policies, logic."""

    event: SlaEvent
    line: int
    digest: str
    logic: int


class Sighting(NamedTuple):
    """What stands on the topic. `status`: there, different, missing, or gone (retention took its part of the topic)."""

    topic: str
    status: str
    offset: int | None
    record: Record | None
