"""A mail as its reader gives it, and what an account takes from its mail."""

from __future__ import annotations

from typing import NamedTuple

from schemas.fields import Program
from streams.sources.entries import Entry
from streams.sources.mail_threads import ThreadBook


class Mail(NamedTuple):
    """A mail as read: header fields without brackets, bodies as text, and whose mailbox host vouches for what.

    `labelled` are the pairs of a bold label and what follows it, in their order. `is_sent` says that it lay in the
    seller's own Sent folder.
    """

    where: str
    message_id: str
    sent_ms: int | None
    sender: str
    recipients: tuple[str, ...]
    references: tuple[str, ...]
    subject: str
    notification_type: str
    marketplace_id: str
    is_automatic: bool
    vouched: frozenset[str]
    text: str
    links: tuple[str, ...]
    labelled: tuple[tuple[str, str], ...]
    is_sent: bool = False


class MailWish(NamedTuple):
    """What the account takes from its mail. `returns_program` is its one program, where returns come by mail at all.

    `is_one_marketplaces`: the mailbox gets mail of this marketplace alone, so that a mail which names none is of it.
    """

    replies_watched: bool
    returns_program: Program | None
    refunds_from_mail: bool
    require_authentication: bool = True
    is_one_marketplaces: bool = False


class Case(NamedTuple):
    """One mail on its way, with what all its mappers ask."""

    mail: Mail
    entry: Entry
    at_ms: int
    order_id: str | None
    wish: MailWish
    book: ThreadBook
