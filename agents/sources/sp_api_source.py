"""`dueclock source sp-api`: what the API has, every so often, on the same way as a downloaded file.

Each pass reads the whole 60 days of returns (rows change in place), 30 days of transactions (Amazon adds to them for as
long) and the performance report. A return that was refunded before those 30 days is held back: when, nobody says. What
was sent before is known by its name, so a pass sends what is new or has changed.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from aiohttp import ClientSession, ClientTimeout

from agents.errors import UserError
from agents.settings import Settings
from agents.sources.passing_on import PassingOn
from agents.sources.reports import TRANSACTIONS, orders_refunded, rows_of_returns
from agents.sources.source_metrics import SourceMetrics, shown
from agents.sources.sp_api import AWAY, Keys, SpApi, SpApiError
from schemas.codec import DAY_MS, MINUTE_MS, format_instant
from streams.sources.accounts import SourceAccount
from streams.sources.findings import Mapped
from streams.sources.performance_report import map_performance
from streams.sources.returns_report import map_returns
from streams.sources.transactions import map_transactions

log = logging.getLogger("dueclock.sp-api")

RETURNS: Final = "GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE"
PERFORMANCE: Final = "GET_V2_SELLER_PERFORMANCE_REPORT"
RETURNS_DAYS, TRANSACTIONS_DAYS = 60, 30
POSTED_BEFORE_MS: Final = 3 * MINUTE_MS
"""The API wants the end of the time to be at least two minutes ago."""
_LEAST_PAUSE_S, _LONGEST_PAUSE_S = 5.0, 900.0


class SpApiWish(NamedTuple):
    """What a person asked of the source."""

    base: str
    tokens_at: str
    keys: Keys
    every_s: float
    poll_s: float
    is_once: bool
    takes_refunds: bool
    switches_refunds: bool


class Read(NamedTuple):
    """What one feed of a pass brought; all that the API showed of it until `through_ms`."""

    feed: str
    through_ms: int
    mapped: Sequence[Mapped]


def run_source(
    settings: Settings,
    account: SourceAccount,
    passing_on: PassingOn,
    wish: SpApiWish,
    is_stopped: Callable[[], bool],
) -> None:
    """Read every so often until stopped, or once. UserError where the API refuses at the first pass."""
    feeds = ("transactions", "returns", "performance") if wish.takes_refunds else ("returns", "performance")
    metrics = SourceMetrics("sp-api", feeds)
    with shown(settings, metrics):
        _run(account, passing_on, wish, is_stopped, metrics)


def _run(
    account: SourceAccount,
    passing_on: PassingOn,
    wish: SpApiWish,
    is_stopped: Callable[[], bool],
    metrics: SourceMetrics,
) -> None:
    pause_s, has_succeeded = _LEAST_PAUSE_S, False
    while not is_stopped():
        try:
            _pass(account, passing_on, wish, metrics)
            pause_s, has_succeeded, rest_s = _LEAST_PAUSE_S, True, wish.every_s
        except (SpApiError, UserError, *AWAY) as error:
            metrics.failed()
            if wish.is_once or not has_succeeded:
                raise UserError(
                    f"The Selling Partner API was not read: {str(error) or type(error).__name__}."
                ) from None
            log.warning("sp-api: %s; again in %g s", error, pause_s)
            rest_s, pause_s = pause_s, min(pause_s * 2, _LONGEST_PAUSE_S)
        if wish.is_once:
            return
        deadline = time.monotonic() + rest_s
        while time.monotonic() < deadline and not is_stopped():
            time.sleep(0.2)


def _pass(account: SourceAccount, passing_on: PassingOn, wish: SpApiWish, metrics: SourceMetrics) -> None:
    read = asyncio.run(_read(account, wish))
    mapped = [entry for one in read for entry in one.mapped]
    now_ms = int(time.time() * 1000)
    found = passing_on.sort_out(mapped, now_ms, refunds=TRANSACTIONS, is_switched=wish.switches_refunds)
    passing_on.send(found, mapped, now_ms)
    metrics.handed_on(found)
    for one in read:
        metrics.looked_at(one.feed, len(one.mapped), _newest_ms(one.mapped))
        metrics.read_through(one.feed, one.through_ms)
    log.info("sp-api: %d entries, %d notifications sent", len(mapped), len(found.notifications))


def _newest_ms(mapped: Sequence[Mapped]) -> int | None:
    """The latest time that the source itself gave."""
    times = (
        notification.occurred_ms
        for one in mapped
        for notification in one.notifications
        if notification.event_id not in one.dated_by_reader
    )
    return max(times, default=None)


async def _read(account: SourceAccount, wish: SpApiWish) -> list[Read]:
    now_ms = int(time.time() * 1000)
    async with ClientSession(timeout=ClientTimeout(total=120)) as session:
        api = SpApi(session, wish.base, wish.tokens_at, wish.keys, poll_s=wish.poll_s)
        found: list[Read] = []
        refunds: list[Mapped] = []
        if wish.takes_refunds:
            refunds.extend(map_transactions(await posted_of_late(api, now_ms), account, where="transactions"))
            found.append(Read("transactions", now_ms - POSTED_BEFORE_MS, refunds))
        since = format_instant(now_ms - RETURNS_DAYS * DAY_MS)
        raw = await api.report(RETURNS, account.marketplace_id, since)
        found.append(Read("returns", now_ms, returns_in(raw, account, refunds, now_ms)))
        raw = await api.report(PERFORMANCE, account.marketplace_id)
        found.append(Read("performance", now_ms, figures_in(raw, account, now_ms)))
    return found


async def posted_of_late(api: SpApi, now_ms: int) -> list[Any]:
    """The transactions of the last 30 days: Amazon adds to them for as long."""
    after, before = now_ms - TRANSACTIONS_DAYS * DAY_MS, now_ms - POSTED_BEFORE_MS
    return await api.transactions(format_instant(after), format_instant(before))


def returns_in(raw: bytes | None, account: SourceAccount, refunds: Sequence[Mapped], now_ms: int) -> list[Mapped]:
    """A returns report, mapped; None is one without rows. UserError where it is another document."""
    if raw is None:
        return []
    rows = rows_of_returns("the returns report", raw, account)
    return list(map_returns(rows, account, refunded_orders=orders_refunded(refunds), seen_ms=now_ms))


def figures_in(raw: bytes | None, account: SourceAccount, now_ms: int) -> list[Mapped]:
    """A performance report, mapped; None is one without figures."""
    if raw is None:
        return []
    return list(map_performance(_json_of(raw), account, where="performance", read_ms=now_ms))


def _json_of(raw: bytes) -> object:
    try:
        return json.loads(raw)
    except ValueError:
        raise SpApiError("the performance report is no JSON") from None
