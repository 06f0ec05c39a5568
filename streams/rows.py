"""Rows: the state as plain data, one row for each matter and account, and their compact codec.

A row is array-encoded msgpack with a version number first; it has no methods that decide. A matter's id
(`<seller>/<marketplace>/<kind>/<name>`) says which type of row it is, an account's id (`<seller>/<marketplace>`) that
it is an account. Row ids are the keys of the changelog. What a field means is said where it is decided: `clock` for
clocks, `health` for an account's counters.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NewType, TypeVar

import msgspec

from streams.facts import CaseFact, EvidenceFact, OrderFact, ProgramChanged, ThreadFact
from streams.logic import BEFORE_LOGIC, OtherVersionError

_Key = TypeVar("_Key", int, str)
_Value = TypeVar("_Value")

ROW_VERSION: Final = 2
_OF_0_1: Final = 1

# Outcomes of a clock (contract §3). GONE: the facts no longer call for it; kept for its revision and seq.
Outcome = NewType("Outcome", int)
OPEN: Final = Outcome(0)
MET: Final = Outcome(1)
SUPERSEDED: Final = Outcome(2)
EXEMPT: Final = Outcome(3)
BREACHED: Final = Outcome(4)
CLOSED_LATE: Final = Outcome(5)
GONE: Final = Outcome(6)
OUTCOME_NAMES: Final = {
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


class _Versioned(msgspec.Struct, array_like=True):
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
_DECODERS: Final = {kind: msgspec.msgpack.Decoder(row_type) for kind, row_type in ROW_TYPES.items()}
_PARTITION_DECODER: Final = msgspec.msgpack.Decoder(PartitionRow)
_POLICIES_DECODER: Final = msgspec.msgpack.Decoder(PoliciesRow)
_VERSION_DECODER: Final = msgspec.msgpack.Decoder(_Versioned)
_ENCODER: Final = msgspec.msgpack.Encoder()


class RowError(ValueError):
    """A row that is in no form of this version of the program."""


def kind_of(row_id: str) -> str:
    """`order`, `thread`, `case`, `evidence` or `account`."""
    parts = row_id.split("/", 3)
    return parts[2] if len(parts) == 4 else "account"


def account_of(row_id: str) -> str:
    """The account `<seller>/<marketplace>` that a row belongs to."""
    seller, marketplace, *_ = row_id.split("/", 2)
    return f"{seller}/{marketplace}"


def marketplace_of(row_id: str) -> str:
    """The marketplace of the account that a row belongs to."""
    return row_id.split("/", 2)[1]


def apply_changes(rows: dict[bytes, bytes], changes: Iterable[tuple[bytes, bytes | None]]) -> None:
    """Bring rows up to date, as a changelog does that is read to its end: None takes a row away."""
    for key, value in changes:
        if value is None:
            rows.pop(key, None)
        else:
            rows[key] = value


def encode_row(row: Row | PartitionRow | PoliciesRow) -> bytes:
    """The row's bytes; dicts of rows are sorted first, so that equal rows have equal bytes."""
    _sort(row)
    return _ENCODER.encode(row)


def encode_row_by(buffer: bytearray, row: Row) -> bytes:
    """The same by way of a buffer, for rows that are kept: the encoder's own bytes take up to a quarter more memory."""
    _sort(row)
    _ENCODER.encode_into(row, buffer)
    return bytes(buffer)


def _sort(row: Row | PartitionRow | PoliciesRow) -> None:
    if type(row) is OrderRow:
        if len(row.programs) > 1:
            row.programs = _sorted(row.programs)
    elif type(row) is AccountRow:
        row.days = _sorted(row.days)
        row.emitted = _sorted(row.emitted)
        if row.reports:  # a status comes of a report
            row.reports = _sorted(row.reports)
            row.defect_statuses = _sorted(row.defect_statuses)
    elif type(row) is PartitionRow:
        row.notes.positions = _sorted(row.notes.positions)
        row.notes.topics = _sorted(row.notes.topics)
        row.notes.last_read = _sorted(row.notes.last_read)
    elif type(row) is PoliciesRow:
        row.zones = _sorted(row.zones)


def _sorted(entries: dict[_Key, _Value]) -> dict[_Key, _Value]:
    """The same by key; itself where it is so already, as nearly always: a new day is the last one."""
    if len(entries) < 2:
        return entries
    keys = list(entries)
    in_order = sorted(keys)
    return entries if keys == in_order else {key: entries[key] for key in in_order}


def decode_row(row_id: str, value: bytes) -> Row:
    """The row of a matter or account. RowError where its form is not ours, OtherVersionError for another version."""
    kind = kind_of(row_id)
    if kind == "account" and row_id.count("/") != 1:
        raise RowError(f"the row {row_id} is of no account and of no matter")
    row: Row = _checked(_decoder(row_id, kind), row_id, value)
    return row


def decode_matter(row_id: str, kind: str, value: bytes) -> MatterRow:
    """The same of a matter of this kind."""
    if kind == "account":
        raise RowError(f"the row {row_id} is of no matter")
    row: MatterRow = _checked(_decoder(row_id, kind), row_id, value)
    return row


def _decoder(row_id: str, kind: str) -> Any:
    try:
        return _DECODERS[kind]
    except KeyError:
        raise RowError(f"the row {row_id} is of a kind that there is not") from None


def decode_partition(value: bytes) -> PartitionRow:
    """The partition's row. RowError where its form is not ours, OtherVersionError for another version."""
    row: PartitionRow = _checked(_PARTITION_DECODER, "partition", value)
    return row


def decode_policies(value: bytes) -> PoliciesRow:
    """The policies' row. RowError where its form is not ours, OtherVersionError for another version."""
    row: PoliciesRow = _checked(_POLICIES_DECODER, "policies", value)
    return row


def _checked(decoder: Any, row_id: str, value: bytes) -> Any:
    try:
        row = decoder.decode(value)
    except msgspec.MsgspecError as error:
        _check_version(row_id, _version_of(value))
        raise RowError(f"row {row_id} is not in the form of version {ROW_VERSION}: {error}") from error
    _check_version(row_id, row.version)
    return row


def _version_of(value: bytes) -> int:
    """The version that a row names whatever else it holds; ours where it names none."""
    try:
        return _VERSION_DECODER.decode(value).version
    except msgspec.MsgspecError:
        return ROW_VERSION


def _check_version(row_id: str, version: int) -> None:
    if version == _OF_0_1:
        raise OtherVersionError(f"Row {row_id} was written by {BEFORE_LOGIC}")
    if version != ROW_VERSION:
        raise OtherVersionError(
            f"Row {row_id} has version {version} and this program reads version {ROW_VERSION}; use a newer dueclock."
        )
