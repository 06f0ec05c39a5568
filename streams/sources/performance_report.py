"""A seller performance report as `account.metrics_reported`.

Source: `GET_V2_SELLER_PERFORMANCE_REPORT`, schema `accountHealthReport-2020-11-18` [A]. The order defect rate is given
for Amazon's and for the seller's own fulfilment; one of them may be missing [A], together they are the account's [I].
The range's last minute comes without seconds [A]. A range that ends later than the report was read is dated by the
reader: nobody may report the future.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from schemas.codec import MINUTE_MS
from schemas.notifications import MetricsReported
from streams.sources.accounts import SourceAccount
from streams.sources.documents import at, text_at
from streams.sources.entries import Entry
from streams.sources.findings import Mapped
from streams.sources.texts import Moment, number_of, read_moment

PREFIX: Final = "odr"

METRICS: Final = "performanceMetrics"
MARKETPLACE: Final = "marketplaceId"
RATE: Final = "orderDefectRate"
FULFILMENTS: Final = ("afn", "mfn")
RANGE, FROM, TO = "reportingDateRange", "reportingDateFrom", "reportingDateTo"
ORDERS: Final = ("orderCount",)
DEFECTS: Final = ("orderWithDefects", "count")


class Figures(NamedTuple):
    """What one fulfilment's part says, as far as it can be read."""

    begins: Moment | None
    ends: Moment | None
    orders: int | None
    defects: int | None


def map_performance(
    report: object, account: SourceAccount, *, where: str = "", read_ms: int | None = None
) -> Iterator[Mapped]:
    """What each marketplace's figures became. `read_ms` is when the report was read, where that matters."""
    found = at(report, METRICS)
    metrics = found if isinstance(found, list) else None
    if metrics is None:
        entry = Entry(PREFIX, account, (where,))
        entry.leave_out("shape_unknown", METRICS)
        yield entry.done()
    for number, one in enumerate(metrics or (), start=1):
        yield _map_marketplace(one, Entry(PREFIX, account, (f"{where}:{number}",)), read_ms)


def _map_marketplace(one: object, entry: Entry, read_ms: int | None) -> Mapped:
    entry.about = text_at(one, MARKETPLACE)
    if entry.about != entry.account.marketplace_id:
        entry.leave_out("other_marketplace" if entry.about else "marketplace_unknown", MARKETPLACE)
        return entry.done()
    rate = at(one, RATE)
    parts = [_figures(part, entry.account) for part in (at(rate, name) for name in FULFILMENTS) if part is not None]
    begins, ends = {part.begins for part in parts}, {part.ends for part in parts}
    orders, defects = [part.orders for part in parts], [part.defects for part in parts]
    if len(begins) != 1 or len(ends) != 1 or None in (*begins, *ends, *orders, *defects):
        entry.leave_out("figures_unknown", RATE)
        return entry.done()
    first, last = begins.pop(), ends.pop()
    assert first is not None
    assert last is not None
    is_future = read_ms is not None and last.ms > read_ms
    entry.say(
        MetricsReported,
        str(last.ms),
        read_ms if is_future and read_ms is not None else last.ms,
        is_dated_by_reader=is_future,
        order_count=sum(count for count in orders if count is not None),
        orders_with_defects=sum(count for count in defects if count is not None),
        window_days=round((last.ms + MINUTE_MS - first.ms) / (24 * 60 * MINUTE_MS)),
    )
    return entry.done()


def _figures(part: object, account: SourceAccount) -> Figures:
    return Figures(
        read_moment(text_at(part, RANGE, FROM), account.calendar),
        read_moment(text_at(part, RANGE, TO), account.calendar),
        _count(at(part, *ORDERS)),
        _count(at(part, *DEFECTS)),
    )


def _count(value: object) -> int | None:
    number = number_of(value)
    return int(number) if number is not None and number >= 0 and number == number.to_integral_value() else None
