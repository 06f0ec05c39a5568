"""From a notification to the facts it states, and the matter that each belongs to (contract §3, "what is kept").

A message that names an order is a fact of its thread and, for its program and topic, one of the order. Notifications
of an account itself (program, metrics, vacation) belong to no matter. Defaults of the contract's table apply here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from schemas import notifications as said
from schemas.notifications import Notification
from streams import facts
from streams.facts import Fact


class Routed(msgspec.Struct, frozen=True, gc=False):
    """A fact and the matter it belongs to: kind (`order`, `thread`, `case`, `evidence`) and name."""

    kind: str
    name: str
    fact: Fact


def account_key(notification: Notification) -> str:
    """`<seller_id>/<marketplace_id>`: the account, and the key of every record of ours."""
    return f"{notification.seller_id}/{notification.marketplace_id}"


def route(notification: Notification) -> tuple[Routed, ...]:
    """The facts that a notification states, each with its matter; none for an account's own."""
    make = _ROUTES.get(type(notification))
    return () if make is None else make(notification)


def _cents(amount: str | None) -> int | None:
    return None if amount is None else facts.cents(amount)


def _order(make: Callable[[Any], Fact]) -> Callable[[Any], tuple[Routed, ...]]:
    return lambda n: (Routed("order", n.order_id, make(n)),)


def _thread(make: Callable[[Any], Fact]) -> Callable[[Any], tuple[Routed, ...]]:
    return lambda n: (Routed("thread", n.thread_id, make(n)),)


def _case(make: Callable[[Any], Fact]) -> Callable[[Any], tuple[Routed, ...]]:
    return lambda n: (Routed("case", n.case_id, make(n)),)


def _evidence(make: Callable[[Any], Fact]) -> Callable[[Any], tuple[Routed, ...]]:
    return lambda n: (Routed("evidence", n.evidence_id, make(n)),)


def _refund(n: said.RefundIssued) -> Fact:
    return facts.RefundIssued(
        n.occurred_ms,
        n.event_id,
        n.refund_id,
        n.issued_by,
        facts.cents(n.amount),
        n.currency,
        n.kind or "return",
        n.program,
        n.return_id,
        n.receipt_id,
        n.full,
        n.deduction_reason is not None,
    )


def _receipt(n: said.ReturnReceived) -> Fact:
    amount = _cents(n.refundable_amount)
    return facts.ReturnReceived(n.occurred_ms, n.event_id, n.return_id, n.program, n.receipt_id, amount, n.currency)


def _message(n: said.MessageReceived) -> tuple[Routed, ...]:
    routed_to = n.routed_to or "seller"
    message = facts.MessageReceived(
        n.occurred_ms, n.event_id, n.message_id, n.from_role, routed_to, n.order_id, n.program, n.topic
    )
    of_thread = Routed("thread", n.thread_id, message)
    if n.order_id is None:
        return (of_thread,)
    named = facts.OrderMessage(n.occurred_ms, n.event_id, n.message_id, n.from_role, n.topic, n.program)
    return (of_thread, Routed("order", n.order_id, named))


def _sent(n: said.MessageSent) -> Fact:
    role, roles = n.from_role or "seller", tuple(sorted(set(n.to_roles)))
    return facts.MessageSent(n.occurred_ms, n.event_id, n.message_id, role, roles, bool(n.auto_reply), n.order_id)


_ROUTES: Final[dict[type[Any], Callable[[Any], tuple[Routed, ...]]]] = {
    said.ReturnRequested: _order(
        lambda n: facts.ReturnRequested(n.occurred_ms, n.event_id, n.return_id, n.program, bool(n.in_policy))
    ),
    said.ReturnApproved: _order(
        lambda n: facts.ReturnApproved(
            n.occurred_ms, n.event_id, n.return_id, n.program, bool(n.in_policy), n.approved_by
        )
    ),
    said.ReturnResponded: _order(lambda n: facts.ReturnResponded(n.occurred_ms, n.event_id, n.return_id, n.response)),
    said.ReturnRefused: _order(lambda n: facts.ReturnRefused(n.occurred_ms, n.event_id, n.return_id)),
    said.ReturnCancelled: _order(lambda n: facts.ReturnCancelled(n.occurred_ms, n.event_id, n.return_id)),
    said.ReturnReceived: _order(_receipt),
    said.RefundIssued: _order(_refund),
    said.RefundCancelled: _order(lambda n: facts.RefundCancelled(n.occurred_ms, n.event_id, n.refund_id)),
    said.ClaimOpened: _order(lambda n: facts.ClaimOpened(n.occurred_ms, n.event_id, n.claim_id, n.kind)),
    said.ClaimEvidenceSubmitted: _order(lambda n: facts.ClaimEvidenceSubmitted(n.occurred_ms, n.event_id, n.claim_id)),
    said.ClaimWithdrawn: _order(lambda n: facts.ClaimWithdrawn(n.occurred_ms, n.event_id, n.claim_id)),
    said.ClaimDecided: _order(lambda n: facts.ClaimDecided(n.occurred_ms, n.event_id, n.claim_id)),
    said.SafetFiled: _order(lambda n: facts.SafetFiled(n.occurred_ms, n.event_id, n.claim_id, n.refund_id)),
    said.MessageReceived: _message,
    said.MessageSent: _thread(_sent),
    said.MessageMarked: _thread(lambda n: facts.MessageMarked(n.occurred_ms, n.event_id, n.message_id)),
    said.MessageUnmarked: _thread(lambda n: facts.MessageUnmarked(n.occurred_ms, n.event_id, n.message_id)),
    said.CaseOpened: _case(lambda n: facts.CaseOpened(n.occurred_ms, n.event_id, n.priority, n.subject_hash)),
    said.CaseActivity: _case(lambda n: facts.CaseActivity(n.occurred_ms, n.event_id, n.actor)),
    said.CaseClosed: _case(lambda n: facts.CaseClosed(n.occurred_ms, n.event_id)),
    said.EvidenceStored: _evidence(lambda n: facts.EvidenceStored(n.occurred_ms, n.event_id, n.order_id)),
    said.EvidenceDeleted: _evidence(lambda n: facts.EvidenceDeleted(n.occurred_ms, n.event_id, n.order_id)),
}
