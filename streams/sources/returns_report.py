"""Rows of a returns report, tab file or XML, as notifications of returns, receipts and SAFE-T claims.

Source: `GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE` and `GET_XML_RETURNS_DATA_BY_RETURN_DATE` (Selling Partner API,
"Returns report attributes" [A]); the same tab file comes from Seller Central by hand. Columns [A]; header spellings
[T]; values of status, label, resolution and reason [T]; day-only dates [T], their being the marketplace's local days
[I]; `Return delivery date` being the carrier's delivery [T]; the zone of the SAFE-T creation time [I].

The tab file knows days, the XML the instant of the request; where both speak of one return, the instant counts.
Several rows (items, or the same return in files of several days) are one return, whatever their order. The report
knows the time of no approval (the request's is taken [I]), refusal, cancellation, closing, replacement or refund. What
ended at an unknown time is held back: its clock would start and never stop, and accuse a seller who did all.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from schemas.fields import ApprovedBy, Program
from schemas.notifications import ReturnApproved, ReturnCancelled, ReturnReceived, ReturnRequested, SafetFiled
from streams.sources.accounts import SourceAccount
from streams.sources.entries import Entry
from streams.sources.findings import Mapped
from streams.sources.naming import ORDER, return_id_of, simple_id
from streams.sources.texts import Moment, column_key, read_amount, read_flag, read_moment

PREFIX: Final = "rr"

# Our name for a cell, and the names of its column or element without case and signs.
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "order_id": ("orderid",),
    "requested": ("returnrequestdate",),
    "status": ("returnrequeststatus",),
    "rma_id": ("amazonrmaid",),
    "label_type": ("labeltype",),
    "carrier": ("returncarrier",),
    "tracking": ("trackingid",),
    "is_prime": ("isprime",),
    "reason": ("returnreason", "returnreasoncode"),
    "in_policy": ("inpolicy",),
    "resolution": ("resolution",),
    "delivered": ("returndeliverydate",),
    "safet_id": ("safetclaimid",),
    "safet_filed": ("safetclaimcreationtime",),
    "refunded": ("refundedamount", "refundamount"),
}
REQUIRED: Final = ("order_id", "requested")

Status: TypeAlias = Literal["approved", "pending", "cancelled", "ended"]
STATUSES: Final[Mapping[str, Status]] = {
    "approved": "approved",
    "completed": "approved",
    "pending": "pending",
    "cancelled": "cancelled",
    "canceled": "cancelled",
    "rejected": "ended",
    "denied": "ended",
    "declined": "ended",
    "closed": "ended",  # by whom, and whether after an answer, is not said
}
AMAZONS_LABEL: Final = "amazon"
REPLACED: Final = frozenset({"replacement", "replacementissued"})
REASON_CODE: Final = re.compile(r"(?:CR|AMZ)-[A-Z0-9_-]{1,60}", re.ASCII)
_TRACKING: Final = re.compile(r"[A-Za-z0-9-]{6,50}", re.ASCII)
_FIELD_OF: Final = {key: field for field, keys in COLUMNS.items() for key in keys}


class Row(NamedTuple):
    """A row as read: `where` is for people, `cells` by our names, trimmed, blank ones left out."""

    where: str
    cells: Mapping[str, str]


class Return(NamedTuple):
    """The rows of one return, and what names it."""

    order_id: str
    return_id: str
    requested: Moment | None
    rows: list[Row]

    def texts_of(self, field: str) -> list[str]:
        """What its rows say in a field, without repeats, in byte order."""
        return sorted({row.cells[field] for row in self.rows if field in row.cells})


def row_of(where: str, cells: Iterable[tuple[str, str]]) -> Row:
    """A row from pairs of column name and text. What we do not use is dropped here and goes nowhere."""
    known = ((_FIELD_OF.get(column_key(name)), text.strip()) for name, text in cells)
    return Row(where, {field: text for field, text in known if field is not None and text})


def missing_columns(header: Iterable[str]) -> list[str]:
    """The columns that a returns report must have and this header has not."""
    present = {_FIELD_OF.get(column_key(name)) for name in header}
    return [field for field in REQUIRED if field not in present]


def map_returns(
    rows: Iterable[Row], account: SourceAccount, *, refunded_orders: Collection[str] | None, seen_ms: int | None = None
) -> Iterator[Mapped]:
    """What each return became, in the order of their ids, after the rows that name none.

    `refunded_orders`: the orders whose refunds come from another source; None where all do. `seen_ms` is when the rows
    were read: with it a cancellation is dated, without it it is held back.
    """
    returns: dict[str, Return] = {}
    for row in rows:
        found = _return_of(row, account)
        if isinstance(found, Mapped):
            yield found
        else:
            returns[found.return_id] = _joined(returns.get(found.return_id), found)
    for _, one in sorted(returns.items()):
        yield _map_return(one, account, refunded_orders, seen_ms)


def _return_of(row: Row, account: SourceAccount) -> Return | Mapped:
    order_id, requested_text = row.cells.get("order_id", ""), row.cells.get("requested", "")
    requested = read_moment(requested_text, account.calendar)
    return_id = simple_id(row.cells.get("rma_id", "")) if requested is None else return_id_of(order_id, requested.day)
    reason = ""
    if ORDER.fullmatch(order_id) is None:
        reason = "no_order"
    elif return_id is None or (requested is None and requested_text):
        reason = "no_date"
    if reason or return_id is None:
        entry = Entry(PREFIX, account, (row.where,))
        entry.leave_out(reason, "Order ID" if reason == "no_order" else "Return request date")
        return entry.done()
    return Return(order_id, return_id, requested, [row])


def _joined(before: Return | None, one: Return) -> Return:
    """The rows of one return together; of two times of the request the exact one, then the earlier one."""
    if before is None:
        return one
    before.rows.extend(one.rows)
    times = [moment for moment in (before.requested, one.requested) if moment is not None]
    earliest = min(times, key=lambda moment: (not moment.is_exact, moment.ms), default=None)
    return before._replace(requested=earliest)


def _map_return(
    one: Return, account: SourceAccount, refunded_orders: Collection[str] | None, seen_ms: int | None
) -> Mapped:
    entry = Entry(PREFIX, account, tuple(row.where for row in one.rows), one.return_id)
    try:
        is_prime = _flag(one, "is_prime")
    except ValueError:
        entry.leave_out("flag_unknown", "Is prime")  # the program that is said first stays: none may be guessed
        return entry.done()
    program: Program = "sfp" if is_prime else "mfn"
    _say_request(entry, one, program, is_prime=bool(is_prime), seen_ms=seen_ms)
    _say_receipt(entry, one, program, refunded_orders)
    _say_safet(entry, one)
    for tracking in one.texts_of("tracking"):
        if _TRACKING.fullmatch(tracking):
            carrier = next(iter(one.texts_of("carrier")), "")
            entry.track(tracking, carrier, return_id=one.return_id, order_id=one.order_id, program=program)
    return entry.done()


def _say_request(entry: Entry, one: Return, program: Program, *, is_prime: bool, seen_ms: int | None) -> None:
    statuses = {STATUSES.get(column_key(status)) for status in one.texts_of("status")} or {None}
    in_policy = _in_policy(entry, one)
    if one.requested is None:
        entry.leave_out("no_date", "Return request date")
        return
    if None in statuses:
        entry.leave_out("status_unknown", "Return request status")
    asked: dict[str, Any] = {"return_id": one.return_id, "order_id": one.order_id}
    is_over = bool(statuses - {"approved", "pending"})
    if "approved" in statuses or not is_over or (statuses == {"cancelled"} and seen_ms is not None):
        reason = next((code if REASON_CODE.fullmatch(code) else "other" for code in one.texts_of("reason")), None)
        entry.say(
            ReturnRequested,
            one.return_id,
            one.requested.ms,
            **asked,
            program=program,
            in_policy=in_policy,
            reason=reason,
        )
    if "approved" in statuses:
        entry.say(
            ReturnApproved,
            one.return_id,
            one.requested.ms,
            **asked,
            program=program,
            approved_by=_approved_by(one, in_policy=in_policy, is_prime=is_prime),
            in_policy=in_policy,
            rma_id=next(filter(None, map(simple_id, one.texts_of("rma_id"))), None),
        )
    if "cancelled" in statuses and seen_ms is not None:
        entry.say(ReturnCancelled, one.return_id, seen_ms, is_dated_by_reader=True, **asked)
    elif statuses & {"cancelled", "ended"}:
        entry.leave_out("ended_when_unknown", "Return request status")


def _in_policy(entry: Entry, one: Return) -> bool | None:
    try:
        return _flag(one, "in_policy")
    except ValueError:
        entry.leave_out("flag_unknown", "In policy")
        return None


def _flag(one: Return, field: str) -> bool | None:
    """One answer for all rows: for `is_prime` a single yes decides, for `in_policy` a single no."""
    answers = {read_flag(text) for text in one.texts_of(field)}
    decisive = field == "is_prime"
    return decisive if decisive in answers else next(iter(answers), None)


def _approved_by(one: Return, *, in_policy: bool | None, is_prime: bool) -> ApprovedBy:
    """Amazon's label on a return that is in policy was printed without asking the seller [I]."""
    is_amazons = any(label.lower().startswith(AMAZONS_LABEL) for label in one.texts_of("label_type"))
    return "auto_policy" if is_amazons and (in_policy or is_prime) else "seller"


def _say_receipt(entry: Entry, one: Return, program: Program, refunded_orders: Collection[str] | None) -> None:
    moments = [read_moment(text, entry.account.calendar) for text in one.texts_of("delivered")]
    if None in moments:
        entry.leave_out("no_date", "Return delivery date")
    earliest = min((moment for moment in moments if moment is not None), key=lambda moment: moment.ms, default=None)
    if earliest is None:
        return
    if REPLACED.intersection(map(column_key, one.texts_of("resolution"))):
        entry.leave_out("replaced_when_unknown", "Resolution")
    elif refunded_orders is None or one.order_id in refunded_orders or not _is_refunded(entry, one):
        entry.say(
            ReturnReceived, one.return_id, earliest.ms, return_id=one.return_id, order_id=one.order_id, program=program
        )


def _is_refunded(entry: Entry, one: Return) -> bool:
    """Whether money has gone back, as far as the report says; what cannot be read counts as money."""
    amounts = [read_amount(text) for text in one.texts_of("refunded")]
    if None in amounts:
        entry.leave_out("amount_unknown", "Refunded Amount")
        return True
    if any(amount != 0 for amount in amounts):
        entry.leave_out("refunded_when_unknown", "Refunded Amount")
        return True
    return False


def _say_safet(entry: Entry, one: Return) -> None:
    for claim_id in one.texts_of("safet_id"):
        filed = [row.cells.get("safet_filed", "") for row in one.rows if row.cells.get("safet_id") == claim_id]
        moments = filter(None, (read_moment(text, entry.account.calendar) for text in filed))
        earliest = min(moments, key=lambda moment: moment.ms, default=None)
        if earliest is None:
            entry.leave_out("no_date", "SafeT claim creation time")
        elif simple_id(claim_id) is None:
            entry.leave_out("no_id", "SafeT claim id")
        else:
            entry.say(SafetFiled, claim_id, earliest.ms, claim_id=claim_id, order_id=one.order_id)
