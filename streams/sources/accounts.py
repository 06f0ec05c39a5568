"""Whose entries are being read: the account, and the calendar that says what its local days are."""

from __future__ import annotations

from typing import NamedTuple

from streams.calendar import Calendar


class SourceAccount(NamedTuple):
    """The account that a source speaks for. Day-only dates begin at the calendar's local midnight (contract §1)."""

    seller_id: str
    marketplace_id: str
    calendar: Calendar
