"""The dead-letter limit: a worker that calls nearly everything bad is more likely wrong than what it reads.

A bad deploy (a decoder with a fault, the policies of somewhere else) would send a whole topic to `dead-letter`, which
is kept for a week. With the setting `dead_letter_ratio` below 1 the worker ends before it writes the slice that goes
too far; the records stay where they are and are read again. The default is 1: a dead letter stops nothing (contract
§2). What an operator had skipped is no dead letter of ours and does not count.
"""

from collections import deque

from agents.errors import UserError
from agents.worker.slices import Record, origin_of
from schemas.dead_letters import SKIPPED, Rejected

RECORDS_LOOKED_BACK = 1_000


class DeadLetterLimit:
    """How many of the last records of one partition may be dead letters; knows those since this keeper began."""

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio
        self._most = int(ratio * RECORDS_LOOKED_BACK)
        self._records = 0
        self._rejected: deque[int] = deque()
        """Which of the records, counted from 1, were dead letters; those further back than is looked are let go."""

    def taken(self) -> None:
        """One more record is looked at."""
        self._records += 1

    def rejected(self, record: Record, why: Rejected) -> None:
        """It is a dead letter. UserError if that is one too many."""
        if why.reason == SKIPPED:
            return
        self._rejected.append(self._records)
        while self._rejected[0] <= self._records - RECORDS_LOOKED_BACK:
            self._rejected.popleft()
        if len(self._rejected) > self._most:
            field = f" in {why.field}" if why.field else ""
            raise UserError(
                f"{len(self._rejected):,} of the last {RECORDS_LOOKED_BACK:,} records of partition {record.partition} "
                f"are bad, more than dead_letter_ratio = {self._ratio:g} allows (the last one is {origin_of(record)}: "
                f"{why.reason}{field}); nothing of its slice was written, so mend this version, its policies or the "
                "producer, or raise the setting."
            )
