"""Poison: a record that stops its partition, and what an operator may do to get past it.

There are two kinds: a line that makes the core raise, which is a bug of ours; and a place where the log itself is
damaged. The worker ends and nothing of the
slice has been written. What is said names the record as `dueclock worker --skip-line` takes it, which sets exactly that
aside as a dead letter (reason `skipped`, dead-letters.md); all else of the slice goes on. Where a timer raised, no
record is to blame, and skipping the one that brought the time would only lose it: that is said instead.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from agents.errors import UserError
from agents.kafka.batches import Unreadable
from agents.settings import Settings
from agents.topic_roles import READ_TOPICS
from agents.worker.slices import Record
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


class _Span(NamedTuple):
    first: int
    last: int


class Skipped:
    """The input records that an operator has named: one each, or from one offset to another."""

    def __init__(self, spans: Iterable[tuple[str, int, int, int]] = ()) -> None:
        self._spans: dict[tuple[str, int], list[_Span]] = {}
        for topic, partition, first, last in spans:
            self._spans.setdefault((topic, partition), []).append(_Span(first, last))

    def __bool__(self) -> bool:
        return bool(self._spans)

    def names(self, record: Record) -> bool:
        """Whether it is among them; what cannot be read is, where any of its offsets is."""
        last = record.last_offset if isinstance(record, Unreadable) else record.offset
        spans = self._spans.get((record.topic, record.partition), ())
        return any(span.first <= last and record.offset <= span.last for span in spans)


NOTHING_SKIPPED: Final = Skipped()


def skipped_records(settings: Settings, named: Iterable[str]) -> Skipped:
    """The records that `--skip-line` names. UserError (status 2) where one cannot be an input record."""
    inputs = set(map(settings.topic, READ_TOPICS))
    found: list[tuple[str, int, int, int]] = []
    for name in named:
        start, slash, offsets = name.rpartition("/")  # a topic's name may hold a dash
        first, _, last = offsets.partition("-")
        origin = Origin.parse(f"{start}{slash}{first}")
        if origin is None or origin.topic not in inputs or not _may_end(offsets, origin.offset):
            raise UserError(
                f"--skip-line {name} names no record of an input topic; the worker that crashed said which, "
                "as TOPIC/PARTITION/OFFSET or TOPIC/PARTITION/FIRST-LAST.",
                2,
            )
        found.append((*origin, int(last or first)))
    return Skipped(found)


def _may_end(offsets: str, first: int) -> bool:
    """Whether `FIRST` or `FIRST-LAST` says where it ends, and not before it begins."""
    _, dash, last = offsets.partition("-")
    return not dash or (last.isascii() and last.isdigit() and int(last) >= first)
