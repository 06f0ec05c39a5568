"""`dueclock journal export`: the lines as written, in order, with their times; a gap is refused."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

import pytest

from agents.errors import UserError
from agents.journal.export import export_journal
from agents.kafka.topics import create_topics
from agents.settings import Settings
from agents.zones import machine_zones
from deploy.embedded import EmbeddedKafka
from schemas.codec import format_instant, parse_instant
from schemas.decoded import Decoded
from schemas.decoding import decode_notification, journal_value
from schemas.headers import journal_headers
from streams.replay import Replay
from tests.cli.command import GOLDEN, dueclock, sentence_of
from tests.kafka_fixtures import Outgoing, produce

pytestmark = pytest.mark.broker

CASE = GOLDEN / "62-exported-journal"


@pytest.fixture
def settings(kafka: EmbeddedKafka, kafka_prefix: str) -> Settings:
    settings = Settings(broker=kafka.bootstrap, topic_prefix=kafka_prefix, partitions=2)
    create_topics(settings)
    return settings


def write_journal(settings: Settings, lines: list[bytes], numbers: list[int] | None = None) -> None:
    """Write lines of a file (with `journaled_at`) as a worker would have journaled them, to partition 1."""
    records = []
    for number, line in zip(numbers or range(1, len(lines) + 1), lines, strict=True):
        decoded = decode_notification(line, from_file=True)
        assert isinstance(decoded, Decoded), decoded
        records.append(
            Outgoing(
                settings.topic("sla-journal"),
                journal_value(decoded.body),
                key=b"1",
                partition=1,
                timestamp_ms=parse_instant(json.loads(line)["journaled_at"]),
                headers=tuple(journal_headers(number, None)),
            )
        )
    asyncio.run(produce(settings.broker, records))


def test_the_exported_journal_is_the_file_it_came_from_and_replays_to_the_same_events(
    settings: Settings, tmp_path: Path
) -> None:
    lines = (CASE / "notifications.jsonl").read_bytes().splitlines()
    write_journal(settings, lines)
    arguments = ["--broker", settings.broker, "--topic-prefix", settings.topic_prefix, "--partition", "1"]
    ended = dueclock("journal", "export", *arguments, "--output", "journal.jsonl", folder=tmp_path)
    assert (ended.status, ended.out) == (0, "")
    assert "4 journal lines of partition 1" in ended.err
    exported = (tmp_path / "journal.jsonl").read_bytes().splitlines()
    assert [json.loads(line)["type"] for line in exported] == [json.loads(line)["type"] for line in lines]
    assert [json.loads(line)["journaled_at"] for line in exported] == [
        format_instant(parse_instant(json.loads(line)["journaled_at"])) for line in lines
    ]
    replayed = dueclock("replay", "journal.jsonl", "--policies", GOLDEN / "policies.toml", folder=tmp_path)
    assert replayed.out == (CASE / "expected.jsonl").read_text()


def test_without_an_output_file_the_lines_go_to_standard_output(settings: Settings, tmp_path: Path) -> None:
    write_journal(settings, (CASE / "notifications.jsonl").read_bytes().splitlines())
    arguments = ["--broker", settings.broker, "--topic-prefix", settings.topic_prefix, "--partition", "1"]
    ended = dueclock("journal", "export", *arguments, folder=tmp_path)
    assert (ended.status, ended.err) == (0, "")
    replay = Replay((GOLDEN / "policies.toml").read_text(), lambda *_: None, machine_zones)
    events = [event.value.decode() for line in ended.out.splitlines() for event in replay.feed(line.encode())]
    assert "\n".join(events) + "\n" == (CASE / "expected.jsonl").read_text()


def test_an_empty_partition_is_an_empty_file(settings: Settings) -> None:
    out = io.BytesIO()
    assert export_journal(settings, 0, out) == (0, 1, None)
    assert out.getvalue() == b""


def test_a_gap_in_the_running_numbers_is_refused(settings: Settings) -> None:
    lines = (CASE / "notifications.jsonl").read_bytes().splitlines()
    write_journal(settings, lines, numbers=[1, 2, 4, 5])
    with pytest.raises(UserError, match=r"Line 2 of partition 1 .* is followed by line 4"):
        export_journal(settings, 1, io.BytesIO())


@pytest.mark.parametrize(
    ("headers", "value"),
    [((), b"{}"), ((("line", b"x"),), b"{}"), ((("line", b"1"),), b"no JSON"), ((("line", b"1"),), b"[1]")],
)
def test_what_somebody_else_wrote_to_the_journal_is_one_sentence(
    settings: Settings, tmp_path: Path, headers: tuple[tuple[str, bytes], ...], value: bytes
) -> None:
    journal = settings.topic("sla-journal")
    record = Outgoing(journal, value, key=b"1", partition=1, headers=headers)
    asyncio.run(produce(settings.broker, [record]))
    arguments = ["--broker", settings.broker, "--topic-prefix", settings.topic_prefix, "--partition", "1"]
    ended = dueclock("journal", "export", *arguments, folder=tmp_path)
    assert ended.status != 0
    assert f"The record {journal}/1/0 is no journal line" in sentence_of(ended)


def test_a_journal_whose_beginning_is_gone_is_exported_with_a_word_about_it(settings: Settings, tmp_path: Path) -> None:
    write_journal(settings, (CASE / "notifications.jsonl").read_bytes().splitlines(), numbers=[7, 8, 9, 10])
    arguments = ["--broker", settings.broker, "--topic-prefix", settings.topic_prefix, "--partition", "1"]
    ended = dueclock("journal", "export", *arguments, folder=tmp_path)
    assert ended.status == 0
    assert "begins at line 7" in ended.err


def test_a_partition_or_topic_that_is_not_there_is_one_sentence(settings: Settings, tmp_path: Path) -> None:
    broker = ["--broker", settings.broker]
    ended = dueclock(
        "journal", "export", *broker, "--topic-prefix", settings.topic_prefix, "--partition", "5", folder=tmp_path
    )
    assert ended.status == 2
    assert "There is no partition 5; the topics have 0 to 1" in sentence_of(ended)
    nowhere = dueclock("journal", "export", *broker, "--topic-prefix", "nowhere-", folder=tmp_path)
    assert "There is no topic nowhere-sla-journal" in sentence_of(nowhere)
