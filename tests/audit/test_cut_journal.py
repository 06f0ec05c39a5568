"""A journal whose head retention has taken: each command that looks back goes on, from the archive and from a snapshot.

The cut is a real one: the broker deletes the records before an offset, as retention does.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from agents.journal.keeping import place_to_keep
from agents.kafka.clients import admin_client
from agents.kafka.topics import create_topics
from agents.settings import Settings
from schemas.registry import Logical
from tests.audit.conftest import Run
from tests.audit.history import BREACH, HOLIDAY, HOME, POLICIES, History, journal_of
from tests.audit.test_seals import LATER_MS, sealed, snapshot_of
from tests.cli.command import sentence_of

pytestmark = pytest.mark.broker
QUESTION = "10a-reply-at-exactly-24h"
PLACES = ("folder", "topic")


def cut(settings: Settings, before_offset: int, logical: Logical = "sla-journal") -> None:
    """Take the records of the partition before this offset, as retention does: of the journal, or of another topic."""

    async def cut_now() -> None:
        async with admin_client(settings) as admin:
            place = TopicPartition(settings.topic(logical), HOME)
            await admin.delete_records({place: RecordsToDelete(before_offset=before_offset)})

    asyncio.run(cut_now())


class Past:
    """A history with two seals on the broker: what stands before the first is about to go."""

    def __init__(self, settings: Settings, run: Run, folder: Path) -> None:
        self.settings, self.run, self.folder = settings, run, folder
        self.history = History().tell(BREACH).seal(settings)
        self.sealed = len(self.history.lines)
        """Number of the line that is the first seal."""
        self.at_seal = sealed(self.history)
        self.history.tell(HOLIDAY).tell(QUESTION).wait_until(LATER_MS).seal(settings)
        self.history.write(settings)

    def keep(self, place: str) -> None:
        """Keep a snapshot of the first seal in this place."""
        settings = self.settings.changed(snapshots=place)
        create_topics(settings)
        store = place_to_keep(settings)
        assert store is not None
        self.at_seal.keep(store, journal_of(settings))

    def told(self, *arguments: str | Path) -> Any:
        """The answer of a command that ends well, as JSON."""
        ended = self.run(*arguments, "--json")
        assert ended.status == 0, ended
        return json.loads(ended.out)

    def clocks(self) -> tuple[str, str]:
        """A clock that ended before the first seal, and one that began behind it."""
        opened = [one for one in self.history.events if one.event.type == "clock.opened"]
        before = next(one.event.subject for one in opened if one.line < self.sealed)
        behind = next(one.event.subject for one in opened if one.line > self.sealed)
        return before, behind


@pytest.fixture
def past(settings: Settings, run: Run, tmp_path: Path) -> Past:
    return Past(settings, run, tmp_path)


@pytest.fixture
def kept(request: pytest.FixtureRequest, past: Past, monkeypatch: pytest.MonkeyPatch) -> str:
    """A snapshot of the first seal, in a place of each kind, which the commands are told."""
    place = "topic" if request.param == "topic" else str(past.folder / "from-a-snapshot")
    past.keep(place)
    monkeypatch.setenv("DUECLOCK_SNAPSHOTS", place)
    return place


def stood(past: Past) -> dict[str, Any]:
    """What the commands answer while the journal is whole."""
    before, behind = past.clocks()
    (past.folder / "new.toml").write_text(POLICIES)
    return {
        "audit": past.told("audit"),
        "before": past.told("explain", before),
        "behind": past.told("explain", behind),
        "what-if": past.told("what-if", "--policies", "new.toml"),
        "export": exported(past, "whole.jsonl"),
        "pack": packed(past, behind, "pack-whole"),
    }


def exported(past: Past, name: str) -> bytes:
    ended = past.run("journal", "export", "--partition", str(HOME), "--output", name)
    assert ended.status == 0, ended
    return (past.folder / name).read_bytes()


def packed(past: Past, clock: str, name: str) -> dict[str, bytes]:
    ended = past.run("explain", clock, "--evidence", name)
    assert ended.status == 0, ended
    return {path.name: path.read_bytes() for path in sorted((past.folder / name).iterdir())}


def test_what_is_archived_is_read_as_if_it_stood_on_the_topic(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUECLOCK_SNAPSHOTS", str(past.folder / "archive"))
    whole = stood(past)
    ended = past.run("journal", "archive", "--partition", str(HOME))
    lines = len(past.history.lines)
    assert ended.out == (
        f"partition {HOME}: {lines - 1} lines more, archived to line {lines - 1}; 1 lines wait for the next seal\n"
    )
    again = past.run("journal", "archive", "--partition", str(HOME))
    assert f"0 lines more, archived to line {lines - 1}" in again.out
    cut(past.settings, past.sealed + 1)
    assert stood_again(past) == whole
    rebuilt = past.told("rebuild", "--partition", str(HOME))
    assert rebuilt["partitions"][0]["left"] == {} or not rebuilt["findings"], rebuilt


def stood_again(past: Past) -> dict[str, Any]:
    for name in ("whole.jsonl", "new.toml"):
        (past.folder / name).unlink()
    (past.folder / "pack-whole").rename(past.folder / "pack-before")
    return stood(past)


def test_a_segment_that_was_changed_is_refused_by_name(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUECLOCK_SNAPSHOTS", str(past.folder / "archive"))
    past.run("journal", "archive")
    cut(past.settings, past.sealed + 1)
    segment = next((past.folder / "archive").rglob("*.zst"))
    segment.write_bytes(segment.read_bytes()[:-4])
    ended = past.run("audit")
    assert ended.status == 2
    assert segment.name in sentence_of(ended)
    assert "restore it from a copy" in sentence_of(ended)


def test_without_archive_and_snapshot_a_cut_journal_is_named_as_such(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUECLOCK_SNAPSHOTS", "")
    cut(past.settings, past.sealed)
    for command in (("audit",), ("explain", past.clocks()[1])):
        ended = past.run(*command)
        assert ended.status == 2
        assert f"the journal begins with line {past.sealed + 1}" in sentence_of(ended)


@pytest.mark.parametrize("kept", PLACES, indirect=True)
@pytest.mark.usefixtures("kept")
def test_from_a_snapshot_each_command_says_from_which_line_on(past: Past) -> None:
    cut(past.settings, past.sealed - 1)
    report = past.told("audit")
    part = report["partitions"][HOME]
    assert (part["from_line"], part["lines"], part["seals"]) == (past.sealed, len(past.history.lines), 2)

    before, behind = past.clocks()
    story = past.told("explain", before)
    assert story["journal"]["from_line"] == past.sealed
    assert [fact["type"] for fact in story["facts_before"]] == ["return.received", "refund.issued"]
    assert any("start" in fact["decides"] for fact in story["facts_before"])
    assert (story["outcome"], story["events"]) == ("closed_late", [])
    assert not any(fact["decides"] for fact in story["facts"])
    people = past.run("explain", before)
    assert f"Read from line {past.sealed} on: the lines before it are gone" in people.out
    story = past.told("explain", behind)
    assert story["facts"]
    assert story["events"][0]["sent"]["status"] == "there"

    files = packed(past, behind, "pack")
    assert f"before line {past.sealed} are gone" in files["README.md"].decode()
    verify = [sys.executable, str(past.folder / "pack" / "verify.py")]
    checked = subprocess.run(verify, capture_output=True, text=True, check=True)
    assert "are those that the chain holds" in checked.stdout

    (past.folder / "same.toml").write_text(POLICIES)
    same = past.told("what-if", "--policies", "same.toml")
    assert (same["changed"], same["lines"]) == (0, len(past.history.lines) - past.sealed + 1)


@pytest.mark.parametrize("kept", PLACES, indirect=True)
@pytest.mark.usefixtures("kept")
def test_an_export_whose_head_is_gone_has_its_snapshot_beside_it(past: Past) -> None:
    cut(past.settings, past.sealed - 1)
    ended = past.run("journal", "export", "--partition", str(HOME), "--output", "journal.jsonl")
    assert "the snapshot that it follows is journal.jsonl.snapshot" in ended.err
    past.history.events_file(past.folder / "events.jsonl")
    files = ("--journal", "journal.jsonl", "--snapshot", "journal.jsonl.snapshot")
    report = past.told("audit", *files, "--events", "events.jsonl")
    assert report["partitions"][0]["seals"] == 2
    story = past.told("explain", past.clocks()[0], *files)
    assert story["outcome"] == "closed_late"


@pytest.mark.parametrize("kept", PLACES, indirect=True)
@pytest.mark.usefixtures("kept")
def test_a_rebuild_from_a_snapshot_makes_the_rows_that_the_whole_journal_makes(past: Past) -> None:
    assert past.run("rebuild", "--partition", str(HOME)).status == 0
    cut(past.settings, past.sealed - 1)
    again = past.told("rebuild", "--partition", str(HOME))
    assert (again["partitions"][0]["rows"], again["partitions"][0]["tombstones"]) == (0, 0), again


def test_an_archive_beside_snapshots_in_a_topic_lies_where_its_own_setting_says(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    past.keep("topic")
    monkeypatch.setenv("DUECLOCK_SNAPSHOTS", "topic")
    refused = past.run("journal", "archive")
    assert refused.status == 2
    assert sentence_of(refused) == (
        "There is no place for an archive (a topic is none: retention would take it too): name a folder or "
        "s3://bucket/prefix by `archive`."
    )
    monkeypatch.setenv("DUECLOCK_ARCHIVE", str(past.folder / "archive"))
    whole = past.told("audit")
    assert past.run("journal", "archive").status == 0
    cut(past.settings, past.sealed + 1)
    assert past.told("audit") == whole, "all of it, from the archive"


def test_a_snapshot_of_another_journal_confirms_nothing(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUECLOCK_SNAPSHOTS", str(past.folder / "other"))
    other = History().tell(BREACH).seal(past.settings, journal="3" * 64)
    snapshot_of(other, past.folder / "other", journal_of(past.settings))
    cut(past.settings, past.sealed - 1)
    ended = past.run("explain", past.clocks()[0])
    assert ended.status == 2
    assert "No seal of partition" in sentence_of(ended)
