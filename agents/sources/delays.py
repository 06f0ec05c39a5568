"""How late a source's news may be, and which rules do not wait that long before they declare a breach.

A breach that news on its way would have prevented is taken back when it comes; whoever acts on breaches at once should
not be told too early. The delays are those that Amazon's documents and other tools name: a mail minutes, transactions
up to two days (developer-docs.amazon.com/sp-api, finances: "orders from the last 48 hours might be missing"), a
settlement two weeks.
"""

from collections.abc import Mapping
from typing import Final

from schemas.codec import DAY_MS, HOUR_MS, MINUTE_MS
from streams.sources.accounts import SourceAccount
from streams.state import State

_REFUNDS: Final = ("sfp-refund", "mfn-refund")
NEWS_OF: Final[Mapping[str, tuple[int, tuple[str, ...]]]] = {
    "mailbox": (15 * MINUTE_MS, ("buyer-message-reply", *_REFUNDS)),
    "sp-api": (48 * HOUR_MS, _REFUNDS),
    "sqs": (48 * HOUR_MS, _REFUNDS),
    "transactions": (48 * HOUR_MS, _REFUNDS),
    "settlement": (14 * DAY_MS, _REFUNDS),
}
"""Of each source how late it may be, and the rules that its news ends."""


def hasty_rules(source: str, account: SourceAccount, state: State, now_ms: int) -> list[str]:
    """The rules in force for the account that wait less than the source's news may take."""
    assert state.book is not None  # policies have been put in force
    agreement = state.book.agreement(f"{account.seller_id}/{account.marketplace_id}")
    delay_ms, rules = NEWS_OF[source]
    bound = ((rule, agreement.bind(rule, now_ms, now_ms)) for rule in rules)
    return [rule for rule, binding in bound if binding is not None and binding.due_timer_ms - binding.due_ms < delay_ms]


def warning_of(source: str, account: SourceAccount, state: State, now_ms: int) -> str | None:
    """The sentence on it, None where every rule waits."""
    hasty = hasty_rules(source, account, state, now_ms)
    if not hasty:
        return None
    delay_ms, _ = NEWS_OF[source]
    late = f"{delay_ms // HOUR_MS} h" if delay_ms >= HOUR_MS else f"{delay_ms // MINUTE_MS} min"
    return (
        f"{source}: its news may be {late} late, and {', '.join(hasty)} {'wait' if len(hasty) > 1 else 'waits'} less "
        "before a breach is declared, to be taken back then; confirm_after in the policies lets them wait."
    )
