"""Rows of a settlement as refunds.

Source: `GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2` (Selling Partner API [A]): columns [A], transaction types in
English [T], decimal commas and `dd.mm.yyyy` of European files [T], the currency standing in the summary row alone [T].
One refund is one pair of order and adjustment [T]; who refunded is said for A-to-z alone [I]. A localised transaction
type is counted, not guessed. A settlement comes days after the fact: it is for audits and for filling in, too late to
keep a clock of two days by.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Final, NamedTuple

from schemas.fields import IssuedBy, Program
from schemas.notifications import RefundIssued
from streams.sources.accounts import SourceAccount
from streams.sources.entries import Entry
from streams.sources.findings import Mapped
from streams.sources.marketplaces import marketplace_named
from streams.sources.naming import ORDER, digest, id_made_of
from streams.sources.texts import amount_text, column_key, read_amount, read_moment

PREFIX: Final = "st"

COLUMNS: Final[Mapping[str, str]] = {
    "settlementid": "settlement",
    "currency": "currency",
    "totalamount": "total",
    "transactiontype": "type",
    "orderid": "order_id",
    "adjustmentid": "adjustment",
    "marketplacename": "marketplace",
    "amounttype": "amount_type",
    "amount": "amount",
    "fulfillmentid": "fulfilment",
    "posteddate": "posted_on",
    "posteddatetime": "posted",
}
REQUIRED: Final = ("settlement", "type", "order_id", "amount")

REFUNDS: Final[Mapping[str, IssuedBy]] = {
    "refund": "unknown",
    "chargeback refund": "unknown",
    "a-to-z guarantee refund": "amazon_cs",
}
OTHER_TYPES: Final = frozenset(
    {
        "order", "adjustment", "transfer", "order_retrocharge", "refund_retrocharge", "servicefee", "other-transaction",
        "couponredemptionfee", "liquidations", "safe-t reimbursement", "storage fee", "shipping services",
    }
)  # fmt: skip
PRICE: Final = "itemprice"
PROGRAMS: Final[Mapping[str, Program]] = {"mfn": "mfn", "afn": "fba"}


class Row(NamedTuple):
    """A row as read: `where` is for people, `cells` by our names, trimmed, blank ones left out."""

    where: str
    cells: Mapping[str, str]


def row_of(where: str, cells: Iterable[tuple[str, str]]) -> Row:
    """A row from pairs of column name and text. What we do not use is dropped here and goes nowhere."""
    known = ((COLUMNS.get(column_key(name)), text.strip()) for name, text in cells)
    return Row(where, {field: text for field, text in known if field is not None and text})


def missing_columns(header: Iterable[str]) -> list[str]:
    """The columns that a settlement must have and this header has not."""
    present = {COLUMNS.get(column_key(name)) for name in header}
    return [field for field in REQUIRED if field not in present]


def map_settlement(rows: Iterable[Row], account: SourceAccount) -> Iterator[Mapped]:
    """What each refund of one document became, and why other rows became nothing.

    One document at a time: settlements overlap, and the same rows twice would be twice the amount.
    """
    currencies: dict[str, str] = {}
    refunds: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        cells = row.cells
        if "currency" in cells:
            currencies.setdefault(cells.get("settlement", ""), cells["currency"])
        kind = cells.get("type", "").lower()
        if kind in REFUNDS:
            by = "" if "adjustment" in cells else cells.get("posted", "")
            refunds.setdefault((cells.get("order_id", ""), cells.get("adjustment", by), kind), []).append(row)
        elif "total" not in cells:
            entry = Entry(PREFIX, account, (row.where,), cells.get("type", ""))
            entry.leave_out("not_a_refund" if kind in OTHER_TYPES else "type_unknown", "transaction-type")
            yield entry.done()
    for (order_id, adjustment, kind), rows_of_it in sorted(refunds.items()):
        yield _map_refund(order_id, adjustment, REFUNDS[kind], rows_of_it, account, currencies)


def _map_refund(
    order_id: str,
    adjustment: str,
    issued_by: IssuedBy,
    rows: list[Row],
    account: SourceAccount,
    currencies: Mapping[str, str],
) -> Mapped:
    entry = Entry(PREFIX, account, tuple(row.where for row in rows), order_id)
    cells = {name: text for row in reversed(rows) for name, text in row.cells.items()}
    reason = _why_not(cells, account)
    if reason is not None:
        entry.leave_out(*reason)
        return entry.done()
    times = [read_moment(row.cells.get("posted", row.cells.get("posted_on", "")), account.calendar) for row in rows]
    posted = min((moment for moment in times if moment is not None), key=lambda moment: moment.ms, default=None)
    amounts = [read_amount(row.cells.get("amount", "")) for row in rows if _is_price(row)]
    total = sum((amount for amount in amounts if amount is not None), Decimal(0))
    if posted is None:
        entry.leave_out("no_date", "posted-date-time")
    elif None in amounts or total >= 0:
        entry.leave_out("amount_unknown", "amount")
    else:
        entry.say(
            RefundIssued,
            f"{order_id} {adjustment}",
            posted.ms,
            refund_id=id_made_of(PREFIX, cells["adjustment"])
            if "adjustment" in cells
            else f"{PREFIX}.{digest(order_id, adjustment)[:32]}",
            order_id=order_id,
            issued_by=issued_by,
            amount=amount_text(total),
            currency=cells.get("currency", currencies.get(cells.get("settlement", ""))),
            program=PROGRAMS.get(cells.get("fulfilment", "").lower()),
        )
    return entry.done()


def _why_not(cells: Mapping[str, str], account: SourceAccount) -> tuple[str, str] | None:
    if ORDER.fullmatch(cells.get("order_id", "")) is None:
        return "no_order", "order-id"
    marketplace = marketplace_named(cells.get("marketplace", ""))
    if marketplace is None:
        return "marketplace_unknown", "marketplace-name"
    if marketplace != account.marketplace_id:
        return "other_marketplace", "marketplace-name"
    return None


def _is_price(row: Row) -> bool:
    return column_key(row.cells.get("amount_type", "")) == PRICE
