"""Poison: a record that stops its partition, and what an operator may do to get past it.

There are two kinds: a line that makes the core raise, which is a bug of ours; and a place where the log itself is
damaged. The worker ends and nothing of the slice has been written. What is said names the record as `dueclock worker
--skip-line` takes it (agents/kafka/skipped.py), which sets exactly that aside as a dead letter (reason `skipped`,
dead-letters.md); all else of the slice goes on. Where a timer raised, no record is to blame, and skipping the one that
brought the time would only lose it: that is said instead.
"""

from agents.errors import UserError
from agents.kafka.batches import Unreadable
from schemas.headers import Origin
from schemas.notifications import type_name
from streams.engine import Line, State


def poisoned(state: State, line: Line, origin: Origin | None, error: Exception) -> UserError:
    """The one sentence about a line that the core could not apply; `state` is as it was left behind."""
    where = f"Partition {state.partition}: journal line {line.number} ({type_name(line.body)}"
    why = f"{type(error).__name__}: {error}"
    end = "nothing of its slice was written; the traceback is in the log above, so report it"
    # `step` lets the line's number stand when all timers have fired: before that, it was a timer that raised.
    if origin is None or state.lines < line.number:
        return UserError(
            f"{where}) cannot be applied, because a timer or the line itself makes the core fail ({why}), so no input "
            f"record can be skipped to get past it; {end}, and start a version that mends it."
        )
    return UserError(
        f"{where}, from the input record {origin}) makes the core fail ({why}); {end}, and to go on without that "
        f"record start the workers with `dueclock worker --skip-line {origin}`."
    )


def damaged(record: Unreadable) -> UserError:
    """The log does not hold what its producer sent: another copy may, so it is not run over unasked."""
    return UserError(
        f"The input record {record.where} cannot be read, for {record.why}: a broker's disk is damaged there, so "
        "nothing of its slice was written; have the partition led by a replica that is whole, or, to go on without it, "
        f"start the workers with `dueclock worker --skip-line {record.where}`."
    )
