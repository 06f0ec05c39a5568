"""From a notification to the facts it states, and the matter that each belongs to (contract §3, "what is kept").

A message that names an order is a fact of its thread and, for its program and topic, one of the order. Notifications
of an account itself (program, metrics, vacation) belong to no matter. Defaults of the contract's table apply here.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

from schemas import notifications
from schemas.notifications import Notification
from streams import facts
from streams.facts import Fact
from streams.telling import Routed


def account_key(notification: Notification) -> str:
    """`<seller_id>/<marketplace_id>`: the account, and the key of every record of ours."""
    return f"{notification.seller_id}/{notification.marketplace_id}"


def route(notification: Notification) -> tuple[Routed, ...]:
    """The facts that a notification states, each with its matter; none for an account's own."""
    found = _ROUTES.get(type(notification))
    if found is None:
        return ()
    kind, name_of, make = found
    routed = Routed(kind, name_of(notification), make(notification))
    if type(notification) is notifications.MessageReceived and notification.order_id is not None:
        return (routed, Routed("order", notification.order_id, _order_message(notification)))
    return (routed,)


def _cents(amount: str | None) -> int | None:
    return None if amount is None else facts.cents(amount)


def _refund(n: notifications.RefundIssued) -> Fact:
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


def _receipt(n: notifications.ReturnReceived) -> Fact:
    amount = _cents(n.refundable_amount)
    return facts.ReturnReceived(n.occurred_ms, n.event_id, n.return_id, n.program, n.receipt_id, amount, n.currency)


def _message(n: notifications.MessageReceived) -> Fact:
    return facts.MessageReceived(
        n.occurred_ms,
        n.event_id,
        n.message_id,
        n.from_role,
        n.routed_to or "seller",
        n.order_id,
        n.program,
        n.topic,
    )


def _order_message(n: notifications.MessageReceived) -> Fact:
    return facts.OrderMessage(n.occurred_ms, n.event_id, n.message_id, n.from_role, n.topic, n.program)


def _sent(n: notifications.MessageSent) -> Fact:
    roles = n.to_roles
    if len(roles) > 1:
        roles = tuple(sorted(set(roles)))
    return facts.MessageSent(
        n.occurred_ms, n.event_id, n.message_id, n.from_role or "seller", roles, bool(n.auto_reply), n.order_id
    )


_Route = tuple[str, Callable[[Any], str], Callable[[Any], Fact]]


def _order(make: Callable[[Any], Fact]) -> _Route:
    return "order", attrgetter("order_id"), make


def _thread(make: Callable[[Any], Fact]) -> _Route:
    return "thread", attrgetter("thread_id"), make


def _case(make: Callable[[Any], Fact]) -> _Route:
    return "case", attrgetter("case_id"), make


def _evidence(make: Callable[[Any], Fact]) -> _Route:
    return "evidence", attrgetter("evidence_id"), make


_ROUTES: Final[dict[type[Any], _Route]] = {
    notifications.ReturnRequested: _order(
        lambda n: facts.ReturnRequested(n.occurred_ms, n.event_id, n.return_id, n.program, bool(n.in_policy))
    ),
    notifications.ReturnApproved: _order(
        lambda n: facts.ReturnApproved(
            n.occurred_ms, n.event_id, n.return_id, n.program, bool(n.in_policy), n.approved_by
        )
    ),
    notifications.ReturnResponded: _order(
        lambda n: facts.ReturnResponded(n.occurred_ms, n.event_id, n.return_id, n.response)
    ),
    notifications.ReturnRefused: _order(lambda n: facts.ReturnRefused(n.occurred_ms, n.event_id, n.return_id)),
    notifications.ReturnCancelled: _order(lambda n: facts.ReturnCancelled(n.occurred_ms, n.event_id, n.return_id)),
    notifications.ReturnReceived: _order(_receipt),
    notifications.RefundIssued: _order(_refund),
    notifications.RefundCancelled: _order(lambda n: facts.RefundCancelled(n.occurred_ms, n.event_id, n.refund_id)),
    notifications.ReplacementSent: _order(
        lambda n: facts.ReplacementSent(n.occurred_ms, n.event_id, n.replacement_id, n.return_id, n.receipt_id)
    ),
    notifications.ClaimOpened: _order(lambda n: facts.ClaimOpened(n.occurred_ms, n.event_id, n.claim_id, n.kind)),
    notifications.ClaimEvidenceSubmitted: _order(
        lambda n: facts.ClaimEvidenceSubmitted(n.occurred_ms, n.event_id, n.claim_id)
    ),
    notifications.ClaimWithdrawn: _order(lambda n: facts.ClaimWithdrawn(n.occurred_ms, n.event_id, n.claim_id)),
    notifications.ClaimDecided: _order(
        lambda n: facts.ClaimDecided(n.occurred_ms, n.event_id, n.claim_id, n.outcome == "granted")
    ),
    notifications.ClaimAppealed: _order(lambda n: facts.ClaimAppealed(n.occurred_ms, n.event_id, n.claim_id)),
    notifications.SafetFiled: _order(lambda n: facts.SafetFiled(n.occurred_ms, n.event_id, n.claim_id, n.refund_id)),
    notifications.ChargebackOpened: _order(
        lambda n: facts.ChargebackOpened(n.occurred_ms, n.event_id, n.chargeback_id)
    ),
    notifications.ChargebackAnswered: _order(
        lambda n: facts.ChargebackAnswered(n.occurred_ms, n.event_id, n.chargeback_id)
    ),
    notifications.ChargebackDecided: _order(
        lambda n: facts.ChargebackDecided(n.occurred_ms, n.event_id, n.chargeback_id)
    ),
    notifications.MessageReceived: _thread(_message),
    notifications.MessageSent: _thread(_sent),
    notifications.MessageMarked: _thread(lambda n: facts.MessageMarked(n.occurred_ms, n.event_id, n.message_id)),
    notifications.MessageUnmarked: _thread(lambda n: facts.MessageUnmarked(n.occurred_ms, n.event_id, n.message_id)),
    notifications.MessageUndelivered: _thread(
        lambda n: facts.MessageUndelivered(n.occurred_ms, n.event_id, n.message_id)
    ),
    notifications.CaseOpened: _case(lambda n: facts.CaseOpened(n.occurred_ms, n.event_id, n.priority, n.subject_hash)),
    notifications.CaseActivity: _case(lambda n: facts.CaseActivity(n.occurred_ms, n.event_id, n.actor)),
    notifications.CaseClosed: _case(lambda n: facts.CaseClosed(n.occurred_ms, n.event_id)),
    notifications.EvidenceStored: _evidence(lambda n: facts.EvidenceStored(n.occurred_ms, n.event_id, n.order_id)),
    notifications.EvidenceDeleted: _evidence(lambda n: facts.EvidenceDeleted(n.occurred_ms, n.event_id, n.order_id)),
}
