"""The state of one partition: rows, and the indexes that are derived from them.

Rows are the state (architecture.md): what `take_changes` returns, in order, is what a changelog has to keep, and
`restore_state` makes an equal state of it. Everything else here (timers, threads that asked csba, cases by subject,
policies made ready, counts of clocks and rows) is an index, rebuilt at recovery, and never decides anything by itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.codec import DAY_MS
from schemas.notifications import Zones
from schemas.policies import load_policies
from schemas.policy_types import Policies
from streams.at_rest import Copied, Parking, RowsAtRest
from streams.at_work import Matter
from streams.cases import CaseSummary, case_summary
from streams.census import Census
from streams.crossings import CasesBySubject, QuestionsToCsba
from streams.facts import CaseOpened
from streams.ledger import Ledger
from streams.logic import check_logic
from streams.matters import FULL, next_timer
from streams.policies import PolicyBook
from streams.row_codec import decode_partition, decode_policies, encode_row
from streams.row_store import RowStore
from streams.rows import (
    MOST_LOST,
    PARTITION_KEY,
    POLICIES_KEY,
    CaseRow,
    Lost,
    MatterRow,
    PartitionRow,
    PoliciesRow,
    Row,
    RowError,
    ThreadRow,
)
from streams.telling import Taken
from streams.threads import questions_to_csba
from streams.timer import Timer
from streams.timers import Timers
from streams.zones import zones_digest


class State:
    """One partition's state. `engine.step` alone changes what decides; the shell keeps its notes in the same row."""

    def __init__(self, partition: int, at_rest: RowsAtRest | None = None, parked: Parking | None = None) -> None:
        self.partition = partition
        self.row = PartitionRow()
        self.census = Census()
        self.rows = RowStore(self.census, at_rest)
        self.timers = Timers(self._timer_of, parked)
        self.ledger = Ledger(self.rows, self.census, self.timers)
        self.full: set[str] = set()
        """Ids of the matters that have no room for another fact (contract §2, `matter_full`)."""
        self.questions = QuestionsToCsba()
        self.cases = CasesBySubject()
        self.taken: list[Taken] = []
        """What became of the facts that the last line told, in the order of their matters."""
        self.has_news = False
        """The shell's: its notes hold what no line will take along, so that they are to be written by themselves."""
        self.gone: list[str] = []
        """Ids of the matters that were forgotten before the last line."""
        self._left_policies: set[str] = set()
        self._left_zones: set[str] = set()
        self._policies_changed = False

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
    def book(self) -> PolicyBook | None:
        """The policies in force, made ready; None before the first activation."""
        return self.rows.book

    @property
    def is_repeat(self) -> bool:
        """Whether the notification applied last told facts, and nothing new."""
        for one in self.taken:
            if one.how != "repeat":
                return False
        return bool(self.taken)

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

    # --- matters -----------------------------------------------------------------------------------------------------

    def forget(self, matter: Matter) -> None:
        """A matter is forgotten: its row becomes a tombstone and leaves every index."""
        self.unindex_matter(matter)
        self.rows.forget(matter)
        self.gone.append(matter.row_id)

    def unindex_matter(self, matter: Matter) -> None:
        """Take a matter out of every index over the rows, as it was entered."""
        row, account = matter.row, matter.party.row_id
        if isinstance(row, ThreadRow):
            self.questions.drop(account, matter.row_id)
        elif isinstance(row, CaseRow):
            for fact in row.facts:
                if isinstance(fact, CaseOpened):
                    self.cases.drop(account, fact.subject_hash, matter.row_id)
        self.full.discard(matter.row_id)
        self.timers.disarm(matter.row_id)

    def _timer_of(self, row_id: str) -> Timer | None:
        """The timer of a matter as it stands; None where there is no such matter."""
        matter = self.rows.known_matter(row_id)
        return None if matter is None else next_timer(matter)

    def index_matter(self, matter: Matter) -> None:
        """Enter a matter into the indexes that cross matters."""
        row = matter.row
        if len(row.facts) >= FULL:
            self.full.add(matter.row_id)
        if type(row) is ThreadRow:
            self.questions.put(matter.party.row_id, matter.row_id, questions_to_csba(row.facts))
        elif type(row) is CaseRow:
            for fact in row.facts:
                if type(fact) is CaseOpened:
                    self.cases.put(matter.party.row_id, fact.subject_hash, matter.row_id)

    def case_summaries(self, account: str, subject: str) -> dict[str, CaseSummary]:
        """How the account's cases on a subject stand, by the ids of their rows in byte order."""
        found: dict[str, CaseSummary] = {}
        for row_id, known in sorted(self.cases.of(account, subject).items()):
            found[row_id] = known or self._case_summary(account, subject, row_id)
        return found

    def _case_summary(self, account: str, subject: str, row_id: str) -> CaseSummary:
        matter = self.rows.known_matter(row_id)
        assert matter is not None  # the index has no other
        assert isinstance(matter.row, CaseRow)
        summary = case_summary(matter.name, matter.row.facts, matter.row.violations)
        self.cases.note(account, subject, row_id, summary)
        return summary

    def unindex_subject(self, matter: Matter, subject_hash: str) -> None:
        """A case's opening was replaced, perhaps by one on another subject."""
        self.cases.drop(matter.party.row_id, subject_hash, matter.row_id)

    # --- policies --------------------------------------------------------------------------------------------------

    def activate(self, policies: Policies, zones: Zones, logic: int) -> None:
        """Put policies in force, what their zones mean, and the logic that judges."""
        row, meaning = self.row, zones_digest(zones)
        _leave(self._left_policies, row.digest, policies.digest)
        _leave(self._left_zones, row.zones, meaning)
        self.rows.agree(PolicyBook(policies, zones))
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
        for row_id, value in self.rows.changes():
            yield row_id.encode(), value
        self._policies_changed = False
        self.has_news = False

    def rest_changes(self) -> None:
        """Put the rows that have changed to rest, where nobody takes them: what is at work stays bounded."""
        for _ in self.rows.changes():
            pass

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

    def rows_at_rest(self) -> Copied:
        """A copy of every matter's and account's row as `take_changes` last gave it; no later line changes it."""
        return self.rows.at_rest.copy()

    def row_ids(self) -> list[str]:
        """Ids of all rows of accounts and matters, in byte order."""
        return [row_id for row_id, _ in self.rows.in_order()]

    def find(self, row_id: str) -> Row | None:
        """The row of an account or a matter as it stands, or None; to be read only."""
        return self.rows.find(row_id)

    def matters(self) -> Iterator[tuple[str, MatterRow]]:
        """Every matter with its row, by id; to be read only."""
        for matter in self.rows.every_matter():
            yield matter.row_id, matter.row

    def rest(self, key: bytes, value: bytes) -> None:
        """Take in one row as written to the changelog. RowError where its key is none of ours."""
        if key == PARTITION_KEY:
            self.row = decode_partition(value)
            if self.row.logic:
                check_logic(self.row.logic)
            self.ledger.midnight_ms = self.row.journal_ms // DAY_MS * DAY_MS
        elif key == POLICIES_KEY:
            row = decode_policies(value)
            self.rows.agree(PolicyBook(load_policies(row.toml, zone_names=row.zones), row.zones))
            self._left_policies = set(row.left_policies)
            self._left_zones = set(row.left_zones)
        else:
            try:
                self.rows.at_rest[key.decode()] = value
            except UnicodeDecodeError:
                raise RowError(f"the key {key!r} is no row's: it is not UTF-8") from None


def _leave(left: set[str], before: str, after: str) -> None:
    """What was in force gives way; what comes into force is not left any more."""
    if before and before != after:
        left.add(before)
    left.discard(after)


def new_state(partition: int, at_rest: RowsAtRest | None = None, parked: Parking | None = None) -> State:
    """The state of a partition without history: no lines, no policies. Its rows rest where they are said to."""
    return State(partition, at_rest, parked)
