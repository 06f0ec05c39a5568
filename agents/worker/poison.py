"""Poison: a record that stops its partition, and what an operator may do to get past it.

There are three kinds: a line that makes the core raise, which is a bug of ours; a record that its producer has stamped,
which no journal time can be made of; and a place where the log itself is damaged. The worker ends and nothing of the
slice has been written. What is said names the record as `dueclock worker --skip-line` takes it, which sets exactly that
aside as a dead letter (reason `skipped`, dead-letters.md); all else of the slice goes on. Where a timer raised, no
record is to blame, and skipping the one that brought the time would only lose it: that is said instead.
"""

import re
from collections.abc import Iterable, Iterator, Set
from itertools import chain
from typing import NamedTuple

from agents.errors import UserError
from agents.kafka.batches import Unreadable
from agents.settings import Settings
from agents.topic_roles import READ_TOPICS
from agents.worker.slices import Record, origin_of
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


class Span(NamedTuple):
    """Input records of one topic and partition, from `first` to `last`."""

    topic: str
    partition: int
    first: int
    last: int

    @staticmethod
    def parse(text: str) -> "Span | None":
        """What a text of the form TOPIC/PARTITION/OFFSET or TOPIC/PARTITION/FIRST-LAST names, or None."""
        found = re.fullmatch(r"([^/]+)/([0-9]+)/([0-9]+)(?:-([0-9]+))?", text, re.ASCII)
        if found is None:
            return None
        topic, partition, first, last = found.groups()
        span = Span(topic, int(partition), int(first), int(last or first))
        return span if span.first <= span.last else None

    def origins(self) -> Iterator[Origin]:
        """Each record by itself."""
        return (Origin(self.topic, self.partition, offset) for offset in range(self.first, self.last + 1))


class Skipped(Set[Origin]):
    """The records of spans, none of which is written out: a span may be as long as a topic."""

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._spans: dict[tuple[str, int], list[Span]] = {}
        for span in sorted(set(spans)):
            self._spans.setdefault((span.topic, span.partition), []).append(span)

    def __contains__(self, origin: object) -> bool:
        if not isinstance(origin, Origin):
            return False
        spans = self._spans.get((origin.topic, origin.partition), ())
        return any(span.first <= origin.offset <= span.last for span in spans)

    def __iter__(self) -> Iterator[Origin]:
        return chain.from_iterable(span.origins() for spans in self._spans.values() for span in spans)

    def __len__(self) -> int:
        return sum(span.last - span.first + 1 for spans in self._spans.values() for span in spans)


def skipped_records(settings: Settings, named: Iterable[str]) -> Skipped:
    """The records that `--skip-line` names. UserError (status 2) where one cannot be an input record."""
    inputs = set(map(settings.topic, READ_TOPICS))
    found: list[Span] = []
    for name in named:
        span = Span.parse(name)
        if span is None or span.topic not in inputs:
            raise UserError(
                f"--skip-line {name} names no record of an input topic; the worker that crashed said which, "
                "as TOPIC/PARTITION/OFFSET, and many are named as TOPIC/PARTITION/FIRST-LAST.",
                2,
            )
        found.append(span)
    return Skipped(found)
