"""The story of a clock for people: the same document as `--json`, in words and tables. Plain where no terminal is."""

from collections.abc import Sequence
from io import StringIO

from rich.console import Console
from rich.text import Text

from agents.terminal import WIDTH_WITHOUT_TERMINAL, table
from schemas.answers.story import BindingPolicy, EventTold, FactTold, KnownAtTold, Story

_WHYS = {
    "start": "the start's own date does not count",
    "open": "open by the calendar's list",
    "closed": "closed by the calendar's list",
    "weekend": "weekend",
    "business": "business day",
    "calendar": "every day counts",
}
_STYLES = {"breached": "bold red", "closed_late": "red", "met": "green", "open": "bold yellow", "gone": "dim"}


ID_DIGITS = 12
"""Of an output id so many digits are shown; `--json` has all."""
_OF = {"repeat": "of line", "replaced": "by line", "forgotten": "before line", "counts": ""}


def story_text(story: Story) -> str:
    """The story as plain text, the same wherever it is written."""
    out = StringIO()
    write_story(story, Console(file=out, width=WIDTH_WITHOUT_TERMINAL, color_system=None, highlight=False))
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def write_story(story: Story, console: Console) -> None:
    """Write a story (`agents/auditing/story.py`)."""
    _write_head(story, console)
    _write_due(story, console)
    _write_facts(story, console)
    _write_events(story.events, console)
    if story.at is not None:
        _write_known_at(story, story.at, console)


def _say(console: Console, *parts: str | tuple[str, str]) -> None:
    console.print(Text.assemble(*parts), soft_wrap=True)


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(Text(text, style="bold"))


def _write_head(story: Story, console: Console) -> None:
    outcome = story.outcome
    _say(console, (story.clock_id, "bold"))
    _say(console, (outcome, _STYLES.get(outcome, "bold")), f"; started {story.started_at}, due {story.due_at}")
    journal = story.journal
    where = "An exported journal" if journal.partition is None else f"Journal partition {journal.partition}"
    _say(console, f"{where}, {journal.lines:,} lines, until {journal.journal_time}.")
    if journal.from_line > 1:
        _say(
            console,
            f"Read from line {journal.from_line:,} on: the lines before it are gone, and what they had told is known "
            "from a snapshot that a seal confirms.",
        )
    if journal.logics[1:]:
        _say(console, f"It was judged by logic {', then '.join(map(str, journal.logics))}.")
    if story.forgotten is not None:
        _say(console, f"Its {story.matter.kind} was forgotten before line {story.forgotten.line}.")
    elif story.next is not None:
        _say(console, f"Next: {story.next.at}: {story.next.what}.")
    policy = story.policy
    activated = policy.activated
    since = "" if activated is None else f", activated by line {activated.line}, logic {policy.logic}"
    _heading(console, "What binds it")
    _say(console, f"{story.rule} version {policy.version}, in force from {policy.effective_from}: ")
    _say(console, f"  {policy.target}; {policy.obligor} has to act; on due {policy.on_due}")
    _say(console, f"  confirmed after {_span(policy.confirm_after_ms)}; escalates {_escalations(policy)}")
    _say(console, f"  policies {policy.digest}{since}")


def _escalations(policy: BindingPolicy) -> str:
    before = [f"{_span(ms)} before" for ms in policy.escalate_before_ms]
    after = [f"{_span(ms)} after" for ms in policy.escalate_after_ms]
    return ", ".join(before + after) or "never"


def _span(ms: int) -> str:
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000)):
        if ms >= 2 * size and not ms % size:
            return f"{ms // size}{unit}"
    return f"{ms // 1000}s" if not ms % 1000 else f"{ms}ms"


def _write_due(story: Story, console: Console) -> None:
    due = story.due
    _heading(console, "How its due was counted")
    if due.days is None:
        _say(console, f"{story.started_at} + {due.target} of elapsed time = {due.due_at}")
        _say(console, "Weekends, holidays and changes of the clocks do not count for such a target.")
    else:
        _say(console, f"{due.target} by the calendar {due.calendar}, local dates in {due.timezone}:")
        rows = table("date", "day", "counts", "why", "ends (UTC)", right=("counts",), is_ruled=True)
        for day in due.days:
            number = "-" if day.number is None else str(day.number)
            rows.add_row(day.on, day.weekday, number, _WHYS[day.why], day.ends_at)
        console.print(rows)
    if due.raised_to is not None:
        _say(console, f"Its due is {due.due_at}: {due.raised_to}.")
    _say(console, f"In time is a stop {due.in_time}; the due timer stands at {due.due_timer_at}.")


def _write_facts(story: Story, console: Console) -> None:
    _heading(console, "What was known of its matter")
    if story.facts_before:
        rows = table("happened at", f"fact known before line {story.journal.from_line:,}", "decides", is_ruled=True)
        for known in story.facts_before:
            rows.add_row(known.occurred_at, f"{known.type} {known.event_id}", ", ".join(known.decides) or "-")
        console.print(rows)
    if story.facts or not story.facts_before:
        _write_told(story.facts, console)


def _write_told(facts: Sequence[FactTold], console: Console) -> None:
    headings = ("line", "offset", "known at", "happened at", "fact", "origin", "status", "decides")
    rows = table(*headings, right=("line", "offset"), is_ruled=True)
    for fact in facts:
        origin, by_line = fact.origin, fact.by_line
        place = "" if origin is None else f"{origin.topic}/{origin.partition}/{origin.offset}"
        status = fact.status if by_line is None else f"{fact.status} ({_OF[fact.status]} {by_line})"
        rows.add_row(
            str(fact.line),
            _offset(fact.offset),
            fact.journal_time,
            fact.occurred_at,
            f"{fact.type} {fact.event_id}",
            place,
            status,
            ", ".join(fact.decides) or "-",
            style="dim" if fact.status != "counts" else None,
        )
    console.print(rows)


def _offset(offset: int | None) -> str:
    return "-" if offset is None else str(offset)


def _write_events(events: Sequence[EventTold], console: Console) -> None:
    _heading(console, "What was sent, and why")
    headings = ("seq", "event", "line", "by", "at", "output_id", "stands at", "why")
    rows = table(*headings, right=("seq", "line"), is_ruled=True)
    for event in events:
        sent = event.sent
        where = event.topic if sent is None else f"{sent.topic}/{sent.offset}"
        if sent is not None and sent.status != "there":
            where = f"{sent.topic}: {sent.status.upper()}"
        rows.add_row(
            str(event.seq),
            event.type,
            str(event.line),
            event.by,
            event.at,
            event.output_id[:ID_DIGITS],
            where,
            event.why,
        )
    console.print(rows)


_NO_CLOCK = {
    "unknown": "Nothing called for the clock yet.",
    "forgotten": "Its matter had been forgotten, and the clock with it.",
}


def _write_known_at(story: Story, then: KnownAtTold, console: Console) -> None:
    _heading(console, f"At {then.instant}")
    if then.judged_at != then.instant:
        _say(console, f"The journal's time has come to {then.judged_at} only; it is judged then.")
    _say(
        console,
        f"{then.line:,} journal lines were there, with {len(then.facts)} of {len(story.facts)} facts; "
        f"{len(then.events)} of {len(story.events)} events had been brought.",
    )
    if then.due_at is None:
        _say(console, _NO_CLOCK[then.outcome])
        return
    _say(console, f"It was {then.outcome}, due {then.due_at}.")
    for event in then.reached:
        _say(console, f"{event.type} (at {event.at}) was reached; the next line of the journal brought it.")
    for standing in then.standing:
        _say(console, f"Standing: {standing.type}.")
    if then.next is not None:
        _say(console, f"Next was {then.next.at}: {then.next.what}.")
