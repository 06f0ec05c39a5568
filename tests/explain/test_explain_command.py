"""`dueclock explain`: what an auditor reads of one clock, from exported journals and from a broker."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.cli import main as cli
from agents.settings import Settings
from schemas.codec import DAY_MS, format_instant, parse_instant
from schemas.notifications import RefundIssued
from tests.audit.conftest import Run, run, settings
from tests.audit.history import BREACH, GOLDEN_ACCOUNT, HOLIDAY, HOME, History, write
from tests.cli.command import GOLDEN, dueclock, sentence_of
from tests.core.policy_texts import effective, policies
from tests.zones import activation

__all__ = ["run", "settings"]

ORDER = "111-0000001-0000001"
BREACHED = f"{GOLDEN_ACCOUNT}/sfp-refund/{ORDER}/RET-2"
JAPAN = f"A3GOLDEN/A1VC38T7YXB528/csba-jp-refund/{ORDER}/RET-5"
Tell = Callable[..., dict[str, Any]]


@pytest.fixture
def tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Tell:
    """The story of a clock of some golden cases, told one after the other, as JSON."""

    def told(clock_id: str, *cases: str, at: str | None = None, history: History | None = None) -> dict[str, Any]:
        history = history or History()
        for case in cases:
            history.tell(case)
        journal = history.journal_file(tmp_path / "journal.jsonl")
        capsys.readouterr()
        arguments = ["explain", clock_id, "--journal", str(journal), "--json", *([] if at is None else ["--at", at])]
        status = cli.run(arguments)
        out, err = capsys.readouterr()
        assert status == 0, err
        story: dict[str, Any] = json.loads(out)
        return story

    return told


def days(story: dict[str, Any]) -> list[str]:
    return [f"{day['weekday']} {day['on'][5:]} {day['number'] or '-'} {day['why']}" for day in story["due"]["days"]]


def test_the_days_of_a_weekend_are_told_and_the_breach_is_laid_to_its_timer(tell: Tell) -> None:
    story = tell(BREACHED, BREACH)
    assert (story["outcome"], story["due_at"]) == ("closed_late", "2026-02-11T08:00:00.000Z")
    assert days(story) == [
        "Fri 02-06 - start",
        "Sat 02-07 - weekend",
        "Sun 02-08 - weekend",
        "Mon 02-09 1 business",
        "Tue 02-10 2 business",
    ]
    breach = story["events"][3]
    assert (breach["type"], breach["by"], breach["timer_at"]) == ("clock.breached", "timer", story["due_at"])
    assert breach["why"] == "the due timer (2026-02-11T08:00:00.000Z) was reached and no ending fact was known"
    assert "9:00:00 after the due" in story["events"][4]["why"]


def test_the_events_told_are_those_of_the_golden_case(tell: Tell) -> None:
    story = tell(BREACHED, BREACH)
    expected = [json.loads(line) for line in (GOLDEN / BREACH / "expected.jsonl").read_text().splitlines()]
    wanted = [event["output_id"] for event in expected if event.get("clock_id") == BREACHED]
    assert [event["output_id"] for event in story["events"]] == wanted


def test_a_holiday_is_told_with_the_calendars_reason(tell: Tell) -> None:
    story = tell(f"{GOLDEN_ACCOUNT}/sfp-refund/{ORDER}/RET-3", HOLIDAY)
    assert story["outcome"] == "met"
    assert "Mon 02-16 - closed" in days(story)
    assert days(story)[-1] == "Wed 02-18 2 business"


def test_golden_week_is_counted_in_the_zone_of_japan(tell: Tell) -> None:
    story = tell(JAPAN, "05-japan-golden-week-amazon-refunds")
    assert story["due"]["timezone"] == "Asia/Tokyo"
    closed = [day for day in days(story) if day.endswith("closed")]
    assert [day[4:9] for day in closed] == ["05-03", "05-04", "05-05", "05-06"]
    assert days(story)[-1] == "Fri 05-08 2 business"
    assert story["due"]["days"][-1]["ends_at"] == story["due_at"]


def test_late_news_takes_the_breach_back_and_the_story_says_why(tell: Tell) -> None:
    story = tell(f"{GOLDEN_ACCOUNT}/sfp-refund/{ORDER}/RET-18", "18-late-news-retracts-the-breach")
    kinds = [event["type"] for event in story["events"]]
    assert kinds[-3:] == ["clock.breached", "clock.retracted", "clock.met"]
    retracted = story["events"][-2]
    assert retracted["by"] == "fact"
    assert retracted["why"].endswith("a fact that happened before came to be known only then")
    assert story["facts"][1]["journal_time"] > story["due_at"] > story["facts"][1]["occurred_at"]


def test_a_mark_is_named_as_what_exempts(tell: Tell) -> None:
    story = tell(f"{GOLDEN_ACCOUNT}/buyer-message-reply/T-1/MSG-12", "12b-marked-after-breach")
    assert story["outcome"] == "exempt"
    assert [fact["decides"] for fact in story["facts"]] == [["start"], ["mark"]]
    assert story["events"][-1]["why"].endswith("no_response_needed")


def test_a_target_in_hours_is_told_as_elapsed_time(tell: Tell) -> None:
    story = tell(f"{GOLDEN_ACCOUNT}/buyer-message-reply/T-1/MSG-10", "10a-reply-at-exactly-24h")
    assert (story["due"]["elapsed_ms"], story["due"]["days"]) == (DAY_MS, None)
    assert story["due"]["in_time"].startswith("until due_at")
    assert story["outcome"] == "met"


def test_a_repeat_is_told_as_one_of_the_line_that_it_repeats(tell: Tell) -> None:
    story = tell(BREACHED, BREACH, BREACH)
    repeats = [(fact["status"], fact["by_line"]) for fact in story["facts"]]
    assert repeats == [("counts", None), ("counts", None), ("repeat", 2), ("repeat", 3)]
    assert story["facts"][2]["decides"] == []


def test_of_two_facts_with_one_key_the_older_replaces_the_younger(tell: Tell) -> None:
    history = History().tell(BREACH)
    refund = history.lines[2].body
    assert isinstance(refund, RefundIssued)
    older = msgspec.structs.replace(refund, event_id="n000", occurred_ms=refund.occurred_ms - DAY_MS)
    story = tell(BREACHED, history=history.add(older, history.lines[-1].journal_ms))
    assert [(fact["status"], fact["by_line"]) for fact in story["facts"]] == [
        ("counts", None),
        ("replaced", 5),
        ("counts", None),
    ]
    assert [fact["decides"] for fact in story["facts"]] == [["start"], [], ["end"]]
    assert story["outcome"] == "met"


@pytest.mark.parametrize(
    ("at", "outcome", "facts", "following"),
    [
        ("2026-02-06T00:00:00Z", "unknown", 0, None),
        ("2026-02-09T00:00:00Z", "open", 1, "2026-02-10T08:00:00.000Z"),
        ("2026-02-11T07:59:59.999Z", "open", 1, "2026-02-11T08:00:00.000Z"),
        ("2026-02-11T08:00:00Z", "breached", 1, None),
        ("2026-02-11T09:00:00-08:00", "closed_late", 2, None),
        ("2027-01-01T00:00:00Z", "closed_late", 2, None),
    ],
)
def test_what_was_known_at_an_instant(tell: Tell, at: str, outcome: str, facts: int, following: str | None) -> None:
    then = tell(BREACHED, BREACH, at=at)["at"]
    assert (then["outcome"], len(then["facts"])) == (outcome, facts)
    assert (then["next"] or {}).get("at") == following


def test_what_comes_next_is_said_by_the_policies_in_force_not_by_those_that_bound_the_clock(tell: Tell) -> None:
    asked = History().tell("10a-reply-at-exactly-24h").lines[1]
    effective_ms = asked.journal_ms + 2 * 3_600_000
    version = {"target": {"hours": 20}, "applies_to": "open", "effective_from": effective(effective_ms)}
    history = History().add(asked.body, asked.journal_ms)
    history.add(activation(policies(added={"buyer-message-reply": [version]})), asked.journal_ms)
    clock = history.events[0].event.subject
    assert tell(clock, history=history)["next"] == {
        "at": format_instant(effective_ms),
        "what": "a new version of the rule moves it",
    }


def test_beyond_the_journal_nothing_is_judged(tell: Tell) -> None:
    history = History().tell(BREACH)
    then = tell(BREACHED, history=history, at="2027-01-01T00:00:00Z")["at"]
    assert then["judged_at"] == "2026-02-12T08:00:00.000Z"


def test_a_forgotten_matter_is_still_explained(tell: Tell) -> None:
    history = History().tell(BREACH).wait_until(parse_instant("2026-06-01T00:00:00Z"))
    story = tell(BREACHED, history=history, at="2026-05-31T00:00:00Z")
    assert story["forgotten"]["line"] == 5
    assert [fact["status"] for fact in story["facts"]] == ["forgotten", "forgotten"]
    assert story["facts"][0]["decides"] == ["start"]
    assert story["at"]["outcome"] == "forgotten"


def test_people_read_the_same_in_words(tmp_path: Path) -> None:
    journal = History().tell(BREACH).journal_file(tmp_path / "journal.jsonl")
    ended = dueclock("explain", BREACHED, "--journal", journal, "--at", "2026-02-09T00:00:00Z", folder=tmp_path)
    assert ended.status == 0, ended
    for words in (
        "2026-02-07   Sat        -   weekend",
        "2 business days by the calendar us-federal-pacific, local dates in America/Los_Angeles",
        "It was open, due 2026-02-11T08:00:00.000Z.",
        "Next was 2026-02-10T08:00:00.000Z: escalation level 1.",
    ):
        assert words in ended.out
    assert not any(line.endswith(" ") for line in ended.out.splitlines())


@pytest.mark.parametrize(
    ("clock_id", "status", "words"),
    [
        ("A3GOLDEN", 2, "is no clock id: it is not <seller_id>/<marketplace_id>/<rule>/<subject>"),
        (f"{GOLDEN_ACCOUNT}/refund/x/y", 2, "'refund' is not a rule"),
        (f"{GOLDEN_ACCOUNT}/sfp-refund/{ORDER}", 2, "has the subject <order_id>"),
        (f"A3NOBODY/ATVPDKIKX0DER/sfp-refund/{ORDER}/RET-2", 1, "nothing is known of the account A3NOBODY"),
        (f"{GOLDEN_ACCOUNT}/case-resolution/C-1", 1, "is known, but nothing of its case C-1"),
        (f"{GOLDEN_ACCOUNT}/sfp-refund/{ORDER}/RET-9", 1, f"with these clocks: sfp-refund/{ORDER}/RET-2"),
    ],
)
def test_a_clock_that_is_not_there_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clock_id: str, status: int, words: str
) -> None:
    journal = History().tell(BREACH).journal_file(tmp_path / "journal.jsonl")
    assert cli.run(["explain", clock_id, "--journal", str(journal)]) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert len(err.splitlines()) == 1


def test_a_time_without_offset_is_refused(tmp_path: Path) -> None:
    ended = dueclock("explain", BREACHED, "--at", "2026-02-09", folder=tmp_path)
    assert ended.status == 2
    assert "is no time with an offset" in sentence_of(ended)


@pytest.mark.broker
def test_on_a_broker_offsets_origins_and_events_are_looked_up(settings: Settings, run: Run) -> None:
    history = History().tell(BREACH)
    lost = next(one for one in history.events if one.event.type == "clock.escalated")
    records = [
        record for record, sent in zip(history.event_records(settings), history.events, strict=True) if sent is not lost
    ]
    write(settings, history.journal_records(settings), records)
    ended = run("explain", BREACHED, "--json")
    assert ended.status == 0, ended
    story = json.loads(ended.out)
    assert story["journal"]["partition"] == HOME
    assert [fact["offset"] for fact in story["facts"]] == [1, 2]
    origin = story["facts"][0]["origin"]
    assert origin == {"topic": f"{settings.topic_prefix}return-received", "partition": HOME, "offset": 0}
    statuses = {event["seq"]: event["sent"]["status"] for event in story["events"]}
    assert statuses == {1: "there", 2: "missing", 3: "there", 4: "there", 5: "there"}
    assert "MISSING" in run("explain", BREACHED).out
    assert run("explain", BREACHED.replace("RET-2", "RET-9")).status == 1
