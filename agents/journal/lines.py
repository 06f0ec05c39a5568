"""The journal as lines for the engine, for commands that only look: records are checked here, and read elsewhere.

What a journal record must be (contract §7) is checked on the way: running number, journal time, key, home partition,
canonical value, and that the input records of a topic were taken in their order, each once. A line that fails raises
`JournalError`, which names it; the lines before it have been given out. Where one account is asked for, the lines of
others come as ticks: they move the partition's time and touch nothing else (contract §1).
"""

from collections.abc import AsyncGenerator, Callable
from typing import NamedTuple

from agents.errors import COULD_NOT_RUN, UserError
from agents.journal.records import Record
from schemas.dead_letters import Rejected
from schemas.decoding import decode_journal_value, decode_notification
from schemas.headers import HEADER_INHERITS, HEADER_ORIGIN, Inherited, inherited_by, line_number
from schemas.notifications import Body, Notification, PolicyActivated, StateSealed, TimeTick
from streams.engine import Line
from streams.partitioner import partition_of
from streams.routing import account_key
from streams.sealing import next_link, record_digest

TICK = TimeTick()


class JournalError(Exception):
    """A line that no worker of ours wrote so, or that is not where it belongs; one sentence."""

    def __init__(self, sentence: str, *, line: int, offset: int | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.line = line
        self.offset = offset


class JournalLine(NamedTuple):
    """One line, its offset in the journal and the input record it came from. A file knows neither."""

    line: Line
    offset: int | None
    origin: str | None


Progress = Callable[[int, int], None]
"""Told now and then how far a reading is: partition (or number of the file), lines of its journal that are read."""


class JournalSource(NamedTuple):
    """A journal being read: what to call it in a sentence, its partition (0 of a file), its lines in batches."""

    name: str
    partition: int
    batches: AsyncGenerator[list[JournalLine], None]


class JournalCheck:
    """Turns the records of one journal partition into lines, and checks each, seals included.

    With `start`, what the seal of a snapshot says, the first line must be that very seal; lines before it are none of
    its business. UserError (status 2) where it is another: nothing confirms the snapshot then.
    """

    def __init__(
        self, partition: int, partitions: int, account: str | None = None, start: StateSealed | None = None
    ) -> None:
        self._partition = partition
        self.partitions = partitions
        self._own_key = str(partition).encode()
        self._wanted_key = None if account is None else account.encode()
        self._at_home: set[bytes] = set()
        self.taken: dict[str, int] = {}
        """The last offset that was taken of each input, by topic and partition (`topic/partition`)."""
        self.first_taken: dict[str, int] = {}
        """The first."""
        self._unconfirmed = start
        self.last_line = 0 if start is None else start.line
        self.last_ms = 0
        self.last_offset: int | None = None if start is None else start.offset
        self.journal = b"" if start is None else bytes.fromhex(start.journal)
        self.inherited: list[Inherited] = []
        """The seals of an older generation that its first line names."""
        self.sealed_offset: int | None = None
        """Offset of the last seal that was found to be true."""

    def line(self, record: Record) -> JournalLine:
        """The line that a record holds. JournalError where it is none, or does not follow the one before."""
        number, origin = self._headers(record)
        if number != self.last_line + 1:
            raise JournalError(_gap(self.last_line, number), line=number, offset=record.offset)
        if record.timestamp < self.last_ms:
            raise JournalError(
                "its journal time lies before that of the line before it", line=number, offset=record.offset
            )
        is_wanted = self._wanted_key is None or record.key in (self._wanted_key, self._own_key)
        body = self._body(record, number, origin) if is_wanted else TICK
        if self._unconfirmed is not None:
            confirm(self._unconfirmed, body, f"partition {self._partition} of the journal")
            self._unconfirmed = None
        if isinstance(body, StateSealed):
            self._check_seal(body, number, record.offset)
        self.journal = next_link(
            self.journal, record_digest(record.timestamp, record.key, record.value, record.headers)
        )
        self.last_line, self.last_ms, self.last_offset = number, record.timestamp, record.offset
        return JournalLine(Line(number, record.timestamp, body), record.offset, origin)

    def _check_seal(self, seal: StateSealed, number: int, offset: int) -> None:
        """A seal covers all lines before it: their number, the offset of the last, the digest of all records."""
        if seal.line == 0 and number == 1 and self.last_offset is None:
            sentence = (
                "it goes on from partitions of an older generation, and the rows that were dealt to it are missing"
            )
            raise JournalError(f"{sentence}: name the place of its snapshots by `snapshots`", line=1, offset=offset)
        since = "the beginning" if self.sealed_offset is None else f"the seal at offset {self.sealed_offset}"
        if (seal.line, seal.offset) != (self.last_line, self.last_offset):
            sentence = f"it seals line {seal.line} at offset {seal.offset}, but stands behind line {self.last_line}"
            raise JournalError(f"{sentence} at offset {self.last_offset}", line=number, offset=offset)
        if seal.journal.lower() != self.journal.hex():
            sentence = f"the records between {since} and offset {offset} are not those that it seals"
            raise JournalError(sentence, line=number, offset=offset)
        self.sealed_offset = offset

    def _headers(self, record: Record) -> tuple[int, str | None]:
        try:
            headers: dict[str, str] = {}
            for name, value in record.headers:
                if value is None:
                    raise ValueError(f"the header {name} is null")
                headers[name] = value.decode()
            if HEADER_INHERITS in headers:
                self.inherited += inherited_by(record.headers)
            return line_number(record.headers), headers.get(HEADER_ORIGIN)
        except (KeyError, ValueError):
            sentence = f"the record at offset {record.offset} has no running number, or headers that are none of ours"
            raise JournalError(sentence, line=self.last_line + 1, offset=record.offset) from None

    def _body(self, record: Record, number: int, origin: str | None) -> Body:
        try:
            body = decode_journal_value(record.value or b"")
        except ValueError:
            raise JournalError("its value is not that of a journal line", line=number, offset=record.offset) from None
        key = account_key(body).encode() if isinstance(body, Notification) else self._own_key
        if record.key != key:
            raise JournalError("its key is not that of its account", line=number, offset=record.offset)
        if isinstance(body, Notification):
            if key not in self._at_home:
                if partition_of(key, self.partitions) != self._partition:
                    raise JournalError("its account is at home in another partition", line=number, offset=record.offset)
                self._at_home.add(key)
            self._check_origin(origin, number, record.offset)
        return body

    def _check_origin(self, origin: str | None, number: int, offset: int) -> None:
        topic, _, taken = (origin or "").rpartition("/")
        if not topic or not taken.isdecimal():
            raise JournalError("it does not say which input record it came from", line=number, offset=offset)
        place, before = int(taken), self.taken.get(topic)
        if before is None:
            self.first_taken[topic] = place
        elif before >= place:
            raise JournalError(f"the input record {origin} was journaled before", line=number, offset=offset)
        self.taken[topic] = place


def confirm(start: StateSealed, body: Body, journal: str) -> None:
    """Of the line behind a snapshot: UserError (status 2) unless it is the seal that the snapshot says it has."""
    if not isinstance(body, StateSealed) or _lowered(body) != _lowered(start):
        raise UserError(
            f"No seal of {journal} confirms the snapshot of line {start.line}: it is of another journal, or the "
            "journal was changed; take another.",
            COULD_NOT_RUN,
        )


def _lowered(seal: StateSealed) -> StateSealed:
    return StateSealed(
        line=seal.line, offset=seal.offset, state=seal.state.lower(), journal=seal.journal.lower(), logic=seal.logic
    )


def _gap(last: int, number: int) -> str:
    if last:
        return f"line {number} follows line {last}: lines are missing, repeated or in another order"
    return f"the journal begins with line {number}: retention, or a hand, has taken the lines before it"


def exported_line(text: bytes, number: int, file: str, *, is_first: bool) -> tuple[Body, int]:
    """What a line of an exported journal says, and its journal time (ms UTC). UserError (status 2) where it is none."""
    decoded = decode_notification(text, from_file=True)
    if isinstance(decoded, Rejected) or decoded.journaled_ms is None:
        raise UserError(
            f"Line {number} of {file} is no line of an exported journal; `dueclock journal export` writes such files.",
            2,
        )
    if is_first and not isinstance(decoded.body, PolicyActivated):
        raise UserError(f"{file} does not begin with the policies, so it is not a journal from its first line on.", 2)
    return decoded.body, decoded.journaled_ms
