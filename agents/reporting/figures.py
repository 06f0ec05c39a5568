"""The figures of a report, from the events of clocks. Pure: events come in, in any order, a document comes out.

A clock belongs to the period in which it started, as in account health (contract §6), and counts by how it stands with
all that is known: what was taken back counts no more, a clock that is gone never did. Rates and means are rounded as
there. Medians are by nearest rank: each is a time that was really taken.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from agents.phrases import order_link, page_link
from schemas.answers.report import DayFigures, PeriodFigures, Report, ReportedBreach, ReportLine
from schemas.codec import DAY_MS, format_instant, parse_instant
from schemas.rules import RULES

LATE: Final = ("breached", "closed_late")
_OUTCOMES: Final = {
    "clock.met": "met",
    "clock.superseded": "superseded",
    "clock.exempt": "exempt",
    "clock.closed_late": "closed_late",
    "clock.breached": "breached",
    "clock.lapsed": "breached",
    "clock.reminder_due": "breached",
}
_PASSED_BY: Final = ("clock.escalated", "clock.expired")
"""What changes no outcome: a clock that is no longer watched stays as it stood."""


class Told(NamedTuple):
    """What the figures need of one event."""

    seq: int
    type: str
    output_id: str
    retracts: str
    of: str
    started_at: str
    due_at: str
    order_id: str
    elapsed_ms: int | None
    late_by_ms: int | None


class Standing(NamedTuple):
    """How a clock stands."""

    clock_id: str
    seller_id: str
    marketplace_id: str
    rule: str
    subject: str
    order_id: str
    started_ms: int
    due_at: str
    outcome: str
    elapsed_ms: int | None
    late_by_ms: int | None
    breach: str


class Clocks:
    """The events of clocks, as they are read."""

    def __init__(self) -> None:
        self._told: dict[str, dict[int, Told]] = {}
        self._names: dict[str, tuple[str, str, str, str]] = {}
        self.newest = ""
        """The newest journal time of all events."""

    def add(self, event: Mapping[str, Any]) -> None:
        """One more event, as it stands on its topic; what is of no clock is passed by."""
        if "clock_id" not in event:
            return
        self.newest = max(self.newest, event["decided_at"])
        if event["type"] in _PASSED_BY:
            return
        clock_id = event["clock_id"]
        names = (event["seller_id"], event["marketplace_id"], event["rule"], event["subject"])
        self._names.setdefault(clock_id, names)
        self._told.setdefault(clock_id, {})[event["seq"]] = Told(
            event["seq"],
            event["type"],
            event["output_id"],
            event.get("retracts", ""),
            event.get("of", ""),
            event["started_at"],
            event["due_at"],
            event.get("order_id", ""),
            event.get("elapsed_ms"),
            event.get("late_by_ms"),
        )

    def standing(self) -> list[Standing]:
        """The clocks that are not gone, by id."""
        found = (self._standing(clock_id, self._told[clock_id]) for clock_id in sorted(self._told))
        return [clock for clock in found if clock is not None]

    def _standing(self, clock_id: str, told: Mapping[int, Told]) -> Standing | None:
        is_gone = False
        standing: list[Told] = []
        last: Told | None = None
        for seq in sorted(told):
            last = told[seq]
            if last.type == "clock.opened":
                is_gone = False
            elif last.type == "clock.retracted":
                is_gone = last.of == "clock.opened"
                standing = [one for one in standing if one.output_id != last.retracts]
            else:
                standing.append(last)
        assert last is not None  # a clock is known by its first event
        if is_gone:
            return None  # the facts no longer call for it
        ended = standing[-1] if standing else None
        breach = next((one.output_id for one in standing if _OUTCOMES[one.type] == "breached"), "")
        seller_id, marketplace_id, rule, subject = self._names[clock_id]
        return Standing(
            clock_id,
            seller_id,
            marketplace_id,
            rule,
            subject,
            last.order_id,
            parse_instant(last.started_at),
            last.due_at,
            _OUTCOMES[ended.type] if ended else "open",
            ended.elapsed_ms if ended else None,
            ended.late_by_ms if ended else None,
            breach or (ended.output_id if ended else ""),
        )


def report_of(
    clocks: Clocks,
    since_ms: int,
    until_ms: int,
    *,
    accounts: Sequence[str] = (),
    rules: Sequence[str] = (),
    clock_link: str = "",
) -> Report:
    """The report of `[since, until)`, ms UTC, against the period before; of these accounts or sellers and rules."""
    before_ms = since_ms - (until_ms - since_ms)
    lines: dict[tuple[str, str, int, str], tuple[list[Standing], list[Standing]]] = {}
    order = {rule: number for number, rule in enumerate(RULES)}
    for clock in clocks.standing():
        if not before_ms <= clock.started_ms < until_ms or not _is_of(accounts, rules, clock):
            continue
        name = (clock.seller_id, clock.marketplace_id, order.get(clock.rule, len(order)), clock.rule)
        now, before = lines.setdefault(name, ([], []))
        (now if clock.started_ms >= since_ms else before).append(clock)
    return Report(
        since=format_instant(since_ms),
        until=format_instant(until_ms),
        before_since=format_instant(before_ms),
        known_until=clocks.newest or None,
        lines=[
            ReportLine(seller, marketplace, rule, figures(now), figures(before), _days(now), _breaches(now, clock_link))
            for (seller, marketplace, _, rule), (now, before) in sorted(lines.items())
        ],
    )


def figures(clocks: Sequence[Standing]) -> PeriodFigures:
    """The figures of some clocks."""
    count = {outcome: sum(clock.outcome == outcome for clock in clocks) for outcome in ("met", "superseded", "exempt")}
    late = sum(clock.outcome in LATE for clock in clocks)
    times = sorted(
        clock.elapsed_ms for clock in clocks if clock.outcome in ("met", "closed_late") and clock.elapsed_ms is not None
    )
    return PeriodFigures(
        opened=len(clocks),
        met=count["met"],
        late=late,
        superseded=count["superseded"],
        exempt=count["exempt"],
        open=sum(clock.outcome == "open" for clock in clocks),
        on_time_ppm=on_time_ppm(count["met"], late),
        average_ms=(2 * sum(times) + len(times)) // (2 * len(times)) if times else None,
        median_ms=nearest_rank(times, 50),
        p90_ms=nearest_rank(times, 90),
    )


def on_time_ppm(met: int, late: int) -> int | None:
    """Of those met or late the met, in parts per million, rounded as contract §6 rounds; None where there are none."""
    of = met + late
    return (2_000_000 * met + of) // (2 * of) if of else None


def nearest_rank(ascending: Sequence[int], percent: int) -> int | None:
    """The smallest of them that so many per cent do not exceed; None of nothing."""
    return ascending[-(-len(ascending) * percent // 100) - 1] if ascending else None


def total(lines: Iterable[PeriodFigures]) -> tuple[int, int, int, int | None]:
    """Opened, met, late, and the rate of several lines together."""
    found = list(lines)
    met, late = sum(one.met for one in found), sum(one.late for one in found)
    return sum(one.opened for one in found), met, late, on_time_ppm(met, late)


def _is_of(accounts: Sequence[str], rules: Sequence[str], clock: Standing) -> bool:
    if rules and clock.rule not in rules:
        return False
    return not accounts or clock.seller_id in accounts or f"{clock.seller_id}/{clock.marketplace_id}" in accounts


def _days(clocks: Sequence[Standing]) -> list[DayFigures]:
    by_day: dict[int, list[Standing]] = {}
    for clock in clocks:
        by_day.setdefault(clock.started_ms // DAY_MS, []).append(clock)
    return [_day(day, some) for day, some in sorted(by_day.items())]


def _day(day: int, clocks: Sequence[Standing]) -> DayFigures:
    met, late = sum(clock.outcome == "met" for clock in clocks), sum(clock.outcome in LATE for clock in clocks)
    return DayFigures(format_instant(day * DAY_MS)[:10], met, late, len(clocks) - met - late)


def _breaches(clocks: Sequence[Standing], clock_link: str) -> list[ReportedBreach]:
    late = sorted((clock for clock in clocks if clock.outcome in LATE), key=lambda one: (one.due_at, one.clock_id))
    return [
        ReportedBreach(
            clock_id=one.clock_id,
            subject=one.subject,
            order_id=one.order_id,
            due_at=one.due_at,
            outcome=one.outcome,
            late_by_ms=one.late_by_ms,
            output_id=one.breach,
            order_page=order_link(one.marketplace_id, one.order_id) if one.order_id else "",
            clock_page=page_link(clock_link, one.clock_id),
        )
        for one in late
    ]
