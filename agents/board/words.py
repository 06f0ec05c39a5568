"""The contract's names in a reader's words: rules, states, events, facts. Messages of the catalogues, no decisions.

What has no entry is shown by its own name: a newer worker may say what this board does not know yet.
"""

from typing import Any, Final

from agents.board.happenings import Happening
from agents.board.languages import N_, Language
from schemas.codec import parse_instant

RULES: Final = {
    "sfp-refund": N_("Refund a Seller Fulfilled Prime return"),
    "csba-jp-refund": N_("Refund a return (CSBA Japan)"),
    "mfn-refund": N_("Refund a seller-fulfilled return"),
    "buyer-message-reply": N_("Answer the buyer"),
    "cs-contact-reply": N_("Answer Amazon's customer service"),
    "csba-inquiry-reply": N_("Answer CSBA"),
    "csba-reply": N_("CSBA answers the buyer"),
    "csba-answer": N_("CSBA answers the seller"),
    "return-response": N_("Answer a return request"),
    "a-to-z-evidence": N_("Evidence against an A-to-z claim"),
    "a-to-z-appeal": N_("Appeal an A-to-z decision"),
    "chargeback-answer": N_("Answer a chargeback"),
    "case-stalled": N_("Support case moves on"),
    "case-first-response": N_("Amazon answers an urgent case"),
    "case-resolution": N_("Amazon closes a case"),
    "safe-t-window": N_("File a SAFE-T claim"),
}
STATES: Final = {
    "open": N_("Open"),
    "breached": N_("Breached"),
    "lapsed": N_("Lapsed"),
    "reminder_due": N_("Reminder due"),
    "met": N_("Met"),
    "closed_late": N_("Closed late"),
    "superseded": N_("Superseded"),
    "exempt": N_("Exempt"),
    "over": N_("Past due"),
    "ended": N_("Ended lately"),
}
ROLES: Final = {
    "seller": N_("the seller"),
    "csba": N_("CSBA"),
    "amazon": N_("Amazon"),
    "amazon_cs": N_("Amazon's customer service"),
    "amazon_auto": N_("Amazon, by itself"),
    "program": N_("a change of programs"),
    "buyer": N_("the buyer"),
    "unknown": N_("somebody unknown"),
}
FACTS: Final = {
    "return.requested": N_("Return requested"),
    "return.approved": N_("Return approved"),
    "return.responded": N_("Return request answered"),
    "return.refused": N_("Return refused"),
    "return.cancelled": N_("Return cancelled"),
    "return.received": N_("Return received"),
    "refund.issued": N_("Refund issued"),
    "refund.cancelled": N_("Refund cancelled"),
    "replacement.sent": N_("Replacement sent"),
    "message.received": N_("Message received"),
    "message.sent": N_("Message sent"),
    "message.undelivered": N_("Message not delivered"),
    "message.marked": N_("Marked: no response needed"),
    "message.unmarked": N_("Mark taken back"),
    "claim.opened": N_("Claim opened"),
    "claim.evidence_submitted": N_("Evidence submitted"),
    "claim.withdrawn": N_("Claim withdrawn"),
    "claim.decided": N_("Claim decided"),
    "claim.appealed": N_("Decision appealed"),
    "safet.filed": N_("SAFE-T claim filed"),
    "chargeback.opened": N_("Chargeback opened"),
    "chargeback.answered": N_("Chargeback answered"),
    "chargeback.decided": N_("Chargeback decided"),
    "case.opened": N_("Case opened"),
    "case.activity": N_("Something happened in the case"),
    "case.closed": N_("Case closed"),
    "program.changed": N_("Program changed"),
}
EVENTS: Final = {
    "clock.opened": N_("Opened"),
    "clock.escalated": N_("Escalated"),
    "clock.met": N_("Met"),
    "clock.closed_late": N_("Closed late"),
    "clock.superseded": N_("Superseded"),
    "clock.exempt": N_("Exempt"),
    "clock.breached": N_("Breached"),
    "clock.lapsed": N_("Lapsed"),
    "clock.reminder_due": N_("Reminder due"),
    "clock.retracted": N_("Retracted"),
    "clock.expired": N_("Expired"),
    "policy.violation": N_("Violation"),
}
REASONS: Final = {
    "earlier_start": N_("the start has moved to an earlier fact"),
    "refund_cancelled": N_("the refund that ended it was cancelled"),
    "message_undelivered": N_("the message that ended it never reached its readers"),
    "no_response_needed": N_("the message needs no response"),
    "unmarked": N_("the mark “no response needed” was taken back"),
    "reassigned": N_("the facts no longer call for it, or end another clock"),
    "late_arrival": N_("a fact that happened before came to be known only then"),
    "case_closed": N_("the case was closed"),
    "auto_authorized": N_("Amazon approved the return"),
    "claim_closed": N_("the claim was withdrawn or decided"),
    "chargeback_closed": N_("the chargeback was decided"),
    "return_cancelled": N_("the return was cancelled"),
    "replaced": N_("the item was replaced"),
    "refund_question_after_receipt": N_("the buyer asks for a refund and the return has arrived"),
    "claim_not_received": N_("the buyer claims that nothing arrived"),
}
CONSEQUENCES: Final = {
    "amazon_may_refund": N_("Amazon may refund at the seller's cost"),
    "prime_suspension_risk": N_("Prime may be suspended"),
    "late_response_rate": N_("counts in the late response rate"),
    "account_review_risk": N_("the account may be reviewed"),
    "performance_risk": N_("counts against the account's performance"),
    "csba_may_stop": N_("CSBA may stop"),
    "return_dissatisfaction": N_("counts as return dissatisfaction"),
    "claim_likely_lost": N_("the claim is likely lost"),
    "chargeback_likely_lost": N_("the chargeback is likely lost"),
    "odr": N_("counts in the order defect rate"),
}
VIOLATIONS: Final = {
    "refused_return": N_("A return that Amazon had approved was refused"),
    "csba_interference": N_("The seller wrote to a buyer whom CSBA answers"),
    "case_duplicate": N_("A second case on the same subject"),
    "case_close_reopen": N_("A case was closed and opened again"),
    "evidence_deleted_early": N_("Evidence was deleted too early"),
}
METRICS: Final = {
    "average_response_ms": N_("Average response time"),
    "late_response_rate": N_("Late response rate"),
    "refund_on_time_rate": N_("Refunds on time"),
    "order_defect_rate": N_("Order defect rate"),
}
STATUSES: Final = {
    "good": N_("Good"),
    "excellent": N_("Excellent"),
    "warn": N_("Warning"),
    "review_risk": N_("Review likely"),
    "bad": N_("Bad"),
}
DAYS: Final = {
    "start": N_("start: its own day does not count"),
    "open": N_("counts: open by the calendar's list"),
    "closed": N_("closed by the calendar's list"),
    "weekend": N_("weekend"),
    "business": N_("business day"),
    "calendar": N_("every day counts"),
}
FACT_STATUSES: Final = {
    "counts": N_("counts"),
    "repeat": N_("repeat of line {line}"),
    "replaced": N_("replaced by line {line}"),
    "forgotten": N_("forgotten before line {line}"),
}
DECIDES: Final = {"start": N_("the start"), "end": N_("the end"), "mark": N_("that no answer is needed")}
SENT: Final = {
    "there": N_("on its topic"),
    "different": N_("differs on its topic"),
    "missing": N_("missing on its topic"),
    "gone": N_("gone by retention"),
}
TARGETS: Final = {
    ("hours", False): N_("{n} hours"),
    ("hours", True): N_("1 hour"),
    ("minutes", False): N_("{n} minutes"),
    ("minutes", True): N_("1 minute"),
    ("seconds", False): N_("{n} seconds"),
    ("seconds", True): N_("1 second"),
    ("business_days", False): N_("{n} business days"),
    ("business_days", True): N_("1 business day"),
    ("calendar_days", False): N_("{n} calendar days"),
    ("calendar_days", True): N_("1 calendar day"),
}


def of(names: dict[str, str], name: str, language: Language) -> str:
    """A name of the contract in words; itself where there are none."""
    return language.text(names[name]) if name in names else name


def target(kind: str, number: int, language: Language) -> str:
    """How long there is."""
    return language.text(TARGETS[kind, number == 1], n=number)


def sentence_of(happening: Happening, language: Language) -> str:
    """What an event says, and why, in one sentence."""
    more, text = happening.more, language.text
    kind = happening.type
    if kind == "clock.opened":
        if more.get("revision", 1) > 1:
            return text(N_("The clock begins anew: its start or its due has moved."))
        return text(N_("The duty begins."))
    if kind == "clock.escalated":
        return _escalated(more, language)
    if kind in ("clock.breached", "clock.lapsed", "clock.reminder_due"):
        return _due(kind, more, language)
    if kind == "clock.retracted":
        what = of(EVENTS, more.get("of", ""), language)
        return text(N_("“{what}” is taken back: {why}."), what=what, why=of(REASONS, more.get("reason", ""), language))
    if kind == "policy.violation":
        return of(VIOLATIONS, more.get("kind", ""), language)
    return _ended(kind, more, language)


def _escalated(more: dict[str, Any], language: Language) -> str:
    if more.get("urgent"):
        return language.text(N_("Urgent: {why}."), why=of(REASONS, more.get("reason", ""), language))
    if more.get("collapsed"):
        return language.text(N_("Step {n} has come; lower steps had passed already."), n=more.get("level", 0))
    return language.text(N_("Step {n} has come and the duty is not done."), n=more.get("level", 0))


def _due(kind: str, more: dict[str, Any], language: Language) -> str:
    who = of(ROLES, more.get("obligor", ""), language)
    if kind == "clock.lapsed":
        return language.text(N_("The time for it has run out unused; it was for {who} to act."), who=who)
    if kind == "clock.reminder_due":
        return language.text(N_("The time has passed; remind {who}."), who=who)
    return language.text(N_("The due has passed and the duty is not done; it was for {who} to act."), who=who)


def _ended(kind: str, more: dict[str, Any], language: Language) -> str:
    who = of(ROLES, more.get("by", ""), language)
    after = language.span(more.get("elapsed_ms", 0))
    if kind == "clock.met":
        return language.text(N_("Done in time, {after} after its start."), after=after)
    if kind == "clock.closed_late":
        late = language.span(more.get("late_by_ms", 0))
        return language.text(N_("Ended by {who}, {late} too late."), who=who, late=late)
    if kind == "clock.superseded":
        return language.text(N_("Taken over by {who}, in time."), who=who)
    if kind == "clock.exempt":
        return language.text(
            N_("Nothing is owed any longer: {why}."), why=of(REASONS, more.get("reason", ""), language)
        )
    if kind == "clock.expired":
        return language.text(N_("Forgotten while it was still open or stood breached."))
    return ""


def ms_of(instant: str) -> int:
    """An instant of a document, in ms UTC."""
    return parse_instant(instant)
