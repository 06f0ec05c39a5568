"""The state of one partition: rows, and the indexes that are derived from them.

Rows are the state (architecture.md): what `take_changes` returns, in order, is what a changelog has to keep, and
`restore_state` makes an equal state of it. Everything else here (timers, threads that asked csba, cases by subject,
policies made ready, counts of clocks and rows) is an index, rebuilt at recovery, and never decides anything by itself.
Rows at rest are kept encoded; a row is decoded when a line touches its matter and encoded again by `take_changes`. It
stays decoded for the next line as long as not too many are: what is decoded and unchanged equals what is at rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, cast

from schemas.codec import DAY_MS, HOUR_MS
from schemas.notifications import Zones
from schemas.policies import Policies, load_policies
from streams.cases import CaseSummary, case_summary
from streams.census import Census
from streams.crossings import CasesBySubject, QuestionsToCsba
from streams.facts import CaseOpened
from streams.logic import check_logic
from streams.matters import FULL, Taken, name_of, next_timer
from streams.policies import PolicyBook
from streams.rows import (
    MOST_LOST,
    OPEN,
    PARTITION_KEY,
    POLICIES_KEY,
    ROW_TYPES,
    AccountRow,
    CaseRow,
    Clock,
    Lost,
    MatterRow,
    PartitionRow,
    PoliciesRow,
    Row,
    RowError,
    ThreadRow,
    account_of,
    decode_partition,
    decode_policies,
    decode_row,
    encode_row,
    kind_of,
    marketplace_of,
)
from streams.threads import questions_to_csba
from streams.timers import Timer, Timers
from streams.zones import zones_digest

KEPT_AT_WORK: Final = 4_096
"""Rows that stay decoded over `take_changes`, at most."""

DueKey = tuple[str, str, int]


class State:
    """One partition's state. `engine.step` alone changes what decides; the shell keeps its notes in the same row."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.row = PartitionRow()
        self.book: PolicyBook | None = None
        self.timers = Timers(self._timer_of)
        self.full: set[str] = set()
        """Ids of the matters that have no room for another fact (contract §2, `matter_full`)."""
        self.questions = QuestionsToCsba()
        self.cases = CasesBySubject()
        self.midnight_ms = 0
        self.census = Census()
        self.taken: list[Taken] = []
        """What became of the facts that the last line told, in the order of their matters."""
        self.has_news = False
        """The shell's: its notes hold what no line will take along, so that they are to be written by themselves."""
        self.gone: list[str] = []
        """Ids of the matters that were forgotten before the last line."""
        self._at_rest: dict[str, bytes] = {}
        self._at_work: dict[str, Row] = {}
        self._changed: set[str] = set()
        self._forgotten: set[str] = set()
        self._left_policies: set[str] = set()
        self._left_zones: set[str] = set()
        self._policies_changed = False
        self._due_changes: dict[DueKey, int] = {}

    # --- the partition's row ---------------------------------------------------------------------------------------

    @property
    def lines(self) -> int:
        """Running number of the last journal line, 0 before the first."""
        return self.row.lines

    @property
    def journal_ms(self) -> int:
        """Journal time of the last line, 0 before the first."""
        return self.row.journal_ms

    @property
    def digest(self) -> str:
        """SHA-256 of the policies in force, empty where there are none."""
        return self.row.digest

    @property
    def logic(self) -> int:
        """The number of the logic in force, 0 where none is."""
        return self.row.logic

    @property
    def positions(self) -> dict[str, int]:
        """The shell's next offset for each input topic; carried with the state, read by nobody here."""
        return self.row.notes.positions

    @property
    def is_repeat(self) -> bool:
        """Whether the notification applied last told facts, and nothing new."""
        return bool(self.taken) and all(one.how == "repeat" for one in self.taken)

    def note_record(self, journal: bytes, period: int) -> None:
        """The shell's: the digest of all journal records so far; `period` is the first one's, of journal time."""
        notes = self.row.notes
        notes.journal = journal
        notes.sealed_period = notes.sealed_period or period

    def note_seal(self, period: int) -> None:
        """The shell's: what stood was sealed in this period of journal time."""
        self.row.notes.sealed_period = period

    def note_lost(self, topic: str, first: int, last: int, found_ms: int) -> None:
        """The shell's: these offsets of an input topic were gone before they were read; it goes on behind them."""
        notes = self.row.notes
        notes.lost = [*notes.lost, Lost(topic, first, last, found_ms)][-MOST_LOST:]
        notes.lost_records += last - first + 1
        notes.positions[topic] = last + 1
        self.has_news = True

    # --- rows ------------------------------------------------------------------------------------------------------

    def find(self, row_id: str) -> Row | None:
        """The row of a matter or account, ready to work with, or None."""
        row = self._at_work.get(row_id)
        if row is None:
            value = self._at_rest.get(row_id)
            if value is None:
                return None
            row = self._at_work[row_id] = decode_row(row_id, value)
        return row

    def matter(self, row_id: str) -> MatterRow:
        """The row of a matter, made where there is none."""
        row = self._at_work.get(row_id) or self.find(row_id)
        if row is None:
            kind = kind_of(row_id)
            row = self._at_work[row_id] = ROW_TYPES[kind]()
            self._forgotten.discard(row_id)
            self.census.count_row(kind, +1)
        return row  # type: ignore[return-value]  # the id says what kind of row it is

    def account(self, account: str) -> AccountRow:
        """The row of an account, made where there is none."""
        row = self._at_work.get(account) or self.find(account)
        if row is None:
            row = self._at_work[account] = AccountRow()
            self.census.count_row("account", +1)
        return row  # type: ignore[return-value]  # as above

    def mark_changed(self, row_id: str) -> None:
        """A row at work has changed: it goes out with the next `take_changes`."""
        self._changed.add(row_id)

    def forget(self, row_id: str) -> None:
        """A matter is forgotten: its row becomes a tombstone and leaves every index."""
        row = cast(MatterRow, self.find(row_id))
        account = account_of(row_id)
        if isinstance(row, ThreadRow):
            self.questions.drop(account, row_id)
        elif isinstance(row, CaseRow):
            for fact in row.facts:
                if isinstance(fact, CaseOpened):
                    self.cases.drop(account, fact.subject_hash, row_id)
        for clock in row.clocks:
            if clock.outcome == OPEN:
                self.count_open(marketplace_of(account), clock, -1)
        self.census.count_clocks(marketplace_of(account), row.clocks, -1)
        self.census.count_row(kind_of(row_id), -1)
        self._at_work.pop(row_id, None)
        self._at_rest.pop(row_id, None)
        self._changed.discard(row_id)
        self._forgotten.add(row_id)
        self.full.discard(row_id)
        self.gone.append(row_id)
        self.timers.disarm(row_id)

    def own_id(self, row_id: str) -> str:
        """The id as it is kept here, if it is: of equal texts, which come anew with each line, one is enough."""
        own = self.timers.own_id(row_id)
        if own is not None:
            return own
        key = _Key(row_id)
        return key.kept if key in self._at_rest else row_id

    def _timer_of(self, row_id: str) -> Timer | None:
        """The timer of a matter as it stands; None where there is no such matter."""
        row = self.find(row_id)
        if row is None:
            return None
        assert self.book is not None  # a matter has facts, and facts come after policies
        account = account_of(row_id)
        return next_timer(self.book.agreement(account), row_id, account, cast(MatterRow, row))

    def row_ids(self) -> list[str]:
        """Ids of all rows, in byte order."""
        return sorted(self._at_rest.keys() | self._at_work.keys())

    def index_matter(self, row_id: str, row: MatterRow) -> None:
        """Enter a matter into the indexes that cross matters."""
        self.note_size(row_id, row)
        if isinstance(row, ThreadRow):
            self.questions.put(account_of(row_id), row_id, questions_to_csba(row.facts))
        elif isinstance(row, CaseRow):
            for fact in row.facts:
                if isinstance(fact, CaseOpened):
                    self.cases.put(account_of(row_id), fact.subject_hash, row_id)

    def note_size(self, row_id: str, row: MatterRow) -> None:
        """A matter has taken a fact, or comes back with those it had."""
        if len(row.facts) >= FULL:
            self.full.add(row_id)

    def case_summaries(self, account: str, subject: str) -> dict[str, CaseSummary]:
        """How the account's cases on a subject stand, by the ids of their rows in byte order."""
        found: dict[str, CaseSummary] = {}
        for row_id, known in sorted(self.cases.of(account, subject).items()):
            found[row_id] = known or self._case_summary(account, subject, row_id)
        return found

    def _case_summary(self, account: str, subject: str, row_id: str) -> CaseSummary:
        row = cast(CaseRow, self.find(row_id))
        summary = case_summary(name_of(row_id), row.facts, row.violations)
        self.cases.note(account, subject, row_id, summary)
        return summary

    def unindex_subject(self, row_id: str, subject_hash: str) -> None:
        """A case's opening was replaced, perhaps by one on another subject."""
        self.cases.drop(account_of(row_id), subject_hash, row_id)

    # --- policies --------------------------------------------------------------------------------------------------

    def activate(self, policies: Policies, zones: Zones, logic: int) -> None:
        """Put policies in force, what their zones mean, and the logic that judges."""
        row, meaning = self.row, zones_digest(zones)
        _leave(self._left_policies, row.digest, policies.digest)
        _leave(self._left_zones, row.zones, meaning)
        self.book = PolicyBook(policies, zones)
        row.digest, row.zones, row.logic = policies.digest, meaning, logic
        self._policies_changed = True

    def has_left(self, policies_digest: str, zones_digest: str) -> bool:
        """Whether policies or zones with these digests were in force here and gave way to others."""
        return policies_digest in self._left_policies or zones_digest in self._left_zones

    # --- what the shell takes ----------------------------------------------------------------------------------------

    def take_changes(self) -> list[tuple[bytes, bytes | None]]:
        """Rows changed since the last call, sorted by key; None is a tombstone. The partition's row is always there."""
        return list(self.changes())

    def changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """`take_changes` one by one: to be taken to the end, and nothing else done with the state meanwhile."""
        yield PARTITION_KEY, encode_row(self.row)
        if self._policies_changed:
            yield from self.policies_row()
        for row_id in sorted(self._changed | self._forgotten):
            if row_id in self._forgotten:
                yield row_id.encode(), None
            else:
                value = self._at_rest[row_id] = encode_row(self._at_work[row_id])
                yield row_id.encode(), value
        if len(self._at_work) > KEPT_AT_WORK:
            self._at_work.clear()
        self._changed.clear()
        self._forgotten.clear()
        self._policies_changed = False
        self.has_news = False

    def policies_row(self) -> list[tuple[bytes, bytes]]:
        """The row of the policies in force, if there are any."""
        if self.book is None:
            return []
        row = PoliciesRow(
            toml=self.book.policies.toml,
            zones=dict(self.book.zones),
            left_policies=sorted(self._left_policies),
            left_zones=sorted(self._left_zones),
        )
        return [(POLICIES_KEY, encode_row(row))]

    def encoded(self, row_id: str) -> bytes:
        """A matter's or account's row as it stands, encoded."""
        return encode_row(self._at_work[row_id]) if row_id in self._changed else self._at_rest[row_id]

    def rows_at_rest(self) -> dict[str, bytes]:
        """A copy of every matter's and account's row as `take_changes` last gave it; no later line changes it."""
        return self._at_rest.copy()

    def count_open(self, marketplace: str, clock: Clock, sign: int) -> None:
        """An open clock appears (+1) or goes (-1), for the view of what falls due."""
        key = _due_key(marketplace, clock)
        change = self._due_changes.get(key, 0) + sign
        if change:
            self._due_changes[key] = change
        else:
            del self._due_changes[key]

    def take_due_changes(self) -> dict[DueKey, int]:
        """Changes since the last call of the number of open clocks by (rule, marketplace, due hour in ms)."""
        changes, self._due_changes = self._due_changes, {}
        return changes

    def due_counts(self) -> dict[DueKey, int]:
        """The number of open clocks by (rule, marketplace, due hour in ms), counted anew from the rows."""
        counts: dict[DueKey, int] = {}
        for row_id, row in self.matters():
            for clock in row.clocks:
                if clock.outcome == OPEN:
                    key = _due_key(marketplace_of(row_id), clock)
                    counts[key] = counts.get(key, 0) + 1
        return dict(sorted(counts.items()))

    def matters(self) -> Iterator[tuple[str, MatterRow]]:
        """Every matter with its row, by id."""
        for row_id, row in self.every_row():
            if not isinstance(row, AccountRow):
                yield row_id, row

    def every_row(self) -> Iterator[tuple[str, Row]]:
        """Every row, by id; rows at rest are decoded for the visit only."""
        for row_id in self.row_ids():
            yield row_id, self._at_work.get(row_id) or decode_row(row_id, self._at_rest[row_id])

    def rest_all(self) -> None:
        """Put unchanged rows back to rest."""
        for row_id in [row_id for row_id in self._at_work if row_id not in self._changed]:
            del self._at_work[row_id]

    def rest(self, key: bytes, value: bytes) -> None:
        """Take in one row as written to the changelog. RowError where its key is none of ours."""
        if key == PARTITION_KEY:
            self.row = decode_partition(value)
            if self.row.logic:
                check_logic(self.row.logic)
            self.midnight_ms = self.row.journal_ms // DAY_MS * DAY_MS
        elif key == POLICIES_KEY:
            row = decode_policies(value)
            self.book = PolicyBook(load_policies(row.toml, zone_names=row.zones), row.zones)
            self._left_policies = set(row.left_policies)
            self._left_zones = set(row.left_zones)
        else:
            try:
                self._at_rest[key.decode()] = value
            except UnicodeDecodeError:
                raise RowError(f"the key {key!r} is no row's: it is not UTF-8") from None


def _leave(left: set[str], before: str, after: str) -> None:
    """What was in force gives way; what comes into force is not left any more."""
    if before and before != after:
        left.add(before)
    left.discard(after)


class _Key(str):
    """A text that notes what it was compared with last: looked up in a dictionary, the key that is there."""

    __slots__ = ("kept",)
    __hash__ = str.__hash__

    kept: str

    def __eq__(self, other: object) -> bool:
        self.kept = cast(str, other)
        return str.__eq__(self, other)


def _due_key(marketplace: str, clock: Clock) -> DueKey:
    return (clock.rule, marketplace, clock.due_ms // HOUR_MS * HOUR_MS)


def new_state(partition: int) -> State:
    """The state of a partition without history: no lines, no policies."""
    return State(partition)


def load_rows(partition: int, rows: Iterable[tuple[bytes, bytes]]) -> State:
    """The state with these rows and without timers; `engine.restore_state` completes it. RowError, PolicyError."""
    state = State(partition)
    for key, value in rows:
        state.rest(key, value)
    return state
