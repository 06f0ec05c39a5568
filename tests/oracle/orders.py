"""Orders: refunds and their receipts, returns, replacements, claims, chargebacks, SAFE-T (rules.md; contract §3)."""

from .duties import REFUND_RULES, Duty, End, Fact, Violation, of_type


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


def owed_receipts(facts: list[Fact]) -> list[Fact]:
    """Without those whose refundable amount is 0: nothing is owed for them."""
    return [r for r in receipts_of(facts) if cents(r.get("refundable_amount") or "1") > 0]


def completing_refunds(facts: list[Fact], programs: dict[str, str]) -> dict[str, Fact]:
    """For each complete receipt, by its subject, the refund that completed it."""
    receipts = owed_receipts(facts)
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
    if cents(refund.get("amount")) == 0:
        return False
    if refund.get("full") is None:
        refundable = receipt.get("refundable_amount")
        if refundable is None or sum_so_far >= cents(refundable):
            return True
    return program == "mfn" and refund.get("deduction_reason") is not None


def replacements(facts: list[Fact], receipt: Fact) -> list[End]:
    """Those that name its return and, if they name a receipt, this one."""
    return [
        End(f.at, "exempt", f.event_id, "seller", "replaced")
        for f in of_type(facts, "replacement.sent")
        if f.get("return_id") == receipt.get("return_id") and f.get("receipt_id") in (None, receipt.get("receipt_id"))
    ]


def refund_duties(facts: list[Fact], programs: dict[str, str]) -> list[Duty]:
    complete = completing_refunds(facts, programs)
    duties = []
    for receipt in owed_receipts(facts):
        rule = REFUND_RULES.get(programs[receipt.get("return_id")])
        if rule is None:
            continue
        subject = receipt_subject(receipt)
        ends = [refund_end(complete[subject])] if subject in complete else []
        if rule == "mfn-refund":
            ends += replacements(facts, receipt)
        duties.append(Duty(rule, subject, receipt.at, receipt.get("order_id"), tuple(ends)))
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


def appeal_duties(facts: list[Fact]) -> list[Duty]:
    duties = []
    for decided in of_type(facts, "claim.decided"):
        if decided.get("outcome") != "granted":
            continue
        claim_id, order_id = decided.get("claim_id"), decided.get("order_id")
        ends = [
            End(f.at, "met", f.event_id, "seller")
            for f in of_type(facts, "claim.appealed")
            if f.get("claim_id") == claim_id
        ]
        duties.append(Duty("a-to-z-appeal", f"{order_id}/{claim_id}", decided.at, order_id, tuple(ends)))
    return duties


def chargeback_duties(facts: list[Fact]) -> list[Duty]:
    duties = []
    for opened in of_type(facts, "chargeback.opened"):
        chargeback_id, order_id = opened.get("chargeback_id"), opened.get("order_id")
        ends = []
        for fact in facts:
            if fact.get("chargeback_id") != chargeback_id:
                continue
            if fact.type == "chargeback.answered":
                ends.append(End(fact.at, "met", fact.event_id, "seller"))
            elif fact.type == "chargeback.decided":
                ends.append(End(fact.at, "exempt", fact.event_id, "amazon_cs", "chargeback_closed"))
        duties.append(Duty("chargeback-answer", f"{order_id}/{chargeback_id}", opened.at, order_id, tuple(ends)))
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
        if refund.get("issued_by") != "amazon_cs":
            continue
        ends = [
            End(filed.at, "met", filed.event_id, "seller")
            for filed in of_type(facts, "safet.filed")
            if filed.get("refund_id") in (None, refund.get("refund_id"))
        ]
        order_id = refund.get("order_id")
        subject = f"{order_id}/{refund.get('refund_id')}"
        program = program_of_refund(refund, facts, programs)
        duties.append(Duty("safe-t-window", subject, refund.at, order_id, tuple(ends), program=program))
    return duties


def order_duties(facts: list[Fact], programs: dict[str, str]) -> list[Duty]:
    return [
        *refund_duties(facts, programs),
        *return_response_duties(facts, programs),
        *claim_duties(facts),
        *appeal_duties(facts),
        *chargeback_duties(facts),
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
