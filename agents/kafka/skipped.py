"""Skipped: the input records that an operator has named by `--skip-line`, to be set aside unread.

They are named where they stand, one each or from one offset to another; a batch that cannot be read is set aside whole
where any of its offsets is named.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from agents.errors import UserError
from agents.kafka.batches import Placed, end_of
from agents.settings import Settings
from agents.topic_roles import READ_TOPICS
from schemas.headers import Origin


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

    def names(self, record: Placed) -> bool:
        """Whether it is among them; what cannot be read is, where any of its offsets is."""
        spans = self._spans.get((record.topic, record.partition), ())
        return any(span.first < end_of(record) and record.offset <= span.last for span in spans)


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
                f"--skip-line {name} names no record of an input topic; the command that ended said which, "
                "as TOPIC/PARTITION/OFFSET or TOPIC/PARTITION/FIRST-LAST.",
                2,
            )
        found.append((*origin, int(last or first)))
    return Skipped(found)


def _may_end(offsets: str, first: int) -> bool:
    """Whether `FIRST` or `FIRST-LAST` says where it ends, and not before it begins."""
    _, dash, last = offsets.partition("-")
    return not dash or (last.isascii() and last.isdigit() and int(last) >= first)
