"""`dueclock audit`: each kind of difference is found and named, and a true history has none."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from agents.auditing.audit import audit_live
from agents.settings import Settings
from schemas.headers import journal_headers
from streams.partitioner import partition_of
from tests.audit.conftest import Run
from tests.audit.history import BREACH, GOLDEN_ACCOUNT, HOLIDAY, HOME, PARTITIONS, History, write
from tests.broker.conftest import MakeLive, make_live
from tests.broker.harness import answer, question, reply_within, seller_on
from tests.cli.command import dueclock, sentence_of
from tests.kafka_fixtures import Outgoing

__all__ = ["make_live"]

broker = pytest.mark.broker
KINDS = ["clock.opened", "clock.escalated", "clock.escalated", "clock.breached", "clock.closed_late"]


def found(run: Run, *arguments: str | Path, status: int = 1) -> list[dict[str, Any]]:
    ended = run("audit", "--json", *arguments)
    assert ended.status == status, ended
    findings: list[dict[str, Any]] = json.loads(ended.out)["findings"]
    return findings


@broker
def test_what_workers_wrote_has_no_difference(make_live: MakeLive, tmp_path: Path) -> None:
    live = make_live(reply_within("seconds = 2"))
    worker = live.worker()
    sellers = [seller_on(partition, live.partitions) for partition in range(live.partitions)]
    live.send([question(seller, f"q{n}") for n in range(40) for seller in sellers])
    live.send([answer(seller, f"q{n}") for n in range(20) for seller in sellers])
    live.wait_for_event("clock.breached", "sla-breach", times=40)
    running = dueclock("--settings", live.settings_file, "audit", "--json", folder=tmp_path)
    assert running.status == 0, running
    assert worker.terminate() == 0
    ended = dueclock("--settings", live.settings_file, "audit", folder=tmp_path)
    assert ended.status == 0, ended
    assert "What was sent is what the journal calls for." in ended.out
    told = live.told()
    report = json.loads(dueclock("--settings", live.settings_file, "audit", "--json", folder=tmp_path).out)
    assert (report["lines"], report["events"]) == (len(told.journal), len(told.outputs))


@broker
def test_a_true_history_is_clean_and_the_report_is_the_same_each_time(settings: Settings, run: Run) -> None:
    history = History().tell(BREACH)
    history.write(settings)
    first, second = run("audit", "--json"), run("audit", "--json")
    assert first == second
    report = json.loads(first.out)
    assert (first.status, report["clean"], report["lines"]) == (0, True, 4)
    assert report["partitions"][HOME]["policies"] == [history.state.digest]
    assert report["partitions"][HOME]["events"]["sla-breach"] == 1


@broker
def test_partitions_side_by_side_are_found_as_one_after_the_other(settings: Settings) -> None:
    for partition in range(PARTITIONS):
        History(partition).tell(BREACH if partition else HOLIDAY).write(settings)
    told: dict[int, set[tuple[int, int]]] = {}
    reports = []
    for processes in (1, 2):
        seen = told[processes] = set()
        audited = audit_live(settings, (), lambda *so_far, seen=seen: seen.add(so_far), processes=processes)
        reports.append(asyncio.run(audited))
    assert reports[0] == reports[1]
    assert [one.partition for one in reports[0]] == list(range(PARTITIONS))
    assert told[1] == told[2]


@broker
def test_each_kind_of_difference_is_found_and_named(settings: Settings, run: Run) -> None:
    history = History().tell(BREACH).tell("10a-reply-at-exactly-24h")
    events = history.event_records(settings)
    by_kind: dict[str, int] = {}
    for number, one in enumerate(history.events):
        by_kind.setdefault(one.event.type, number)
    breached, opened, met = by_kind["clock.breached"], by_kind["clock.opened"], by_kind["clock.met"]
    said = [one.event.value for one in history.events]
    altered = events[breached]._replace(value=said[breached].replace(b'"seller"', b'"amazon"'))
    forged = Outgoing(
        settings.topic("sla-clock"),
        said[met].replace(history.events[met].event.output_id.encode(), b"0" * 32),
        key=events[met].key,
        partition=HOME,
        headers=tuple((n, b"0" * 32 if n == "ce_id" else v) for n, v in events[met].headers),
    )
    escalated = [number for number, one in enumerate(history.events) if one.event.type == "clock.escalated"]
    without = [e for number, e in enumerate(events) if number not in (breached, escalated[0])]
    write(settings, history.journal_records(settings), without, [altered, forged, events[opened]])
    findings = found(run)
    told = sorted((one["kind"], one["topic"], one["output_id"]) for one in findings)
    ids = [one.event.output_id for one in history.events]
    assert told == [
        ("different", "sla-breach", ids[breached]),
        ("extra", "sla-clock", "0" * 32),
        ("missing", "sla-escalation", ids[escalated[0]]),
        ("repeated", "sla-clock", ids[opened]),
    ]
    assert "in its value" in next(one["sentence"] for one in findings if one["kind"] == "different")
    for_people = run("audit")
    assert for_people.status == 1
    assert "1 missing, 1 extra, 1 different, 1 repeated" in for_people.out
    assert "There are differences." in for_people.out


@broker
@pytest.mark.parametrize(("header", "value"), [("line", b"1"), ("policy", b"0" * 12), ("ce_subject", b"x")])
def test_a_wrong_header_is_a_difference(settings: Settings, run: Run, header: str, value: bytes) -> None:
    history = History().tell(BREACH)
    first, *others = history.event_records(settings)
    wrong = first._replace(headers=tuple((name, value if name == header else has) for name, has in first.headers))
    write(settings, history.journal_records(settings), [wrong], others)
    (finding,) = found(run)
    assert (finding["kind"], finding["offset"]) == ("different", 0)
    assert finding["sentence"].endswith("in its headers")


@broker
def test_a_wrong_key_and_a_wrong_topic_are_differences(settings: Settings, run: Run) -> None:
    history = History().tell(BREACH)
    events = history.event_records(settings)
    opened, breached = events[KINDS.index("clock.opened")], events[KINDS.index("clock.breached")]
    moved = breached._replace(topic=settings.topic("sla-health"))
    rest = [e for e in events if e not in (opened, breached)]
    write(settings, history.journal_records(settings), [opened._replace(key=b"else"), moved], rest)
    missing, extra, different = sorted(found(run), key=lambda one: str(one["topic"]))
    assert (different["kind"], different["sentence"].endswith("in its key")) in [("different", True), ("extra", False)]
    kinds = sorted(one["kind"] for one in (missing, extra, different))
    assert kinds == ["different", "extra", "missing"]
    said = next(one["sentence"] for one in (missing, extra, different) if one["kind"] == "missing")
    assert said.endswith("it stands on sla-health")


@broker
def test_events_in_another_order_are_found(settings: Settings, run: Run) -> None:
    history = History().tell(BREACH)
    events = history.event_records(settings)
    write(settings, history.journal_records(settings), list(reversed(events)))
    assert {one["kind"] for one in found(run)} == {"order"}


@broker
def test_events_that_name_lines_of_no_journal_are_extra(settings: Settings, run: Run) -> None:
    history = History().tell(BREACH)
    longer = History().tell(BREACH).tell("10a-reply-at-exactly-24h")
    write(settings, history.journal_records(settings), longer.event_records(settings))
    findings = found(run)
    assert {one["kind"] for one in findings} == {"extra"}
    assert len(findings) == len(longer.events) - len(history.events)


@broker
def test_a_gap_in_the_journal_and_a_line_of_anothers_hand_are_found_by_number(settings: Settings, run: Run) -> None:
    history = History().tell(BREACH).tell("10a-reply-at-exactly-24h")
    records = history.journal_records(settings)
    write(settings, records[:2] + records[3:], history.event_records(settings))
    (finding,) = [one for one in found(run) if one["kind"] == "journal"]
    assert (finding["line"], finding["offset"]) == (4, 2)
    assert "line 4 follows line 2" in finding["sentence"]


@broker
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"value": b"{}"}, "its value is not that of a journal line"),
        ({"key": b"else"}, "its key is not that of its account"),
        ({"headers": tuple(journal_headers(2, None))}, "does not say which input record"),
        ({"timestamp_ms": 0}, None),
    ],
)
def test_a_journal_line_that_no_worker_wrote_is_found(
    settings: Settings, run: Run, change: dict[str, Any], words: str | None
) -> None:
    history = History().tell(BREACH)
    first, second, *others = history.journal_records(settings)
    write(settings, [first, second._replace(**change), *others], history.event_records(settings))
    findings = found(run)
    if words is None:
        assert findings, "the events were decided at another time"
        return
    (finding,) = [one for one in findings if one["kind"] == "journal"]
    assert finding["line"] == 2
    assert words in finding["sentence"]


@broker
def test_a_journal_in_the_wrong_partition_is_found(settings: Settings, run: Run) -> None:
    history = History(partition=1 - HOME).tell(BREACH)
    history.write(settings)
    finding = next(one for one in found(run) if one["kind"] == "journal")
    assert "at home in another partition" in finding["sentence"]


@broker
def test_a_journal_without_its_beginning_cannot_be_audited(settings: Settings, run: Run) -> None:
    history = History().tell(BREACH)
    write(settings, history.journal_records(settings)[1:], history.event_records(settings))
    ended = run("audit")
    assert ended.status == 2
    assert "begins with line 2" in sentence_of(ended)


@broker
def test_without_topics_or_broker_the_audit_could_not_run(run: Run, tmp_path: Path) -> None:
    nowhere = run("audit", "--topic-prefix", "nowhere-")
    assert nowhere.status == 2
    assert "There is no topic nowhere-sla-journal" in sentence_of(nowhere)
    beyond = run("audit", "--partition", "7")
    assert beyond.status == 2
    assert "There is no partition 7" in sentence_of(beyond)
    away = run("audit", "--broker", "127.0.0.1:1")
    assert away.status == 2
    assert "No Kafka answers" in sentence_of(away)


def test_files_are_held_against_each_other_without_a_broker(tmp_path: Path) -> None:
    history = History().tell(HOLIDAY)
    journal, events = history.journal_file(tmp_path / "journal.jsonl"), history.events_file(tmp_path / "events.jsonl")
    clean = dueclock("audit", "--journal", journal, "--events", events, "--json", folder=tmp_path)
    assert (clean.status, json.loads(clean.out)["events"]) == (0, len(history.events))
    lines = events.read_bytes().splitlines(keepends=True)
    events.write_bytes(lines[0].replace(b'"seq":1', b'"seq":9') + b"".join(lines[2:] + lines[-1:]) + b"junk\n")
    ended = dueclock("audit", "--journal", journal, "--events", events, "--json", folder=tmp_path)
    assert ended.status == 1
    assert sorted(one["kind"] for one in json.loads(ended.out)["findings"]) == [
        "different",
        "extra",
        "missing",
        "repeated",
    ]


def test_wrong_arguments_are_one_sentence(tmp_path: Path) -> None:
    alone = dueclock("audit", "--journal", "journal.jsonl", folder=tmp_path)
    assert (alone.status, "go together" in sentence_of(alone)) == (2, True)
    (tmp_path / "no.jsonl").write_text('{"type":"x"}\n')
    no_journal = dueclock("audit", "--journal", "no.jsonl", "--events", "no.jsonl", folder=tmp_path)
    assert (no_journal.status, "no line of an exported journal" in sentence_of(no_journal)) == (2, True)
    absent = dueclock("audit", "--journal", "absent", "--events", "absent", folder=tmp_path)
    assert (absent.status, "Cannot read absent" in sentence_of(absent)) == (2, True)
    assert partition_of(GOLDEN_ACCOUNT.encode(), 2) == HOME
