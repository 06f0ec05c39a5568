"""Rows: the state as plain data, one row for each matter and account (their codec is streams/row_codec.py).

A row is array-encoded msgpack with a version number first; it has no methods that decide. A matter's id
(`<seller>/<marketplace>/<kind>/<name>`) says which type of row it is, an account's id (`<seller>/<marketplace>`) that
it is an account. Row ids are the keys of the changelog. What a field means is said where it is decided: `clock` for
clocks, `health` for an account's counters.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from streams.facts import CaseFact, EvidenceFact, OrderFact, ProgramChanged, ThreadFact

ROW_VERSION: Final = 2

# Outcomes of a clock (contract §3). GONE: the facts no longer call for it; kept for its revision and seq.
Outcome = Literal[0, 1, 2, 3, 4, 5, 6]
OPEN: Final = 0
MET: Final = 1
SUPERSEDED: Final = 2
EXEMPT: Final = 3
BREACHED: Final = 4
CLOSED_LATE: Final = 5
GONE: Final = 6
OUTCOME_NAMES: Final[dict[Outcome, str]] = {
    OPEN: "open",
    MET: "met",
    SUPERSEDED: "superseded",
    EXEMPT: "exempt",
    BREACHED: "breached",
    CLOSED_LATE: "closed_late",
    GONE: "gone",
}
"""The outcomes as people and scripts read them."""

STANDING: Final = (
    "clock.breached",
    "clock.reminder_due",
    "clock.lapsed",
    "clock.met",
    "clock.superseded",
    "clock.exempt",
    "clock.closed_late",
)
"""Types of events that stand until they are retracted; rows hold their index, so that new ones go at the end."""


class Clock(msgspec.Struct, array_like=True, gc=False):
    """A clock as it stands: what was last said of it, and what binds it.

    `start_ms` and `order_id` are those of the last `clock.opened`, whose `output_id` is `opened_id`; so are `version`,
    `due_ms` and `calendar` (empty unless the target counts days), unless the clock `is_moved`: an `open` version has
    moved it since, when it had ended or stood breached, and its outcome was judged by that. `origin` is the version
    that was in force at its start. `standing` are the events that stand, oldest first, each as index into STANDING and
    output id. `passed` and `escalated` are bit masks of the escalation levels passed and emitted in this revision.
    `urgent` are the messages and claims already escalated, by their places in the order's `urged`. Output ids are 16
    raw bytes.
    """

    rule: str
    subject: str
    start_ms: int
    version: int
    due_ms: int
    calendar: str
    order_id: str | None
    obligor: str
    origin: int
    outcome: Outcome = OPEN
    revision: int = 0
    seq: int = 0
    opened_id: bytes = b""
    standing: list[tuple[int, bytes]] = []
    elapsed_ms: int = 0
    passed: int = 0
    escalated: int = 0
    urgent: list[int] = []
    is_moved: bool = False

    @property
    def name(self) -> str:
        """The clock's id within its account: `<rule>/<subject>`."""
        return f"{self.rule}/{self.subject}"


class OrderRow(msgspec.Struct, array_like=True):
    """An order; `programs` holds each return's program, that of the first fact applied that named one.

    `urged` are the messages and claims for which a clock was escalated at once: each is named once, however many clocks
    it bears on, so that a row fits its record.
    """

    version: int = ROW_VERSION
    facts: list[OrderFact] = []
    clocks: list[Clock] = []
    violations: list[str] = []
    programs: dict[str, str] = {}
    urged: list[str] = []


class ThreadRow(msgspec.Struct, array_like=True):
    version: int = ROW_VERSION
    facts: list[ThreadFact] = []
    clocks: list[Clock] = []
    violations: list[str] = []


class CaseRow(msgspec.Struct, array_like=True):
    version: int = ROW_VERSION
    facts: list[CaseFact] = []
    clocks: list[Clock] = []
    violations: list[str] = []


class EvidenceRow(msgspec.Struct, array_like=True):
    version: int = ROW_VERSION
    facts: list[EvidenceFact] = []
    clocks: list[Clock] = []
    violations: list[str] = []


MatterRow = OrderRow | ThreadRow | CaseRow | EvidenceRow


class Emitted(msgspec.Struct, array_like=True, gc=False):
    """What was last emitted for one metric and window of an account's health."""

    numerator: int = 0
    denominator: int = 0
    status: str = "good"


class DayCounts(msgspec.Struct, array_like=True, gc=False):
    """Counters of one account and UTC day of the clocks' start (contract §6)."""

    on_time: int = 0
    late: int = 0
    answered: int = 0
    elapsed_ms: int = 0
    refunds_met: int = 0
    refunds_late: int = 0


class AccountRow(msgspec.Struct, array_like=True):
    """An account: its program changes, kept for good, and its health.

    `first_ms` is the journal time of its first line. `days` are counters by UTC day number. `emitted` is what was last
    emitted, by `<metric>/<window>`. `midnight_ms` is the newest midnight computed, `streak` the late-response streak
    there, `streak_before` that of the day before, `corrections` how many events were emitted for the late response
    rate at it. `reports` is the largest (at_ms, event_id) applied for each reported window, `defect_statuses` the order
    defect rate's status last emitted for it.
    """

    version: int = ROW_VERSION
    first_ms: int = 0
    programs: list[ProgramChanged] = []
    days: dict[int, DayCounts] = {}
    emitted: dict[str, Emitted] = {}
    midnight_ms: int = 0
    streak_before: int = 0
    streak: int = 0
    corrections: int = 0
    reports: dict[int, tuple[int, str]] = {}
    defect_statuses: dict[int, str] = {}


class Lost(msgspec.Struct, array_like=True, frozen=True):
    """Input that was gone before it was read: offsets `first` to `last` of a topic, found so at this broker's time."""

    topic: str
    first: int
    last: int
    found_ms: int


class LastRead(msgspec.Struct, array_like=True, frozen=True):
    """The record of an input topic that was finished last: to know the topic by, where the broker tells no id."""

    offset: int
    timestamp_ms: int
    digest: bytes


MOST_LOST: Final = 256
"""Ranges of lost input that are kept, the newest of each partition; `lost_records` counts all."""


class ShellNotes(msgspec.Struct, array_like=True):
    """What the shell keeps with the partition and no decision reads.

    `positions` are the next offsets of the input topics. Of sealing: `journal`, the digest of all journal records so
    far (streams/sealing.py), and `sealed_period`, the number of the period of journal time that was sealed last, 0
    before the first line. What belongs together: `partitions`, the count that all topics had, 0 before the first line;
    `topics`, the id of each input topic by its name; `journal_topic`, name and id of the journal; `group`, the consumer
    group whose workers kept it. `lost` is input that was gone before it was read, and `lost_records` how many offsets
    that were in all. `last_read` stands for the id of an input topic that has none. `moved_to` is where its accounts
    have gone: no worker keeps the partition any more.
    """

    positions: dict[str, int] = {}
    journal: bytes = b""
    sealed_period: int = 0
    partitions: int = 0
    topics: dict[str, bytes] = {}
    journal_topic: str = ""
    group: str = ""
    lost: list[Lost] = []
    lost_records: int = 0
    last_read: dict[str, LastRead] = {}
    moved_to: str = ""


class PartitionRow(msgspec.Struct, array_like=True):
    """The partition: journal time and running number of its last line, what is in force, and the shell's notes.

    In force are the policies with the digest `digest`, the zones with the digest `zones` and the logic `logic`; 0 and
    empty before the first activation. `step` alone changes these, the shell its notes.
    """

    version: int = ROW_VERSION
    journal_ms: int = 0
    lines: int = 0
    digest: str = ""
    zones: str = ""
    logic: int = 0
    notes: ShellNotes = msgspec.field(default_factory=ShellNotes)


class PoliciesRow(msgspec.Struct, array_like=True):
    """The policies and zones in force, and digests of those that were before; a row of its own: large, rarely changed.

    `left_policies` and `left_zones`, in byte order, are what the partition does not go back to unless an operator says
    so (contract §5).
    """

    version: int = ROW_VERSION
    toml: str = ""
    zones: dict[str, tuple[tuple[int, int], ...]] = {}
    left_policies: list[str] = []
    left_zones: list[str] = []


class Versioned(msgspec.Struct, array_like=True):
    """Any row, as far as every version of the program can read it."""

    version: int


Row = OrderRow | ThreadRow | CaseRow | EvidenceRow | AccountRow

PARTITION_KEY: Final = b"partition"
POLICIES_KEY: Final = b"policies"
"""Keys without a slash: no account or matter has one."""

ROW_TYPES: Final[dict[str, type[Any]]] = {
    "order": OrderRow,
    "thread": ThreadRow,
    "case": CaseRow,
    "evidence": EvidenceRow,
    "account": AccountRow,
}


class RowError(ValueError):
    """A row that is in no form of this version of the program."""
