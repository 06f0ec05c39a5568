"""Poison: a line that makes the core raise, which is a bug of ours; and what an operator may do until it is mended.

The worker ends and nothing of the slice has been written. What is said names the partition, the journal line that it
would have been, and the input record. `dueclock worker --skip-line` sets exactly that record aside as a dead letter
(reason `skipped`, dead-letters.md); all else of the slice goes on. Where a timer raised, no record is to blame, and
skipping the one that brought the time would only lose it: that is said instead.
"""

from collections.abc import Iterable

from agents.errors import UserError
from agents.settings import Settings
from agents.topic_roles import READ_TOPICS
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


def skipped_records(settings: Settings, named: Iterable[str]) -> frozenset[Origin]:
    """The records that `--skip-line` names. UserError (status 2) where one cannot be an input record."""
    inputs = set(map(settings.topic, READ_TOPICS))
    found: set[Origin] = set()
    for name in named:
        origin = Origin.parse(name)
        if origin is None or origin.topic not in inputs:
            raise UserError(
                f"--skip-line {name} names no record of an input topic; the worker that crashed said which, "
                "as TOPIC/PARTITION/OFFSET.",
                2,
            )
        found.add(origin)
    return frozenset(found)
