"""`dueclock report` as people and scripts meet it: from exported journals, from topics, in every form."""

from __future__ import annotations

import csv
import json
import os
import re
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pyarrow.parquet
import pytest

from agents.cli.report import last_monday_ms
from agents.kafka.topics import create_topics
from agents.reporting.figures import Clocks, report_of
from agents.reporting.page import headline, page, percent
from agents.reporting.words import PAGE
from agents.settings import Settings
from agents.subscriptions import LANGUAGES, Language
from deploy.embedded import EmbeddedKafka
from schemas.codec import parse_instant
from tests.audit.history import PARTITIONS, History
from tests.cli.command import sentence_of
from tests.schemas.answered import EXAMPLES, held
from tests.sources.here import dueclock_here

CASES = (
    "02-weekend-breach-late-refund", "13-thread-of-three", "18-late-news-retracts-the-breach",
    "34c-health-of-refunds-and-skipped-midnights", "05-japan-golden-week-amazon-refunds",
)  # fmt: skip
SPAN = ("--since", "2026-02-02", "--until", "2026-03-30")


def history() -> History:
    told = History()
    for case in CASES:
        told.tell(case)
    return told


HISTORY = history()


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return HISTORY.journal_file(tmp_path / "journal.jsonl")


def reported(folder: Path, *arguments: str | Path) -> dict[str, Any]:
    ended = dueclock_here("report", *SPAN, "--json", *arguments, folder=folder)
    assert ended.status == 0, ended.err
    return held("report", ended.out)


def test_a_journal_gives_the_document(journal: Path, tmp_path: Path) -> None:
    found = reported(tmp_path, "--journal", journal, "--clock-link", "https://board.example/clocks/{clock_id}")
    clocks = Clocks()
    for sent in HISTORY.events:
        clocks.add(json.loads(sent.event.value))
    span = parse_instant("2026-02-02T00:00:00Z"), parse_instant("2026-03-30T00:00:00Z")
    assert found["known_until"] == clocks.newest
    assert sum(line["now"]["opened"] for line in found["lines"]) == sum(
        span[0] <= clock.started_ms < span[1] for clock in clocks.standing()
    )
    late = [breach for line in found["lines"] for breach in line["breaches"]]
    assert late
    for breach in late:
        assert breach["clock_page"] == f"https://board.example/clocks/{breach['clock_id']}"
        assert breach["order_page"].endswith(breach["order_id"])
        assert (breach["late_by_ms"] is None) == (breach["outcome"] == "breached")


def test_the_example_is_what_the_command_writes(journal: Path, tmp_path: Path) -> None:
    """`DUECLOCK_TEST_REWRITE=1` writes it again."""
    arguments = ("--journal", journal, "--account", "A3GOLDEN", "--rule", "sfp-refund")
    ended = dueclock_here("report", *SPAN, "--json", *arguments, folder=tmp_path)
    file = EXAMPLES / "answers" / "report.json"
    if os.environ.get("DUECLOCK_TEST_REWRITE"):
        file.write_text(ended.out)
    assert ended.out == file.read_text()


@pytest.mark.broker
def test_topics_give_the_same_as_the_journal(
    kafka: EmbeddedKafka, kafka_prefix: str, journal: Path, tmp_path: Path
) -> None:
    settings = Settings(broker=kafka.bootstrap, topic_prefix=kafka_prefix, partitions=PARTITIONS)
    create_topics(settings)
    HISTORY.write(settings)
    live = reported(tmp_path, "--broker", kafka.bootstrap, "--topic-prefix", kafka_prefix)
    assert live == reported(tmp_path, "--journal", journal)
    # The broker stamps what it takes now: what was written before the earlier period is passed by, and that is all.
    ended = dueclock_here(
        "report", "--since", "2036-01-07", "--broker", kafka.bootstrap, "--topic-prefix", kafka_prefix, folder=tmp_path
    )
    assert ended.out.splitlines()[-1] == "0 clocks, 0 late."


def test_tables_csv_and_parquet_say_the_same_figures(journal: Path, tmp_path: Path) -> None:
    found = reported(tmp_path, "--journal", journal)
    files = ("--html", "r.html", "--csv", "r.csv", "--parquet", "r.parquet")
    ended = dueclock_here("report", *SPAN, "--journal", journal, *files, folder=tmp_path)
    assert (ended.status, ended.out) == (0, "")
    rows = list(csv.DictReader((tmp_path / "r.csv").read_text(encoding="utf-8").splitlines()))
    parquet = pyarrow.parquet.read_table(tmp_path / "r.parquet").to_pylist()
    assert len(rows) == len(parquet) == len(found["lines"])
    for line, row, typed in zip(found["lines"], rows, parquet, strict=True):
        assert (
            (row["seller_id"], row["rule"]) == (line["seller_id"], line["rule"]) == (typed["seller_id"], typed["rule"])
        )
        for name, value in line["now"].items():
            assert row[name] == ("" if value is None else str(value))
            assert typed[name] == value
        assert typed["before_opened"] == line["before"]["opened"]
        assert typed["since"].isoformat() == "2026-02-02T00:00:00+00:00"
    table = dueclock_here("report", *SPAN, "--journal", journal, folder=tmp_path).out
    late = sum(len(line["breaches"]) for line in found["lines"])
    assert table.splitlines()[-1] == f"{sum(line['now']['opened'] for line in found['lines'])} clocks, {late} late."


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_is_whole_and_fetches_nothing(journal: Path, tmp_path: Path, language: Language) -> None:
    arguments = ("--html", "r.html", "--language", language)
    ended = dueclock_here("report", *SPAN, "--journal", journal, *arguments, folder=tmp_path)
    assert ended.status == 0, ended.err
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert not re.search(r"<(script|link|img|iframe)|src=|@import|url\(", text)
    assert {found for found in re.findall(r'(?:href|xmlns)="([^"]*)"', text) if "sellercentral" not in found} == set()
    for plot in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        ET.fromstring(plot)
    found = reported(tmp_path, "--journal", journal)
    for line in found["lines"]:
        assert f"<code>{line['rule']}</code>" in text
        for breach in line["breaches"]:
            assert breach["clock_id"] in text
    assert PAGE["title"][language] in text
    assert "{" not in re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)


def test_what_comes_from_outside_is_text_on_the_page() -> None:
    clocks = Clocks()
    for sent in HISTORY.events:
        event = json.loads(sent.event.value)
        if "clock_id" in event:
            clocks.add({**event, "subject": "<b>", "clock_id": f"<script>{event['clock_id']}", "seller_id": "<i>&"})
    text = page(report_of(clocks, 0, parse_instant("2026-12-01T00:00:00Z")), "en")
    assert "<script" not in text
    assert "<i>&/" not in text
    assert "&lt;i&gt;&amp;/" in text


def test_nothing_is_said_of_nothing() -> None:
    empty = report_of(Clocks(), parse_instant("2026-11-16T00:00:00Z"), parse_instant("2026-11-23T00:00:00Z"))
    assert PAGE["nothing"]["en"] in page(empty, "en")
    assert headline(empty, "en") == "After-sales duties 2026-11-16 – 2026-11-22: – on time, 0 late"


def test_nearly_all_is_not_all() -> None:
    assert [percent(ppm) for ppm in (None, 0, 666_667, 999_999, 10**6)] == ["–", "0.0 %", "66.7 %", "99.9 %", "100 %"]


def test_a_week_begins_on_monday_in_utc() -> None:
    monday = parse_instant("2026-11-23T00:00:00Z")
    assert last_monday_ms(monday) == last_monday_ms(monday + 7 * 86_400_000 - 1) == monday
    assert time.gmtime(last_monday_ms(0) / 1000).tm_wday == 0


def test_what_cannot_be_is_said_in_one_sentence(journal: Path, tmp_path: Path) -> None:
    said = {
        ("--since", "2026-02-10", "--until", "2026-02-02"): "--until must be after --since.",
        ("--journal", "nowhere.jsonl"): "Cannot read nowhere.jsonl",
        ("--journal", journal, "--html", "a", "--csv", "./a"): "Two forms of the report would go to",
        ("--journal", journal, "--html", "no/where.html"): "Cannot write no/where.html",
    }
    for arguments, words in said.items():
        ended = dueclock_here("report", *arguments, folder=tmp_path)
        assert words in sentence_of(ended)
        assert ended.status == 2
    (tmp_path / "bad.jsonl").write_text('{"type":"message.sent"}\n')
    ended = dueclock_here("report", "--journal", "bad.jsonl", folder=tmp_path)
    assert sentence_of(ended).startswith("Line 1 of bad.jsonl is no line of a journal (bad_field)")
    refused = dueclock_here("report", "--since", "last week", folder=tmp_path)
    assert refused.status == 2
    assert "'last week' is no day, such as 2026-02-03" in refused.err
