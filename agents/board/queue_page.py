"""The queue: what is due, the nearest first. And its rows, which other pages have too."""

from typing import Any, NamedTuple
from urllib.parse import quote

from agents.board import words
from agents.board.asked import Asked, chosen_accounts, count, find, rules_of
from agents.board.entries import OVER, Entry
from agents.board.mirror import Mirror
from agents.board.places import shop
from agents.board.plots import along
from agents.board.visit import Visit
from agents.phrases import order_link
from schemas.codec import DAY_MS, HOUR_MS


class Row(NamedTuple):
    """A clock as a row shows it. `progress` is the part of its time that has gone by, 0 to 1000."""

    clock: Entry
    href: str
    urgency: str
    title: str
    state: str
    left: str
    due: str
    seller: str
    shop: str
    account_href: str
    progress: float


def clock_href(clock_id: str) -> str:
    """The address of a clock's page."""
    return "/clocks/" + quote(clock_id, safe="/:@=+")


def account_href(account: str) -> str:
    """The address of an account's page."""
    return "/accounts/" + quote(account, safe="/:@=+")


def urgency_of(clock: Entry, now_ms: int) -> str:
    """How near it is: over, now (within 4 hours), today (within 24), later; or ended."""
    if not clock.is_live:
        return "ended"
    left_ms = clock.due_ms - now_ms
    if clock.state in OVER or left_ms < 0:
        return "over"
    return "now" if left_ms < 4 * HOUR_MS else "today" if left_ms < DAY_MS else "later"


def time_left(clock: Entry, visit: Visit) -> str:
    """The time left, with a minus where the due has passed; of an ended clock, how it ended."""
    if not clock.is_live:
        return words.of(words.STATES, clock.state, visit.language)
    left_ms = clock.due_ms - visit.now_ms
    return ("−" if left_ms < 0 else "") + visit.language.span(left_ms)


def row_of(clock: Entry, visit: Visit) -> Row:
    """A clock's row."""
    seller, marketplace = clock.account.split("/", 1)
    return Row(
        clock,
        clock_href(clock.clock_id),
        urgency_of(clock, visit.now_ms),
        words.of(words.RULES, clock.rule, visit.language),
        words.of(words.STATES, clock.state, visit.language),
        time_left(clock, visit),
        visit.language.instant(clock.due_ms, visit.zone),
        seller,
        shop(marketplace),
        account_href(clock.account),
        along(clock.started_ms, clock.due_ms, visit.now_ms),
    )


def queue(mirror: Mirror, asked: Asked, visit: Visit) -> dict[str, Any]:
    """What the queue's template needs."""
    found = find(mirror, asked, visit.sees, visit.now_ms)
    seen = sorted(account for account in mirror.accounts if visit.sees(account))
    chosen = chosen_accounts(mirror, asked, visit.sees)
    return {
        "asked": asked,
        "found": found,
        "rows": [row_of(one, visit) for one in found.clocks],
        "counts": count(mirror, asked, visit.sees, visit.now_ms),
        "sellers": sorted({one.partition("/")[0] for one in seen}),
        "marketplaces": [(one, shop(one)) for one in sorted({one.partition("/")[2] for one in seen})],
        "rules": rules_of(mirror, chosen),
        "rule_names": {rule: words.of(words.RULES, rule, visit.language) for rule in words.RULES},
        "state_names": {state: words.of(words.STATES, state, visit.language) for state in words.STATES},
    }


def links_of(clock: Entry) -> str:
    """Seller Central's page of the clock's order, if it has one that is known."""
    return order_link(clock.account.partition("/")[2], clock.order_id)
