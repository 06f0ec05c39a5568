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

WINDOWS: Final = (7, 30, 90)
KEPT_DAYS: Final = 91
REVIEW_STREAK: Final = 30
"""Late responses above 10 % for 30 days in a row lead to review (PLAN)."""

LATE_RATE: Final = "late_response_rate"
STATUS_WINDOW: Final = 30


def is_counted(rule: str) -> bool:
    """Whether clocks of a rule count for health at all."""
    return RULES[rule].counts_for is not None


def count(party: Party, clock: Clock, sign: int, newest_midnight_ms: int) -> None:
    """Add (+1) or take out (-1) a clock's contribution to the day of its start."""
    day, days = clock.start_ms // DAY_MS, party.row.days
    met, late = clock.outcome == MET, clock.outcome in _LATE
    if not (met or late) or day < newest_midnight_ms // DAY_MS - KEPT_DAYS:
        return
    counts = days.get(day)
    if counts is None:
        counts = days[day] = DayCounts()
    if RULES[clock.rule].counts_for == "refunds":
        counts.refunds_met += sign * met
        counts.refunds_late += sign * late
    else:
        counts.on_time += sign * met
        counts.late += sign * late
        if clock.outcome != BREACHED:
            counts.answered += sign
            counts.elapsed_ms += sign * clock.elapsed_ms
        if 0 < party.window_ms // DAY_MS - day <= STATUS_WINDOW:
            party.window_on_time += sign * met
            party.window_late += sign * late
            party.is_judged = False
    if counts == _NOTHING:
        del days[day]


_LATE: Final = (BREACHED, CLOSED_LATE)
_NOTHING: Final = DayCounts()


def _open_window(party: Party, midnight_ms: int) -> None:
    """Add up the late and timely responses of the STATUS_WINDOW days before a midnight; `count` goes on from there."""
    last, late, on_time = midnight_ms // DAY_MS, 0, 0
    for day, counts in party.row.days.items():
        if last - STATUS_WINDOW <= day < last:
            late += counts.late
            on_time += counts.on_time
    party.window_ms, party.window_late, party.window_on_time = midnight_ms, late, on_time
    party.is_judged = False


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


def strike_midnight(party: Party, midnight_ms: int, moment: Moment) -> None:
    """Say what has changed at one midnight of one account, and let the day go that it drops."""
    row, last = party.row, midnight_ms // DAY_MS
    _advance(row, midnight_ms)
    for day in [day for day in row.days if day < last - KEPT_DAYS]:
        del row.days[day]
    figures = _figures(row.days, last)
    for figure, key, numerator, denominator in _SPOKEN:
        n, d = figures[numerator], figures[denominator]
        status, is_judged = GOOD, figure is _JUDGED
        if is_judged:
            status, row.streak = _status(n, d, row.streak_before)
        known = row.emitted.get(key, _NOTHING_EMITTED)
        if known.numerator != n or known.denominator != d or known.status != status:
            row.emitted[key] = Emitted(n, d, status)
            if is_judged:
                row.corrections = 1
            health_event(moment, midnight_ms, figure, n, d, status if is_judged else "")


_PARTS: Final = ("elapsed_ms", "answered", "late", "responses", "refunds_met", "refunds")
_WIDTH: Final = len(_PARTS)


def _figures(days: dict[int, DayCounts], last: int) -> list[int]:
    """The sums of _PARTS over the days before a midnight, that of day `last`, for each of WINDOWS one after another."""
    figures = [0] * (len(WINDOWS) * _WIDTH)
    for day, counts in days.items():
        age = last - day
        if 0 < age <= WINDOWS[-1]:
            place = 0 if age <= WINDOWS[0] else _WIDTH if age <= WINDOWS[1] else 2 * _WIDTH
            figures[place] += counts.elapsed_ms
            figures[place + 1] += counts.answered
            figures[place + 2] += counts.late
            figures[place + 3] += counts.late + counts.on_time
            figures[place + 4] += counts.refunds_met
            figures[place + 5] += counts.refunds_met + counts.refunds_late
    for place in range(_WIDTH, len(figures)):  # each window holds the one before it
        figures[place] += figures[place - _WIDTH]
    for place in range(0, len(figures), _WIDTH):
        if not figures[place + 1]:
            figures[place] = 0  # nobody has answered
    return figures


_METRICS: Final = (
    ("average_response_ms", "ms", "elapsed_ms", "answered"),
    (LATE_RATE, "ppm", "late", "responses"),
    ("refund_on_time_rate", "ppm", "refunds_met", "refunds"),
)
_JUDGED: Final = Figure(LATE_RATE, "ppm", STATUS_WINDOW)
_JUDGED_KEY: Final = f"{LATE_RATE}/{STATUS_WINDOW}"
_SPOKEN: Final = [
    (
        _JUDGED if (metric, window) == (LATE_RATE, STATUS_WINDOW) else Figure(metric, unit, window),
        f"{metric}/{window}",
        place * _WIDTH + _PARTS.index(n),
        place * _WIDTH + _PARTS.index(d),
    )
    for metric, unit, n, d in _METRICS
    for place, window in enumerate(WINDOWS)
]
"""What a midnight says, in this order: the figure, its key in the row, the places of its two parts."""
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
    if party.window_ms != passed_ms:
        _open_window(party, passed_ms)
    elif party.is_judged:
        return False
    party.is_judged = True
    if row.midnight_ms < passed_ms:
        _advance(row, passed_ms)
    late, responses = party.window_late, party.window_late + party.window_on_time
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
