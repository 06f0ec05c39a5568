"""Finances transactions as refunds.

Source: `GET /finances/2024-06-19/transactions` (Selling Partner API; shape [A], names of breakdowns [I], transaction
types beside `Refund` [I]). The amount is what the buyer gets: product, tax and shipping, without Amazon's fees. A part
under another name is counted and not added. Who refunded is not said, save for a guarantee claim [I]. The same refund
read again, in another status or another page, has the same id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from schemas.fields import IssuedBy, Program
from schemas.notifications import RefundIssued
from streams.sources.accounts import SourceAccount
from streams.sources.documents import at, list_at, text_at
from streams.sources.entries import Entry
from streams.sources.findings import Mapped
from streams.sources.marketplaces import marketplace_named
from streams.sources.naming import ORDER, id_made_of
from streams.sources.texts import amount_text, column_key, number_of, read_moment

PREFIX: Final = "tx"

REFUNDS: Final[Mapping[str, IssuedBy]] = {
    "refund": "unknown",
    "chargebackrefund": "unknown",
    "guaranteeclaim": "amazon_cs",
    "guaranteeclaimrefund": "amazon_cs",
    "atozguaranteerefund": "amazon_cs",
}
OTHER_TYPES: Final = frozenset(
    {
        "shipment", "servicefee", "adjustment", "transfer", "debtrecovery", "productadspayment", "chargeback",
        "retrocharge", "safetreimbursement", "fbaliquidation", "loanservicing", "serviceprovidercredit", "other",
    }
)  # fmt: skip
ORDER_ID: Final = "ORDER_ID"
REFUND_ID: Final = "REFUND_ID"
# Names without case and signs.
TO_THE_BUYER: Final = frozenset(
    {
        "productcharges", "principal", "ourpriceprincipal", "tax", "producttax", "ourpricetax", "shipping",
        "shippingcharges", "shippingprincipal", "shippingtax", "giftwrap", "giftwraptax",
    }
)  # fmt: skip
NOT_TO_THE_BUYER: Final = frozenset(
    {
        "amazonfees",
        "commission",
        "refundcommission",
        "fbafees",
        "marketplacewithheldtax",
        "promotionalrebates",
        "promotions",
    }
)
PROGRAMS: Final[Mapping[str, Program]] = {"mfn": "mfn", "afn": "fba"}


def map_transactions(transactions: Iterable[object], account: SourceAccount, *, where: str = "") -> Iterator[Mapped]:
    """What each transaction became, in their order."""
    for number, one in enumerate(transactions, start=1):
        entry = Entry(PREFIX, account, (f"{where}:{number}",))
        if isinstance(one, Mapping):
            _map_transaction(one, entry)
        else:
            entry.leave_out("shape_unknown")
        yield entry.done()


def transactions_of(document: object) -> list[object] | None:
    """The transactions of one page as the API gives it, or of a bare list; None where it is neither."""
    page = document
    for name in ("payload", "transactions"):
        if isinstance(page, Mapping) and name in page:
            page = page[name]
    return page if isinstance(page, list) else None


def _map_transaction(document: Mapping[str, Any], entry: Entry) -> None:
    order_id = _related(document, ORDER_ID)
    entry.about = order_id or ""
    issued_by = REFUNDS.get(column_key(text_at(document, "transactionType")))
    why_not = _why_not(document, entry.account)
    if issued_by is None:
        is_known = column_key(text_at(document, "transactionType")) in OTHER_TYPES
        entry.leave_out("not_a_refund" if is_known else "type_unknown", "transactionType")
    elif why_not is not None:
        entry.leave_out(*why_not)
    elif order_id is None or ORDER.fullmatch(order_id) is None:
        entry.leave_out("no_order", ORDER_ID)
    else:
        _say_refund(document, entry, order_id, issued_by)


def _why_not(document: Mapping[str, Any], account: SourceAccount) -> tuple[str, str] | None:
    seller = text_at(document, "sellingPartnerMetadata", "sellingPartnerId")
    if seller and seller != account.seller_id:
        return "other_seller", "sellingPartnerId"
    marketplace = text_at(document, "marketplaceDetails", "marketplaceId")
    marketplace = marketplace or marketplace_named(text_at(document, "marketplaceDetails", "marketplaceName")) or ""
    marketplace = marketplace or text_at(document, "sellingPartnerMetadata", "marketplaceId")
    if not marketplace:
        return "marketplace_unknown", "marketplaceDetails"
    return None if marketplace == account.marketplace_id else ("other_marketplace", "marketplaceDetails")


def _say_refund(document: Mapping[str, Any], entry: Entry, order_id: str, issued_by: IssuedBy) -> None:
    refund = _related(document, REFUND_ID) or text_at(document, "transactionId")
    posted = read_moment(text_at(document, "postedDate"), entry.account.calendar)
    amount = _to_the_buyer(document, entry)
    if not refund:
        entry.leave_out("no_id", REFUND_ID)
    elif posted is None:
        entry.leave_out("no_date", "postedDate")
    elif amount is None or amount >= 0:
        entry.leave_out("amount_unknown", "breakdowns")
    else:
        networks = {
            text_at(context, "fulfillmentNetwork").lower()
            for item in list_at(document, "items")
            for context in list_at(item, "contexts")
        }
        programs = {PROGRAMS.get(network) for network in networks if network}
        entry.say(
            RefundIssued,
            refund,
            posted.ms,
            refund_id=id_made_of(PREFIX, refund),
            order_id=order_id,
            issued_by=issued_by,
            amount=amount_text(amount),
            currency=text_at(document, "totalAmount", "currencyCode"),
            program=programs.pop() if len(programs) == 1 else None,
        )


def _to_the_buyer(document: Mapping[str, Any], entry: Entry) -> Decimal | None:
    """What goes to the buyer, from the items' breakdowns or, where they have none, the transaction's; None: unknown."""
    of_items = [part for item in list_at(document, "items") for part in list_at(item, "breakdowns")]
    total, is_known = Decimal(0), False
    for part in of_items or list_at(document, "breakdowns"):
        name = column_key(text_at(part, "breakdownType"))
        amount = number_of(at(part, "breakdownAmount", "currencyAmount"))
        if name in NOT_TO_THE_BUYER:
            continue
        if name not in TO_THE_BUYER:
            entry.leave_out("part_unknown", "breakdownType")
        elif amount is None:
            return None
        else:
            total, is_known = total + amount, True
    return total if is_known else None


def _related(document: Mapping[str, Any], name: str) -> str | None:
    for one in list_at(document, "relatedIdentifiers"):
        if text_at(one, "relatedIdentifierName") == name:
            return text_at(one, "relatedIdentifierValue") or None
    return None
