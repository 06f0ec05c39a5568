"""The output topics of one partition, read along with the fold of its journal: committed records, in no group."""

from collections.abc import AsyncIterator, Sequence

from agents.auditing.comparison import CalledFor, Comparison, Found, Sent, count_equal, names_of
from agents.journal.records import Record
from agents.kafka.log_cursor import LogCursor
from agents.settings import Settings
from schemas.headers import line_of
from schemas.registry import Logical


class OutputReader:
    """One output topic's partition, read along with the fold; what lines before `from_line` brought is passed over."""

    def __init__(self, topic: Logical, cursor: LogCursor, from_line: int = 1) -> None:
        self._from_line = from_line
        self.topic = topic
        self.cursor = cursor
        self.first_line: int | None = None
        self.later: list[Found] = []
        self._held: Sequence[Record] = ()

    async def compare(self, comparison: Comparison, called_for: Sequence[CalledFor], until_line: int) -> None:
        """Compare what the next lines up to this call for with the next records, as far as these are theirs.

        Law: as long as each record names the line that brought it, the findings are those of all at once, however
        lines and records are cut into pieces (tests/audit/test_comparison.py).
        """
        passed = await self._pass_over(called_for)
        comparison.count_passed(self.topic, passed)
        if passed < len(called_for):
            comparison.hold(self.topic, called_for[passed:], [])
            async for found in self._taken(until_line):
                comparison.hold(self.topic, [], found)

    async def _pass_over(self, called_for: Sequence[CalledFor]) -> int:
        """Pass over the records that are, one after the other, those that these events are sent as; how many are."""
        passed = 0
        while passed < len(called_for) and (self._held or await self._fetch()):
            equal = count_equal(called_for[passed:], self._held)
            passed += equal
            if equal < len(self._held):
                self._held = self._held[equal:]
                break
            self._held = ()
        return passed

    async def _taken(self, until_line: int) -> AsyncIterator[list[Found]]:
        """The records up to the first that bears the number of a line beyond `until_line`, some at a time."""
        while self._held or await self._fetch():
            found = [found_in(record) for record in self._held]
            end = next((n for n, one in enumerate(found) if one.line is not None and one.line > until_line), len(found))
            self._held = self._held[end:]
            yield found[:end]
            if self._held:
                return

    async def rest(self, until_line: int | None) -> AsyncIterator[list[Found]]:
        """All that stands in the topic now; what lines beyond `until_line` brought is put aside, where one is given."""
        await self.cursor.look_again()
        while self._held or await self._fetch():
            found = [found_in(record) for record in self._held]
            if until_line is not None:
                self.later.extend(one for one in found if one.line is not None and one.line > until_line)
                found = [one for one in found if one.line is None or one.line <= until_line]
            yield found
            self._held = ()

    async def _fetch(self) -> bool:
        while records := await self.cursor.batch():
            if self.first_line is None:
                self.first_line = line_of(records[0].headers)
            self._held = records
            if self._from_line > 1:
                self._held = [record for record in records if not self._is_before(record)]
            if self._held:
                return True
        return False

    def _is_before(self, record: Record) -> bool:
        line = line_of(record.headers)
        return line is not None and line < self._from_line


def found_in(record: Record) -> Found:
    """A record as it is compared."""
    return Found(line_of(record.headers), record.offset, Sent(record.key, record.value, tuple(record.headers)))


async def first_offsets(
    settings: Settings, cursors: dict[Logical, LogCursor], comparison: Comparison
) -> dict[tuple[str, str], int]:
    """Where the ids of strays stand first: the topics are read again, only where there are any."""
    first: dict[tuple[str, str], int] = {}
    strays = comparison.strays()
    for topic, cursor in cursors.items():
        if ids := strays.get(topic):
            await cursor.start(settings.topic(topic), comparison.partition)
            while records := await cursor.batch():
                for record in records:
                    for name in ids.intersection(names_of(found_in(record).sent)):
                        first.setdefault((topic, name), record.offset)
    return first
