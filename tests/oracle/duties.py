"""What the facts of a matter call for: duties and violations, from scratch, with no memory (rules.md; contract §3).

A duty says what starts a clock and everything that may end it. When a clock is due, whether an end is in time and what
is said about it is not decided here.
"""

from dataclasses import dataclass, field
from typing import Any

DAY_MS = 86_400_000
REFUND_RULES = {"sfp": "sfp-refund", "csba_jp": "csba-jp-refund", "mfn": "mfn-refund"}
RANK = {"met": 0, "superseded": 1, "exempt": 2}


@dataclass(frozen=True)
class Fact:
    type: str
    event_id: str
    at: int
    fields: dict[str, Any] = field(hash=False)

    def get(self, name: str) -> Any:
        return self.fields.get(name)

    @property
    def order(self) -> tuple[int, str]:
        return (self.at, self.event_id)


@dataclass(frozen=True)
class End:
    """A fact that ends the matter of a duty. `outcome` is what it comes to in time."""

    at: int
    outcome: str
    event_id: str
    by: str
    reason: str = ""


@dataclass(frozen=True)
class Duty:
    rule: str
    subject: str
    start: int
    order_id: str | None
    ends: tuple[End, ...]
    exempt: Fact | None = None  # the mark "no response needed" of the message, if the newest says so
    obligor: str | None = None  # instead of the rule's
    not_received: bool = False  # a claim of that kind

    @property
    def end(self) -> End | None:
        """The earliest ending fact: at one instant met before superseded before exempt, then event_id."""
        return min(self.ends, key=lambda e: (e.at, RANK[e.outcome], e.event_id), default=None)


@dataclass(frozen=True)
class Violation:
    kind: str
    subject: str
    at: int
    order_id: str | None


def of_type(facts: list[Fact], *types: str) -> list[Fact]:
    return [f for f in facts if f.type in types]


# ---------------------------------------------------------------- orders


def standing_refunds(facts: list[Fact]) -> list[Fact]:
    """refund.cancelled takes the refund out of the facts."""
    cancelled = {f.get("refund_id") for f in of_type(facts, "refund.cancelled")}
    return [f for f in of_type(facts, "refund.issued") if f.get("refund_id") not in cancelled]


def refund_end(refund: Fact) -> End:
    by = refund.get("issued_by")
    outcome = "superseded" if by in ("amazon_cs", "amazon_auto") else "met"
    return End(refund.at, outcome, refund.event_id, by)


def cents(amount: str) -> int:
    whole, _, fraction = amount.partition(".")
    return int(whole) * 100 + int((fraction + "00")[:2])


def receipt_subject(receipt: Fact) -> str:
    parts = [receipt.get("order_id"), receipt.get("return_id"), receipt.get("receipt_id")]
    return "/".join(part for part in parts if part is not None)


def receipts_of(facts: list[Fact]) -> list[Fact]:
    """In the order (start, subject). A receipt with an id replaces that return's receipt without one."""
    all_receipts = of_type(facts, "return.received")
    with_id = {r.get("return_id") for r in all_receipts if r.get("receipt_id") is not None}
    kept = [r for r in all_receipts if r.get("receipt_id") is not None or r.get("return_id") not in with_id]
    return sorted(kept, key=lambda r: (r.at, receipt_subject(r)))


def completing_refunds(facts: list[Fact], programs: dict[str, str]) -> dict[str, Fact]:
    """For each complete receipt, by its subject, the refund that completed it."""
    receipts = receipts_of(facts)
    complete: dict[str, Fact] = {}
    sums: dict[str, int] = {receipt_subject(r): 0 for r in receipts}
    for refund in sorted(standing_refunds(facts), key=lambda f: (f.at, f.get("refund_id"))):
        for receipt in receipts:
            subject = receipt_subject(receipt)
            if subject in complete or not may_match(refund, receipt, facts):
                continue
            sums[subject] += cents(refund.get("amount"))
            if completes(refund, receipt, sums[subject], programs[receipt.get("return_id")]):
                complete[subject] = refund
            break
    return complete


def may_match(refund: Fact, receipt: Fact, facts: list[Fact]) -> bool:
    if (refund.get("kind") or "return") != "return":
        return False
    if receipt.get("currency") is not None and receipt.get("currency") != refund.get("currency"):
        return False
    if refund.get("receipt_id") is not None and refund.get("receipt_id") != receipt.get("receipt_id"):
        return False
    if refund.get("return_id") is not None:
        return bool(refund.get("return_id") == receipt.get("return_id"))
    asked = [
        f.at
        for f in of_type(facts, "return.requested", "return.approved")
        if f.get("return_id") == receipt.get("return_id")
    ]
    return not asked or refund.at >= min(asked)


def completes(refund: Fact, receipt: Fact, sum_so_far: int, program: str) -> bool:
    if refund.get("full") is True:
        return True
    if refund.get("full") is None:
        refundable = receipt.get("refundable_amount")
        if refundable is None or sum_so_far >= cents(refundable):
            return True
    return program == "mfn" and refund.get("deduction_reason") is not None


def refund_duties(facts: list[Fact], programs: dict[str, str]) -> list[Duty]:
    complete = completing_refunds(facts, programs)
    duties = []
    for receipt in receipts_of(facts):
        rule = REFUND_RULES.get(programs[receipt.get("return_id")])
        if rule is None:
            continue
        subject = receipt_subject(receipt)
        ends = (refund_end(complete[subject]),) if subject in complete else ()
        duties.append(Duty(rule, subject, receipt.at, receipt.get("order_id"), ends))
    return duties


def return_response_duties(facts: list[Fact], programs: dict[str, str]) -> list[Duty]:
    duties = []
    for request in of_type(facts, "return.requested"):
        return_id = request.get("return_id")
        if programs[return_id] != "mfn":
            continue
        ends = []
        for fact in facts:
            if fact.get("return_id") != return_id:
                continue
            if fact.type == "return.responded" or (
                fact.type == "return.approved" and fact.get("approved_by") == "seller"
            ):
                ends.append(End(fact.at, "met", fact.event_id, "seller"))
            elif fact.type == "return.approved":
                ends.append(End(fact.at, "exempt", fact.event_id, "amazon_cs", "auto_authorized"))
            elif fact.type == "return.cancelled":
                ends.append(End(fact.at, "exempt", fact.event_id, "buyer", "return_cancelled"))
        ends += [refund_end(f) for f in standing_refunds(facts) if f.get("return_id") == return_id]
        order_id = request.get("order_id")
        duties.append(Duty("return-response", f"{order_id}/{return_id}", request.at, order_id, tuple(ends)))
    return duties


def claim_duties(facts: list[Fact]) -> list[Duty]:
    duties = []
    for claim in of_type(facts, "claim.opened"):
        ends = []
        for fact in facts:
            if fact.get("claim_id") != claim.get("claim_id"):
                continue
            if fact.type == "claim.evidence_submitted":
                ends.append(End(fact.at, "met", fact.event_id, "seller"))
            elif fact.type == "claim.withdrawn":
                ends.append(End(fact.at, "exempt", fact.event_id, "buyer", "claim_closed"))
            elif fact.type == "claim.decided":
                ends.append(End(fact.at, "exempt", fact.event_id, "amazon_cs", "claim_closed"))
        order_id = claim.get("order_id")
        duties.append(
            Duty(
                "a-to-z-evidence",
                f"{order_id}/{claim.get('claim_id')}",
                claim.at,
                order_id,
                tuple(ends),
                not_received=claim.get("kind") == "not_received",
            )
        )
    return duties


def program_of_refund(refund: Fact, facts: list[Fact], programs: dict[str, str]) -> str | None:
    """The one it names, else its return's, else the newest known for the order."""
    if refund.get("program") is not None:
        return str(refund.get("program"))
    if refund.get("return_id") in programs:
        return programs[refund.get("return_id")]
    naming = of_type(facts, "return.requested", "return.approved", "return.received", "message.received")
    naming = [f for f in naming + standing_refunds(facts) if f.get("program") is not None]
    newest = max(naming, key=lambda f: f.order, default=None)
    return None if newest is None else str(newest.get("program"))


def safe_t_duties(facts: list[Fact], programs: dict[str, str]) -> list[Duty]:
    duties = []
    for refund in standing_refunds(facts):
        if refund.get("issued_by") != "amazon_cs" or program_of_refund(refund, facts, programs) != "sfp":
            continue
        ends = [
            End(filed.at, "met", filed.event_id, "seller")
            for filed in of_type(facts, "safet.filed")
            if filed.get("refund_id") in (None, refund.get("refund_id"))
        ]
        order_id = refund.get("order_id")
        subject = f"{order_id}/{refund.get('refund_id')}"
        duties.append(Duty("safe-t-window", subject, refund.at, order_id, tuple(ends)))
    return duties


def order_duties(facts: list[Fact], programs: dict[str, str]) -> list[Duty]:
    return [
        *refund_duties(facts, programs),
        *return_response_duties(facts, programs),
        *claim_duties(facts),
        *safe_t_duties(facts, programs),
    ]


def order_violations(facts: list[Fact]) -> list[Violation]:
    """refused_return."""
    found = []
    for return_id in {f.get("return_id") for f in of_type(facts, "return.refused", "return.responded")}:
        of_return = [f for f in facts if f.get("return_id") == return_id and f.type.startswith("return.")]
        refusals = of_type(of_return, "return.refused")
        refusals += [f for f in of_type(of_return, "return.responded") if f.get("response") == "declined"]
        must_accept = any(
            (f.type == "return.approved" and f.get("approved_by") in ("auto_policy", "amazon_cs"))
            or f.get("in_policy") is True
            for f in of_type(of_return, "return.requested", "return.approved")
        )
        if refusals and must_accept:
            first = min(refusals, key=lambda f: f.order)
            order_id = first.get("order_id")
            found.append(Violation("refused_return", f"{order_id}/{return_id}", first.at, order_id))
    return found


# ---------------------------------------------------------------- threads


def replies(facts: list[Fact], message: Fact, role: str, to: set[str]) -> list[End]:
    """By the obliged role, to all of the roles, no auto-reply, not before the message."""
    return [
        End(f.at, "met", f.event_id, role)
        for f in of_type(facts, "message.sent")
        if (f.get("from_role") or "seller") == role
        and to <= set(f.get("to_roles"))
        and f.get("auto_reply") is not True
        and f.at >= message.at
    ]


def mark_of(facts: list[Fact], message_id: str) -> Fact | None:
    """The mark "no response needed", if the newest of marked and unmarked is one."""
    marks = [f for f in of_type(facts, "message.marked", "message.unmarked") if f.get("message_id") == message_id]
    newest = max(marks, key=lambda f: (f.at, f.event_id, f.type), default=None)
    return newest if newest is not None and newest.type == "message.marked" else None


def needs_seller(message: Fact) -> bool:
    """Program fba only with topic product."""
    return bool(message.get("program") != "fba" or message.get("topic") == "product")


def thread_duties(facts: list[Fact], switches_off: list[Fact]) -> list[Duty]:
    duties: list[Duty] = []

    def add(rule: str, message: Fact, start: int, ends: list[End]) -> None:
        message_id = message.get("message_id")
        subject = f"{message.get('thread_id')}/{message_id}"
        mark = mark_of(facts, message_id)
        duties.append(Duty(rule, subject, start, message.get("order_id"), tuple(ends), exempt=mark))

    messages = of_type(facts, "message.received", "message.sent")
    first = min(messages, key=lambda f: f.order, default=None)
    asked_csba = first is not None and is_question_to_csba(first)
    if first is not None and asked_csba:
        answers = [f for f in of_type(facts, "message.received") if f.get("from_role") == "csba" and f.at >= first.at]
        add("csba-answer", first, first.at, [End(f.at, "met", f.event_id, "csba") for f in answers])
    for message in of_type(facts, "message.received"):
        role = message.get("from_role")
        if role == "amazon_cs":
            add("cs-contact-reply", message, message.at, replies(facts, message, "seller", {"amazon_cs", "buyer"}))
        elif role == "csba" and not asked_csba:
            add("csba-inquiry-reply", message, message.at, replies(facts, message, "seller", {"csba"}))
        elif role == "buyer":
            from_seller = replies(facts, message, "seller", {"buyer"})
            if (message.get("routed_to") or "seller") == "seller":
                if needs_seller(message):
                    add("buyer-message-reply", message, message.at, from_seller)
                continue
            ends = replies(facts, message, "csba", {"buyer"})
            switch = switch_that_counts(message, ends, switches_off)
            if switch is not None:
                ends.append(End(switch.at, "superseded", switch.event_id, "program"))
                if needs_seller(message):
                    add("buyer-message-reply", message, switch.at, from_seller)
            add("csba-reply", message, message.at, ends)
    return duties


def is_question_to_csba(first: Fact) -> bool:
    return (
        first.type == "message.sent"
        and (first.get("from_role") or "seller") == "seller"
        and "csba" in first.get("to_roles")
        and first.get("auto_reply") is not True
    )


def switch_that_counts(message: Fact, csba_replies: list[End], switches_off: list[Fact]) -> Fact | None:
    """The first switch-off at or after the message; if csba had replied by then, nothing moves."""
    after = [s for s in switches_off if s.at >= message.at]
    switch = min(after, key=lambda s: s.order, default=None)
    if switch is None or any(reply.at <= switch.at for reply in csba_replies):
        return None
    return switch


def thread_violations(facts: list[Fact], switches_off: list[Fact]) -> list[Violation]:
    """csba_interference."""
    found = []
    for sent in of_type(facts, "message.sent"):
        if (sent.get("from_role") or "seller") != "seller" or sent.get("auto_reply") is True:
            continue
        if "buyer" not in sent.get("to_roles"):
            continue
        earlier = [f for f in of_type(facts, "message.received") if f.get("from_role") == "buyer" and f.at <= sent.at]
        newest = max(earlier, key=lambda f: f.order, default=None)
        if newest is None or newest.get("routed_to") != "csba":
            continue
        if any(newest.at <= s.at <= sent.at for s in switches_off):
            continue
        subject = f"{sent.get('thread_id')}/{sent.get('message_id')}"
        found.append(Violation("csba_interference", subject, sent.at, sent.get("order_id")))
    return found


# ---------------------------------------------------------------- cases, evidence


def case_duties(facts: list[Fact]) -> list[Duty]:
    opened = next(iter(of_type(facts, "case.opened")), None)
    if opened is None:
        return []
    case_id = opened.get("case_id")
    closings = of_type(facts, "case.closed")

    def closed_after(start: int) -> list[End]:
        return [End(f.at, "exempt", f.event_id, "unknown", "case_closed") for f in closings if f.at >= start]

    duties = []
    steps = sorted(of_type(facts, "case.opened", "case.activity"), key=lambda f: f.order)
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        ends = closed_after(step.at)
        if following is not None:
            ends.append(End(following.at, "met", following.event_id, following.get("actor") or "seller"))
        other_side = "seller" if step.get("actor") == "amazon" else "amazon"
        duties.append(
            Duty("case-stalled", f"{case_id}/{step.event_id}", step.at, None, tuple(ends), obligor=other_side)
        )
    if opened.get("priority") == "high":
        ends = closed_after(opened.at)
        for activity in of_type(facts, "case.activity"):
            if activity.get("actor") == "amazon" and activity.at >= opened.at:
                ends.append(End(activity.at, "met", activity.event_id, "amazon"))
        duties.append(Duty("case-first-response", case_id, opened.at, None, tuple(ends)))
    else:
        ends = [End(f.at, "met", f.event_id, "unknown") for f in closings]
        duties.append(Duty("case-resolution", case_id, opened.at, None, tuple(ends)))
    return duties


def case_violations(facts: list[Fact]) -> list[Violation]:
    """case_duplicate, else case_close_reopen; `facts` are those of all cases of the account."""
    found = []
    opened = of_type(facts, "case.opened")
    closed_at = {f.get("case_id"): f.at for f in of_type(facts, "case.closed")}
    for case in opened:
        older = [
            o
            for o in opened
            if (o.at, o.get("case_id")) < (case.at, case.get("case_id"))
            and o.get("subject_hash") == case.get("subject_hash")
        ]
        closings = [closed_at.get(o.get("case_id")) for o in older]
        kind = None
        if any(closing is None or closing > case.at for closing in closings):
            kind = "case_duplicate"
        elif any(closing is not None and case.at - closing < 7 * DAY_MS for closing in closings):
            kind = "case_close_reopen"
        if kind is not None:
            found.append(Violation(kind, case.get("case_id"), case.at, None))
    return found


def evidence_violations(facts: list[Fact]) -> list[Violation]:
    """evidence_deleted_early."""
    stored = next(iter(of_type(facts, "evidence.stored")), None)
    deleted = next(iter(of_type(facts, "evidence.deleted")), None)
    if stored is None or deleted is None or deleted.at - stored.at >= 180 * DAY_MS:
        return []
    subject = deleted.get("evidence_id")
    return [Violation("evidence_deleted_early", subject, deleted.at, deleted.get("order_id"))]
