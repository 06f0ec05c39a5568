"""The story of one clock: how what was seen on the way becomes the document that `dueclock explain` answers.

What its members mean, and that they stay, is said where they are defined (`schemas/answers/story.py`).
"""

from datetime import timedelta
from typing import Any

import orjson

from agents.auditing.following import CausedEvent, Following, KnownAt, KnownFact
from agents.auditing.sightings import Sighting
from agents.journal.lines import JournalLine
from schemas.answers.story import (
    BindingPolicy,
    DayTold,
    DueTold,
    EventTold,
    FactBefore,
    FactTold,
    JournalTold,
    KnownAtTold,
    MatterName,
    NextStep,
    Place,
    ReachedEvent,
    RecordPlace,
    SeenOnTopic,
    StandingEvent,
    Story,
)
from schemas.codec import format_instant
from schemas.headers import Origin
from schemas.notifications import PolicyActivated, type_name
from schemas.policy_types import DUE_TYPES, CalendarSpec
from streams.calendar import Calendar
from streams.day_count import CountedDay, count_days
from streams.explaining import parts_of
from streams.facts import Fact
from streams.matters import next_of_clock
from streams.policies import Agreement
from streams.rows import OUTCOME_NAMES, STANDING, Clock
from streams.terms import Binding
from streams.timer import DUE_STEP, MOVE_STEP

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_RETRACTED = {
    "earlier_start": "the start has moved to an earlier fact",
    "refund_cancelled": "the refund that ended it was cancelled",
    "message_undelivered": "the message that ended it never reached its readers",
    "no_response_needed": "the message was marked as needing no response",
    "unmarked": 'the mark "no response needed" was taken back',
    "reassigned": "the fact that ended it belongs to another clock, or the facts no longer call for this one",
    "late_arrival": "a fact that happened before came to be known only then",
}


def story_of(following: Following, sent: dict[str, Sighting] | None, *, partition: int | None) -> Story:
    """The document. `sent` is what stands on the output topics, None where nobody looked; `following` has a clock."""
    clock, name = following.clock, following.name
    assert clock is not None  # the caller has seen to that
    in_force, binding = following.state.book, _agreement(following).stored(clock)
    assert in_force is not None  # as above
    _, _, kind, matter = name.row_id.split("/", 3)
    step = None if following.forgotten is not None else next_of_clock(in_force.agreement(name.account), clock)
    state = following.state
    return Story(
        clock_id=following.clock_id,
        account=name.account,
        rule=name.rule,
        subject=name.subject,
        matter=MatterName(kind, matter),
        journal=JournalTold(
            partition, state.lines, following.behind + 1, format_instant(state.journal_ms), following.logics
        ),
        outcome=OUTCOME_NAMES[clock.outcome],
        started_at=format_instant(clock.start_ms),
        due_at=format_instant(clock.due_ms),
        revision=clock.revision,
        standing=_standing(clock),
        next=None if step is None else _next(step, binding),
        forgotten=None if following.forgotten is None else _place(following.forgotten),
        policy=_policy(following, binding),
        due=_due(following, clock, binding),
        facts_before=[_fact_before(following, fact) for fact in following.known_before],
        facts=[_fact(following, told) for told in following.facts],
        events=[_event(one, sent) for one in following.events],
        at=None if following.known_at is None else _known_at(following, following.known_at),
    )


def _agreement(following: Following) -> Agreement:
    """The policies that the clock is bound by as it stands, made ready for its account."""
    assert following.bound_under is not None  # a clock was bound by some
    return following.bound_under.agreement(following.name.account)


def _place(at: JournalLine) -> Place:
    return Place(at.line.number, at.offset, format_instant(at.line.journal_ms))


def _standing(clock: Clock) -> list[StandingEvent]:
    return [StandingEvent(STANDING[kind], output_id.hex()) for kind, output_id in clock.standing]


def _next(step: tuple[int, int], binding: Binding) -> NextStep:
    fire_ms, number = step
    what = f"escalation level {number}"
    if number == DUE_STEP:
        what = f"{binding.version.on_due}, if no ending fact is known by then"
    elif number == MOVE_STEP:
        what = "a new version of the rule moves it"
    return NextStep(format_instant(fire_ms), what)


# --- policies and due ----------------------------------------------------------------------------------------------


def _policy(following: Following, binding: Binding) -> BindingPolicy:
    version, book = binding.version, following.bound_under
    assert book is not None  # as above
    activated = next((one for one in following.activations if one.book is book), None)
    return BindingPolicy(
        digest=book.policies.digest,
        activated=None if activated is None else _place(activated.at),
        logic=None if activated is None else activated.logic,
        version=version.version,
        effective_from=format_instant(version.effective_from_ms),
        applies_to=version.applies_to,
        marketplaces=None if version.marketplaces is None else sorted(version.marketplaces),
        target=version.target.in_words,
        confirm_after_ms=version.confirm_after_ms,
        escalate_before_ms=list(version.escalate_before_ms),
        escalate_after_ms=list(version.escalate_after_ms),
        obligor=version.obligor,
        on_due=version.on_due,
        consequences=list(version.consequences),
    )


def _due(following: Following, clock: Clock, binding: Binding) -> DueTold:
    """How the due was counted. A due of an `open` version is not before its effective_from, whatever was counted."""
    version, terms = binding.version, binding.terms
    spec, days = _counted(following, clock, binding) if terms.is_days else (None, [])
    counted_ms = days[-1].ends_ms if spec is not None else clock.start_ms + terms.elapsed_ms
    is_raised = counted_ms != binding.due_ms
    raised_to = f"effective_from of version {version.version}: a running clock is not due before it"
    return DueTold(
        target=version.target.in_words,
        due_at=format_instant(binding.due_ms),
        due_timer_at=format_instant(binding.due_timer_ms),
        in_time="before due_at" if terms.is_days else "until due_at, which is included",
        raised_to=raised_to if is_raised else None,
        elapsed_ms=terms.elapsed_ms if spec is None else None,
        calendar=None if spec is None else spec.name,
        timezone=None if spec is None else spec.timezone,
        days=None if spec is None else [_day(day) for day in days],
    )


def _counted(following: Following, clock: Clock, binding: Binding) -> tuple[CalendarSpec, list[CountedDay]]:
    """The days that were counted, and the calendar that they were counted by."""
    book = following.bound_under
    assert book is not None  # as above
    spec, target = book.policies.calendars[binding.calendar], binding.version.target
    calendar = Calendar(spec, book.zones[spec.timezone])
    return spec, count_days(calendar, clock.start_ms, target.count, business=target.kind == "business_days")


def _day(day: CountedDay) -> DayTold:
    begins_at, ends_at = format_instant(day.begins_ms), format_instant(day.ends_ms)
    return DayTold(day.on.isoformat(), _WEEKDAYS[day.on.weekday()], day.number or None, day.why, begins_at, ends_at)


# --- facts ---------------------------------------------------------------------------------------------------------


def _fact(following: Following, told: KnownFact) -> FactTold:
    notification, number, at = told.notification, told.at.line.number, _place(told.at)
    origin = Origin.parse(told.at.origin or "")
    return FactTold(
        line=at.line,
        offset=at.offset,
        journal_time=at.journal_time,
        type=type_name(type(notification)),
        event_id=notification.event_id,
        occurred_at=format_instant(notification.occurred_ms),
        origin=None if origin is None else RecordPlace(*origin),
        status=told.status,
        by_line=told.by_line,
        decides=_decides(following, told),
        brought=[one.event.output_id for one in following.events if one.at.line.number == number],
    )


def _fact_before(following: Following, fact: Fact) -> FactBefore:
    return FactBefore(fact.TYPE, fact.event_id, format_instant(fact.at_ms), _decided_by(following, fact))


def _decides(following: Following, told: KnownFact) -> list[str]:
    """What the fact decides of the duty as it stands; nothing if the duty is the same without it."""
    return _decided_by(following, told.fact) if told.status in ("counts", "forgotten") else []


def _decided_by(following: Following, asked: Fact) -> list[str]:
    if following.row is None:
        return []
    own = next((fact for fact in (*following.row.facts, *following.programs) if fact == asked), None)
    if own is None:
        return []
    name = following.name
    return list(parts_of(name.name, name.row_id, following.row, following.programs, own))


# --- events --------------------------------------------------------------------------------------------------------


def _event(brought: CausedEvent, sent: dict[str, Sighting] | None) -> EventTold:
    event, at = brought.event, _place(brought.at)
    value: dict[str, Any] = orjson.loads(event.value)
    is_activation = isinstance(brought.at.line.body, PolicyActivated)
    by = "timer" if event.fired_ms else "activation" if is_activation else "fact"
    found = None if sent is None else sent[event.output_id]
    return EventTold(
        line=at.line,
        offset=at.offset,
        journal_time=at.journal_time,
        seq=value["seq"],
        type=event.type,
        output_id=event.output_id,
        at=value["at"],
        decided_at=value["decided_at"],
        due_at=value["due_at"],
        by=by,
        timer_at=format_instant(event.fired_ms) if event.fired_ms else None,
        why=_why(value, by, event.fired_ms),
        policy=brought.digest,
        logic=brought.logic,
        topic=event.topic,
        sent=None if found is None else SeenOnTopic(found.topic, found.status, found.offset),
    )


def _why(value: dict[str, Any], by: str, fired_ms: int) -> str:
    """Why it was sent, in one clause."""
    kind = value["type"]
    cause = f"notification {value['cause']}" if "cause" in value else "the facts"
    if kind == "clock.opened":
        if by == "fact":
            again = "anew, since its start or due had moved" if value["revision"] > 1 else "which begins"
            return f"{cause} calls for the clock, {again}"
        return "a new version of the rule moves the running clock"
    if kind == "clock.escalated":
        return _why_escalated(value, by, cause)
    if kind in DUE_TYPES:
        if by == "timer":
            return f"the due timer ({format_instant(fired_ms)}) was reached and no ending fact was known"
        return (
            "what was known when this line came: its due timer had passed, or the fact that ends it lay after the due"
        )
    if kind == "clock.retracted":
        return f"{value['of']} {value['retracts'][:12]} is taken back by {cause}: {_RETRACTED[value['reason']]}"
    if kind == "clock.exempt":
        return f"{cause} ends the matter without the duty being owed: {value['reason']}"
    if kind == "clock.expired":
        return "the matter was forgotten while the clock was open or stood breached"
    late = f", {timedelta(milliseconds=value['late_by_ms'])} after the due" if "late_by_ms" in value else ", in time"
    return f"the fact that ends it ({value['at']}{late}) is known through {cause}"


def _why_escalated(value: dict[str, Any], by: str, cause: str) -> str:
    if value.get("urgent"):
        return f"urgent: {value['reason']}, through {cause}"
    step = f"step {value['level']} ({value['at']}) was reached while the clock was open"
    if by == "timer" and value["at"] > value["due_at"]:
        return f"step {value['level']} ({value['at']}) was reached while the clock stood breached"
    return f"{step}; lower steps had passed already" if value.get("collapsed") else step


# --- at an instant -------------------------------------------------------------------------------------------------


def _known_at(following: Following, known_at: KnownAt) -> KnownAtTold:
    clock, book = known_at.clock, known_at.state.book
    brought = [one.event.output_id for one in following.events if one.at.line.number <= known_at.line]
    outcome, due_at, step = "forgotten" if brought else "unknown", None, None
    if clock is not None and book is not None:
        agreement = book.agreement(following.name.account)
        outcome, due_at = OUTCOME_NAMES[clock.outcome], format_instant(clock.due_ms)
        fires = next_of_clock(agreement, clock)
        step = None if fires is None else _next(fires, agreement.stored(clock))
    return KnownAtTold(
        instant=format_instant(known_at.asked_ms),
        judged_at=format_instant(known_at.judged_ms),
        line=known_at.line,
        facts=[told.at.line.number for told in following.facts if told.at.line.number <= known_at.line],
        events=brought,
        reached=[ReachedEvent(event.type, event.at) for event in known_at.reached],
        outcome=outcome,
        due_at=due_at,
        standing=[] if clock is None or book is None else _standing(clock),
        next=step,
    )
