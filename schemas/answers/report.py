"""What `report` answers: the figures of a period and of the one before, by account and rule, and the breaches."""

from typing import Annotated

from msgspec import Meta

from schemas.answers.members import Answer, ClockId, Count, DueAt, NamedOutput, RuleName, Subject, one_of
from schemas.events import Instant, NotNegative


class PeriodFigures(Answer, frozen=True):
    """The clocks that started in a period, by how they stand now."""

    opened: Annotated[Count, Meta(description="All of them.")]
    met: Annotated[Count, Meta(description="Done in time.")]
    late: Annotated[Count, Meta(description="Due and not done in time: breached, run out, or closed late.")]
    superseded: Annotated[Count, Meta(description="Taken over in time by Amazon or a change of the program.")]
    exempt: Annotated[Count, Meta(description="Ended without being owed any longer.")]
    open: Annotated[Count, Meta(description="Still open.")]
    on_time_ppm: Annotated[
        NotNegative | None,
        Meta(description="Of those met or late the met, in parts per million, rounded; null where there are none."),
    ]
    average_ms: Annotated[
        NotNegative | None, Meta(description="Mean time from start to stop of those met or closed late; null: none.")
    ]
    median_ms: Annotated[NotNegative | None, Meta(description="The median of these times, by nearest rank.")]
    p90_ms: Annotated[NotNegative | None, Meta(description="Nine of ten took no longer, by nearest rank.")]


class DayFigures(Answer, frozen=True):
    """The clocks that started on one day."""

    day: Annotated[str, Meta(description="The day (UTC).", extra_json_schema={"format": "date"})]
    met: Annotated[Count, Meta(description="Done in time.")]
    late: Annotated[Count, Meta(description="Due and not done in time.")]
    other: Annotated[Count, Meta(description="Superseded, exempt or open.")]


class ReportedBreach(Answer, frozen=True):
    """A clock of the period that was late."""

    clock_id: ClockId
    subject: Subject
    order_id: Annotated[str, Meta(description="The order; empty where there is none.")]
    due_at: DueAt
    outcome: Annotated[str, one_of("breached", "closed_late"), Meta(description="Whether it has been done since.")]
    late_by_ms: Annotated[NotNegative | None, Meta(description="How late it was done; null where it has not been.")]
    output_id: NamedOutput
    order_page: Annotated[str, Meta(description="The order in Seller Central; empty where it cannot be named.")]
    clock_page: Annotated[str, Meta(description="The clock's page, by `--clock-link`; empty without it.")]


class ReportLine(Answer, frozen=True):
    """One rule of one account."""

    seller_id: Annotated[str, Meta(description="The seller.")]
    marketplace_id: Annotated[str, Meta(description="The marketplace.")]
    rule: RuleName
    now: Annotated[PeriodFigures, Meta(description="The period.")]
    before: Annotated[PeriodFigures, Meta(description="The period before, as long.")]
    days: Annotated[list[DayFigures], Meta(description="The period day by day; days without a clock are left out.")]
    breaches: Annotated[list[ReportedBreach], Meta(description="The late ones of the period, by due.")]


class Report(Answer, frozen=True):
    """What became of the duties of a period."""

    since: Annotated[Instant, Meta(description="The period's start.")]
    until: Annotated[Instant, Meta(description="Its end, which is no longer part of it.")]
    before_since: Annotated[Instant, Meta(description="The start of the period before, which ends at `since`.")]
    known_until: Annotated[
        Instant | None, Meta(description="Journal time of the newest event that was read; null where there was none.")
    ]
    lines: Annotated[list[ReportLine], Meta(description="By seller, marketplace and rule.")]
