"""A tab report knows the day of a request and no time: its clock of hours begins at midnight, up to a day early.

Where the policies do not wait that long before they declare a breach (`confirm_after`), the command says so: a seller
who answered in time on the second day must not be told that he was late.
"""

from collections.abc import Sequence
from typing import Final

from schemas.codec import DAY_MS
from schemas.notifications import ReturnApproved, ReturnRequested
from streams.sources.accounts import SourceAccount
from streams.sources.findings import Mapped
from streams.state import State

RULE: Final = "return-response"


def early_requests(mapped: Sequence[Mapped], account: SourceAccount, state: State) -> int:
    """How many requests wait for the seller, are known by their day alone, and may breach up to a day too early."""
    assert state.book is not None  # policies have been put in force
    agreement = state.book.agreement(f"{account.seller_id}/{account.marketplace_id}")
    count = 0
    for entry in mapped:
        notifications = entry.notifications
        if any(isinstance(one, ReturnApproved) for one in notifications):
            continue
        for one in notifications:
            if not isinstance(one, ReturnRequested) or one.program != "mfn":
                continue
            at_ms = one.occurred_ms
            binding = agreement.bind(RULE, at_ms, at_ms)
            is_day_only = account.calendar.begins_ms(account.calendar.local_day(at_ms)) == at_ms
            if binding is not None and is_day_only and binding.due_timer_ms - binding.due_ms < DAY_MS:
                count += 1
    return count
