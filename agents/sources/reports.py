"""Files, read and mapped: from a path to what became of each entry. UserError for a file of another kind."""

from collections.abc import Collection, Iterator, Sequence

from agents.errors import UserError
from agents.sources.bytes_of import bytes_of, shown_name
from agents.sources.json_documents import documents_of
from agents.sources.mails import Unreadable, raw_mails, read_mail
from agents.sources.returns_xml import looks_like_xml, rows_of_xml
from agents.sources.tables import Table, table_of
from schemas.notifications import RefundIssued
from streams.sources import returns_report, settlement
from streams.sources.accounts import SourceAccount
from streams.sources.findings import LeftOut, Mapped
from streams.sources.mail import map_mails
from streams.sources.mail_fields import Mail, MailWish
from streams.sources.performance_report import map_performance
from streams.sources.transactions import map_transactions, transactions_of

SETTLEMENT, TRANSACTIONS, MAIL = "settlement", "transactions", "mail"


def returns_reports(
    files: Sequence[str], account: SourceAccount, *, refunded_orders: Collection[str] | None, seen_ms: int | None
) -> list[Mapped]:
    """Returns reports, tab or XML: together, since one return may stand in several of them."""
    rows = [row for file in files for row in rows_of_returns(file, bytes_of(file), account)]
    return list(returns_report.map_returns(rows, account, refunded_orders=refunded_orders, seen_ms=seen_ms))


def rows_of_returns(file: str, raw: bytes, account: SourceAccount) -> list[returns_report.Row]:
    """The rows of one report in either form. UserError where it is another document."""
    if looks_like_xml(raw):
        return [returns_report.row_of(where, pairs) for where, pairs in rows_of_xml(file, raw)]
    table = table_of(file, raw, account.marketplace_id)
    if returns_report.missing_columns(table.header):
        raise UserError(
            f"{shown_name(file)} is no returns report: its first line has no columns `Order ID` and `Return request "
            "date`; take the tab-separated or XML report of seller-fulfilled returns.",
            2,
        )
    return [returns_report.row_of(where, pairs) for where, pairs in table.rows()]


def performance_reports(files: Sequence[str], account: SourceAccount, *, read_ms: int | None) -> list[Mapped]:
    """Seller performance reports."""
    return [
        mapped
        for file in files
        for where, document in documents_of(file, bytes_of(file))
        for mapped in map_performance(document, account, where=where, read_ms=read_ms)
    ]


def settlements(files: Sequence[str], account: SourceAccount) -> list[Mapped]:
    """Settlements, each document for itself."""
    found: list[Mapped] = []
    for file in files:
        table = table_of(file, bytes_of(file), account.marketplace_id)
        if settlement.missing_columns(table.header):
            raise UserError(f"{shown_name(file)} is no settlement; take the flat file V2 of a settlement.", 2)
        found.extend(_settlement(table, account))
    return found


def _settlement(table: Table, account: SourceAccount) -> Iterator[Mapped]:
    return settlement.map_settlement([settlement.row_of(where, pairs) for where, pairs in table.rows()], account)


def transactions(files: Sequence[str], account: SourceAccount) -> list[Mapped]:
    """Finances transactions as the API gives them, pages one a line or one a file."""
    found: list[Mapped] = []
    for file in files:
        for where, document in documents_of(file, bytes_of(file)):
            page = transactions_of(document)
            if page is None:
                raise UserError(f"{where} holds no transactions; give the API's answer, or a list of them.", 2)
            found.extend(map_transactions(page, account, where=where))
    return found


def refunds_of(file: str, account: SourceAccount) -> tuple[str, list[Mapped]]:
    """The refunds of a settlement or of transactions, by what the file holds; the kind of source with them."""
    raw = b"" if file == "-" else bytes_of(file)
    if file == "-":
        raise UserError("The refunds are read from a file of their own; name it with --refunds.", 2)
    if raw.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
        return TRANSACTIONS, transactions([file], account)
    return SETTLEMENT, settlements([file], account)


def orders_refunded(mapped: Sequence[Mapped]) -> frozenset[str]:
    """The orders of which a refund is known."""
    notifications = (one for entry in mapped for one in entry.notifications)
    return frozenset(one.order_id for one in notifications if isinstance(one, RefundIssued))


def mails(
    files: Sequence[str], sent_files: Sequence[str], account: SourceAccount, wish: MailWish, *, authserv_id: str
) -> list[Mapped]:
    """Received mails and, beside them, those of the Sent folder: together, since a reply belongs to a message."""
    read, unread = read_mails(files, sent_files, authserv_id=authserv_id)
    return [*map_mails(read, account, wish), *unread]


def read_mails(files: Sequence[str], sent_files: Sequence[str], *, authserv_id: str) -> tuple[list[Mail], list[Mapped]]:
    """Mails as the mapping asks for them, and those that cannot be read."""
    read: list[Mail] = []
    unread: list[Mapped] = []
    for these, is_sent in ((files, False), (sent_files, True)):
        for where, raw in raw_mails(these):
            try:
                read.append(read_mail(where, raw, authserv_id=authserv_id, is_sent=is_sent))
            except Unreadable as why:
                unread.append(Mapped((where,), "", (), (LeftOut(why.reason),)))
    return read, unread
