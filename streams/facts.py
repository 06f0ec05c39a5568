"""Facts: what a matter remembers of the notifications it was told of.

A fact is a notification without what its matter already says (account, order, thread, case) and without what no rule
reads. Facts are plain, frozen, array-encoded records: they decide nothing. Each matter keeps its own.

A fact's `key` is its type and business key (contract §2): of two facts with one key the smaller `(at_ms, event_id)`
counts, whichever came first. `at_ms` is the notification's `occurred_at` in ms UTC.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec


class Fact(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Base of all facts: when it happened (ms UTC) and which notification said so."""

    at_ms: int
    event_id: str

    TYPE: ClassVar[str] = ""

    @property
    def when(self) -> tuple[int, str]:
        """The order of facts everywhere: instant, then event id."""
        return (self.at_ms, self.event_id)

    @property
    def key(self) -> tuple[str, ...]:
        """Type and business key; facts without a business key are told apart by their event id."""
        return (self.TYPE, self.event_id)


# --- an order: returns, refunds, replacements, claims, chargebacks, and the messages that name it -------------------


class _ReturnFact(Fact, frozen=True, array_like=True, gc=False):
    return_id: str

    @property
    def key(self) -> tuple[str, ...]:
        return (self.TYPE, self.return_id)


class ReturnRequested(_ReturnFact, frozen=True, array_like=True, gc=False, tag=1):
    TYPE: ClassVar[str] = "return.requested"
    program: str
    in_policy: bool


class ReturnApproved(_ReturnFact, frozen=True, array_like=True, gc=False, tag=2):
    TYPE: ClassVar[str] = "return.approved"
    program: str
    in_policy: bool
    approved_by: str


class ReturnResponded(_ReturnFact, frozen=True, array_like=True, gc=False, tag=3):
    TYPE: ClassVar[str] = "return.responded"
    response: str

    @property
    def key(self) -> tuple[str, ...]:
        return (self.TYPE, self.return_id, self.response)


class ReturnRefused(_ReturnFact, frozen=True, array_like=True, gc=False, tag=4):
    TYPE: ClassVar[str] = "return.refused"


class ReturnCancelled(_ReturnFact, frozen=True, array_like=True, gc=False, tag=5):
    TYPE: ClassVar[str] = "return.cancelled"


class ReturnReceived(_ReturnFact, frozen=True, array_like=True, gc=False, tag=6):
    """A receipt at the warehouse; `refundable_cents` is None where the notification names no amount."""

    TYPE: ClassVar[str] = "return.received"
    program: str
    receipt_id: str | None
    refundable_cents: int | None
    currency: str | None

    @property
    def key(self) -> tuple[str, ...]:
        return (self.TYPE, self.return_id, self.receipt_id or "")


class RefundIssued(Fact, frozen=True, array_like=True, gc=False, tag=7):
    TYPE: ClassVar[str] = "refund.issued"
    refund_id: str
    issued_by: str
    cents: int
    currency: str
    kind: str
    program: str | None
    return_id: str | None
    receipt_id: str | None
    is_full: bool | None
    has_deduction_reason: bool

    @property
    def key(self) -> tuple[str, ...]:
        return (self.TYPE, self.refund_id)


class RefundCancelled(Fact, frozen=True, array_like=True, gc=False, tag=8):
    TYPE: ClassVar[str] = "refund.cancelled"
    refund_id: str

    @property
    def key(self) -> tuple[str, ...]:
        return (self.TYPE, self.refund_id)


class ReplacementSent(Fact, frozen=True, array_like=True, gc=False, tag=15):
    TYPE: ClassVar[str] = "replacement.sent"
    replacement_id: str
    return_id: str
    receipt_id: str | None

    @property
    def key(self) -> tuple[str, ...]:
        return (self.TYPE, self.replacement_id)


class _ClaimFact(Fact, frozen=True, array_like=True, gc=False):
    claim_id: str

    @property
    def key(self) -> tuple[str, ...]:
        return (self.TYPE, self.claim_id)


class ClaimOpened(_ClaimFact, frozen=True, array_like=True, gc=False, tag=9):
    TYPE: ClassVar[str] = "claim.opened"
    kind: str


class ClaimEvidenceSubmitted(_ClaimFact, frozen=True, array_like=True, gc=False, tag=10):
    TYPE: ClassVar[str] = "claim.evidence_submitted"


class ClaimWithdrawn(_ClaimFact, frozen=True, array_like=True, gc=False, tag=11):
    TYPE: ClassVar[str] = "claim.withdrawn"


class ClaimDecided(_ClaimFact, frozen=True, array_like=True, gc=False, tag=12):
    TYPE: ClassVar[str] = "claim.decided"
    is_granted: bool


class ClaimAppealed(_ClaimFact, frozen=True, array_like=True, gc=False, tag=16):
    TYPE: ClassVar[str] = "claim.appealed"


class SafetFiled(_ClaimFact, frozen=True, array_like=True, gc=False, tag=13):
    TYPE: ClassVar[str] = "safet.filed"
    refund_id: str | None


class _ChargebackFact(Fact, frozen=True, array_like=True, gc=False):
    chargeback_id: str

    @property
    def key(self) -> tuple[str, ...]:
        return (self.TYPE, self.chargeback_id)


class ChargebackOpened(_ChargebackFact, frozen=True, array_like=True, gc=False, tag=17):
    TYPE: ClassVar[str] = "chargeback.opened"


class ChargebackAnswered(_ChargebackFact, frozen=True, array_like=True, gc=False, tag=18):
    TYPE: ClassVar[str] = "chargeback.answered"


class ChargebackDecided(_ChargebackFact, frozen=True, array_like=True, gc=False, tag=19):
    TYPE: ClassVar[str] = "chargeback.decided"


class OrderMessage(Fact, frozen=True, array_like=True, gc=False, tag=14):
    """A `message.received` that names the order, as the order needs it: its program and topic."""

    TYPE: ClassVar[str] = "message.received"
    message_id: str
    from_role: str
    topic: str | None
    program: str | None

    @property
    def key(self) -> tuple[str, ...]:
        return (self.TYPE, self.message_id)


OrderFact = (
    ReturnRequested
    | ReturnApproved
    | ReturnResponded
    | ReturnRefused
    | ReturnCancelled
    | ReturnReceived
    | RefundIssued
    | RefundCancelled
    | ReplacementSent
    | ClaimOpened
    | ClaimEvidenceSubmitted
    | ClaimWithdrawn
    | ClaimDecided
    | ClaimAppealed
    | SafetFiled
    | ChargebackOpened
    | ChargebackAnswered
    | ChargebackDecided
    | OrderMessage
)


# --- a thread ------------------------------------------------------------------------------------------------------


class _MessageFact(Fact, frozen=True, array_like=True, gc=False):
    message_id: str


class MessageReceived(_MessageFact, frozen=True, array_like=True, gc=False, tag=1):
    TYPE: ClassVar[str] = "message.received"
    from_role: str
    routed_to: str
    order_id: str | None
    program: str | None
    topic: str | None

    @property
    def key(self) -> tuple[str, ...]:
        return (self.TYPE, self.message_id)


class MessageSent(_MessageFact, frozen=True, array_like=True, gc=False, tag=2):
    TYPE: ClassVar[str] = "message.sent"
    from_role: str
    to_roles: tuple[str, ...]
    is_auto_reply: bool
    order_id: str | None

    @property
    def key(self) -> tuple[str, ...]:
        return (self.TYPE, self.message_id)


class MessageMarked(_MessageFact, frozen=True, array_like=True, gc=False, tag=3):
    TYPE: ClassVar[str] = "message.marked"


class MessageUnmarked(_MessageFact, frozen=True, array_like=True, gc=False, tag=4):
    TYPE: ClassVar[str] = "message.unmarked"


class MessageUndelivered(_MessageFact, frozen=True, array_like=True, gc=False, tag=5):
    """The `message.sent` with this id never reached its readers."""

    TYPE: ClassVar[str] = "message.undelivered"

    @property
    def key(self) -> tuple[str, ...]:
        return (self.TYPE, self.message_id)


ThreadFact = MessageReceived | MessageSent | MessageMarked | MessageUnmarked | MessageUndelivered


# --- a support case ------------------------------------------------------------------------------------------------


class CaseOpened(Fact, frozen=True, array_like=True, gc=False, tag=1):
    TYPE: ClassVar[str] = "case.opened"
    priority: str
    subject_hash: str

    @property
    def key(self) -> tuple[str, ...]:
        return (self.TYPE,)


class CaseActivity(Fact, frozen=True, array_like=True, gc=False, tag=2):
    TYPE: ClassVar[str] = "case.activity"
    actor: str


class CaseClosed(Fact, frozen=True, array_like=True, gc=False, tag=3):
    """A case may be closed, open again and closed anew: each closing is a fact of its own."""

    TYPE: ClassVar[str] = "case.closed"


CaseFact = CaseOpened | CaseActivity | CaseClosed


# --- an evidence item ----------------------------------------------------------------------------------------------


class _EvidenceFact(Fact, frozen=True, array_like=True, gc=False):
    order_id: str

    @property
    def key(self) -> tuple[str, ...]:
        return (self.TYPE,)


class EvidenceStored(_EvidenceFact, frozen=True, array_like=True, gc=False, tag=1):
    TYPE: ClassVar[str] = "evidence.stored"


class EvidenceDeleted(_EvidenceFact, frozen=True, array_like=True, gc=False, tag=2):
    TYPE: ClassVar[str] = "evidence.deleted"


EvidenceFact = EvidenceStored | EvidenceDeleted


# --- an account ----------------------------------------------------------------------------------------------------


class ProgramChanged(Fact, frozen=True, array_like=True, gc=False):
    TYPE: ClassVar[str] = "program.changed"
    program: str
    is_active: bool


def cents(amount: str) -> int:
    """An amount of the contract, at most two decimals, as an integer number of hundredths."""
    units, _, fraction = amount.partition(".")
    return int(units) * 100 + int((fraction + "00")[:2])
