"""SLA events: the one place that builds an event, gives it its `seq` and its `output_id` (contract §4).

An event is canonical JSON: keys in code-point order, integers only, absent fields left out; `output_id` is taken of the
event without it. Times enter as ms UTC and leave as RFC 3339.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import Final

import msgspec

from schemas.codec import canonical_json, format_instant
from schemas.events import EventTopic, topic_of
from schemas.headers import Headers, event_headers
from schemas.notifications import Notification
from streams.duties import Violation
from streams.policies import Binding
from streams.rows import Clock


class SlaEvent(msgspec.Struct, frozen=True, gc=False):
    """One event, ready to send: logical topic, type, canonical bytes, and what its headers and key need.

    `subject` is the CloudEvents subject (the clock's id, or the account), `at` its RFC 3339 instant, `account` the
    record key. For those who count: `rule` of a clock's event; `detail`, an escalation's level or a violation's kind;
    `elapsed_ms` of an answered clock; `fired_ms`, the instant of the timer that brought it (ms UTC), 0 without one.
    """

    topic: EventTopic
    type: str
    value: bytes
    output_id: str
    subject: str
    at: str
    account: str
    rule: str = ""
    detail: str = ""
    elapsed_ms: int = 0
    fired_ms: int = 0

    def headers(self, line: int, digest: str, logic: int) -> Headers:
        """The headers of its record: `line` brought it, under the policies with this `digest`, judged by `logic`."""
        return event_headers(
            output_id=self.output_id,
            type=self.type,
            at=self.at,
            subject=self.subject,
            line=line,
            digest=digest,
            logic=logic,
        )


class Moment(msgspec.Struct, frozen=True, gc=False):
    """Why and when something is decided.

    `decided_ms` is the journal time of the line at work, `now_ms` the time at which outcomes are judged (the line's, or
    that of the timer that fires), `notification` the one applied, whose event id is the `cause`; `is_timer`: a timer
    decides.
    """

    decided_ms: int
    now_ms: int
    notification: Notification | None = None
    is_timer: bool = False

    @property
    def cause(self) -> str | None:
        """The event id of the notification applied, None where a timer or an activation decides."""
        return None if self.notification is None else self.notification.event_id


Extra = dict[str, str | int | bool | tuple[str, ...]]

OUTPUT_ID_DIGITS: Final = 32

instant = lru_cache(maxsize=8_192)(format_instant)
"""An event says four instants, most of which its neighbours say too."""


Counted = tuple[str, str, int, int]
"""The fields of an event that are for those who count: rule, detail, elapsed_ms, fired_ms."""


def finish(
    event: dict[str, object], kind: str, at_ms: int, account: str, subject: str, counted: Counted = ("", "", 0, 0)
) -> SlaEvent:
    """Give an event its type, instant, account and `output_id`, and encode it."""
    at = instant(at_ms)
    event["type"] = kind
    event["at"] = at
    event["seller_id"], event["marketplace_id"] = account.split("/", 1)
    value = canonical_json(event)
    output_id = sha256(value).hexdigest()[:OUTPUT_ID_DIGITS]
    place = value.index(_follower(event))
    value = b"".join((value[:place], b',"output_id":"', output_id.encode(), b'"', value[place:]))
    topic = topic_of(kind, event["of"] if kind == "clock.retracted" else None)  # type: ignore[arg-type]  # the value of "of" is text
    return SlaEvent(topic, kind, value, output_id, subject, at, account, *counted)


def _follower(event: dict[str, object]) -> bytes:
    """The key that follows `output_id` in canonical order. No value holds it so: its quotes would be escaped there."""
    if "reason" in event:
        return b',"reason":'
    if "revision" in event:
        return b',"revision":'
    return b',"rule":' if "rule" in event else b',"seller_id":'


def clock_event(
    kind: str, account: str, clock: Clock, binding: Binding, at_ms: int, moment: Moment, extra: Extra, *, cause: bool
) -> SlaEvent:
    """An event of a clock, as it is bound by `binding`; takes the clock's next `seq`.

    `cause` says whether this kind of event names the notification that brought it.
    """
    rule, subject, order_id, notification = clock.rule, clock.subject, clock.order_id, moment.notification
    clock.seq = seq = clock.seq + 1
    clock_id = f"{account}/{rule}/{subject}"
    event: dict[str, object] = {
        "decided_at": instant(moment.decided_ms),
        "clock_id": clock_id,
        "rule": rule,
        "rule_version": binding.terms.version.version,
        "subject": subject,
        "started_at": instant(clock.start_ms),
        "due_at": instant(binding.due_ms),
        "seq": seq,
        **extra,
    }
    if binding.calendar:
        event["calendar"] = binding.calendar
    if order_id is not None:
        event["order_id"] = order_id
    if cause and notification is not None:
        event["cause"] = notification.event_id
    fired_ms = moment.now_ms if moment.is_timer else 0
    detail = str(extra["level"]) if "level" in extra else ""
    elapsed_ms: int = extra.get("elapsed_ms", 0)  # type: ignore[assignment]  # a number under this name
    return finish(event, kind, at_ms, account, clock_id, (rule, detail, elapsed_ms, fired_ms))


def violation_event(account: str, violation: Violation, moment: Moment) -> SlaEvent:
    """A `policy.violation`, `at` the violating fact."""
    event: dict[str, object] = {
        "decided_at": instant(moment.decided_ms),
        "kind": violation.kind,
        "subject": violation.subject,
    }
    if violation.order_id is not None:
        event["order_id"] = violation.order_id
    assert moment.cause is not None  # violations are decided on facts, never by a timer or an activation
    event["cause"] = moment.cause
    return finish(event, "policy.violation", violation.at_ms, account, account, ("", violation.kind, 0, 0))
