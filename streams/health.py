"""Account health: counters by day, what is said at each UTC midnight, and corrections (contract §6).

Clocks move their account's counters in the step that changes them (`count`). Midnights are timers; an account whose
counters and last emitted values are all zero has nothing to say at one, so it sets none (`next_midnight_ms`). A
midnight that was skipped that way leaves a streak of zero.
"""

from __future__ import annotations

from typing import Final

from schemas.codec import DAY_MS
from schemas.notifications import MetricsReported
from schemas.rules import RULES
from streams.at_work import Party
from streams.census import GOOD, STATUSES
from streams.events import Figure, Moment, health_event
from streams.rows import BREACHED, CLOSED_LATE, MET, AccountRow, Clock, DayCounts, Emitted
from streams.windows import WINDOWS, Window

KEPT_DAYS: Final = 91
REVIEW_STREAK: Final = 30
"""Late responses above 10 % for 30 days in a row lead to review (PLAN)."""

AVERAGE_MS: Final = "average_response_ms"
LATE_RATE: Final = "late_response_rate"
ON_TIME_RATE: Final = "refund_on_time_rate"
STATUS_WINDOW: Final = 30


def count(party: Party, clock: Clock, sign: int, newest_midnight_ms: int) -> None:
    """Add (+1) or take out (-1) a clock's contribution to the day of its start."""
    day, days, windows = clock.start_ms // DAY_MS, party.row.days, party.windows
    is_met, is_late = clock.outcome == MET, clock.outcome in (BREACHED, CLOSED_LATE)
    if not (is_met or is_late) or day < newest_midnight_ms // DAY_MS - KEPT_DAYS:
        return
    counts = days.get(day)
    if counts is None:
        counts = days[day] = DayCounts()
    is_past = day < windows.last
    if is_past:
        windows.add(day, counts, -1)
    if RULES[clock.rule].counts_for == "refunds":
        counts.refunds_met += sign * is_met
        counts.refunds_late += sign * is_late
    else:
        counts.on_time += sign * is_met
        counts.late += sign * is_late
        if clock.outcome != BREACHED:
            counts.answered += sign
            counts.elapsed_ms += sign * clock.elapsed_ms
    if is_past:
        windows.add(day, counts, +1)
        party.is_judged = False
    if counts == _NOTHING:
        del days[day]


_NOTHING: Final = DayCounts()


def _status(late: int, responses: int, streak_before: int) -> tuple[str, int]:
    """Status and streak of the late response rate over 30 days."""
    if 10 * late <= responses:
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


def strike_midnight(party: Party, midnight_ms: int, moment: Moment) -> bool:
    """Say what has changed at one midnight of one account, and let the day go that it drops. Whether anything has.

    Figures are looked at where their window has moved since the midnight before; the judged one has its streak besides.
    """
    row, windows, last, has_changed = party.row, party.windows, midnight_ms // DAY_MS, False
    _advance(row, midnight_ms)
    row.days.pop(last - KEPT_DAYS - 1, None)  # the days before it went at the midnights before
    windows.open(row.days, last)
    party.is_judged = False
    for figure, key, place in _SPOKEN:
        window, is_judged = windows.each[place], figure is _JUDGED
        if not (is_judged or window.has_moved):
            continue
        n, d = _fraction(figure.metric, window)
        status = GOOD
        if is_judged:
            status, row.streak = _status(n, d, row.streak_before)
        known = row.emitted.get(key, _NOTHING_EMITTED)
        if known.numerator != n or known.denominator != d or known.status != status:
            has_changed = True
            row.emitted[key] = Emitted(n, d, status)
            if is_judged:
                row.corrections = 1
            health_event(moment, midnight_ms, figure, n, d, status if is_judged else "")
    for window in windows.each:
        window.has_moved = False
    return has_changed


def _fraction(metric: str, window: Window) -> tuple[int, int]:
    """A metric over a window: a rate is its numerator's share of both counters, an average none of none answered."""
    if metric == AVERAGE_MS:
        return window.elapsed_ms, window.answered
    if metric == LATE_RATE:
        return window.late, window.late + window.on_time
    return window.refunds_met, window.refunds_met + window.refunds_late


_JUDGED: Final = Figure(LATE_RATE, "ppm", STATUS_WINDOW)
_JUDGED_KEY: Final = f"{LATE_RATE}/{STATUS_WINDOW}"
_JUDGED_PLACE: Final = WINDOWS.index(STATUS_WINDOW)
_SPOKEN: Final = [
    (
        _JUDGED if (metric, window) == (LATE_RATE, STATUS_WINDOW) else Figure(metric, unit, window),
        f"{metric}/{window}",
        place,
    )
    for metric, unit in ((AVERAGE_MS, "ms"), (LATE_RATE, "ppm"), (ON_TIME_RATE, "ppm"))
    for place, window in enumerate(WINDOWS)
]
"""What a midnight says, in this order: the figure, its key in the row, the place of its window."""
_NOTHING_EMITTED: Final = Emitted()


def _advance(row: AccountRow, midnight_ms: int) -> None:
    """Make a midnight the account's newest; midnights between were skipped, so nothing stood above 10 % there."""
    row.streak_before = row.streak if row.midnight_ms == midnight_ms - DAY_MS else 0
    row.streak = 0
    row.midnight_ms = midnight_ms
    row.corrections = 0


def correct(party: Party, passed_ms: int, moment: Moment) -> bool:
    """At the newest midnight passed, say the late response rate over 30 days again if its status has changed.

    It is judged anew only when a midnight has passed or a day within its window has moved: else nothing has changed.
    Returns whether it was said.
    """
    row = party.row
    if passed_ms <= row.first_ms:
        return False
    is_another = party.windows.open(row.days, passed_ms // DAY_MS)
    if party.is_judged and not is_another:
        return False
    party.is_judged = True
    if row.midnight_ms < passed_ms:
        _advance(row, passed_ms)
    late, responses = _fraction(LATE_RATE, party.windows.each[_JUDGED_PLACE])
    status, row.streak = _status(late, responses, row.streak_before)
    if row.emitted.get(_JUDGED_KEY, _NOTHING_EMITTED).status == status:
        return False
    row.emitted[_JUDGED_KEY] = Emitted(late, responses, status)
    row.corrections += 1
    health_event(moment, row.midnight_ms, _JUDGED, late, responses, status, row.corrections)
    return True


def report(party: Party, reported: MetricsReported, moment: Moment) -> None:
    """`order_defect_rate` as the marketplace reports it; an older or repeated report of a window says nothing."""
    row, window = party.row, reported.window_days
    when = (reported.occurred_ms, reported.event_id)
    newest = row.reports.get(window)
    if newest is not None and newest >= when:
        return
    row.reports[window] = when
    defects, orders = reported.orders_with_defects, reported.order_count
    if not orders:
        return
    status = GOOD
    if 100 * defects >= orders:
        status = "bad"
    elif 200 * defects < orders:
        status = "excellent"
    row.defect_statuses[window] = status
    figure = Figure("order_defect_rate", "ppm", window)
    health_event(moment, reported.occurred_ms, figure, defects, orders, status)


def worst_status(row: AccountRow) -> str:
    """The worst status last emitted for an account, of all metrics and windows; `excellent` counts as `good`."""
    found = {last.status for last in row.emitted.values()}
    found.update(row.defect_statuses.values())
    return max(found - {"excellent"}, key=STATUSES.index, default=GOOD)
