"""A slice being kept: each of its records is taken, stamped, validated and folded, and what it brings is gathered.

Nothing here waits or writes: `KeptSlice.fold` goes from record to record, and whoever asks it may give up the loop in
between. What is the same for all records of a slice (lists of records by topic, headers, times of topics) is looked up
once, since this is walked for each notification there is. And it is walked in stretches: some records are decoded, then
folded one by one, then written as journal records, then their events, then counted. One kind of work after the other
costs a tenth less than all kinds for each record, for what a processor has at hand from the last one. Law: slices of
any size, down to one record, bring the same records (tests/agents/test_keeper.py). What may not happen (a line that
`step` refuses, a broken promise of the log) is raised with the number of the journal line; then nothing of the slice
may be written.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import repeat

from agents.kafka.batches import Unreadable
from agents.kafka.transactions import Outbox, Outgoing
from agents.metrics.counters import SliceTally
from agents.topic_roles import DEAD_LETTER, JOURNAL
from agents.worker.bench import Bench
from agents.worker.poison import damaged, poisoned
from agents.worker.slices import LOG_APPEND_TIME, Held, Record, origin_of
from schemas.dead_letters import SKIPPED, UNREADABLE, Rejected, dead_letter_headers, letter_of
from schemas.decoded import Decoded
from schemas.decoding import decode_notification, journal_value
from schemas.headers import HEADER_ORIGIN, Header, Headers, journal_headers, judged_by, line_header
from schemas.notifications import Body, Notification, type_name
from streams.admission import admit
from streams.engine import Line, unfold
from streams.pieces import STRETCH, let_go, stretches
from streams.routing import account_key
from streams.sla_event import SlaEvent

log = logging.getLogger("dueclock.keeper")


AT_ONCE = 64
"""Events or rows between which the loop is not given up: a few milliseconds at most."""

_Folded = tuple[Line, str, bytes | None, Record, list[SlaEvent], bool]
"""A line that has been folded: itself, its account, the value of its journal record where it is known, the record it
came from, what it brought, and whether it told nothing new."""


class KeptSlice:
    """What one transaction is to hold: lines, events, letters. `last` is the last record finished of each topic."""

    def __init__(self, bench: Bench) -> None:
        self.outbox = Outbox()
        self.tally = SliceTally()
        self.last: dict[str, Held] = {}
        self._bench = bench
        self._journal: list[Outgoing] = []
        self._events: defaultdict[str, list[Outgoing]] = defaultdict(list)
        self._judged: Headers = judged_by(bench.state.digest, bench.state.logic)
        self._folded: list[_Folded] = []

    # --- the records of a slice ---------------------------------------------------------------------------------------

    def fold(self, floor_ms: int) -> Iterator[None]:
        """Keep what is in hand; `floor_ms` is what is known of the topics of which there is nothing.

        Gives way after each record, and after each piece of a line that brings many things.
        """
        row, time, hand, bench = self._bench.state.row, self._bench.time, self._bench.hand, self._bench
        taken = hand.take()  # take
        left, done = {topic: hand.count(topic) for topic in time.positions}, dict.fromkeys(time.positions, 0)
        for held, decoded in self._decoded(taken):
            record, topic = held.record, held.record.topic
            bench.limit.taken()
            journal_ms = max(row.journal_ms, time.stamp(min(held.at_ms, floor_ms)))  # stamp
            told = decoded or self._read(record)  # validate
            if isinstance(told, Rejected):
                self._reject(record, told)
            elif (account := self._admitted(record, told.body, journal_ms)) is not None:
                line = Line(row.lines + 1, journal_ms, told.body)
                events: list[SlaEvent] = []
                for _ in self.unfold(line, events, record):  # fold
                    yield
                few = events if len(events) <= AT_ONCE else []
                self._folded.append((line, account, told.value, record, few, bench.state.is_repeat))
                if few is not events or len(self._folded) == STRETCH:
                    self._write()
                if few is not events:
                    yield from self.send(line_header(line.number), events)
            if record.timestamp_type != LOG_APPEND_TIME:
                self.tally.unstamped[(bench.logical[topic],)] += 1
            self.last[topic] = held
            done[topic] += 1
            if done[topic] == left[topic]:
                known_ms = self._finish(topic, done)
                if known_ms is None:
                    break
                floor_ms = min(floor_ms, known_ms)
            yield
        self._write()
        for topic in done:
            self._finish(topic, done)
        self.seal_up()

    def _finish(self, topic: str, done: dict[str, int]) -> int | None:
        """Records of a topic are dealt with in this transaction. Returns what is known of it by then, if anything."""
        if done[topic]:
            held = self.last[topic]
            self._bench.time.finished(topic, held.next_offset, held.at_ms)
            self._bench.hand.finish(topic, done[topic])
            done[topic] = 0
            if held.at_ms:
                self.tally.newest_ms[self._bench.logical[topic]] = held.at_ms
        return self._bench.time.floor_ms((topic,))

    def _decoded(self, taken: list[Held]) -> Iterator[tuple[Held, Decoded | Rejected | None]]:
        """Each record with what its value says, a stretch at a time; None where `_read` is to be asked."""
        if self._bench.skipped or self._bench.binding.is_on:
            yield from zip(taken, repeat(None))
            return
        for stretch in stretches(taken, _size):
            yield from zip(stretch, [_value_in(held.record) for held in stretch], strict=True)

    def _read(self, record: Record) -> Decoded | Rejected:
        """The notification that a record holds, or why it is none, as far as its bytes can say."""
        bench = self._bench
        if bench.skipped and bench.skipped.names(record):
            return Rejected(SKIPPED, None)
        if isinstance(record, Unreadable):
            if record.is_damaged:
                raise damaged(record)
            log.warning("partition %d: %s cannot be read: %s", record.partition, record.where, record.why)
            return Rejected(UNREADABLE, None)
        decoded = decode_notification(record.value or b"", from_file=False)
        return bench.binding.judged(decoded, record) if bench.binding.is_on else decoded

    def _admitted(self, record: Record, body: Body, journal_ms: int) -> str | None:
        """The account of a notification that is to be folded; None where it is sent on or set aside."""
        bench = self._bench
        if not isinstance(body, Notification):
            raise TypeError(f"a live record was decoded as {type_name(body)}")
        account = account_key(body)
        if bench.router.home_of(account) != bench.state.partition:
            bench.router.send_on(record, body, account, self.outbox)
            self.tally.misrouted[(bench.logical[record.topic],)] += 1
            return None
        if bench.state.book is None:
            raise RuntimeError("a notification came before the policies")
        arrival_ms = record.timestamp if record.timestamp_type == LOG_APPEND_TIME else journal_ms
        rejected = admit(bench.state, body, journal_ms, arrival_ms)
        if rejected is not None:
            self._reject(record, rejected)
            return None
        return account

    def _write(self) -> None:
        """What the lines folded since the last time bring: journal records, then events, then the counts."""
        bench, journal, tally = self._bench, self._journal, self.tally
        headers: list[Header] = []
        for line, account, value, record, _, _ in self._folded:
            header, key = line_header(line.number), account.encode()
            told = value or journal_value(line.body)
            source = f"{record.topic}/{record.partition}/{record.offset}".encode()  # as an `Origin` says it
            bench.sealer.add_line(line.journal_ms, key, told, header[1], source)
            headers.append(header)
            journal.append((line.journal_ms, key, told, [header, (HEADER_ORIGIN, source)]))
        for header, (_, _, _, _, events, _) in zip(headers, self._folded, strict=True):
            self._put(header, events)
        for line, _, _, record, events, is_repeat in self._folded:
            body = line.body
            assert isinstance(body, Notification)  # nothing else is folded from a record
            delay_s = (line.journal_ms - body.occurred_ms) / 1000
            tally.tell(bench.logical[record.topic], type_name(body), delay_s, is_repeat=is_repeat)
            for event in events:
                tally.count(event)
        tally.lines += len(self._folded)
        self._folded.clear()

    def _reject(self, record: Record, rejected: Rejected) -> None:
        bench = self._bench
        bench.limit.rejected(record, rejected)
        line = None
        if rejected.reason == SKIPPED:
            line = bench.state.lines + 1
            log.warning("partition %d: %s is skipped before line %d", bench.state.partition, origin_of(record), line)
        headers = dead_letter_headers(
            rejected, topic=record.topic, partition=record.partition, offset=record.offset, line=line
        )
        letter = letter_of(record.key, record.value)
        headers += letter.headers
        self.outbox.put(bench.topics[DEAD_LETTER], bench.state.partition, letter.key, letter.value, headers=headers)
        self.tally.dead_letters[bench.logical[record.topic], rejected.reason] += 1

    # --- lines --------------------------------------------------------------------------------------------------------

    def unfold(self, line: Line, events: list[SlaEvent], record: Record | None = None) -> Iterable[None]:
        """Apply a line: what is left of it as pieces, between which nobody else may touch the state."""
        try:
            pieces = unfold(self._bench.state, line, events)
        except Exception as error:
            raise self._poisoned(line, record, error) from error
        return self._rest(pieces, line, record) if pieces != () else pieces

    def _rest(self, pieces: Iterable[None], line: Line, record: Record | None) -> Iterator[None]:
        try:
            yield from pieces
        except Exception as error:
            raise self._poisoned(line, record, error) from error

    def _poisoned(self, line: Line, record: Record | None, error: Exception) -> Exception:
        state = self._bench.state
        log.error("partition %d: journal line %d cannot be applied", state.partition, line.number, exc_info=error)
        return poisoned(state, line, None if record is None else origin_of(record), error)

    def append(self, line: Line) -> Iterator[None]:
        """A line of our own: it has no origin, and the policies in force may be others behind it."""
        events: list[SlaEvent] = []
        yield from self.unfold(line, events)
        state = self._bench.state
        key, value, headers = (
            str(state.partition).encode(),
            journal_value(line.body),
            journal_headers(line.number, None),
        )
        self._bench.sealer.add(line.journal_ms, key, value, headers)
        self._journal.append((line.journal_ms, key, value, headers))
        self.tally.lines += 1
        self._judged = judged_by(state.digest, state.logic)
        yield from self.send(line_header(line.number), events)
        self.seal_up()

    def send(self, line: Header, events: list[SlaEvent]) -> Iterator[None]:
        """What a line brought is to be sent, and let go of; gives way now and then where that is much."""
        few: list[SlaEvent] = []
        for event in let_go(events):
            few.append(event)
            if len(few) == AT_ONCE:
                self._send_few(line, few)
                yield
        self._send_few(line, few)

    def _send_few(self, line: Header, few: list[SlaEvent]) -> None:
        self._put(line, few)
        for event in few:
            self.tally.count(event)
        few.clear()

    def _put(self, line: Header, events: list[SlaEvent]) -> None:
        judged, outgoing, topics = self._judged, self._events, self._bench.topics
        for event in events:
            record = (None, event.account.encode(), event.value, event.headed(line, judged))
            outgoing[topics[event.topic]].append(record)

    def seal_up(self) -> None:
        """All is gathered: lines and events go into the outbox."""
        partition = self._bench.state.partition
        self.outbox.put_all(self._bench.topics[JOURNAL], partition, self._journal)
        for topic, records in self._events.items():
            self.outbox.put_all(topic, partition, records)


def _size(held: Held) -> int:
    return len(held.record.value or b"")


def _value_in(record: Record) -> Decoded | Rejected | None:
    return None if isinstance(record, Unreadable) else decode_notification(record.value or b"", from_file=False)
