"""The notifications as types: one struct for each type of contract §2, its fields in the contract's order.

A name is the JSON name, save `occurred_ms`, which is `occurred_at` in milliseconds. What is absent is `None`: a
default that the contract gives (`kind`, `routed_to`, `from_role`) is the rules' business, so that the journal keeps
what was said. What a field may hold is in `schemas.fields`.
"""

from typing import Annotated, Final, TypeAlias

from msgspec import Meta, Struct, field

from schemas.fields import (
    AT_MOST,
    Amount,
    AnsweringRole,
    ApprovedBy,
    AskingRole,
    CaseActor,
    ClaimKind,
    ClaimOutcome,
    Code,
    Currency,
    Digest,
    EvidenceKind,
    Figure,
    Id,
    IssuedBy,
    Logic,
    MarketplaceId,
    MessageTopic,
    Number,
    OccurredMs,
    OrderId,
    Priority,
    Program,
    RefundKind,
    Response,
    Role,
    SellerId,
    SubjectHash,
    SwitchedProgram,
    WindowDays,
    Zone,
    ZonesSaid,
)

Zones: TypeAlias = dict[str, Zone]
"""What an activation says of time zones: for each the pairs of an instant in ms UTC and the offset in s from it on."""


class Notification(Struct, kw_only=True, frozen=True, gc=False, omit_defaults=True, tag_field="type"):
    """What every notification says: which one it is, whose account it is about, and when the fact happened."""

    event_id: Id
    seller_id: SellerId
    marketplace_id: MarketplaceId
    occurred_ms: OccurredMs = field(name="occurred_at")


class ReturnRequested(Notification, kw_only=True, frozen=True, tag="return.requested"):
    """The buyer asks to send an item back."""

    return_id: Id
    order_id: OrderId
    program: Program
    in_policy: bool | None = None
    reason: Code | None = None


class ReturnApproved(Notification, kw_only=True, frozen=True, tag="return.approved"):
    """The return is authorised, by Amazon's policy, by Amazon's customer service or by the seller."""

    return_id: Id
    order_id: OrderId
    program: Program
    approved_by: ApprovedBy
    in_policy: bool | None = None
    rma_id: Id | None = None


class ReturnResponded(Notification, kw_only=True, frozen=True, tag="return.responded"):
    """The seller answers a return request."""

    return_id: Id
    order_id: OrderId
    response: Response


class ReturnRefused(Notification, kw_only=True, frozen=True, tag="return.refused"):
    """The seller refuses a return."""

    return_id: Id
    order_id: OrderId


class ReturnCancelled(Notification, kw_only=True, frozen=True, tag="return.cancelled"):
    """The buyer cancels a return."""

    return_id: Id
    order_id: OrderId


class ReturnReceived(Notification, kw_only=True, frozen=True, tag="return.received"):
    """The carrier delivered the returned item to the warehouse."""

    return_id: Id
    order_id: OrderId
    program: Program
    receipt_id: Id | None = None
    refundable_amount: Amount | None = None
    currency: Currency | None = None


class RefundIssued(Notification, kw_only=True, frozen=True, tag="refund.issued"):
    """Money went back to the buyer, in full or in part."""

    refund_id: Id
    order_id: OrderId
    issued_by: IssuedBy
    amount: Amount
    currency: Currency
    kind: RefundKind | None = None
    program: Program | None = None
    return_id: Id | None = None
    receipt_id: Id | None = None
    full: bool | None = None
    deduction_reason: Code | None = None
    reason_code: Code | None = None


class RefundCancelled(Notification, kw_only=True, frozen=True, tag="refund.cancelled"):
    """A refund is taken back: it never counted."""

    refund_id: Id
    order_id: OrderId


class ReplacementSent(Notification, kw_only=True, frozen=True, tag="replacement.sent"):
    """The seller sent another item in the place of a returned one."""

    replacement_id: Id
    order_id: OrderId
    return_id: Id
    receipt_id: Id | None = None


class MessageReceived(Notification, kw_only=True, frozen=True, tag="message.received"):
    """A message reached the seller's side: from the buyer, from Amazon's customer service or from CSBA."""

    message_id: Id
    thread_id: Id
    from_role: AskingRole
    routed_to: AnsweringRole | None = None
    order_id: OrderId | None = None
    program: Program | None = None
    topic: MessageTopic | None = None


class MessageSent(Notification, kw_only=True, frozen=True, tag="message.sent"):
    """The seller, or CSBA in the seller's place, wrote a message."""

    message_id: Id
    thread_id: Id
    from_role: AnsweringRole | None = None
    to_roles: tuple[Role, ...]
    auto_reply: bool | None = None
    order_id: OrderId | None = None


class MessageUndelivered(Notification, kw_only=True, frozen=True, tag="message.undelivered"):
    """A message sent never reached those it was for: it never counted."""

    message_id: Id
    thread_id: Id


class MessageMarked(Notification, kw_only=True, frozen=True, tag="message.marked"):
    """The seller marked a message "no response needed"."""

    message_id: Id
    thread_id: Id


class MessageUnmarked(Notification, kw_only=True, frozen=True, tag="message.unmarked"):
    """The seller took the mark "no response needed" back."""

    message_id: Id
    thread_id: Id


class ClaimOpened(Notification, kw_only=True, frozen=True, tag="claim.opened"):
    """The buyer opened an A-to-z claim."""

    claim_id: Id
    order_id: OrderId
    kind: ClaimKind


class ClaimEvidenceSubmitted(Notification, kw_only=True, frozen=True, tag="claim.evidence_submitted"):
    """The seller sent evidence for a claim."""

    claim_id: Id
    order_id: OrderId


class ClaimWithdrawn(Notification, kw_only=True, frozen=True, tag="claim.withdrawn"):
    """The buyer withdrew a claim."""

    claim_id: Id
    order_id: OrderId


class ClaimDecided(Notification, kw_only=True, frozen=True, tag="claim.decided"):
    """Amazon decided a claim."""

    claim_id: Id
    order_id: OrderId
    outcome: ClaimOutcome


class ClaimAppealed(Notification, kw_only=True, frozen=True, tag="claim.appealed"):
    """The seller appealed against a claim's decision."""

    claim_id: Id
    order_id: OrderId


class SafetFiled(Notification, kw_only=True, frozen=True, tag="safet.filed"):
    """The seller filed a SAFE-T claim for money that Amazon refunded."""

    claim_id: Id
    order_id: OrderId
    refund_id: Id | None = None


class ChargebackOpened(Notification, kw_only=True, frozen=True, tag="chargeback.opened"):
    """The buyer's bank asks the payment back."""

    chargeback_id: Id
    order_id: OrderId


class ChargebackAnswered(Notification, kw_only=True, frozen=True, tag="chargeback.answered"):
    """The seller answered a chargeback."""

    chargeback_id: Id
    order_id: OrderId


class ChargebackDecided(Notification, kw_only=True, frozen=True, tag="chargeback.decided"):
    """A chargeback was decided."""

    chargeback_id: Id
    order_id: OrderId


class CaseOpened(Notification, kw_only=True, frozen=True, tag="case.opened"):
    """The seller opened a support case."""

    case_id: Id
    priority: Priority
    subject_hash: SubjectHash


class CaseActivity(Notification, kw_only=True, frozen=True, tag="case.activity"):
    """Amazon or the seller moved a support case."""

    case_id: Id
    actor: CaseActor


class CaseClosed(Notification, kw_only=True, frozen=True, tag="case.closed"):
    """A support case was closed."""

    case_id: Id


class VacationSet(Notification, kw_only=True, frozen=True, tag="seller.vacation_set"):
    """The seller went on vacation or came back. Journaled; decides nothing (BSM)."""

    on: bool


class ProgramChanged(Notification, kw_only=True, frozen=True, tag="program.changed"):
    """A programme was switched on or off for the account."""

    program: SwitchedProgram
    active: bool


class EvidenceStored(Notification, kw_only=True, frozen=True, tag="evidence.stored"):
    """A piece of evidence was put away."""

    evidence_id: Id
    kind: EvidenceKind
    order_id: OrderId


class EvidenceDeleted(Notification, kw_only=True, frozen=True, tag="evidence.deleted"):
    """A piece of evidence was deleted."""

    evidence_id: Id
    kind: EvidenceKind
    order_id: OrderId


class MetricsReported(Notification, kw_only=True, frozen=True, tag="account.metrics_reported"):
    """Amazon reported the account's own figures."""

    order_count: Figure
    orders_with_defects: Annotated[Figure, Meta(extra={AT_MOST: "order_count"})]
    window_days: WindowDays


class TimeTick(Struct, frozen=True, gc=False, tag_field="type", tag="time.tick"):
    """Nothing but its journal time: files and the journal only."""


class PolicyActivated(Struct, frozen=True, gc=False, omit_defaults=True, tag_field="type", tag="policy.activated"):
    """The policies, zones and logic that decide from here on: files and the journal only."""

    digest: Digest
    toml: str
    zones: ZonesSaid | None = None
    logic: Logic | None = None


class StateSealed(Struct, frozen=True, gc=False, tag_field="type", tag="state.sealed"):
    """A seal: what the state and all journal records were after a line. Files and the journal only."""

    line: Number
    offset: Number
    state: Digest
    journal: Digest
    logic: Logic


Body: TypeAlias = Notification | TimeTick | PolicyActivated | StateSealed
FileOnly: TypeAlias = TimeTick | PolicyActivated | StateSealed
FILE_ONLY_TYPES: Final[tuple[type[FileOnly], ...]] = (TimeTick, PolicyActivated, StateSealed)
"""Types that never come on an input topic: the owner of a partition writes them into its journal."""

NOTIFICATION_TYPES: Final[tuple[type[Notification], ...]] = (
    ReturnRequested, ReturnApproved, ReturnResponded, ReturnRefused, ReturnCancelled, ReturnReceived,
    RefundIssued, RefundCancelled, ReplacementSent,
    MessageReceived, MessageSent, MessageUndelivered, MessageMarked, MessageUnmarked,
    ClaimOpened, ClaimEvidenceSubmitted, ClaimWithdrawn, ClaimDecided, ClaimAppealed, SafetFiled,
    ChargebackOpened, ChargebackAnswered, ChargebackDecided,
    CaseOpened, CaseActivity, CaseClosed,
    VacationSet, ProgramChanged, EvidenceStored, EvidenceDeleted, MetricsReported,
)  # fmt: skip


def type_name(body: type[Struct] | Struct) -> str:
    """The `type` of a notification, tick or activation, or of the struct that stands for it."""
    return str(body.__struct_config__.tag)
