"""Orders: returns, refunds, claims, chargebacks and SAFE-T, derived from scratch from the facts of one order
(contract §3).

Rules here: sfp-refund, csba-jp-refund, mfn-refund, return-response, a-to-z-evidence, a-to-z-appeal, chargeback-answer,
safe-t-window. Each function reads like its row in rules.md and names its source. Functions of facts alone: no clock, no
state, no emission.
"""

from __future__ import annotations

from typing import Final, TypeVar

from schemas.rules import REFUND_RULES
from streams.duties import ENDS_EXEMPT, ENDS_MET, ENDS_SUPERSEDED, Called, Duty, End, Rank, Urgent, Violation, earliest
from streams.facts import (
    ChargebackAnswered,
    ChargebackDecided,
    ChargebackOpened,
    ClaimAppealed,
    ClaimDecided,
    ClaimEvidenceSubmitted,
    ClaimOpened,
    ClaimWithdrawn,
    Fact,
    OrderFact,
    OrderMessage,
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
)

AMAZON: Final = frozenset({"amazon_cs", "amazon_auto"})
"""Issuers of a refund in the seller's place (SFP 5, CSBA)."""
BY_AMAZON: Final = frozenset({"auto_policy", "amazon_cs"})
"""Approvals that ask nothing of the seller until the return arrives (SFP 3)."""


F = TypeVar("F", bound=Fact)


class OrderView:
    """The facts of one order, sorted into what the rules ask for. Built for one line and dropped."""

    __slots__ = ("by_type", "order_id", "programs", "refunds")

    def __init__(self, order_id: str, facts: list[OrderFact], programs: dict[str, str]) -> None:
        self.order_id = order_id
        self.programs = programs
        by_type: dict[type[Fact], list[Fact]] = {}
        for fact in facts:
            by_type.setdefault(type(fact), []).append(fact)
        self.by_type = by_type
        self.refunds = self._uncancelled() if RefundIssued in by_type else []

    def _uncancelled(self) -> list[RefundIssued]:
        """Refunds that were not taken back, in the order (instant, refund id)."""
        refunds = self.of(RefundIssued)
        if RefundCancelled in self.by_type:
            cancelled = {fact.refund_id for fact in self.of(RefundCancelled)}
            refunds = [fact for fact in refunds if fact.refund_id not in cancelled]
        if len(refunds) > 1:
            refunds = sorted(refunds, key=lambda refund: (refund.at_ms, refund.refund_id))
        return refunds

    def of(self, kind: type[F]) -> list[F]:
        """All facts of one type, in the order in which they came."""
        return self.by_type.get(kind, [])  # type: ignore[return-value]  # by_type files each fact under its own type


def order_called(order_id: str, facts: list[OrderFact], programs: dict[str, str]) -> Called:
    """Everything that the facts of an order call for; a rule is asked where there is a fact that it starts from."""
    view, duties = OrderView(order_id, facts, programs), list[Duty]()
    by_type = view.by_type
    if ReturnReceived in by_type:
        _refund_duties(view, duties)
    if ReturnRequested in by_type:
        _response_duties(view, duties)
    if ClaimOpened in by_type:
        _evidence_duties(view, duties)
    if ClaimDecided in by_type:
        _appeal_duties(view, duties)
    if ChargebackOpened in by_type:
        _chargeback_duties(view, duties)
    if view.refunds:
        _safe_t_duties(view, duties)
    return Called(
        duties,
        _refused_returns(view) if ReturnRefused in by_type or ReturnResponded in by_type else (),
        _refund_questions(view) if OrderMessage in by_type else (),
        _claims_not_received(view) if ClaimOpened in by_type else (),
    )


# --- refund after receipt: SFP 4, CSBA, PLAN -----------------------------------------------------------------------


class _Receipt:
    """A receipt while the refunds of its order are dealt out."""

    __slots__ = ("fact", "program", "subject", "sum_cents", "completed_by")

    def __init__(self, fact: ReturnReceived, subject: str, program: str) -> None:
        self.fact = fact
        self.subject = subject
        self.program = program
        self.sum_cents = 0
        self.completed_by: RefundIssued | None = None


def _receipts(view: OrderView) -> list[_Receipt]:
    """Receipts that are owed a refund, in the order (start, subject).

    One with an id replaces that return's receipt without one; one with nothing refundable is owed nothing (rules.md).
    """
    facts = view.of(ReturnReceived)
    with_id = {fact.return_id for fact in facts if fact.receipt_id is not None} if len(facts) > 1 else ()
    receipts = []
    for fact in facts:
        subject = f"{view.order_id}/{fact.return_id}"
        if fact.receipt_id is not None:
            subject = f"{subject}/{fact.receipt_id}"
        elif fact.return_id in with_id:
            continue
        if fact.refundable_cents == 0:
            continue
        receipts.append(_Receipt(fact, subject, view.programs[fact.return_id]))
    if len(receipts) > 1:
        receipts.sort(key=lambda receipt: (receipt.fact.at_ms, receipt.subject))
    return receipts


def _may_match(refund: RefundIssued, receipt: _Receipt, asked_ms: dict[str, int]) -> bool:
    fact = receipt.fact
    if fact.currency is not None and refund.currency != fact.currency:
        return False
    if refund.receipt_id is not None and refund.receipt_id != fact.receipt_id:
        return False
    if refund.return_id is not None:
        return refund.return_id == fact.return_id
    return refund.at_ms >= asked_ms.get(fact.return_id, refund.at_ms)


def _completes(refund: RefundIssued, receipt: _Receipt) -> bool:
    """Whether this refund, already counted in the sum, completes the receipt (CSBA: deductions need a reason).

    A refund of 0.00 does so only if it is said to be full (rules.md).
    """
    if refund.is_full:
        return True
    if refund.cents == 0:
        return False
    if receipt.program == "mfn" and refund.has_deduction_reason:
        return True
    if refund.is_full is not None:
        return False
    refundable = receipt.fact.refundable_cents
    return refundable is None or receipt.sum_cents >= refundable


def _deal_refunds(view: OrderView, receipts: list[_Receipt]) -> None:
    """Each refund of kind `return` goes to the first receipt not yet complete that it may match."""
    asked_ms: dict[str, int] = {}
    for asked in (*view.of(ReturnRequested), *view.of(ReturnApproved)):
        asked_ms[asked.return_id] = min(asked.at_ms, asked_ms.get(asked.return_id, asked.at_ms))
    for refund in view.refunds:
        if refund.kind != "return":
            continue
        for receipt in receipts:
            if receipt.completed_by is None and _may_match(refund, receipt, asked_ms):
                receipt.sum_cents += refund.cents
                if _completes(refund, receipt):
                    receipt.completed_by = refund
                break


def _refund_end(refund: RefundIssued) -> End:
    """SFP 5: Amazon may refund in the seller's place at any time."""
    rank: Rank = ENDS_SUPERSEDED if refund.issued_by in AMAZON else ENDS_MET
    return End(refund.at_ms, rank, refund.event_id, refund.issued_by)


def _refund_duties(view: OrderView, duties: list[Duty]) -> None:
    """SFP 4 "two business days to refund the item after you have received the return at your warehouse"."""
    receipts = _receipts(view)
    if view.refunds:
        _deal_refunds(view, receipts)
    for receipt in receipts:
        rule = REFUND_RULES.get(receipt.program)
        if rule is not None:
            end = None if receipt.completed_by is None else _refund_end(receipt.completed_by)
            if receipt.program == "mfn" and ReplacementSent in view.by_type:
                ends = _replacements(view, receipt.fact)
                end = earliest(ends if end is None else [*ends, end])
            duties.append(Duty(rule, receipt.subject, receipt.fact.at_ms, end, view.order_id))


def _replacements(view: OrderView, receipt: ReturnReceived) -> list[End]:
    """PLAN: a seller-fulfilled item may be replaced instead of refunded; SFP 9 and CSBA know no replacement."""
    return [
        End(fact.at_ms, ENDS_EXEMPT, fact.event_id, "seller", "replaced")
        for fact in view.of(ReplacementSent)
        if fact.return_id == receipt.return_id and fact.receipt_id in (None, receipt.receipt_id)
    ]


# --- answer to a return request: PLAN ------------------------------------------------------------------------------


def _response_duties(view: OrderView, duties: list[Duty]) -> None:
    """PLAN: a prepaid label or an agreed solution within 48 hours; SFP 3: Amazon's approval asks nothing yet."""
    for asked in view.of(ReturnRequested):
        if view.programs[asked.return_id] != "mfn":
            continue
        ends = [
            End(fact.at_ms, ENDS_MET, fact.event_id, "seller")
            for fact in view.of(ReturnResponded)
            if fact.return_id == asked.return_id
        ]
        for approved in view.of(ReturnApproved):
            if approved.return_id == asked.return_id:
                if approved.approved_by in BY_AMAZON:
                    ends.append(End(approved.at_ms, ENDS_EXEMPT, approved.event_id, "amazon_cs", "auto_authorized"))
                else:
                    ends.append(End(approved.at_ms, ENDS_MET, approved.event_id, "seller"))
        ends.extend(
            End(fact.at_ms, ENDS_EXEMPT, fact.event_id, "buyer", "return_cancelled")
            for fact in view.of(ReturnCancelled)
            if fact.return_id == asked.return_id
        )
        ends.extend(_refund_end(refund) for refund in view.refunds if refund.return_id == asked.return_id)
        subject = f"{view.order_id}/{asked.return_id}"
        duties.append(Duty("return-response", subject, asked.at_ms, earliest(ends), view.order_id))


# --- A-to-Z evidence: PLAN -----------------------------------------------------------------------------------------


def _evidence_duties(view: OrderView, duties: list[Duty]) -> None:
    """PLAN: valid evidence within 72 hours; a claim withdrawn or decided asks for none."""
    for claim in view.of(ClaimOpened):
        claim_id = claim.claim_id
        ends = [
            End(fact.at_ms, ENDS_MET, fact.event_id, "seller")
            for fact in view.of(ClaimEvidenceSubmitted)
            if fact.claim_id == claim_id
        ]
        for kind, by in ((ClaimWithdrawn, "buyer"), (ClaimDecided, "amazon_cs")):
            ends.extend(
                End(fact.at_ms, ENDS_EXEMPT, fact.event_id, by, "claim_closed")
                for fact in view.of(kind)
                if fact.claim_id == claim_id
            )
        subject = f"{view.order_id}/{claim_id}"
        duties.append(Duty("a-to-z-evidence", subject, claim.at_ms, earliest(ends), view.order_id))


# --- appeal and chargeback: Amazon's help pages --------------------------------------------------------------------


def _appeal_duties(view: OrderView, duties: list[Duty]) -> None:
    """Amazon help, A-to-z claims: an appeal within 30 calendar days of a decision against the seller."""
    for decided in view.of(ClaimDecided):
        if decided.is_granted:
            ends = [
                End(fact.at_ms, ENDS_MET, fact.event_id, "seller")
                for fact in view.of(ClaimAppealed)
                if fact.claim_id == decided.claim_id
            ]
            subject = f"{view.order_id}/{decided.claim_id}"
            duties.append(Duty("a-to-z-appeal", subject, decided.at_ms, earliest(ends), view.order_id))


def _chargeback_duties(view: OrderView, duties: list[Duty]) -> None:
    """Amazon help, chargebacks: an answer within 7 calendar days; one that is decided asks for none."""
    for opened in view.of(ChargebackOpened):
        chargeback_id = opened.chargeback_id
        ends = [
            End(fact.at_ms, ENDS_MET, fact.event_id, "seller")
            for fact in view.of(ChargebackAnswered)
            if fact.chargeback_id == chargeback_id
        ]
        ends.extend(
            End(fact.at_ms, ENDS_EXEMPT, fact.event_id, "amazon_cs", "chargeback_closed")
            for fact in view.of(ChargebackDecided)
            if fact.chargeback_id == chargeback_id
        )
        subject = f"{view.order_id}/{chargeback_id}"
        duties.append(Duty("chargeback-answer", subject, opened.at_ms, earliest(ends), view.order_id))


# --- SAFE-T window: SFP 14 -----------------------------------------------------------------------------------------


def _newest_program(view: OrderView) -> str | None:
    """The program named by the newest fact of the order that names one (rules.md)."""
    returns: list[ReturnRequested | ReturnApproved | ReturnReceived] = [
        *view.of(ReturnRequested),
        *view.of(ReturnApproved),
        *view.of(ReturnReceived),
    ]
    named = [(fact.when, fact.program) for fact in returns]
    named.extend((fact.when, fact.program) for fact in view.refunds if fact.program is not None)
    named.extend((fact.when, fact.program) for fact in view.of(OrderMessage) if fact.program is not None)
    return max(named)[1] if named else None


def _safe_t_duties(view: OrderView, duties: list[Duty]) -> None:
    """SFP 14: the seller's right to a SAFE-T claim after customer service refunded an order of a program that has it.

    Which programs those are, the version that binds the clock says (rules.md).
    """
    for refund in view.refunds:
        if refund.issued_by != "amazon_cs":
            continue
        program = refund.program
        if program is None and refund.return_id is not None:
            program = view.programs.get(refund.return_id)
        program = program or _newest_program(view) or ""
        ends = [
            End(fact.at_ms, ENDS_MET, fact.event_id, "seller")
            for fact in view.of(SafetFiled)
            if fact.refund_id is None or fact.refund_id == refund.refund_id
        ]
        subject = f"{view.order_id}/{refund.refund_id}"
        duties.append(Duty("safe-t-window", subject, refund.at_ms, earliest(ends), view.order_id, program=program))


# --- violations and urgent questions -------------------------------------------------------------------------------


def _refused_returns(view: OrderView) -> list[Violation]:
    """`refused_return` (SFP 11, PLAN): a refusal of a return that Amazon approved or that was in policy."""
    refusals: dict[str, ReturnRefused | ReturnResponded] = {}
    declined = (fact for fact in view.of(ReturnResponded) if fact.response == "declined")
    refused: list[ReturnRefused | ReturnResponded] = [*view.of(ReturnRefused), *declined]
    for fact in refused:
        first = refusals.get(fact.return_id)
        if first is None or fact.when < first.when:
            refusals[fact.return_id] = fact
    owed = {fact.return_id for fact in view.of(ReturnRequested) if fact.in_policy}
    owed |= {fact.return_id for fact in view.of(ReturnApproved) if fact.in_policy or fact.approved_by in BY_AMAZON}
    return [
        Violation("refused_return", f"{view.order_id}/{return_id}", refusal.at_ms, view.order_id)
        for return_id, refusal in refusals.items()
        if return_id in owed
    ]


def _refund_questions(view: OrderView) -> list[OrderMessage]:
    """SFP 1: a buyer's questions about the refund, which make each unrefunded receipt urgent."""
    return [fact for fact in view.of(OrderMessage) if fact.from_role == "buyer" and fact.topic == "refund"]


def _claims_not_received(view: OrderView) -> list[Urgent]:
    """PLAN: a claim of kind `not_received` asks for the proof of delivery at once."""
    return [
        Urgent(f"a-to-z-evidence/{view.order_id}/{claim.claim_id}", claim.claim_id, claim.at_ms, "claim_not_received")
        for claim in view.of(ClaimOpened)
        if claim.kind == "not_received"
    ]
