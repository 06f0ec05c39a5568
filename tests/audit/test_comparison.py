"""The comparison of an audit: what is found does not depend on the pieces in which lines and records come."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.auditing.comparison import CalledFor, Comparison, Found, Sent
from agents.auditing.outputs import OutputReader, found_in
from agents.journal.lines import JournalCheck, JournalError
from agents.kafka.batches import Fetched
from agents.kafka.log_cursor import LogCursor
from schemas.answers.findings import Finding
from schemas.headers import judged_by, line_header
from schemas.registry import Logical
from tests.audit.history import HOLIDAY, History

TOPIC: Logical = "sla-clock"
"""The one topic of all events here."""
JUDGED = judged_by("0" * 64, 1)


def _called_for() -> list[CalledFor]:
    history = History().tell(HOLIDAY).wait_until(1_800_000_000_000)
    return [(sent.line, sent.event, (line_header(sent.line), JUDGED)) for sent in history.events]


CALLED_FOR = _called_for()[:12]
LINES = sorted({line for line, _, _ in CALLED_FOR})


def _record(offset: int, called_for: CalledFor, change: str) -> Fetched:
    line, event, of_line = called_for
    key, value, headers = Sent.of(event, of_line)
    assert value is not None
    assert headers is not None
    if change == "value":
        value = value.replace(b'"at":"2', b'"at":"3')
    elif change == "key":
        key = None
    elif change == "headers":
        headers = headers[:-1]
    elif change == "stray":
        value, headers = b'{"output_id":"%b"}' % (b"0" * 32), (line_header(line),)
    return Fetched(TOPIC, 0, offset, 0, 1, key, value, headers)


CHANGES = st.sampled_from(["", "", "", "", "", "value", "key", "headers", "stray", "gone", "twice", "again"])
"""What somebody did to a record; `again`: it stands once more, behind all others."""


@st.composite
def _topics(draw: st.DrawFn) -> list[Fetched]:
    """The records of a topic, some of them meddled with."""
    written: list[tuple[CalledFor, str]] = []
    behind: list[tuple[CalledFor, str]] = []
    for one in CALLED_FOR:
        change = draw(CHANGES)
        if change != "gone":
            written.append((one, "" if change in ("twice", "again") else change))
        if change in ("twice", "stray"):
            written.append((one, ""))
        if change == "again":
            behind.append((one, ""))
    for place in draw(st.lists(st.integers(0, max(0, len(written) - 2)), max_size=2)):
        written[place : place + 2] = reversed(written[place : place + 2])
    return [_record(offset, one, change) for offset, (one, change) in enumerate(written + behind)]


class Log:
    """A topic whose records come in batches cut at these places."""

    first = 0

    def __init__(self, records: Sequence[Fetched], cuts: Sequence[int]) -> None:
        places = [0, *sorted(cuts), len(records)]
        self._batches: Iterator[Sequence[Fetched]] = iter([records[a:b] for a, b in pairwise(places) if a < b])

    async def batch(self) -> Sequence[Fetched]:
        return next(self._batches, ())

    async def look_again(self) -> int:
        return 0


async def _compared(
    records: Sequence[Fetched], cuts: Sequence[int], until: Sequence[int], first_line: int = 1
) -> tuple[Comparison, OutputReader]:
    """Lines that come in pieces up to these, the first of them `first_line`, and records that come in batches."""
    comparison, reader = Comparison(0, [TOPIC]), OutputReader(TOPIC, cast(LogCursor, Log(records, cuts)), first_line)
    for before, last in pairwise([first_line - 1, *until]):
        called_for = [one for one in CALLED_FOR if before < one[0] <= last]
        await reader.compare(comparison, called_for, last)
    return comparison, reader


async def _closed(comparison: Comparison, reader: OutputReader) -> tuple[list[Finding], int]:
    """What is found once the rest has been looked at, and how many events stand there."""
    async for found in reader.rest(LINES[-1]):
        comparison.hold(TOPIC, [], found)
    comparison.close({})
    return comparison.findings, comparison.events[TOPIC]


async def _findings(
    records: Sequence[Fetched], cuts: Sequence[int], until: Sequence[int], first_line: int = 1
) -> tuple[list[Finding], int]:
    return await _closed(*await _compared(records, cuts, until, first_line))


def _all_at_once(records: Sequence[Fetched]) -> tuple[list[Finding], int]:
    """The same, all records looked for among all events."""
    comparison = Comparison(0, [TOPIC])
    comparison.hold(TOPIC, CALLED_FOR, [found_in(record) for record in records])
    comparison.close({})
    return comparison.findings, len(records)


@given(
    records=_topics(),
    cuts=st.lists(st.integers(0, 2 * len(CALLED_FOR)), max_size=6),
    until=st.sets(st.sampled_from(LINES[:-1])),
)
def test_the_findings_do_not_depend_on_how_lines_and_records_are_cut(
    records: list[Fetched], cuts: list[int], until: set[int]
) -> None:
    found = asyncio.run(_findings(records, [min(cut, len(records)) for cut in cuts], [*sorted(until), LINES[-1]]))
    assert found == _all_at_once(records)


def _whole() -> list[Fetched]:
    return [_record(offset, one, "") for offset, one in enumerate(CALLED_FOR)]


def test_events_that_are_as_they_should_be_are_no_findings_and_any_other_is_one() -> None:
    records = _whole()
    assert _all_at_once(records) == asyncio.run(_findings(records, [], [LINES[-1]])) == ([], len(records))
    for change in ("value", "key", "headers"):
        meddled = [*records[:3], _record(3, CALLED_FOR[3], change), *records[4:]]
        (finding,), _ = asyncio.run(_findings(meddled, [], [LINES[-1]]))
        assert (finding.kind, finding.offset, finding.line) == ("different", 3, CALLED_FOR[3][0])
        assert change in finding.sentence


def test_what_differs_is_found_with_its_own_lines_and_nothing_of_it_waits_for_the_end() -> None:
    records = [*_whole()[:3], _record(3, CALLED_FOR[3], "value"), *_whole()[4:]]
    comparison, _ = asyncio.run(_compared(records, [], [CALLED_FOR[3][0]]))
    assert [finding.kind for finding in comparison.findings] == ["different"]
    assert comparison.awaited == 0


class Watched(Comparison):
    """Notes how many records it is given at a time."""

    def __init__(self, partition: int, topics: Sequence[str]) -> None:
        super().__init__(partition, topics)
        self.sizes: list[int] = []

    def hold(self, topic: str, called_for: Sequence[CalledFor], found: list[Found]) -> None:
        self.sizes.append(len(found))
        super().hold(topic, called_for, found)


def test_of_a_crowd_of_extra_records_one_batch_is_looked_at_a_time() -> None:
    extra = [Fetched(TOPIC, 0, offset, 0, 1, None, b"{}", ()) for offset in range(500)]
    reader = OutputReader(TOPIC, cast(LogCursor, Log(extra, range(0, 500, 10))))
    comparison = Watched(0, [TOPIC])
    asyncio.run(reader.compare(comparison, CALLED_FOR[:1], LINES[0]))
    held = comparison.sizes
    assert sum(held) == 500
    assert max(held) == 10


def test_behind_a_snapshot_what_earlier_lines_brought_is_left_out_whatever_its_number() -> None:
    second = LINES[1]
    of_line_0 = Fetched(TOPIC, 0, 0, 0, 1, None, b"{}", (("line", b"0"),))
    found = asyncio.run(_findings([of_line_0, *_whole()], [], [LINES[-1]], first_line=second))
    assert found == ([], sum(one[0] >= second for one in CALLED_FOR))
    of_no_line = Fetched(TOPIC, 0, 99, 0, 1, None, b"{}", (("line", None),))
    (finding,), _ = asyncio.run(_findings([*_whole(), of_no_line], [], [LINES[-1]], first_line=second))
    assert (finding.kind, finding.offset) == ("extra", 99)


@pytest.mark.parametrize("headers", [(("ce_id", None),), (("line", b"1" * 5_000),), (("line", None),)])
def test_a_record_with_headers_that_are_none_of_ours_is_extra(headers: tuple[tuple[str, bytes | None], ...]) -> None:
    odd = Fetched(TOPIC, 0, 99, 0, 1, b"k", b"{}", headers)
    (finding,), _ = asyncio.run(_findings([*_whole(), odd], [], [LINES[-1]]))
    assert (finding.kind, finding.offset) == ("extra", 99)


@pytest.mark.parametrize(
    "headers",
    [
        (("line", None),),
        (("line", b"1"), ("inherits", None)),
        (("line", b"1"), ("origin", None)),
        (("line", b"1"), ("origin", b"\xff")),
        (("line", b"1"), ("more", b"\xff")),
        (("line", b"1" * 5_000),),
        (("line", "١".encode()),),
        (("origin", b"a/0/1"),),
    ],
)
def test_a_journal_record_with_such_headers_is_no_line(headers: tuple[tuple[str, bytes | None], ...]) -> None:
    with pytest.raises(JournalError, match="headers that are none of ours"):
        JournalCheck(0, 2).line(Fetched("sla-journal", 0, 7, 0, 1, b"0", b"{}", headers))
