"""SLA events: the one place that builds an event, gives it its `seq` and its `output_id` (contract §4).

An event is canonical JSON: keys in code-point order, integers only, absent fields left out; `output_id` is taken of the
event without it. Times enter as ms UTC and leave as RFC 3339.

Events are written as text in that order, and not as dictionaries that are sorted and encoded (three times the work).
Nothing is escaped here: ids are of letters that JSON takes as they are (schemas/fields.py), the other words are the
contract's own, and the two texts that a policy file is free in, calendars and consequences, are escaped where they are
read. Law: the bytes are those of `canonical_json` over the same fields (tests/core/test_rendering.py).
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import Final

import orjson

from schemas.codec import format_instant as instant
from schemas.events import TOPIC_OF
from schemas.notifications import Notification
from streams.at_work import Party
from streams.duties import Violation
from streams.rows import Clock
from streams.sla_event import SlaEvent
from streams.terms import Binding

OUTPUT_ID_BYTES: Final = 16


@lru_cache(maxsize=1_024)
def _calendar_json(name: str) -> str:
    """The field `calendar`: its name is free text of a policy file."""
    return f'"calendar":{orjson.dumps(name).decode()},'


class Moment:
    """Why and when something is decided, about whom, and the events that come of it; one for each partition.

    `decided_ms` is the journal time of the line at work, `now_ms` the time at which outcomes are judged (the line's, or
    that of the timer that fires), `notification` the one applied, None where a timer or an activation decides. Its
    event id is the `cause`; `fired_ms` is the timer's instant, 0 where none fires.
    """

    __slots__ = (
        "cause_json",
        "decided_json",
        "decided_ms",
        "events",
        "fired_ms",
        "notification",
        "now_ms",
        "party",
    )

    party: Party

    def __init__(self) -> None:
        self.begin_line(0, [])

    def begin_line(self, decided_ms: int, events: list[SlaEvent]) -> None:
        """A line is at work: what is decided from here on is decided at its journal time, and said in `events`."""
        self.decided_ms = self.now_ms = decided_ms
        self.decided_json = ""
        self.events = events
        self.fired_ms = 0
        self.notification: Notification | None = None
        self.cause_json = ""

    def decided(self) -> str:
        """`decided_json`: the field as all events of the line have it; made for the first, as some have none."""
        self.decided_json = f'"decided_at":"{instant(self.decided_ms)}",'
        return self.decided_json


def clock_event(  # noqa: PLR0913 - the places that a kind may fill, each by its name
    moment: Moment,
    clock: Clock,
    binding: Binding,
    kind: str,
    at_ms: int,
    *,
    is_caused: bool = True,
    ended: str = "",
    marks: str = "",
    figures: str = "",
    about: str = "",
    why: str = "",
    early: str = "",
    urgent: str = "",
    of: str | None = None,
    detail: str = "",
    elapsed_ms: int = 0,
) -> bytes:
    """Say an event of a clock, as it is bound by `binding`; takes the clock's next `seq`. Returns its output id, raw.

    `is_caused`: this kind of event names the notification that brought it. What its kind says besides comes as text,
    each field with its comma, by the place where it stands: `ended` by; `marks` collapsed, consequences; `figures`
    elapsed_ms, late_by_ms, level; `about` obligor, of; `why` reason, retracts, revision; `early` stopped_before_start;
    `urgent` at the end. `of` is the type that a retraction takes back; `detail` and `elapsed_ms` are for those who
    count.
    """
    party, rule, subject = moment.party, clock.rule, clock.subject
    clock.seq = seq = clock.seq + 1
    clock_id = f"{party.row_id}/{rule}/{subject}"
    at = instant(at_ms)
    calendar = _calendar_json(binding.calendar) if binding.calendar else ""
    order = "" if clock.order_id is None else f'"order_id":"{clock.order_id}",'
    head = (
        f'{{"at":"{at}",{ended}{calendar}{moment.cause_json if is_caused else ""}'
        f'"clock_id":"{clock_id}",{marks}{moment.decided_json or moment.decided()}"due_at":"{instant(binding.due_ms)}",'
        f"{figures}{party.marketplace_json}{about}{order}"
    )
    tail = (
        f'{why}"rule":"{rule}","rule_version":{binding.terms.number},{party.seller_json}"seq":{seq},'
        f'"started_at":"{instant(clock.start_ms)}",{early}"subject":"{subject}","type":"{kind}"{urgent}}}'
    )
    output_id = sha256(f"{head}{tail}".encode()).digest()[:OUTPUT_ID_BYTES]
    name = output_id.hex()
    moment.events.append(
        SlaEvent(
            TOPIC_OF[of or kind], kind, f'{head}"output_id":"{name}",{tail}'.encode(), name, clock_id, at, party.row_id,
            rule, detail, elapsed_ms, moment.fired_ms,
        )
    )  # fmt: skip
    return output_id


def violation_event(moment: Moment, violation: Violation) -> None:
    """Say a `policy.violation`, `at` the violating fact."""
    party, kind, at = moment.party, "policy.violation", instant(violation.at_ms)
    order = "" if violation.order_id is None else f'"order_id":"{violation.order_id}",'
    head = (
        f'{{"at":"{at}",{moment.cause_json}{moment.decided_json or moment.decided()}"kind":"{violation.kind}",'
        f"{party.marketplace_json}{order}"
    )
    tail = f'{party.seller_json}"subject":"{violation.subject}","type":"{kind}"}}'
    name, account = sha256(f"{head}{tail}".encode()).hexdigest()[: 2 * OUTPUT_ID_BYTES], party.row_id
    value = f'{head}"output_id":"{name}",{tail}'.encode()
    moment.events.append(SlaEvent(TOPIC_OF[kind], kind, value, name, account, at, account, "", violation.kind))


class Figure:
    """What is measured of an account: a metric, its unit (`ms`, `ppm`), over a window of days."""

    __slots__ = ("metric", "unit", "window")

    def __init__(self, metric: str, unit: str, window: int) -> None:
        self.metric = metric
        self.unit = unit
        self.window = window


def health_event(
    moment: Moment, at_ms: int, figure: Figure, numerator: int, denominator: int, status: str = "", revision: int = 1
) -> None:
    """Say an `account.health`: the figure's value, rounded half up; `status` where it has one."""
    metric, unit = figure.metric, figure.unit
    party, kind, at = moment.party, "account.health", instant(at_ms)
    scale = 2_000_000 if unit == "ppm" else 2
    value = (scale * numerator + denominator) // (2 * denominator) if denominator else 0
    head = (
        f'{{"at":"{at}",{moment.cause_json}{moment.decided_json or moment.decided()}"denominator":{denominator},'
        f'{party.marketplace_json}"metric":"{metric}","numerator":{numerator},'
    )
    of_status = f'"status":"{status}",' if status else ""
    tail = (
        f'"revision":{revision},{party.seller_json}{of_status}"type":"{kind}","unit":"{unit}","value":{value},'
        f'"window_days":{figure.window}}}'
    )
    name, account = sha256(f"{head}{tail}".encode()).hexdigest()[: 2 * OUTPUT_ID_BYTES], party.row_id
    sealed = f'{head}"output_id":"{name}",{tail}'.encode()
    moment.events.append(SlaEvent(TOPIC_OF[kind], kind, sealed, name, account, at, account))
