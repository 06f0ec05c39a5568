"""Account health: counters by day, what is said at each UTC midnight, and corrections (contract §6).

Clocks move their account's counters in the step that changes them (`count`). Midnights are timers; an account whose
counters and last emitted values are all zero has nothing to say at one, so it sets none (`next_midnight_ms`). A
midnight that was skipped that way leaves a streak of zero.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Final, NamedTuple

from schemas.codec import DAY_MS
from schemas.notifications import MetricsReported
from schemas.rules import RULES
from streams.census import GOOD, STATUSES
from streams.events import Moment, SlaEvent, finish, instant
from streams.rows import BREACHED, CLOSED_LATE, MET, AccountRow, Clock, DayCounts, Emitted

WINDOWS: Final = (7, 30, 90)
KEPT_DAYS: Final = 91
REVIEW_STREAK: Final = 30
"""Late responses above 10 % for 30 days in a row lead to review (PLAN)."""

LATE_RATE: Final = "late_response_rate"
STATUS_WINDOW: Final = 30


def is_counted(rule: str) -> bool:
    """Whether clocks of a rule count for health at all."""
    return RULES[rule].counts_for is not None


def count(row: AccountRow, clock: Clock, sign: int, newest_midnight_ms: int) -> None:
    """Add (+1) or take out (-1) a clock's contribution to the day of its start."""
    day = clock.start_ms // DAY_MS
    met, late = clock.outcome == MET, clock.outcome in (BREACHED, CLOSED_LATE)
    if not (met or late) or day < newest_midnight_ms // DAY_MS - KEPT_DAYS:
        return
    counts = row.days.get(day)
    if counts is None:
        counts = row.days[day] = DayCounts()
    if RULES[clock.rule].counts_for == "refunds":
        counts.refunds_met += sign * met
        counts.refunds_late += sign * late
    else:
        counts.on_time += sign * met
        counts.late += sign * late
        if clock.outcome != BREACHED:
            counts.answered += sign
            counts.elapsed_ms += sign * clock.elapsed_ms
    if counts == _NOTHING:
        del row.days[day]


_NOTHING: Final = DayCounts()


class _Figure(NamedTuple):
    numerator: int
    denominator: int


class _Spoken(NamedTuple):
    """What one event says: a figure of a metric over a window."""

    metric: str
    unit: str
    window: int
    figure: _Figure
    status: str
    revision: int = 1


def _figures(row: AccountRow, midnight_ms: int) -> list[tuple[_Figure, _Figure, _Figure]]:
    """Average response, late response rate, refund on-time rate of the days before a midnight, for each of WINDOWS."""
    last = midnight_ms // DAY_MS
    newest_first = sorted(((last - day, counts) for day, counts in row.days.items() if day < last), key=itemgetter(0))
    figures = []
    on_time = late = answered = elapsed_ms = met = refunds_late = taken = 0
    for window in WINDOWS:  # each holds the one before it
        for age, counts in newest_first[taken:]:
            if age > window:
                break
            taken += 1
            on_time += counts.on_time
            late += counts.late
            answered += counts.answered
            elapsed_ms += counts.elapsed_ms
            met += counts.refunds_met
            refunds_late += counts.refunds_late
        figures.append(
            (
                _Figure(elapsed_ms if answered else 0, answered),
                _late_responses(late, on_time),
                _Figure(met, met + refunds_late),
            )
        )
    return figures


def _late_responses(late: int, on_time: int) -> _Figure:
    return _Figure(late, on_time + late)


def _late_rate(row: AccountRow, midnight_ms: int) -> _Figure:
    """The late response rate of the STATUS_WINDOW days before a midnight alone."""
    last = midnight_ms // DAY_MS
    counted = [counts for day, counts in row.days.items() if last - STATUS_WINDOW <= day < last]
    return _late_responses(sum(counts.late for counts in counted), sum(counts.on_time for counts in counted))


def _status(figure: _Figure, streak_before: int) -> tuple[str, int]:
    """Status and streak of the late response rate over 30 days."""
    if 10 * figure.numerator <= figure.denominator:
        return "good", 0
    streak = streak_before + 1
    return ("review_risk" if streak >= REVIEW_STREAK else "warn"), streak


def next_midnight_ms(row: AccountRow, passed_ms: int) -> int | None:
    """The next midnight at which the account may have something to say; `passed_ms` is the newest one passed."""
    is_silent = (
        not row.days
        and not row.streak
        and all(not last.numerator and not last.denominator and last.status == "good" for last in row.emitted.values())
    )
    if is_silent:
        return None
    return max(passed_ms, row.first_ms // DAY_MS * DAY_MS) + DAY_MS


def strike_midnight(account: str, row: AccountRow, midnight_ms: int, moment: Moment) -> list[SlaEvent]:
    """The events of one midnight of one account, and the day that it drops."""
    _advance(row, midnight_ms)
    oldest = midnight_ms // DAY_MS - KEPT_DAYS
    for day in [day for day in row.days if day < oldest]:
        del row.days[day]
    figures = _figures(row, midnight_ms)
    events = []
    for index, (metric, unit) in enumerate(_METRICS):
        for of_window, window in zip(figures, WINDOWS, strict=True):
            figure = of_window[index]
            status = ""
            if metric == LATE_RATE and window == STATUS_WINDOW:
                status, row.streak = _status(figure, row.streak_before)
            key = f"{metric}/{window}"
            last = row.emitted.get(key, _NOTHING_EMITTED)
            if (last.numerator, last.denominator) == figure and last.status == (status or "good"):
                continue
            row.emitted[key] = Emitted(figure.numerator, figure.denominator, status or "good")
            if status:
                row.corrections = 1
            events.append(_event(account, moment, midnight_ms, _Spoken(metric, unit, window, figure, status)))
    return events


_METRICS: Final = (("average_response_ms", "ms"), (LATE_RATE, "ppm"), ("refund_on_time_rate", "ppm"))
_NOTHING_EMITTED: Final = Emitted()


def _advance(row: AccountRow, midnight_ms: int) -> None:
    """Make a midnight the account's newest; midnights between were skipped, so nothing stood above 10 % there."""
    row.streak_before = row.streak if row.midnight_ms == midnight_ms - DAY_MS else 0
    row.streak = 0
    row.midnight_ms = midnight_ms
    row.corrections = 0


def correct(account: str, row: AccountRow, passed_ms: int, moment: Moment) -> list[SlaEvent]:
    """At the newest midnight passed, say the late response rate over 30 days again if its status has changed."""
    if passed_ms <= row.first_ms:
        return []
    if row.midnight_ms < passed_ms:
        _advance(row, passed_ms)
    figure = _late_rate(row, row.midnight_ms)
    status, row.streak = _status(figure, row.streak_before)
    key = f"{LATE_RATE}/{STATUS_WINDOW}"
    if row.emitted.get(key, _NOTHING_EMITTED).status == status:
        return []
    row.emitted[key] = Emitted(figure.numerator, figure.denominator, status)
    row.corrections += 1
    spoken = _Spoken(LATE_RATE, "ppm", STATUS_WINDOW, figure, status, row.corrections)
    return [_event(account, moment, row.midnight_ms, spoken)]


def report(account: str, row: AccountRow, reported: MetricsReported, moment: Moment) -> list[SlaEvent]:
    """`order_defect_rate` as the marketplace reports it; an older or repeated report of a window says nothing."""
    when = (reported.occurred_ms, reported.event_id)
    newest = row.reports.get(reported.window_days)
    if newest is not None and newest >= when:
        return []
    row.reports[reported.window_days] = when
    figure = _Figure(reported.orders_with_defects, reported.order_count)
    if not figure.denominator:
        return []
    status = "good"
    if 100 * figure.numerator >= figure.denominator:
        status = "bad"
    elif 200 * figure.numerator < figure.denominator:
        status = "excellent"
    row.defect_statuses[reported.window_days] = status
    spoken = _Spoken("order_defect_rate", "ppm", reported.window_days, figure, status)
    return [_event(account, moment, reported.occurred_ms, spoken)]


def worst_status(row: AccountRow) -> str:
    """The worst status last emitted for an account, of all metrics and windows; `excellent` counts as `good`."""
    found = {last.status for last in row.emitted.values()}
    found.update(row.defect_statuses.values())
    return max(found - {"excellent"}, key=STATUSES.index, default=GOOD)


def _event(account: str, moment: Moment, at_ms: int, spoken: _Spoken) -> SlaEvent:
    n, d = spoken.figure
    scale = 2_000_000 if spoken.unit == "ppm" else 2
    event: dict[str, object] = {
        "decided_at": instant(moment.decided_ms),
        "metric": spoken.metric,
        "window_days": spoken.window,
        "numerator": n,
        "denominator": d,
        "unit": spoken.unit,
        "value": (scale * n + d) // (2 * d) if d else 0,
        "revision": spoken.revision,
    }
    if spoken.status:
        event["status"] = spoken.status
    if moment.cause is not None:
        event["cause"] = moment.cause
    return finish(event, "account.health", at_ms, account, account)
