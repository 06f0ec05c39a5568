"""What each kind of mail becomes.

The order of a return mail's labels is constant [1]: order, day of the request, policy check, authorization. A claim's
mail has no claim id, so one order has one claim at a time [I]; a chargeback likewise [I]. Who issued a refund is not
said. No name, address, subject or text goes into a notification; ids of mails and relays go in as digests.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from schemas.fields import MessageTopic, Program
from schemas.notifications import (
    ChargebackDecided,
    ChargebackOpened,
    ClaimDecided,
    ClaimOpened,
    MessageReceived,
    MessageSent,
    RefundIssued,
    ReturnApproved,
    ReturnRequested,
)
from streams.sources import mail_phrases as said_in
from streams.sources.mail_fields import Case
from streams.sources.mail_phrases import is_in, plain
from streams.sources.mail_threads import thread_of_relay, thread_token
from streams.sources.mail_trust import domain_of, relay_ending
from streams.sources.naming import digest, return_id_of
from streams.sources.texts import amount_text, read_amount, read_moment

_AMOUNT_FIRST: Final = re.compile(rf"(?<![\d.,])(\d+(?:\.\d{{1,2}})?)\s+({'|'.join(said_in.CURRENCIES)})\b", re.ASCII)
_CURRENCY_FIRST: Final = re.compile(rf"\b({'|'.join(said_in.CURRENCIES)})\s+(\d+(?:\.\d{{1,2}})?)(?![\d,])", re.ASCII)
_ISO_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TRACKING: Final = re.compile(r"[A-Za-z0-9-]{6,50}", re.ASCII)


def _mail_id(message_id: str) -> str:
    return f"m.{digest('mail', message_id)[:32]}"


def thread_of_message(case: Case) -> str:
    """The thread that a buyer's message belongs to."""
    token = thread_token((case.mail.text, *case.mail.links))
    return token or thread_of_relay(case.mail.sender, case.order_id)


def _topic(subject: str) -> MessageTopic | None:
    text = plain(subject)
    return next((topic for head, topic in said_in.TOPICS.items() if text.startswith(head)), None)


def _map_message(case: Case) -> None:
    if not case.wish.replies_watched:
        case.entry.leave_out("replies_unwatched")
        return
    case.entry.say(
        MessageReceived,
        case.mail.message_id,
        case.at_ms,
        message_id=_mail_id(case.mail.message_id),
        thread_id=thread_of_message(case),
        from_role="buyer",
        order_id=case.order_id,
        topic=_topic(case.mail.subject),
    )


def _map_copy(case: Case) -> None:
    token = thread_token((case.mail.text, *case.mail.links))
    _say_sent(case, token or case.book.of_reply(references=case.mail.references, relays=(), order_id=case.order_id))


def map_sent(case: Case) -> None:
    """A mail of the seller's own Sent folder."""
    relays = [address for address in case.mail.recipients if relay_ending(domain_of(address))]
    if not relays:
        case.entry.leave_out("no_type_of_ours", "To")
        return
    found = case.book.of_reply(references=case.mail.references, relays=relays, order_id=case.order_id)
    _say_sent(case, found or (thread_of_relay(relays[0], case.order_id) if case.order_id else None))


def _say_sent(case: Case, thread_id: str | None) -> None:
    if not case.wish.replies_watched:
        case.entry.leave_out("replies_unwatched")
    elif thread_id is None:
        case.entry.leave_out("no_thread")
    else:
        case.entry.say(
            MessageSent,
            case.mail.message_id,
            case.at_ms,
            message_id=_mail_id(case.mail.message_id),
            thread_id=thread_id,
            to_roles=["buyer"],
            auto_reply=True if case.mail.is_automatic else None,
            order_id=case.order_id,
        )


def _map_return(case: Case) -> None:
    entry, values = case.entry, [value for _, value in case.mail.labelled[:4]]
    dates = _ISO_DATE.findall(values[1]) if len(values) > 1 else []
    requested = read_moment(dates[0], entry.account.calendar) if dates else None
    program = case.wish.returns_program
    if program is None:
        entry.leave_out("returns_from_report")
    elif case.order_id is None:
        entry.leave_out("no_order")
    elif requested is None:
        entry.leave_out("no_date", "Return request date")
    else:
        return_id = return_id_of(case.order_id, requested.day)
        _say_return(case, return_id, case.order_id, program, [*map(plain, values[2:]), "", ""])
        _book_parcel(case, return_id, case.order_id, program)


def _say_return(case: Case, return_id: str, order_id: str, program: Program, values: Sequence[str]) -> None:
    entry, subject = case.entry, plain(case.mail.subject)
    in_policy = said_in.IN_POLICY.get(values[0])
    is_asking = subject.startswith(said_in.ASKS_SUBJECT) or values[1] in said_in.TO_BE_AUTHORISED
    is_approved = subject.startswith(said_in.NOTIFIES_SUBJECT) or values[1] in said_in.AUTHORISED
    asked: dict[str, Any] = {"return_id": return_id, "order_id": order_id, "program": program, "in_policy": in_policy}
    entry.say(ReturnRequested, case.mail.message_id, case.at_ms, **asked)
    if is_approved and not is_asking:
        entry.say(
            ReturnApproved,
            case.mail.message_id,
            case.at_ms,
            **asked,
            approved_by="auto_policy",
        )
    elif not is_asking:
        entry.leave_out("phrase_unknown", "Authorization")
    if in_policy is None:
        entry.leave_out("phrase_unknown", "Return policy check")


def _book_parcel(case: Case, return_id: str, order_id: str, program: Program) -> None:
    lines = [
        (plain(label), value.strip()) for label, _, value in map(_split_line, case.mail.text.splitlines()) if value
    ]
    carrier = next((value for label, value in lines if label in said_in.CARRIER_LABELS), "")
    for label, value in lines:
        if label in said_in.TRACKING_LABELS and _TRACKING.fullmatch(value):
            case.entry.track(value, carrier, return_id=return_id, order_id=order_id, program=program)


def _split_line(line: str) -> tuple[str, str, str]:
    return line.partition(":")


def _map_refund(case: Case) -> None:
    entry, mail = case.entry, case.mail
    by_subject = _AMOUNT_FIRST.search(mail.subject)
    by_body = None if by_subject else _CURRENCY_FIRST.search(mail.text)
    found = (by_subject[1], by_subject[2]) if by_subject else (by_body[2], by_body[1]) if by_body else None
    amount = read_amount(found[0]) if found else None
    if not case.wish.refunds_from_mail:
        entry.leave_out("other_refund_source")
    elif case.order_id is None:
        entry.leave_out("no_order")
    elif found is None or amount is None:
        entry.leave_out("amount_unknown", "Subject")
    else:
        entry.say(
            RefundIssued,
            mail.message_id,
            case.at_ms,
            refund_id=_mail_id(mail.message_id),
            order_id=case.order_id,
            issued_by="unknown",
            amount=amount_text(amount),
            currency=found[1],
            program=_network(mail.labelled),
        )


def _network(labelled: Iterable[tuple[str, str]]) -> Program | None:
    for label, value in labelled:
        if is_in(said_in.NETWORK_LABELS, plain(label)):
            return said_in.NETWORKS.get(plain(value))
    return None


def _map_claim(case: Case) -> None:
    text = plain(f"{case.mail.subject}\n{case.mail.text}")
    if case.order_id is None:
        case.entry.leave_out("no_order")
    elif is_in(said_in.NO_ACTION, text):
        case.entry.leave_out("no_duty")
    elif not is_in(said_in.ACTION, text):
        case.entry.leave_out("phrase_unknown", "Subject")
    else:
        case.entry.say(
            ClaimOpened,
            case.mail.message_id,
            case.at_ms,
            claim_id=f"az.{case.order_id}",
            order_id=case.order_id,
            kind="a_to_z",
        )


def _map_decision(case: Case) -> None:
    text = plain(f"{case.mail.subject}\n{case.mail.text}")
    outcome = next((outcome for phrase, outcome in said_in.DECISIONS if phrase in text), None)
    if case.order_id is None:
        case.entry.leave_out("no_order")
    elif outcome is None:
        case.entry.leave_out("phrase_unknown", "the decision")
    else:
        claim_id = f"az.{case.order_id}"
        case.entry.say(
            ClaimDecided,
            case.mail.message_id,
            case.at_ms,
            claim_id=claim_id,
            order_id=case.order_id,
            outcome=outcome,
        )


def map_chargeback(case: Case) -> None:
    """A mail of the chargeback team."""
    subject, sender = plain(case.mail.subject), case.mail.sender.lower()
    is_opened = sender == said_in.CHARGEBACK_OPENED
    if case.order_id is None:
        case.entry.leave_out("no_order")
    elif (said_in.CHARGEBACK_WORD if is_opened else said_in.DECISION_WORD) not in subject:
        case.entry.leave_out("phrase_unknown", "Subject")
    else:
        case.entry.say(
            ChargebackOpened if is_opened else ChargebackDecided,
            case.mail.message_id,
            case.at_ms,
            chargeback_id=f"cb.{case.order_id}",
            order_id=case.order_id,
        )


MAPPERS: Final[Mapping[str, Callable[[Case], None]]] = {
    "message": _map_message,
    "copy": _map_copy,
    "return": _map_return,
    "refund": _map_refund,
    "claim": _map_claim,
    "decision": _map_decision,
}
