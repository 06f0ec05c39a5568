"""A clock's page: how it stands, how its due was counted, what was said of it, and its story from the journal.

All but the story comes from the mirror, so that the page is there at once. The days are counted by the function that
`dueclock explain` counts them by, on the calendar in force; nothing is judged here.
"""

from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from agents.board import words
from agents.board.entries import Entry
from agents.board.happenings import Happening, Happenings
from agents.board.languages import N_, local
from agents.board.mirror import Mirror
from agents.board.plots import along
from agents.board.queue_page import account_href, links_of, row_of
from agents.board.stories import Answer
from agents.board.visit import Visit
from schemas.answers.story import EventTold, FactTold, Story
from schemas.policy_types import RuleVersion
from streams.calendar import Calendar
from streams.day_count import CountedDay, count_days
from streams.explaining import ClockName
from streams.matters import next_of_clock
from streams.policies import PolicyBook
from streams.rows import Clock
from streams.timer import DUE_STEP, MOVE_STEP

_ENDS: Final = ("clock.met", "clock.closed_late", "clock.superseded", "clock.exempt")


class Cell(NamedTuple):
    """A day of the calendar that the due was counted on; `day` is None for one outside of the count."""

    on: date
    day: CountedDay | None
    why: str


class Mark(NamedTuple):
    """Something on the clock's line: where (0 to 1000), of what kind, when, and what it is."""

    at: float
    kind: str
    at_ms: int
    label: str


class Said(NamedTuple):
    """An event as the page tells it. `line` and `sent` are known once the story has been read."""

    happening: Happening
    name: str
    sentence: str
    is_taken_back: bool
    line: int | None
    sent: str
    is_sent: bool


class Bound(NamedTuple):
    """What binds the clock: version, days counted (none for hours) and where they are counted."""

    version: RuleVersion
    target: str
    weeks: list[list[Cell]]
    zone: str
    calendar: str
    steps: list[tuple[int, int]]


def clock_page(
    mirror: Mirror, happenings: Happenings, name: ClockName, entry: Entry, story: Story | None, visit: Visit
) -> dict[str, Any]:
    """What the template needs besides the story's own answer."""
    matter = mirror.matter(name.row_id)
    clock = None if matter is None else next((one for one in matter.clocks if one.name == name.name), None)
    book = mirror.book_of(entry.account)
    bound = None if clock is None or book is None else _bound(book, entry, clock, visit)
    events = happenings.of_clock(entry.clock_id)
    return {
        "row": row_of(entry, visit),
        "clock": entry,
        "order_page": links_of(entry),
        "account_href": account_href(entry.account),
        "bound": bound,
        "obligor": "" if bound is None else words.of(words.ROLES, bound.version.obligor, visit.language),
        "consequences": []
        if bound is None
        else [words.of(words.CONSEQUENCES, one, visit.language) for one in bound.version.consequences],
        "next": None if clock is None or book is None else _next(book, entry, clock, visit),
        "marks": _marks(entry, events, bound, visit),
        "events": _events(events, story, visit),
        "siblings": _siblings(mirror, name, entry, visit),
        "facts": [] if story is None else [_fact(one, visit) for one in story.facts],
    }


def _bound(book: PolicyBook, entry: Entry, clock: Clock, visit: Visit) -> Bound | None:
    try:
        binding = book.agreement(entry.account).stored(clock)
    except KeyError:  # its version is in no policies that are in force now
        return None
    version = binding.version
    steps = [(level, binding.step_ms(level)) for level in range(1, _steps_of(version) + 1)]
    target = words.target(version.target.kind, version.target.count, visit.language)
    spec = book.policies.calendars.get(binding.calendar)
    if not binding.terms.is_days or spec is None:
        return Bound(version, target, [], "", "", steps)
    days = count_days(
        Calendar(spec, book.zones[spec.timezone]),
        clock.start_ms,
        version.target.count,
        business=version.target.kind == "business_days",
    )
    return Bound(version, target, _weeks(days, visit), spec.timezone, spec.name, steps)


def _steps_of(version: RuleVersion) -> int:
    return len(version.escalate_before_ms) + len(version.escalate_after_ms)


def _weeks(days: list[CountedDay], visit: Visit) -> list[list[Cell]]:
    """Whole weeks around the days that were counted."""
    first_weekday = visit.language.locale.first_week_day
    by_date = {day.on: day for day in days}
    begin = days[0].on - timedelta((days[0].on.weekday() - first_weekday) % 7)
    weeks: list[list[Cell]] = []
    while begin <= days[-1].on:
        dates = [begin + timedelta(n) for n in range(7)]
        weeks.append([_cell(on, by_date.get(on), visit) for on in dates])
        begin += timedelta(7)
    return weeks


def _cell(on: date, day: CountedDay | None, visit: Visit) -> Cell:
    return Cell(on, day, "" if day is None else words.of(words.DAYS, day.why, visit.language))


def _next(book: PolicyBook, entry: Entry, clock: Clock, visit: Visit) -> tuple[int, str] | None:
    try:
        step = next_of_clock(book.agreement(entry.account), clock)
    except KeyError:
        return None
    if step is None:
        return None
    at_ms, number = step
    text = visit.language.text
    if number == DUE_STEP:
        return at_ms, text(N_("its due, if nothing ends it by then"))
    if number == MOVE_STEP:
        return at_ms, text(N_("a new version of the rule moves it"))
    return at_ms, text(N_("escalation step {n}"), n=number)


def _marks(entry: Entry, events: list[Happening], bound: Bound | None, visit: Visit) -> list[Mark]:
    """What stands on the line from the start to whatever came last."""
    text, taken_back = visit.language.text, {one.more.get("retracts", "") for one in events}
    found: list[tuple[int, str, str]] = [(entry.started_ms, "start", text(N_("start")))]
    found.append((entry.due_ms, "due", text(N_("due"))))
    if bound is not None:
        found += [(at_ms, "step", text(N_("step {n}"), n=level)) for level, at_ms in bound.steps]
    found += [
        (one.at_ms, "end", words.of(words.EVENTS, one.type, visit.language))
        for one in events
        if one.type in _ENDS and one.output_id.hex() not in taken_back
    ]
    if entry.is_live:
        found.append((visit.now_ms, "now", text(N_("now"))))
    start_ms = entry.started_ms
    end_ms = max(at_ms for at_ms, kind, _ in found if kind != "now" or at_ms < 2 * entry.due_ms - start_ms)
    end_ms = max(end_ms, entry.due_ms)
    return [Mark(along(start_ms, end_ms, at_ms), kind, at_ms, label) for at_ms, kind, label in sorted(found)]


def _events(events: list[Happening], story: Story | None, visit: Visit) -> list[Said]:
    told = {} if story is None else {one.output_id: one for one in story.events}
    taken_back = {one.more.get("retracts", "") for one in events}
    found: list[Said] = []
    for one in events:
        output_id = one.output_id.hex()
        of_story = told.get(output_id)
        sent = None if of_story is None else of_story.sent
        found.append(
            Said(
                one,
                words.of(words.EVENTS, one.type, visit.language),
                words.sentence_of(one, visit.language),
                output_id in taken_back,
                None if of_story is None else of_story.line,
                "" if sent is None else words.of(words.SENT, sent.status, visit.language),
                sent is not None and sent.status == "there",
            )
        )
    known = {one.output_id.hex() for one in events}
    older = [] if story is None else [_of_story(one, visit) for one in story.events if one.output_id not in known]
    return [*older, *found]


def _of_story(told: EventTold, visit: Visit) -> Said:
    """An event that is older than what the board keeps: in the story's own words."""
    happening = Happening(
        told.seq,
        told.type,
        bytes.fromhex(told.output_id),
        words.ms_of(told.at),
        words.ms_of(told.decided_at),
        words.ms_of(told.due_at),
        {},
    )
    sent = "" if told.sent is None else words.of(words.SENT, told.sent.status, visit.language)
    is_sent = told.sent is not None and told.sent.status == "there"
    name = words.of(words.EVENTS, told.type, visit.language)
    return Said(happening, name, told.why, is_taken_back=False, line=told.line, sent=sent, is_sent=is_sent)


class Fact(NamedTuple):
    """A fact as the page tells it."""

    told: FactTold
    name: str
    status: str
    decides: str
    happened_ms: int
    known_ms: int
    is_late: bool
    """Known an hour or more after it happened."""


def _fact(told: FactTold, visit: Visit) -> Fact:
    text = visit.language.text
    happened_ms, known_ms = words.ms_of(told.occurred_at), words.ms_of(told.journal_time)
    decides = ", ".join(words.of(words.DECIDES, part, visit.language) for part in told.decides)
    status = text(words.FACT_STATUSES[told.status], line=told.by_line or "")
    name = words.of(words.FACTS, told.type, visit.language)
    return Fact(told, name, status, decides, happened_ms, known_ms, known_ms - happened_ms >= 3_600_000)


def _siblings(mirror: Mirror, name: ClockName, entry: Entry, visit: Visit) -> list[Any]:
    """The other clocks of the same order, thread or case."""
    matter = mirror.matter(name.row_id)
    ids = [] if matter is None else [f"{entry.account}/{one.name}" for one in matter.clocks]
    found = [one for clock_id in ids if clock_id != entry.clock_id and (one := mirror.find(clock_id)) is not None]
    return [row_of(one, visit) for one in found]


def entry_of(story: Story, account: str) -> Entry:
    """A clock that the mirror no longer holds, as its story tells it."""
    standing = story.standing[0].type.removeprefix("clock.") if story.outcome == "breached" and story.standing else ""
    return Entry(
        words.ms_of(story.due_at),
        story.clock_id,
        standing or story.outcome,
        account,
        story.rule,
        story.policy.version,
        words.ms_of(story.started_at),
        "",
        0 if story.outcome in ("open", "breached") and story.forgotten is None else 1,
    )


def glimpse(answer: Answer, visit: Visit) -> dict[str, Any] | None:
    """What was known at the instant that was asked for."""
    story = answer.story
    if story is None or story.at is None:
        return None
    then = story.at
    return {
        "then": then,
        "outcome": words.of(words.STATES, then.outcome, visit.language),
        "standing": [words.of(words.EVENTS, one.type, visit.language) for one in then.standing],
        "due_ms": None if then.due_at is None else words.ms_of(then.due_at),
        "judged_ms": words.ms_of(then.judged_at),
    }


def shown_at(ms: int, zone: str) -> str:
    """An instant as a field for a time takes it, in a zone."""
    return local(ms, zone).strftime("%Y-%m-%dT%H:%M:%S")
