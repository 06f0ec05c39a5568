"""The story of one clock: what `dueclock explain --json` answers, and what the text for people is written from."""

from typing import Annotated, TypeAlias

from msgspec import Meta

from schemas.answers.members import (
    Account,
    Answer,
    ClockId,
    Count,
    DueAt,
    EventName,
    JournalTime,
    LineNumber,
    LineOffset,
    LogicNumber,
    NamedOutput,
    Outcome,
    Partition,
    PolicyDigest,
    RuleName,
    StartedAt,
    Subject,
    one_of,
)
from schemas.events import Instant, NotNegative, Positive


class MatterName(Answer, frozen=True):
    """The matter that the clock belongs to."""

    kind: Annotated[str, one_of("order", "thread", "case", "evidence"), Meta(description="What kind of matter it is.")]
    id: Annotated[str, Meta(description="Its id: of the order, the thread, the case.")]


class JournalTold(Answer, frozen=True):
    """The journal that the story was read from."""

    partition: Annotated[Partition | None, Meta(description="Its partition; null for an exported journal.")]
    lines: Annotated[Count, Meta(description="How many lines it has.")]
    from_line: Annotated[
        Positive,
        Meta(description="The first line that was read: 1, or the one behind a snapshot where those before are gone."),
    ]
    journal_time: Annotated[Instant, Meta(description="Journal time of its last line.")]
    logics: Annotated[
        list[Positive], Meta(description="The logics that judged its lines, in the order of their coming.")
    ]


class Place(Answer, frozen=True):
    """A line of the journal."""

    line: LineNumber
    offset: LineOffset
    journal_time: JournalTime


class StandingEvent(Answer, frozen=True):
    """An event that stands: it has not been retracted."""

    type: EventName
    output_id: NamedOutput


class NextStep(Answer, frozen=True):
    """What a timer of the clock does next if no fact comes before."""

    at: Annotated[Instant, Meta(description="When.")]
    what: Annotated[str, Meta(description="What then, in words.")]


class BindingPolicy(Answer, frozen=True):
    """The version of the rule that binds the clock, and the policies that it stands in."""

    digest: PolicyDigest
    activated: Annotated[Place | None, Meta(description="The line that put them in force; null if it is not known.")]
    logic: Annotated[Positive | None, Meta(description="The logic that the line put in force.")]
    version: Annotated[Positive, Meta(description="The number of the version.")]
    effective_from: Annotated[Instant, Meta(description="From when the version is in force.")]
    applies_to: Annotated[
        str, one_of("new", "open"), Meta(description="Which clocks it binds: new ones, or open ones as well.")
    ]
    marketplaces: Annotated[list[str] | None, Meta(description="Where it applies; null: everywhere.")]
    target: Annotated[str, Meta(description="How long there is, in words.")]
    confirm_after_ms: Annotated[NotNegative, Meta(description="How long after the due a breach is declared.")]
    escalate_before_ms: Annotated[list[int], Meta(description="How long before the due each step is.")]
    escalate_after_ms: Annotated[list[int], Meta(description="How long after the due each step is.")]
    obligor: Annotated[str, Meta(description="Who has to act.")]
    on_due: Annotated[str, Meta(description="What a due clock that is not done comes to.")]
    consequences: Annotated[list[str], Meta(description="What a breach may lead to.")]


class DayTold(Answer, frozen=True):
    """One day between start and due, and why it counts or not."""

    on: Annotated[str, Meta(description="The date.", extra_json_schema={"format": "date"})]
    weekday: Annotated[str, one_of("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), Meta(description="Its weekday.")]
    number: Annotated[Positive | None, Meta(description="Its number among those that count; null if it does not.")]
    why: Annotated[
        str,
        one_of("start", "open", "closed", "weekend", "business", "calendar"),
        Meta(description="Why it counts, or not."),
    ]
    begins_at: Annotated[Instant, Meta(description="Its first instant, in the calendar's zone.")]
    ends_at: Annotated[Instant, Meta(description="The first instant of the next day.")]


class DueTold(Answer, frozen=True):
    """How the due was counted."""

    target: Annotated[str, Meta(description="How long there is, in words.")]
    due_at: DueAt
    due_timer_at: Annotated[Instant, Meta(description="When the due timer fires.")]
    in_time: Annotated[str, Meta(description="What counts as in time, in words.")]
    raised_to: Annotated[str | None, Meta(description="Why the due is later than counted; null if it is not.")]
    elapsed_ms: Annotated[NotNegative | None, Meta(description="The target in hours; null for one in days.")]
    calendar: Annotated[str | None, Meta(description="The calendar that it was counted by; null for hours.")]
    timezone: Annotated[str | None, Meta(description="The calendar's time zone; null for hours.")]
    days: Annotated[list[DayTold] | None, Meta(description="The days counted; null for hours.")]


class RecordPlace(Answer, frozen=True):
    """A record of an input topic."""

    topic: Annotated[str, Meta(description="Its topic.")]
    partition: Partition
    offset: Annotated[NotNegative, Meta(description="Its offset.")]


FactStatus: TypeAlias = Annotated[
    str, one_of("counts", "repeat", "replaced", "forgotten"), Meta(description="What became of the fact.")
]


class FactTold(Place, frozen=True):
    """A fact of the clock's matter."""

    type: Annotated[str, Meta(description="The type of the notification.")]
    event_id: Annotated[str, Meta(description="The notification's own id.")]
    occurred_at: Annotated[Instant, Meta(description="When it happened.")]
    origin: Annotated[RecordPlace | None, Meta(description="The record that it came in; null if it is not said.")]
    status: FactStatus
    by_line: Annotated[
        Positive | None,
        Meta(description="The line that it repeats, that replaced it, or before which its matter was forgotten."),
    ]
    decides: Annotated[list[str], Meta(description="What it decides of the clock as it stands.")]
    brought: Annotated[list[str], Meta(description="The events that its line brought, by `output_id`.")]


class FactBefore(Answer, frozen=True):
    """A fact that a snapshot knows; the line that told it is gone."""

    type: Annotated[str, Meta(description="The type of the notification.")]
    event_id: Annotated[str, Meta(description="The notification's own id.")]
    occurred_at: Annotated[Instant, Meta(description="When it happened.")]
    decides: Annotated[list[str], Meta(description="What it decides of the clock as it stands.")]


class SeenOnTopic(Answer, frozen=True):
    """What stands on the output topic."""

    topic: Annotated[str, Meta(description="The topic on the broker.")]
    status: Annotated[
        str,
        one_of("there", "different", "missing", "gone"),
        Meta(description="Whether the event stands there as it should; `gone`: retention has taken its part."),
    ]
    offset: Annotated[NotNegative | None, Meta(description="Where; null if it is not there.")]


class EventTold(Place, frozen=True):
    """An event of the clock, and why it was sent."""

    seq: Annotated[Positive, Meta(description="Its number among the clock's events.")]
    type: EventName
    output_id: NamedOutput
    at: Annotated[Instant, Meta(description="When it took effect.")]
    decided_at: Annotated[Instant, Meta(description="Journal time at which it was decided.")]
    due_at: DueAt
    by: Annotated[str, one_of("fact", "timer", "activation"), Meta(description="What brought it.")]
    timer_at: Annotated[Instant | None, Meta(description="The timer that fired; null if none did.")]
    why: Annotated[str, Meta(description="Why, in one clause.")]
    policy: PolicyDigest
    logic: LogicNumber
    topic: Annotated[str, Meta(description="The topic that it is for.")]
    sent: Annotated[SeenOnTopic | None, Meta(description="What stands there; null if nobody looked.")]


class ReachedEvent(Answer, frozen=True):
    """An event whose timer had been reached, though no line had brought that time yet."""

    type: EventName
    at: Annotated[Instant, Meta(description="When it took effect.")]


class KnownAtTold(Answer, frozen=True):
    """What was known at an instant (`--at`)."""

    instant: Annotated[Instant, Meta(description="The instant that was asked for.")]
    judged_at: Annotated[Instant, Meta(description="The instant judged: no later than the journal's own time.")]
    line: Annotated[NotNegative, Meta(description="How many lines were there.")]
    facts: Annotated[list[Positive], Meta(description="The lines of the facts that were known.")]
    events: Annotated[list[str], Meta(description="The events that had been brought, by `output_id`.")]
    reached: Annotated[list[ReachedEvent], Meta(description="What timers had reached and no line had brought.")]
    outcome: Annotated[
        str,
        one_of("open", "met", "superseded", "exempt", "breached", "closed_late", "gone", "unknown", "forgotten"),
        Meta(description="How the clock stood; `unknown`, `forgotten`: there was none yet, or no more."),
    ]
    due_at: Annotated[Instant | None, Meta(description="When it was due; null if there was no clock.")]
    standing: Annotated[list[StandingEvent], Meta(description="The events that stood.")]
    next: Annotated[NextStep | None, Meta(description="What was to come next; null: nothing.")]


class Story(Answer, frozen=True):
    """The story of one clock."""

    clock_id: ClockId
    account: Account
    rule: RuleName
    subject: Subject
    matter: MatterName
    journal: JournalTold
    outcome: Outcome
    started_at: StartedAt
    due_at: DueAt
    revision: Annotated[Positive, Meta(description="Grows when start or due move.")]
    standing: Annotated[list[StandingEvent], Meta(description="The events that stand.")]
    next: Annotated[NextStep | None, Meta(description="What comes next; null: nothing.")]
    forgotten: Annotated[
        Place | None, Meta(description="The line before which its matter was forgotten; null: it is kept.")
    ]
    policy: BindingPolicy
    due: DueTold
    facts_before: Annotated[
        list[FactBefore], Meta(description="What was known of its matter before the first line that was read.")
    ]
    facts: Annotated[list[FactTold], Meta(description="What was known of its matter, in the order of the journal.")]
    events: Annotated[list[EventTold], Meta(description="What was sent, in order.")]
    at: Annotated[KnownAtTold | None, Meta(description="What was known at the instant asked for; null without `--at`.")]
