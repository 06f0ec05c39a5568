"""Rows at work: a row that a line has touched, decoded, and what each further line would ask of its id again.

Nothing here decides. What stands beside a row follows from its id, from the policies in force or from the row itself,
and goes when the row is put to rest.
"""

from __future__ import annotations

from streams.policies import Agreement
from streams.rows import AccountRow, MatterRow
from streams.windows import Windows


class Party:
    """An account at work; its id is its row's. `is_changed`: the row is other than that at rest, and goes out next.

    `marketplace_json` and `seller_json` are these fields as all its events have them. `windows` are the sums of its
    days; `is_judged`: its status follows from them already (streams/health.py). `armed_ms` is the midnight that its
    timer is armed for, None where there is none.
    """

    __slots__ = (
        "agreement",
        "armed_ms",
        "is_changed",
        "is_judged",
        "marketplace",
        "marketplace_json",
        "row",
        "row_id",
        "seller_json",
        "windows",
    )

    def __init__(self, account: str, row: AccountRow, agreement: Agreement) -> None:
        self.row_id = account
        self.is_changed = False
        seller, self.marketplace = account.split("/", 1)
        self.marketplace_json = f'"marketplace_id":"{self.marketplace}",'
        self.seller_json = f'"seller_id":"{seller}",'
        self.row = row
        self.agreement = agreement
        self.windows = Windows()
        self.is_judged = False
        self.armed_ms: int | None = None


class Matter:
    """A matter at work: its kind (`order`, `thread`, `case`, `evidence`), its name, and whose it is."""

    __slots__ = ("is_changed", "kind", "name", "party", "row", "row_id")

    def __init__(self, row_id: str, party: Party, kind: str, name: str, row: MatterRow) -> None:
        self.row_id = row_id
        self.is_changed = False
        self.party = party
        self.kind = kind
        self.name = name
        self.row = row
