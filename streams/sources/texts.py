"""Texts of reports as values: instants, amounts, flags, columns' names. No locale, no guess: None for unknown forms.

Dates come as `09-Oct-2026` (English month names, whatever the marketplace [T]; Portuguese ones [1]), `2026-10-09`,
`09.10.2026` (EU settlements [T]) or as instants. A date without a time begins at the account's local midnight: never in
the future, the same due date for targets in days, and before any refund of that day.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Final, NamedTuple

from schemas.codec import DAY_MS, HOUR_MS, MINUTE_MS
from streams.calendar import Calendar

MONTHS: Final = {
    "jan": 1, "feb": 2, "fev": 2, "mar": 3, "apr": 4, "abr": 4, "may": 5, "mai": 5, "jun": 6, "jul": 7, "aug": 8,
    "ago": 8, "sep": 9, "sept": 9, "set": 9, "oct": 10, "out": 10, "nov": 11, "dec": 12, "dez": 12,
}  # fmt: skip
YES: Final = frozenset({"y", "yes", "true"})
NO: Final = frozenset({"n", "no", "false"})

_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_MOMENT: Final = re.compile(
    r"(?:(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
    r"|(?P<day2>\d{1,2})-(?P<name>[A-Za-z]{3,4})\.?-(?P<year2>\d{4})"
    r"|(?P<day3>\d\d)\.(?P<month3>\d\d)\.(?P<year3>\d{4}))"
    r"(?:[T ](?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d)(?:\.(?P<fraction>\d{1,9}))?)?"
    r"(?: ?(?P<zone>[Zz]|UTC|GMT|(?P<sign>[+-])(?P<ahead_h>[01]\d|2[0-3]):?(?P<ahead_m>[0-5]\d)))?)?",
    re.ASCII,
)
_AMOUNT: Final = re.compile(
    r"(?P<sign>-?)(?P<whole>\d{1,12}|\d{1,3}(?:(?P<group>[.,])\d{3})+)(?:(?P<point>[.,])(?P<cents>\d{1,2}))?", re.ASCII
)
_COLUMN: Final = re.compile(r"[^a-z0-9]+", re.ASCII)
_CENT: Final = Decimal("0.01")
_LARGEST: Final = Decimal(10) ** 12


class Moment(NamedTuple):
    """When something happened, as far as a text says it. `day` is the local one, numbered from 1970-01-01 = 0."""

    ms: int
    day: int
    is_exact: bool


def read_moment(text: str, calendar: Calendar) -> Moment | None:
    """The instant of a date or time; a time without a zone is the calendar's local one."""
    found = _MOMENT.fullmatch(text.strip())
    day = None if found is None else _day_of(found)
    if found is None or day is None:
        return None
    if found["hour"] is None:
        return Moment(calendar.begins_ms(day), day, is_exact=False)
    of_day_ms = int(found["hour"]) * HOUR_MS + int(found["minute"]) * MINUTE_MS
    of_day_ms += int(found["second"] or 0) * 1_000 + int((found["fraction"] or "0").ljust(3, "0")[:3])
    if found["zone"] is None:
        # On a day of 23 or 25 hours the hour may be another one; the date never is.
        return Moment(min(calendar.begins_ms(day) + of_day_ms, calendar.begins_ms(day + 1) - 1), day, is_exact=True)
    ahead_ms = int(found["ahead_h"] or 0) * HOUR_MS + int(found["ahead_m"] or 0) * MINUTE_MS
    ms = day * DAY_MS + of_day_ms + (ahead_ms if found["sign"] == "-" else -ahead_ms)
    return Moment(ms, calendar.local_day(ms), is_exact=True)


def _day_of(found: re.Match[str]) -> int | None:
    month = MONTHS.get(found["name"].lower(), 0) if found["name"] else int(found["month"] or found["month3"])
    year, day = found["year"] or found["year2"] or found["year3"], found["day"] or found["day2"] or found["day3"]
    try:
        return date(int(year), month, int(day)).toordinal() - _EPOCH_ORDINAL
    except ValueError:
        return None


def read_amount(text: str) -> Decimal | None:
    """An amount with a decimal point or comma. `1,234` alone may be either and is None."""
    found = _AMOUNT.fullmatch(text.strip())
    if found is None or (found["group"] is not None and found["group"] == found["point"]):
        return None
    if found["group"] is not None and found["point"] is None:
        return None
    whole = re.sub(r"[.,]", "", found["whole"])
    return Decimal(f"{found['sign']}{whole}.{found['cents'] or '0'}")


def number_of(value: object) -> Decimal | None:
    """A number of a JSON document, however it was parsed."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    try:
        number = Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def amount_text(amount: Decimal) -> str | None:
    """How the contract writes an amount: without its sign, in cents."""
    size = abs(amount)
    if size >= _LARGEST:
        return None
    return str(size.quantize(_CENT, ROUND_HALF_EVEN))


def read_flag(text: str) -> bool | None:
    """Yes or no; None for a blank. ValueError for anything else."""
    word = text.strip().lower()
    if word in YES:
        return True
    if word in NO:
        return False
    if word:
        raise ValueError(f"neither yes nor no: {word[:20]!r}")
    return None


def column_key(name: str) -> str:
    """A column's or element's name without case, blanks and signs: `A-to-Z Claim` and `a_to_z_claim` are one."""
    return _COLUMN.sub("", name.lower())
