"""What a partition's keeper works with. A module of its own: a named tuple is not compiled (`.ci/compiling.py`)."""

from typing import NamedTuple

from agents.journal.sealing import Sealer
from agents.kafka.skipped import Skipped
from agents.worker.binding import Binding
from agents.worker.dead_letter_limit import DeadLetterLimit
from agents.worker.journal_time import JournalTime
from agents.worker.misrouted import Router
from agents.worker.slices import Hand
from schemas.registry import Logical
from streams.state import State


class Bench(NamedTuple):
    """What a partition's keeper works with, slice after slice."""

    state: State
    hand: Hand
    time: JournalTime
    sealer: Sealer
    router: Router
    binding: Binding
    limit: DeadLetterLimit
    skipped: Skipped
    topics: dict[Logical, str]
    """By logical name, those that a keeper writes."""
    logical: dict[str, str]
    """Logical name of each input topic."""
