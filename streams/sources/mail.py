"""Amazon's mails to a seller, and the seller's own to buyers: which are believed, whose they are, of what kind.

Source: fixtures of 2026 in one public tool (Italian, whole mails), two more parsers (Spanish, Brazilian) and Seller
Central's help. The header `X-Space-Notification-Type` classifies [T], `X-Marketplace-ID` names the account [T]; where
a forwarding rule removed them, links and subjects do [T]. What each kind becomes is in `mail_mappers`, phrases and
their certainty in `mail_phrases`.

What nobody vouches for changes nothing (`mail_trust`). Without the seller's replies no buyer's message is mapped: each
would breach.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from streams.sources import mail_phrases
from streams.sources.accounts import SourceAccount
from streams.sources.entries import Entry
from streams.sources.findings import Mapped
from streams.sources.mail_fields import Case, Mail, MailWish
from streams.sources.mail_mappers import MAPPERS, map_chargeback, map_sent, thread_of_message
from streams.sources.mail_phrases import Kind, plain
from streams.sources.mail_threads import ThreadBook
from streams.sources.mail_trust import domain_of, is_amazons, relay_ending
from streams.sources.marketplaces import ENDINGS
from streams.sources.naming import order_in

PREFIX: Final = "ml"

_KIND_IN_LINK: Final = re.compile(r"[?&](?:customAttribute1Value|nt|communicationName)=([A-Z_]+)", re.ASCII)
_MESSAGE_BEGINS: Final = re.compile(r"^-+ *Message: *-+", re.MULTILINE | re.IGNORECASE)


def map_mails(
    mails: Sequence[Mail], account: SourceAccount, wish: MailWish, book: ThreadBook | None = None
) -> Iterator[Mapped]:
    """What each mail became, in their order. Replies find the threads of messages given with them, or in the book."""
    book = ThreadBook() if book is None else book
    cases = [_case(mail, account, wish, book) for mail in mails]
    for case in cases:
        if isinstance(case, Case) and not case.mail.is_sent and kind_of(case.mail) == "message":
            book.note(
                thread_of_message(case),
                message_id=case.mail.message_id,
                relay=case.mail.sender,
                order_id=case.order_id,
                at_ms=case.at_ms,
            )
    for case in cases:
        yield _mapped(case) if isinstance(case, Case) else case


def kind_of(mail: Mail) -> Kind | None:
    """What sort of mail it is: by its header, else by Amazon's own links, else by its subject."""
    for name in (mail.notification_type, *(_KIND_IN_LINK.findall(" ".join(mail.links))[:1])):
        if name:
            return mail_phrases.KINDS.get(name)
    subject = plain(mail.subject)
    by_subject = (kind for head, kind in mail_phrases.SUBJECTS.items() if subject.startswith(head))
    return next(by_subject, "message" if relay_ending(domain_of(mail.sender)) else None)


def _case(mail: Mail, account: SourceAccount, wish: MailWish, book: ThreadBook) -> Case | Mapped:
    """A mail that may be believed, is this account's and has id and date; else why it is nothing."""
    entry = Entry(PREFIX, account, (mail.where,))
    reason = _why_not(mail, account, wish)
    if reason is not None or mail.sent_ms is None:
        entry.leave_out(*(reason or ("no_date", "Date")))
        return entry.done()
    head = _MESSAGE_BEGINS.split(mail.text, maxsplit=1)[0]
    order_id = order_in(mail.subject) or order_in(head)
    entry.about = order_id or ""
    return Case(mail, entry, mail.sent_ms, order_id, wish, book)


def _why_not(mail: Mail, account: SourceAccount, wish: MailWish) -> tuple[str, str] | None:
    if not mail.is_sent and wish.require_authentication and not is_amazons(mail.sender, mail.vouched):
        return "unauthenticated", "Authentication-Results"
    if not mail.message_id:
        return "no_id", "Message-ID"
    endings = map(relay_ending, map(domain_of, (mail.sender, *mail.recipients)))
    relayed = next((ENDINGS[ending] for ending in endings if ending), "")
    marketplace = mail.marketplace_id or relayed or (account.marketplace_id if wish.is_one_marketplaces else "")
    if not marketplace:
        return "marketplace_unknown", "X-Marketplace-ID"
    if marketplace != account.marketplace_id:
        return "other_marketplace", "X-Marketplace-ID"
    return None


def _mapped(case: Case) -> Mapped:
    mail, entry = case.mail, case.entry
    if mail.is_sent:
        map_sent(case)
    elif mail.sender.lower() in (mail_phrases.CHARGEBACK_OPENED, mail_phrases.CHARGEBACK_DECIDED):
        map_chargeback(case)
    else:
        kind = kind_of(mail)
        if kind is None:
            entry.leave_out("type_unknown", "X-Space-Notification-Type")
        elif kind == "ignored":
            entry.leave_out("no_type_of_ours", "X-Space-Notification-Type")
        else:
            MAPPERS[kind](case)
    return entry.done()
