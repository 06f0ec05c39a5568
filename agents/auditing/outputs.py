"""The output topics of one partition, read along with the fold of its journal: committed records, in no group."""

from collections.abc import AsyncIterator

from agents.auditing.comparison import Comparison, Found, Sent, names_of
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
        self._held: list[Found] = []

    async def take(self, until_line: int) -> list[Found]:
        """The records up to the first that bears the number of a line beyond `until_line`."""
        taken: list[Found] = []
        while self._held or await self._fetch():
            for index, found in enumerate(self._held):
                if found.line is not None and found.line > until_line:
                    taken.extend(self._held[:index])
                    self._held = self._held[index:]
                    return taken
            taken.extend(self._held)
            self._held = []
        return taken

    async def rest(self, until_line: int | None) -> AsyncIterator[list[Found]]:
        """All that stands in the topic now; what lines beyond `until_line` brought is put aside, where one is given."""
        await self.cursor.look_again()
        while self._held or await self._fetch():
            if until_line is not None:
                self.later.extend(found for found in self._held if found.line is not None and found.line > until_line)
            yield [
                found for found in self._held if until_line is None or found.line is None or found.line <= until_line
            ]
            self._held = []

    async def _fetch(self) -> bool:
        while records := await self.cursor.batch():
            found = [found_in(record) for record in records]
            if self.first_line is None:
                self.first_line = found[0].line
            self._held = [one for one in found if one.line is None or one.line >= self._from_line]
            if self._held:
                return True
        return False


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
