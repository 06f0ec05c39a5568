"""The SLA events as types, for whoever subscribes: one struct for each type of contract §4, and the topic it goes to.

`decode_event` is strict: an unknown field, a missing one or a wrong type is a ValidationError, so that a test or a
pinned subscriber sees each difference. Instants stay text, in the one output form; what is absent is `None`. The JSON
Schemas are generated from these structs, but leave unknown fields open: a subscriber ignores what it does not know.
"""

from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from schemas.codec import canonical_json

EventTopic: TypeAlias = Literal["sla-breach", "sla-escalation", "sla-clock", "sla-health"]

Instant: TypeAlias = Annotated[
    str,
    Meta(
        extra_json_schema={
            "format": "date-time",
            "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$",
        }
    ),
]
OutputId: TypeAlias = Annotated[str, Meta(extra_json_schema={"pattern": "^[0-9a-f]{32}$"})]
OrderId: TypeAlias = Annotated[str, Meta(extra_json_schema={"pattern": "^[0-9A-Z]{3}-[0-9]{7}-[0-9]{7}$"})]
Positive: TypeAlias = Annotated[int, Meta(ge=1)]
NotNegative: TypeAlias = Annotated[int, Meta(ge=0)]
Flag: TypeAlias = Annotated[bool, Meta(extra_json_schema={"const": True})]  # there only when true

Obligor: TypeAlias = Literal["seller", "csba", "amazon"]
EndedBy: TypeAlias = Literal["seller", "amazon_cs", "amazon_auto", "csba", "program", "buyer", "amazon", "unknown"]
UrgentReason: TypeAlias = Literal["refund_question_after_receipt", "claim_not_received"]
ExemptReason: TypeAlias = Literal[
    "no_response_needed", "case_closed", "auto_authorized", "claim_closed", "chargeback_closed", "return_cancelled",
    "replaced",
]  # fmt: skip
RetractionReason: TypeAlias = Literal[
    "earlier_start", "refund_cancelled", "message_undelivered", "no_response_needed", "unmarked", "reassigned",
    "late_arrival",
]  # fmt: skip
RetractedType: TypeAlias = Literal[
    "clock.opened", "clock.met", "clock.superseded", "clock.exempt", "clock.closed_late",
    "clock.breached", "clock.lapsed", "clock.reminder_due",
]  # fmt: skip
ViolationKind: TypeAlias = Literal[
    "refused_return", "csba_interference", "case_duplicate", "case_close_reopen", "evidence_deleted_early"
]
Metric: TypeAlias = Literal["average_response_ms", "late_response_rate", "refund_on_time_rate", "order_defect_rate"]
Unit: TypeAlias = Literal["ms", "ppm"]
HealthStatus: TypeAlias = Literal["good", "warn", "review_risk", "bad", "excellent"]


class Event(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type"):
    """What every event says."""

    output_id: Annotated[OutputId, Meta(description="Which event: first 32 hex digits of the SHA-256 of the rest.")]
    at: Annotated[Instant, Meta(description="When it took effect.")]
    decided_at: Annotated[Instant, Meta(description="Journal time at which the system knew.")]
    seller_id: str
    marketplace_id: str


class ClockEvent(Event, kw_only=True, frozen=True):
    """What every event of a clock says."""

    clock_id: Annotated[str, Meta(description="`<seller_id>/<marketplace_id>/<rule>/<subject>`.")]
    rule: str
    rule_version: Positive
    calendar: Annotated[str | None, Meta(description="Whose days were counted; for targets in days.")] = None
    subject: Annotated[
        str, Meta(description="The return, message, claim, chargeback, refund, case or step that the clock is on.")
    ]
    started_at: Instant
    due_at: Instant
    order_id: OrderId | None = None
    seq: Annotated[Positive, Meta(description="Counts the clock's events from 1, over all topics.")]


class ClockOpened(ClockEvent, kw_only=True, frozen=True, tag="clock.opened"):
    """A duty began, or its start or due moved (then `revision` is above 1)."""

    revision: Positive
    cause: Annotated[str | None, Meta(description="`event_id` of the notification, if one brought it.")] = None


class ClockEscalated(ClockEvent, kw_only=True, frozen=True, tag="clock.escalated"):
    """The due comes near, or has passed by; `urgent` ones ask for an answer at once."""

    level: NotNegative
    collapsed: Annotated[Flag | None, Meta(description="Lower levels had passed already and are not sent.")] = None
    urgent: Flag | None = None
    reason: UrgentReason | None = None
    cause: str | None = None


class ClockMet(ClockEvent, kw_only=True, frozen=True, tag="clock.met"):
    """The duty was done in time."""

    elapsed_ms: NotNegative
    stopped_before_start: Flag | None = None
    cause: str


class ClockClosedLate(ClockEvent, kw_only=True, frozen=True, tag="clock.closed_late"):
    """The duty ended after its due; its breach stands."""

    elapsed_ms: NotNegative
    stopped_before_start: Flag | None = None
    late_by_ms: NotNegative
    by: EndedBy
    cause: str


class ClockSuperseded(ClockEvent, kw_only=True, frozen=True, tag="clock.superseded"):
    """Amazon or a program change took the duty away in time."""

    elapsed_ms: NotNegative
    stopped_before_start: Flag | None = None
    by: EndedBy
    cause: str


class ClockExempt(ClockEvent, kw_only=True, frozen=True, tag="clock.exempt"):
    """The matter ended without the duty being owed any longer."""

    reason: ExemptReason
    cause: str


class ClockBreached(ClockEvent, kw_only=True, frozen=True, tag="clock.breached"):
    """The due passed and the duty was not done."""

    obligor: Obligor
    consequences: tuple[str, ...] | None = None


class ClockLapsed(ClockEvent, kw_only=True, frozen=True, tag="clock.lapsed"):
    """A right ran out unused."""

    obligor: Obligor


class ClockReminderDue(ClockEvent, kw_only=True, frozen=True, tag="clock.reminder_due"):
    """The other side let its time pass: time to remind it."""

    obligor: Obligor


class ClockRetracted(ClockEvent, kw_only=True, frozen=True, tag="clock.retracted"):
    """An earlier event is taken back: what is known now does not call for it."""

    retracts: Annotated[OutputId, Meta(description="`output_id` of the event taken back.")]
    of: RetractedType
    reason: RetractionReason
    cause: str


class ClockExpired(ClockEvent, kw_only=True, frozen=True, tag="clock.expired"):
    """The matter is forgotten while the clock was open or stood breached."""


class PolicyViolation(Event, kw_only=True, frozen=True, tag="policy.violation"):
    """The seller did what the policies forbid."""

    kind: ViolationKind
    subject: str
    order_id: OrderId | None = None
    cause: str


class AccountHealth(Event, kw_only=True, frozen=True, tag="account.health"):
    """A figure of the account over a window of days has changed."""

    metric: Metric
    window_days: Positive
    numerator: NotNegative
    denominator: NotNegative
    unit: Unit
    value: NotNegative
    revision: Positive
    status: HealthStatus | None = None
    cause: str | None = None


AnyEvent: TypeAlias = (
    ClockOpened | ClockEscalated | ClockMet | ClockClosedLate | ClockSuperseded | ClockExempt | ClockBreached
    | ClockLapsed | ClockReminderDue | ClockRetracted | ClockExpired | PolicyViolation | AccountHealth
)  # fmt: skip

EVENT_TYPES: Final[tuple[type[Event], ...]] = (
    ClockOpened, ClockEscalated, ClockMet, ClockClosedLate, ClockSuperseded, ClockExempt, ClockBreached, ClockLapsed,
    ClockReminderDue, ClockRetracted, ClockExpired, PolicyViolation, AccountHealth,
)  # fmt: skip

TOPIC_OF: Final[dict[str, EventTopic]] = {
    "clock.breached": "sla-breach",
    "clock.lapsed": "sla-breach",
    "policy.violation": "sla-breach",
    "clock.escalated": "sla-escalation",
    "clock.reminder_due": "sla-escalation",
    "clock.opened": "sla-clock",
    "clock.met": "sla-clock",
    "clock.closed_late": "sla-clock",
    "clock.superseded": "sla-clock",
    "clock.exempt": "sla-clock",
    "clock.expired": "sla-clock",
    "account.health": "sla-health",
}
"""The logical topic of each type of event but `clock.retracted`: that goes where the event went that it takes back."""
_decoder: Final[msgspec.json.Decoder[AnyEvent]] = msgspec.json.Decoder(AnyEvent)


def topic_of(type: str, of: str | None) -> EventTopic:  # noqa: A002 - the field's name
    """The logical topic of an event; a retraction (`of` its type) goes where the event went that it takes back."""
    return TOPIC_OF[of if type == "clock.retracted" and of else type]


def decode_event(value: bytes) -> AnyEvent:
    """The value of a record of an output topic. msgspec.DecodeError for anything that the contract does not know."""
    return _decoder.decode(value)


def encode_event(event: AnyEvent) -> bytes:
    """The canonical bytes, as they stand on the topic."""
    known: dict[str, object] = msgspec.to_builtins(event)
    return canonical_json(known)
