"""Every topic of the system under its logical name: what it carries, how long it is kept, and who stamps its records.

An installation may give each another name or a prefix; meaning and settings stay these: `topics create` sets them,
`topics check` compares. The broker stamps the inputs, since journal time is made of append times; the journal alone is
stamped by its one writer, since its timestamp is the journal time. All else the broker stamps too: then no worker's
wrong clock can have a record refused, or change how long it is kept.
"""

from typing import Final, Literal, NamedTuple, TypeAlias

from schemas.codec import DAY_MS, HOUR_MS
from schemas.events import EVENT_TYPES, EventTopic, topic_of
from schemas.notifications import (
    FILE_ONLY_TYPES,
    CaseActivity,
    CaseClosed,
    CaseOpened,
    ChargebackAnswered,
    ChargebackDecided,
    ChargebackOpened,
    ClaimAppealed,
    ClaimDecided,
    ClaimEvidenceSubmitted,
    ClaimOpened,
    ClaimWithdrawn,
    EvidenceDeleted,
    EvidenceStored,
    MessageMarked,
    MessageReceived,
    MessageSent,
    MessageUndelivered,
    MessageUnmarked,
    MetricsReported,
    Notification,
    ProgramChanged,
    RefundCancelled,
    RefundIssued,
    ReplacementSent,
    ReturnApproved,
    ReturnCancelled,
    ReturnReceived,
    ReturnRefused,
    ReturnRequested,
    ReturnResponded,
    SafetFiled,
    VacationSet,
    type_name,
)

Logical: TypeAlias = Literal[
    "return-approved",
    "return-received",
    "refund-issued",
    "buyer-message",
    "a-to-z-claim",
    "support-case",
    "seller-account",
    "sla-repartition",
    "sla-journal",
    "sla-breach",
    "sla-escalation",
    "sla-clock",
    "sla-health",
    "dead-letter",
    "changelog",
    "sla-clock-probe",
    "sla-snapshots",
]
"""The name of a topic, whatever an installation calls it: a slip in one does not pass the type checker."""
Kind: TypeAlias = Literal["input", "repartition", "journal", "output", "dead-letter", "changelog", "probe", "snapshots"]
TimestampType: TypeAlias = Literal["LogAppendTime", "CreateTime"]

ANY_TIME_MS: Final = 2**63 - 1  # Kafka's own "no limit" for timestamps

_MIB: Final = 1024 * 1024
_INPUT_BYTES: Final = _MIB + 12  # Kafka's default, said aloud: a dead letter must have room for what it lets in
_LARGE_BYTES: Final = 8 * _MIB

# Kafka deletes whole segments, each when its newest record is past its retention.
_ORIGINALS_SEGMENT_MS: Final = DAY_MS  # what producers sent
_LETTERS_SEGMENT_MS: Final = HOUR_MS  # what they should not have sent
_COMPACTED_WITHIN_MS: Final = 7 * DAY_MS

MIN_INSYNC: Final = 2
COPIES_FOR_MIN_INSYNC: Final = 3
"""With so many copies or more, a write counts when it stands on MIN_INSYNC of them (`min.insync.replicas`)."""


class Topic(NamedTuple):
    """One topic. `types` is what producers should send there; any known notification is accepted on any input."""

    name: Logical
    kind: Kind
    types: tuple[str, ...]
    retention_ms: int | None  # None: compacted, the newest row of each key is kept
    timestamp_type: TimestampType
    max_message_bytes: int
    description: str
    segment_ms: int = 7 * DAY_MS  # a record goes with its segment: so long after its time at the latest

    @property
    def cleanup_policy(self) -> Literal["delete", "compact", "compact,delete"]:
        """Whether old records go by age, give way to newer ones of their key, or both."""
        if self.kind == "snapshots":
            return "compact,delete"
        return "compact" if self.retention_ms is None else "delete"

    def kafka_settings(self) -> dict[str, str]:
        """The topic's settings by the names that Kafka gives them."""
        if self.kind == "probe":  # its records are read by nobody: how they are stamped and that they go is enough
            return {
                "cleanup.policy": self.cleanup_policy,
                "message.timestamp.type": self.timestamp_type,
                "retention.ms": str(self.retention_ms),
                "segment.ms": str(self.segment_ms),
            }
        settings = {
            "cleanup.policy": self.cleanup_policy,
            "message.timestamp.type": self.timestamp_type,
            "max.message.bytes": str(self.max_message_bytes),
            "segment.ms": str(self.segment_ms),
            "unclean.leader.election.enable": "false",  # a replica that lags would lose lines that were committed
        }
        if self.retention_ms is not None:
            settings["retention.ms"] = str(self.retention_ms)
            settings["retention.bytes"] = "-1"  # age alone decides, never size
        if "compact" in self.cleanup_policy:
            settings["max.compaction.lag.ms"] = str(_COMPACTED_WITHIN_MS)  # what was forgotten goes, though little does
        if self.timestamp_type == "CreateTime":
            # Journal time is what was known, not what the wall clock says: it lies hours back after an outage, and it
            # never goes back. A broker that refused such a stamp would stop the partition.
            settings["message.timestamp.before.max.ms"] = str(ANY_TIME_MS)
            settings["message.timestamp.after.max.ms"] = str(ANY_TIME_MS)
        return settings


def _input(name: Logical, types: tuple[type[Notification], ...], description: str) -> Topic:
    names = tuple(type_name(body_type) for body_type in types)
    return Topic(name, "input", names, 14 * DAY_MS, "LogAppendTime", _INPUT_BYTES, description, _ORIGINALS_SEGMENT_MS)


def _output(name: EventTopic, description: str) -> Topic:
    names = tuple(
        type_name(event_type)
        for event_type in EVENT_TYPES
        if type_name(event_type) != "clock.retracted" and topic_of(type_name(event_type), None) == name
    )
    # Retractions go where the event went that they take back. No clock of ours is retracted in sla-health.
    retracted = () if name == "sla-health" else ("clock.retracted",)
    return Topic(name, "output", names + retracted, 400 * DAY_MS, "LogAppendTime", _INPUT_BYTES, description)


INPUT_TOPICS: Final = (
    _input(
        "return-approved",
        (ReturnRequested, ReturnApproved, ReturnResponded, ReturnRefused, ReturnCancelled),
        "What happens to a return before the item arrives.",
    ),
    _input("return-received", (ReturnReceived,), "Returned items delivered to the warehouse."),
    _input(
        "refund-issued",
        (RefundIssued, RefundCancelled, ReplacementSent),
        "Refunds, by the seller or by Amazon, and items sent in their place.",
    ),
    _input(
        "buyer-message",
        (MessageReceived, MessageSent, MessageUndelivered, MessageMarked, MessageUnmarked),
        "Messages between buyer, seller, Amazon's customer service and CSBA.",
    ),
    _input(
        "a-to-z-claim",
        (
            ClaimOpened,
            ClaimEvidenceSubmitted,
            ClaimWithdrawn,
            ClaimDecided,
            ClaimAppealed,
            SafetFiled,
            ChargebackOpened,
            ChargebackAnswered,
            ChargebackDecided,
        ),
        "A-to-z claims, SAFE-T claims of the seller, and chargebacks.",
    ),
    _input("support-case", (CaseOpened, CaseActivity, CaseClosed), "The seller's cases with Amazon's support."),
    _input(
        "seller-account",
        (VacationSet, ProgramChanged, EvidenceStored, EvidenceDeleted, MetricsReported),
        "The account itself: programs, evidence, figures that Amazon reports.",
    ),
)
_ALL_NOTIFICATIONS: Final = tuple(name for topic in INPUT_TOPICS for name in topic.types)

REPARTITION_TOPIC: Final = Topic(
    "sla-repartition",
    "repartition",
    _ALL_NOTIFICATIONS,
    14 * DAY_MS,
    "LogAppendTime",
    _INPUT_BYTES,
    "Notifications that came under another key or partition, sent on under their account's: known fields alone.",
    _ORIGINALS_SEGMENT_MS,
)
JOURNAL_TOPIC: Final = Topic(
    "sla-journal",
    "journal",
    (*_ALL_NOTIFICATIONS, *map(type_name, FILE_ONLY_TYPES)),
    400 * DAY_MS,
    "CreateTime",
    _LARGE_BYTES,  # an activation holds a whole policy file
    "What was known and when: the lines from which every event follows. The timestamp is the journal time.",
)
OUTPUT_TOPICS: Final = (
    _output("sla-breach", "Duties not done in time, rights that ran out, violations, and what of it is taken back."),
    _output("sla-escalation", "Duties that fall due soon or are urgent, and reminders due to others."),
    _output("sla-clock", "The course of each clock: opened, met, closed late, superseded, exempt, expired, retracted."),
    _output("sla-health", "Figures of the account, and the status that follows from them."),
)
DEAD_LETTER_TOPIC: Final = Topic(
    "dead-letter",
    "dead-letter",
    (),
    7 * DAY_MS,  # the original may hold personal data; stamped by the broker, so that the week begins on arrival
    "LogAppendTime",
    2 * _INPUT_BYTES,
    "Input that is no fact: key and value as they came (what is too large cut), the reason in headers.",
    _LETTERS_SEGMENT_MS,
)
CHANGELOG_TOPIC: Final = Topic(
    "changelog",
    "changelog",
    (),
    None,
    "LogAppendTime",
    _LARGE_BYTES,  # the partition's row holds the policy file, a matter's row all its facts
    "The state as rows, one for each matter, account and partition. The system's own: not for subscribers.",
    _ORIGINALS_SEGMENT_MS,
)
PROBE_TOPIC: Final = Topic(
    "sla-clock-probe",
    "probe",
    (),
    HOUR_MS,
    "LogAppendTime",
    _INPUT_BYTES,
    "A few bytes of each worker every few seconds, read by nobody: the answer tells the broker's time.",
    HOUR_MS,
)
SNAPSHOTS_TOPIC: Final = Topic(
    "sla-snapshots",
    "snapshots",
    (),
    437 * DAY_MS,  # as long as a snapshot is kept unless told otherwise, and a week
    "LogAppendTime",
    _INPUT_BYTES,
    "The state at each seal, in pieces, where the setting `snapshots` is `topic`. The system's own.",
    _ORIGINALS_SEGMENT_MS,
)

TOPICS: Final[tuple[Topic, ...]] = (
    *INPUT_TOPICS,
    REPARTITION_TOPIC,
    JOURNAL_TOPIC,
    *OUTPUT_TOPICS,
    DEAD_LETTER_TOPIC,
    CHANGELOG_TOPIC,
)
"""Those of the partitions: all have as many. The probe's has one and belongs to none; snapshots may lie elsewhere."""
ALL_TOPICS: Final = (*TOPICS, PROBE_TOPIC, SNAPSHOTS_TOPIC)
"""Every topic of ours."""
INPUT_TOPIC_OF: Final[dict[str, Logical]] = {name: topic.name for topic in INPUT_TOPICS for name in topic.types}
