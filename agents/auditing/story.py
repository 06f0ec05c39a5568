"""The story of one clock as one document: what `dueclock explain --json` prints and what the text is written from.

Stable for scripts: fields are added, never renamed. Instants are RFC 3339 in UTC; absent facts are null.
"""

from datetime import timedelta
from typing import Any

import orjson

from agents.auditing.following import Brought, Following, Glimpse, Told
from agents.auditing.sightings import Sighting
from agents.journal.lines import JournalLine
from schemas.codec import format_instant
from schemas.headers import Origin
from schemas.notifications import PolicyActivated, type_name
from schemas.policy_types import DUE_TYPES
from streams.calendar import Calendar
from streams.day_count import count_days
from streams.explaining import parts_of
from streams.matters import next_of_clock
from streams.policies import Agreement, Binding
from streams.rows import OUTCOME_NAMES, STANDING, Clock
from streams.timers import DUE_STEP, MOVE_STEP

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


def story_of(following: Following, sent: dict[str, Sighting] | None, *, partition: int | None) -> dict[str, Any]:
    """The document. `sent` is what stands on the output topics, None where nobody looked; `following` has a clock."""
    clock, name = following.clock, following.name
    assert clock is not None  # the caller has seen to that
    in_force, binding = following.state.book, _agreement(following).stored(clock)
    assert in_force is not None  # as above
    _, _, kind, matter = name.row_id.split("/", 3)
    step = None if following.forgotten is not None else next_of_clock(in_force.agreement(name.account), clock)
    return {
        "clock_id": following.clock_id,
        "account": name.account,
        "rule": name.rule,
        "subject": name.subject,
        "matter": {"kind": kind, "id": matter},
        "journal": {
            "partition": partition,
            "lines": following.state.lines,
            "journal_time": format_instant(following.state.journal_ms),
            "logics": following.logics,
        },
        "outcome": OUTCOME_NAMES[clock.outcome],
        "started_at": format_instant(clock.start_ms),
        "due_at": format_instant(clock.due_ms),
        "revision": clock.revision,
        "standing": [_standing(one) for one in clock.standing],
        "next": None if step is None else _next(step, binding),
        "forgotten": None if following.forgotten is None else _place(following.forgotten),
        "policy": _policy(following, binding),
        "due": _due(following, clock, binding),
        "facts": [_fact(following, told) for told in following.facts],
        "events": [_event(one, sent) for one in following.events],
        "at": None if following.glimpse is None else _glimpse(following, following.glimpse),
    }


def _agreement(following: Following) -> Agreement:
    """The policies that the clock is bound by as it stands, made ready for its account."""
    assert following.bound_under is not None  # a clock was bound by some
    return following.bound_under.agreement(following.name.account)


def _place(at: JournalLine) -> dict[str, Any]:
    return {"line": at.line.number, "offset": at.offset, "journal_time": format_instant(at.line.journal_ms)}


def _standing(one: tuple[int, bytes]) -> dict[str, str]:
    return {"type": STANDING[one[0]], "output_id": one[1].hex()}


def _next(step: tuple[int, int], binding: Binding) -> dict[str, Any]:
    fire_ms, number = step
    what = f"escalation level {number}"
    if number == DUE_STEP:
        what = f"{binding.version.on_due}, if no ending fact is known by then"
    elif number == MOVE_STEP:
        what = "a new version of the rule moves it"
    return {"at": format_instant(fire_ms), "what": what}


# --- policies and due ----------------------------------------------------------------------------------------------


def _policy(following: Following, binding: Binding) -> dict[str, Any]:
    version, book = binding.version, following.bound_under
    assert book is not None  # as above
    activated = next((one for one in following.activations if one.book is book), None)
    return {
        "digest": book.policies.digest,
        "activated": None if activated is None else _place(activated.at),
        "logic": None if activated is None else activated.logic,
        "version": version.version,
        "effective_from": format_instant(version.effective_from_ms),
        "applies_to": version.applies_to,
        "marketplaces": None if version.marketplaces is None else sorted(version.marketplaces),
        "target": version.target.in_words,
        "confirm_after_ms": version.confirm_after_ms,
        "escalate_before_ms": list(version.escalate_before_ms),
        "escalate_after_ms": list(version.escalate_after_ms),
        "obligor": version.obligor,
        "on_due": version.on_due,
        "consequences": list(version.consequences),
    }


def _due(following: Following, clock: Clock, binding: Binding) -> dict[str, Any]:
    version = binding.version
    said: dict[str, Any] = {
        "target": version.target.in_words,
        "due_at": format_instant(binding.due_ms),
        "due_timer_at": format_instant(binding.due_timer_ms),
        "in_time": "before due_at" if binding.terms.is_days else "until due_at, which is included",
        "raised_to": None,
    }
    if not binding.terms.is_days:
        counted_ms = clock.start_ms + binding.terms.elapsed_ms
        said |= {"elapsed_ms": binding.terms.elapsed_ms, "calendar": None, "timezone": None, "days": None}
    else:
        assert following.bound_under is not None  # as above
        book = following.bound_under
        spec = book.policies.calendars[binding.calendar]
        calendar = Calendar(spec, book.zones[spec.timezone])
        target = version.target
        days = count_days(calendar, clock.start_ms, target.count, business=target.kind == "business_days")
        counted_ms = days[-1].ends_ms
        said |= {"elapsed_ms": None, "calendar": spec.name, "timezone": spec.timezone}
        said["days"] = [
            {
                "on": day.on.isoformat(),
                "weekday": _WEEKDAYS[day.on.weekday()],
                "number": day.number or None,
                "why": day.why,
                "begins_at": format_instant(day.begins_ms),
                "ends_at": format_instant(day.ends_ms),
            }
            for day in days
        ]
    if counted_ms != binding.due_ms:  # an `open` version moves a due to its effective_from at the earliest
        said["raised_to"] = f"effective_from of version {version.version}: a running clock is not due before it"
    return said


# --- facts ---------------------------------------------------------------------------------------------------------


def _fact(following: Following, told: Told) -> dict[str, Any]:
    said, number = told.notification, told.at.line.number
    return {
        **_place(told.at),
        "type": type_name(type(said)),
        "event_id": said.event_id,
        "occurred_at": format_instant(said.occurred_ms),
        "origin": _origin(told.at.origin),
        "status": told.status,
        "by_line": told.by_line,
        "decides": _decides(following, told),
        "brought": [one.event.output_id for one in following.events if one.at.line.number == number],
    }


def _origin(told: str | None) -> dict[str, Any] | None:
    origin = Origin.parse(told or "")
    return None if origin is None else origin._asdict()


def _decides(following: Following, told: Told) -> list[str]:
    """What the fact decides of the duty as it stands; nothing if the duty is the same without it."""
    if told.status not in ("counts", "forgotten") or following.row is None:
        return []
    own = next((fact for fact in (*following.row.facts, *following.programs) if fact == told.fact), None)
    if own is None:
        return []
    name = following.name
    return list(parts_of(name.name, name.row_id, following.row, following.programs, own))


# --- events --------------------------------------------------------------------------------------------------------


def _event(brought: Brought, sent: dict[str, Sighting] | None) -> dict[str, Any]:
    event, at = brought.event, brought.at
    said = orjson.loads(event.value)
    by = "timer" if event.fired_ms else "activation" if isinstance(at.line.body, PolicyActivated) else "fact"
    found = None if sent is None else sent[event.output_id]
    return {
        **_place(at),
        "seq": said["seq"],
        "type": event.type,
        "output_id": event.output_id,
        "at": said["at"],
        "decided_at": said["decided_at"],
        "due_at": said["due_at"],
        "by": by,
        "timer_at": format_instant(event.fired_ms) if event.fired_ms else None,
        "why": _why(said, by, event.fired_ms),
        "policy": brought.digest,
        "logic": brought.logic,
        "topic": event.topic,
        "sent": None if found is None else {"topic": found.topic, "status": found.status, "offset": found.offset},
    }


def _why(said: dict[str, Any], by: str, fired_ms: int) -> str:
    """Why it was sent, in one clause."""
    kind = said["type"]
    cause = f"notification {said['cause']}" if "cause" in said else "the facts"
    if kind == "clock.opened":
        if by == "fact":
            again = "anew, since its start or due had moved" if said["revision"] > 1 else "which begins"
            return f"{cause} calls for the clock, {again}"
        return "a new version of the rule moves the running clock"
    if kind == "clock.escalated":
        return _why_escalated(said, by, cause)
    if kind in DUE_TYPES:
        if by == "timer":
            return f"the due timer ({format_instant(fired_ms)}) was reached and no ending fact was known"
        return (
            "what was known when this line came: its due timer had passed, or the fact that ends it lay after the due"
        )
    if kind == "clock.retracted":
        return f"{said['of']} {said['retracts'][:12]} is taken back by {cause}: {_RETRACTED[said['reason']]}"
    if kind == "clock.exempt":
        return f"{cause} ends the matter without the duty being owed: {said['reason']}"
    if kind == "clock.expired":
        return "the matter was forgotten while the clock was open or stood breached"
    late = f", {timedelta(milliseconds=said['late_by_ms'])} after the due" if "late_by_ms" in said else ", in time"
    return f"the fact that ends it ({said['at']}{late}) is known through {cause}"


def _why_escalated(said: dict[str, Any], by: str, cause: str) -> str:
    if said.get("urgent"):
        return f"urgent: {said['reason']}, through {cause}"
    step = f"step {said['level']} ({said['at']}) was reached while the clock was open"
    if by == "timer" and said["at"] > said["due_at"]:
        return f"step {said['level']} ({said['at']}) was reached while the clock stood breached"
    return f"{step}; lower steps had passed already" if said.get("collapsed") else step


# --- at an instant -------------------------------------------------------------------------------------------------


def _glimpse(following: Following, glimpse: Glimpse) -> dict[str, Any]:
    clock, book = glimpse.clock, glimpse.state.book
    known = [told for told in following.facts if told.at.line.number <= glimpse.line]
    brought = [one.event.output_id for one in following.events if one.at.line.number <= glimpse.line]
    then: dict[str, Any] = {
        "instant": format_instant(glimpse.asked_ms),
        "judged_at": format_instant(glimpse.judged_ms),
        "line": glimpse.line,
        "facts": [told.at.line.number for told in known],
        "events": brought,
        "reached": [{"type": event.type, "at": event.at} for event in glimpse.reached],
        "outcome": "forgotten" if brought else "unknown",
        "due_at": None,
        "standing": [],
        "next": None,
    }
    if clock is not None and book is not None:
        agreement = book.agreement(following.name.account)
        step = next_of_clock(agreement, clock)
        then |= {
            "outcome": OUTCOME_NAMES[clock.outcome],
            "due_at": format_instant(clock.due_ms),
            "standing": [_standing(one) for one in clock.standing],
            "next": None if step is None else _next(step, agreement.stored(clock)),
        }
    return then
