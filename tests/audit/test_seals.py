"""Seals: true ones are passed, false ones are named by offset; an audit begins at a snapshot that one confirms."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cramjam
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from agents.journal.snapshot_topic import SnapshotTopic
from agents.journal.snapshots import DAY_MS, Named, SnapshotWriter, read_snapshot, snapshots_in, thinned
from agents.journal.store import Files, WritableStore
from agents.kafka.clients import admin_client
from agents.kafka.topics import create_topics
from agents.settings import Settings
from agents.topic_roles import SNAPSHOTS
from schemas.headers import line_number
from schemas.notifications import StateSealed
from streams.sealing import canonical_rows
from tests.audit.conftest import Run
from tests.audit.history import BREACH, HOLIDAY, HOME, History, journal_of, write
from tests.broker.conftest import MakeLive, make_live
from tests.broker.harness import Live, answer, question, reply_within, seller_on, wait_until
from tests.cli.command import dueclock, sentence_of
from tests.kafka_fixtures import Outgoing

__all__ = ["make_live"]

broker = pytest.mark.broker
LATER_MS = 1_772_000_000_000


def sealed_history(settings: Settings) -> History:
    """A history with a seal in its middle and one at its end."""
    return History().tell(BREACH).seal(settings).tell(HOLIDAY).wait_until(LATER_MS).seal(settings)


def first_finding(run: Run, *arguments: str | Path) -> dict[str, Any]:
    ended = run("audit", "--json", *arguments)
    assert ended.status == 1, ended
    findings: list[dict[str, Any]] = json.loads(ended.out)["findings"]
    return findings[0]


def altered(record: Outgoing, before: bytes, after: bytes) -> Outgoing:
    assert record.value is not None
    assert before in record.value
    return record._replace(value=record.value.replace(before, after))


GOLDEN_SEALS = Path(__file__).parent / "golden"


@pytest.mark.parametrize("case", sorted(path.parent.name for path in GOLDEN_SEALS.glob("*/findings.txt")))
def test_the_golden_cases_of_seals_come_out_as_they_were_written_down(case: str, tmp_path: Path) -> None:
    folder = GOLDEN_SEALS / case
    files = ("--journal", folder / "journal.jsonl", "--events", folder / "events.jsonl")
    ended = dueclock("audit", *files, "--json", folder=tmp_path)
    report = json.loads(ended.out)
    said = [f"{one['kind']} line {one['line']}: {one['sentence']}" for one in report["findings"]]
    assert said == (folder / "findings.txt").read_text().splitlines()
    assert ended.status == (1 if said else 0)
    replayed = dueclock("replay", folder / "journal.jsonl", folder=tmp_path)
    assert replayed.out == (folder / "events.jsonl").read_text()


# --- what is found ---------------------------------------------------------------------------------------------------


@broker
def test_true_seals_are_passed_and_counted(settings: Settings, run: Run) -> None:
    sealed_history(settings).write(settings)
    ended = run("audit", "--json")
    assert ended.status == 0, ended
    assert json.loads(ended.out)["partitions"][HOME]["seals"] == 2
    assert "seals" in run("audit").out


@broker
def test_a_record_that_was_changed_is_found_at_the_next_seal(settings: Settings, run: Run) -> None:
    history = sealed_history(settings)
    records = history.journal_records(settings)
    # An amount that brings no other event: nothing but the seal can tell.
    changed = next(n for n, one in enumerate(records) if b'"amount"' in (one.value or b""))
    records[changed] = altered(records[changed], b'"amount":"100.00"', b'"amount":"100.01"')
    write(settings, records, history.event_records(settings))
    finding = first_finding(run)
    seal = next(n for n, one in enumerate(records) if b"state.sealed" in (one.value or b""))
    assert (finding["kind"], finding["topic"], finding["offset"]) == ("journal", "sla-journal", seal)
    assert f"between the beginning and offset {seal} are not those that it seals" in finding["sentence"]


@broker
def test_a_header_that_was_changed_after_a_seal_is_found_between_the_two(settings: Settings, run: Run) -> None:
    history = sealed_history(settings)
    records = history.journal_records(settings)
    first, second = (n for n, one in enumerate(records) if b"state.sealed" in (one.value or b""))
    headers = tuple((name, value + b"0" if name == "origin" else value) for name, value in records[first + 1].headers)
    records[first + 1] = records[first + 1]._replace(headers=headers)
    write(settings, records, history.event_records(settings))
    finding = first_finding(run)
    assert finding["offset"] == second
    assert f"between the seal at offset {first} and offset {second}" in finding["sentence"]


@broker
def test_records_in_another_order_are_found_at_the_first_of_them(settings: Settings, run: Run) -> None:
    history = sealed_history(settings)
    records = history.journal_records(settings)
    records[1], records[2] = records[2], records[1]
    write(settings, records, history.event_records(settings))
    finding = first_finding(run)
    assert (finding["offset"], finding["line"]) == (1, 3)
    assert "line 3 follows line 1" in finding["sentence"]


@broker
@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"state": "0" * 64}, "the state after line 3 is not the one that it seals"),
        ({"journal": "0" * 64}, "are not those that it seals"),
        ({"line": 1}, "it seals line 1 at offset 2, but stands behind line 3 at offset 2"),
        ({"offset": 9}, "it seals line 3 at offset 9"),
    ],
)
def test_a_seal_that_says_something_else_is_a_difference(
    settings: Settings, run: Run, wrong: dict[str, Any], sentence: str
) -> None:
    history = History().tell(BREACH)
    lines = len(history.lines)
    history.seal(settings, **wrong).write(settings)
    finding = first_finding(run)
    assert finding["offset"] == lines
    assert sentence.replace("line 3", f"line {lines}").replace("offset 2", f"offset {lines - 1}") in finding["sentence"]


def test_in_a_file_the_state_is_held_against_its_seals(tmp_path: Path) -> None:
    def audited(history: History) -> tuple[int, dict[str, Any]]:
        journal, events = history.journal_file(tmp_path / "journal"), history.events_file(tmp_path / "events")
        ended = dueclock("audit", "--journal", journal, "--events", events, "--json", folder=tmp_path)
        return ended.status, json.loads(ended.out)

    status, report = audited(sealed_history(Settings()))
    assert (status, report["partitions"][0]["seals"]) == (0, 2)
    status, report = audited(History().tell(BREACH).seal(Settings(), state="1" * 64))
    assert status == 1
    assert "is not the one that it seals" in report["findings"][0]["sentence"]


# --- noted elsewhere -------------------------------------------------------------------------------------------------


@broker
def test_seals_are_listed_noted_and_held_against_the_journal(settings: Settings, run: Run, tmp_path: Path) -> None:
    assert "There is no seal yet" in run("audit", "seals").out
    history = sealed_history(settings)
    history.write(settings)
    noted = run("audit", "seals", "--json")
    seals = [json.loads(line) for line in noted.out.splitlines()]
    records = history.journal_records(settings)
    places = [n for n, one in enumerate(records) if b"state.sealed" in (one.value or b"")]
    assert [(one["partition"], one["offset"], one["line"]) for one in seals] == [(HOME, n, n) for n in places]
    assert seals[0]["state"][:12] in run("audit", "seals").out

    file = tmp_path / "noted.jsonl"
    file.write_text(noted.out)
    clean = run("audit", "seals", "--check", file)
    assert (clean.status, clean.out) == (0, "The journal has every one of the 2 seals that were noted.\n")
    wrong = {**seals[0], "state": "0" * 64}
    file.write_text(json.dumps(wrong) + "\n" + json.dumps({**seals[1], "offset": 99}) + "\n")
    ended = run("audit", "seals", "--check", file)
    assert ended.status == 1
    different, missing = ended.out.splitlines()
    assert different == f"different: partition {HOME}, offset {places[0]}: the seal is another in its state"
    assert missing.startswith(f"missing: partition {HOME}, offset 99: the journal has no seal there")


def test_notes_that_are_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "noted").write_text('{"partition": 0}\n')
    ended = dueclock("audit", "seals", "--check", "noted", folder=tmp_path)
    assert "Line 1 of noted is no seal" in sentence_of(ended)
    assert ended.status == 2


# --- snapshots -------------------------------------------------------------------------------------------------------


class Sealed(NamedTuple):
    """What stands before a seal, and the seal."""

    before: History
    seal: StateSealed

    def keep(self, store: WritableStore, journal: str) -> str:
        """Keep it as its owner does; the name of the snapshot."""

        async def kept() -> str:
            writer = SnapshotWriter(store, journal, HOME, kept_days=400)
            list(writer.passing(canonical_rows(self.before.state)))
            await writer.finish(self.seal, self.before.state.journal_ms)
            return (await snapshots_in(store, journal, HOME))[-1].name

        return asyncio.run(kept())


def sealed(history: History) -> Sealed:
    """The state before the last line of a history, which is a seal."""
    seal = history.lines[-1].body
    assert isinstance(seal, StateSealed)
    before = History()
    for line in history.lines[1:-1]:
        before.add(line.body, line.journal_ms)
    return Sealed(before, seal)


def snapshot_of(history: History, folder: Path, journal: str = "sla-journal") -> Path:
    """The same, as a file in this folder."""
    return folder / sealed(history).keep(Files(str(folder)), journal)


@broker
def test_an_audit_begins_at_a_snapshot_that_a_seal_confirms(settings: Settings, run: Run, tmp_path: Path) -> None:
    history = History().tell(BREACH).seal(settings)
    snapshot = snapshot_of(history, tmp_path)
    first = len(history.lines)
    history.tell("10a-reply-at-exactly-24h").wait_until(LATER_MS).seal(settings)
    history.write(settings)
    ended = run("audit", "--json", "--snapshot", snapshot)
    assert ended.status == 0, ended
    (part,) = json.loads(ended.out)["partitions"]
    assert (part["from_line"], part["lines"], part["seals"]) == (first, len(history.lines), 2)
    # And it still sees what is wrong behind it.
    write(settings, history.event_records(settings)[-1:])
    assert first_finding(run, "--snapshot", snapshot)["kind"] == "repeated"


@broker
def test_a_snapshot_that_no_seal_confirms_is_refused(settings: Settings, run: Run, tmp_path: Path) -> None:
    history = History().tell(BREACH)
    other = History().tell(BREACH).seal(settings, journal="3" * 64)
    snapshot = snapshot_of(other, tmp_path)
    history.wait_until(LATER_MS).write(settings)
    ended = run("audit", "--snapshot", snapshot)
    assert ended.status == 2
    assert "confirms the snapshot" in sentence_of(ended)


@broker
def test_a_snapshot_that_was_changed_is_refused(settings: Settings, run: Run, tmp_path: Path) -> None:
    history = History().tell(BREACH).seal(settings)
    snapshot = snapshot_of(history, tmp_path)
    history.write(settings)
    raw = snapshot.read_bytes()
    head, _, rows = raw.partition(b"\n")
    changed = bytes(cramjam.zstd.compress(bytes(cramjam.zstd.decompress(rows)).replace(b"sfp", b"mfn")))
    snapshot.write_bytes(head + b"\n" + changed)
    assert "has been changed" in sentence_of(run("audit", "--snapshot", snapshot))
    snapshot.write_bytes(raw[:-3])
    assert "not a whole one" in sentence_of(run("audit", "--snapshot", snapshot))
    assert "Cannot read" in sentence_of(run("audit", "--snapshot", "nowhere"))


def test_a_snapshot_has_its_name_only_when_its_seal_is_there(tmp_path: Path) -> None:
    state, store = History().state, Files(str(tmp_path))
    writer = SnapshotWriter(store, "sla-journal", 3, kept_days=400)
    rows = list(writer.passing(canonical_rows(state)))
    seal = StateSealed(line=7, offset=9, state="0" * 64, journal="0" * 64, logic=1)

    async def finished() -> list[Named]:
        assert not await snapshots_in(store, "sla-journal", 3)
        await writer.finish(seal, LATER_MS)
        return await snapshots_in(store, "sla-journal", 3)

    (named,) = asyncio.run(finished())
    assert (named.line, named.journal_ms) == (7, LATER_MS // 1000 * 1000)
    found = read_snapshot(tmp_path / named.name)
    assert (found.seal.line, found.seal.offset, found.rows) == (7, 9, rows)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [Path(named.name).name]


def test_old_snapshots_are_thinned_so_that_one_stands_behind_every_cut() -> None:
    kept: list[Named] = []
    for day in range(1_000):
        kept.append(Named(str(day), day + 1, day * DAY_MS))
        for one in thinned(kept, kept_days=430):
            kept.remove(one)
        if day >= 430:
            cut_ms = (day - 400) * DAY_MS  # what a retention of 400 days leaves begins here
            first = next(one for one in kept if one.journal_ms >= cut_ms)
            assert first.journal_ms - cut_ms <= 30 * DAY_MS
    assert len(kept) <= 3 + 7 + 430 // 30 + 2
    assert [one.line for one in kept[-3:]] == [998, 999, 1_000]


# --- a worker that seals ---------------------------------------------------------------------------------------------


@broker
def test_workers_seal_what_they_write_and_a_restarted_one_goes_on(make_live: MakeLive, tmp_path: Path) -> None:
    folder = tmp_path / "snapshots"
    live = make_live(reply_within("seconds = 1"), seal_every_s=1, snapshots=str(folder))
    sellers = [seller_on(partition, live.partitions) for partition in range(live.partitions)]

    def seals() -> list[dict[str, Any]]:
        ended = dueclock("--settings", live.settings_file, "audit", "seals", "--json", folder=tmp_path)
        return [json.loads(line) for line in ended.out.splitlines()]

    for number, name in enumerate(("first", "second")):
        worker = live.worker(name)
        for some in range(3):
            live.send([question(seller, f"q{number}{some}") for seller in sellers])
            live.send([answer(seller, f"q{number}{some}") for seller in sellers[:1]])
            live.wait_for_event("clock.breached", "sla-breach", times=3 * number + some + 1)
        wait_until(
            lambda wanted=number + 2: all(sum(one["partition"] == p for one in seals()) >= wanted for p in range(2)),  # type: ignore[misc]  # the loop's own number
            lambda: f"seals in both partitions, there are {seals()}\n{live.logs()}",
            within_s=30,
        )
        assert worker.terminate() == 0
    ended = dueclock("--settings", live.settings_file, "audit", "--json", folder=tmp_path)
    assert ended.status == 0, ended
    assert sum(one["seals"] for one in json.loads(ended.out)["partitions"]) == len(seals())
    (journal,) = (path.name for path in folder.iterdir())
    newest = [
        folder / asyncio.run(snapshots_in(Files(str(folder)), journal, partition))[-1].name
        for partition in range(live.partitions)
    ]
    arguments = [word for path in newest for word in ("--snapshot", str(path))]
    ended = dueclock("--settings", live.settings_file, "audit", "--json", *arguments, folder=tmp_path)
    assert ended.status == 0, ended
    assert all(one["seals"] and one["from_line"] > 1 for one in json.loads(ended.out)["partitions"])
    live.told().prove()


@broker
def test_a_worker_keeps_snapshots_in_a_topic_and_seals_without_where_there_is_none(
    make_live: MakeLive, tmp_path: Path
) -> None:
    live = make_live(reply_within("hours = 24"), partitions=1, seal_every_s=1, snapshots="topic")
    store, seller = SnapshotTopic(live.settings), seller_on(0, 1)
    asyncio.run(delete_topic(live, live.settings.topic(SNAPSHOTS)))
    worker = live.worker()
    worker.wait_for(f"The topic {live.settings.topic(SNAPSHOTS)} is missing")
    count = 0

    def asked_until(is_there: Callable[[], bool], what: str) -> None:
        """Each question enters a new second, which is sealed."""

        def has_come() -> bool:
            nonlocal count
            count += 1
            live.send([question(seller, f"q{count}")])
            return is_there()

        wait_until(has_come, lambda: f"{what}\n{live.logs()}", within_s=30)

    asked_until(lambda: "the snapshot failed (there is no topic" in worker.log(), "a warning")
    assert "sealed after line" in worker.log()
    create_topics(live.settings)
    folder = f"{journal_of(live.settings)}/0/snapshots"
    asked_until(lambda: len(asyncio.run(store.names(folder))) >= 2, "two snapshots in the topic")
    assert worker.terminate() == 0
    newest = asyncio.run(store.names(folder))[-1]
    line = int(newest.rpartition("/")[2].partition("-")[0])
    behind = next(one.offset for one in live.read("sla-journal") if line_number(one.headers) == line + 1)
    asyncio.run(delete_head(live, behind))
    ended = dueclock("--settings", live.settings_file, "audit", "--json", folder=tmp_path)
    assert ended.status == 0, ended
    assert json.loads(ended.out)["partitions"][0]["from_line"] == line + 1


async def delete_topic(live: Live, topic: str) -> None:
    async with admin_client(live.settings) as admin:
        await admin.delete_topics([topic])


async def delete_head(live: Live, offset: int) -> None:
    """Take the journal's records before this offset, as retention does."""
    place = TopicPartition(live.settings.topic("sla-journal"), 0)
    async with admin_client(live.settings) as admin:
        await admin.delete_records({place: RecordsToDelete(before_offset=offset)})
