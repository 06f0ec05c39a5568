"""`dueclock rebuild`: what a broker lost is made again from the journal, however often the rebuild itself is killed."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from agents.kafka.topics import create_topics
from agents.kafka.transactions import Outbox
from agents.settings import Settings
from schemas.registry import Logical
from streams.row_codec import decode_partition, encode_row
from streams.rows import PARTITION_KEY
from tests.audit.conftest import Run, run, settings
from tests.audit.history import BREACH, HOME, History, write
from tests.broker.conftest import MakeLive
from tests.broker.harness import ROOT, Live, question, seller_on
from tests.chaos.proof import POLICIES, Load, audit, drawn, goes_on, note, only_in_chaos, prove, take_partition
from tests.cli.command import dueclock, environment, sentence_of
from tests.kafka_fixtures import read_to_end

__all__ = ["run", "settings"]

pytestmark = [pytest.mark.broker, pytest.mark.chaos]


def rows_of(live: Live) -> dict[tuple[int, bytes], bytes]:
    """The rows as they stand, for each partition."""
    rows = {(record.partition, record.key): record.value for record in live.read("changelog")}
    return {key: value for key, value in rows.items() if value is not None}


def rebuilt(live: Live, *arguments: str, status: int = 0) -> dict[str, Any]:
    ended = dueclock("--settings", live.settings_file, "rebuild", "--json", *arguments, folder=live.folder)
    assert ended.status == status, ended
    said: dict[str, Any] = json.loads(ended.out)
    return said


def prove_rows(now: dict[tuple[int, bytes], bytes], before: dict[tuple[int, bytes], bytes]) -> None:
    """The same rows; positions may stand before the markers of transactions, which no record tells of."""
    assert now.keys() == before.keys()
    for place, value in before.items():
        if place[1] == PARTITION_KEY:
            own, other = decode_partition(now[place]), decode_partition(value)
            mine, others = own.notes.positions, other.notes.positions
            assert mine.keys() == others.keys()
            assert all(0 <= others[topic] - mine[topic] <= 1 for topic in mine)
            own.notes.positions = others
            if not own.notes.partitions:  # the row was gone, and with it what belongs together: noted at the next start
                told = {"journal": own.notes.journal, "sealed_period": own.notes.sealed_period}
                own.notes = msgspec.structs.replace(other.notes, **told)
            assert own == other
        else:
            assert now[place] == value, place


async def delete_topic(live: Live, logical: Logical) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=live.bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([live.settings.topic(logical)])
    finally:
        await admin.close()


@only_in_chaos
@pytest.mark.timeout(300)
def test_rows_are_made_again_when_the_changelog_is_gone(make_live: MakeLive) -> None:
    live = make_live(POLICIES)
    load = Load(live, drawn("changelog gone"))
    live.worker()
    with load.running():
        goes_on(live, 6)
        refused = dueclock("--settings", live.settings_file, "rebuild", folder=live.folder)
        assert (refused.status, "Workers of the group" in sentence_of(refused)) == (2, True)
    prove(live, load)
    before = rows_of(live)
    assert rebuilt(live)["changed"] is False
    asyncio.run(delete_topic(live, "changelog"))
    create_topics(live.settings)
    worker = live.worker(is_ready=False)
    assert worker.wait_for_end() == 1
    assert "`dueclock rebuild --partition" in worker.log()
    started_s = time.monotonic()
    assert rebuilt(live, "--dry-run")["changed"] is True
    assert rows_of(live) == {}
    assert rebuilt(live)["changed"] is True
    took_s = time.monotonic() - started_s
    prove_rows(rows_of(live), before)
    assert rebuilt(live)["changed"] is False
    live.worker()
    load.send_round()
    note("changelog deleted, then rebuild", injected=1, recovery_s=[took_s], repeats=prove(live, load))


@pytest.mark.timeout(300)
def test_a_partition_that_lost_the_tail_of_its_rows_is_refused_then_rebuilt_then_goes_on(make_live: MakeLive) -> None:
    live = make_live(POLICIES)
    load = Load(live, drawn("split transaction"))
    live.worker()
    with load.running():
        goes_on(live, 4)
    prove(live, load)
    before = rows_of(live)
    older = decode_partition(before[0, PARTITION_KEY])
    older.lines -= 1
    older.notes.positions = {topic: max(0, position - 1) for topic, position in older.notes.positions.items()}

    async def lose() -> None:
        other = await take_partition(live, 0)
        outbox = Outbox()
        outbox.put(live.settings.topic("changelog"), 0, PARTITION_KEY, encode_row(older))
        thread = next(value for (_, key), value in before.items() if b"/thread/" in key)
        outbox.put(live.settings.topic("changelog"), 0, b"S0/ATVPDKIKX0DER/thread/of-no-line", thread)
        await other.write(outbox)
        await other.stop()

    asyncio.run(lose())
    worker = live.worker(is_ready=False)
    assert worker.wait_for_end() == 1
    assert "run `dueclock rebuild --partition 0` before" in worker.log()
    started_s = time.monotonic()
    (said,) = rebuilt(live, "--partition", "0")["partitions"]
    assert (said["rows"], said["tombstones"], said["sent"]) == (1, 1, {})
    took_s = time.monotonic() - started_s
    prove_rows(rows_of(live), before)
    live.worker()
    load.send_round()
    note("transaction split, then rebuild", injected=1, recovery_s=[took_s], repeats=prove(live, load))


def killed_rebuild(settings: Settings, folder: Path, told: str) -> int:
    """The exit status of a rebuild that is killed at a point."""
    flags = ["rebuild", "--broker", settings.broker, "--topic-prefix", settings.topic_prefix]
    ended = subprocess.run(
        [sys.executable, "-m", "tests.chaos.faulty", *flags, "--group", settings.topic_prefix + "group"],
        cwd=ROOT,
        env=environment(DUECLOCK_TEST_KILL=told),
        capture_output=True,
        timeout=50,
        check=False,
    )
    (folder / "rebuild.log").write_bytes(ended.stdout + ended.stderr)
    return ended.returncode


@only_in_chaos
def test_what_is_missing_is_sent_once_though_the_rebuild_is_killed_at_every_step(
    settings: Settings, run: Run, tmp_path: Path
) -> None:
    history = History().tell(BREACH).tell("10a-reply-at-exactly-24h")
    events = history.event_records(settings)
    write(settings, history.journal_records(settings), events[:1])
    for point in ("fenced:1", "sent:1", "committed:1"):
        assert killed_rebuild(settings, tmp_path, point) == -signal.SIGKILL, (tmp_path / "rebuild.log").read_text()
    done = run("rebuild", "--json", "--group", settings.topic_prefix + "group")
    assert done.status == 0, done
    sent = asyncio.run(read_to_end(settings.broker, sorted({event.topic for event in events})))
    by_topic = [(e.topic, e.key, e.value, e.headers) for e in sorted(events, key=lambda e: e.topic)]
    assert [(r.topic, r.key, r.value, tuple(r.headers)) for r in sent] == by_topic
    assert run("audit").status == 0
    again = run("rebuild", "--group", settings.topic_prefix + "group")
    assert "There was nothing to do" in again.out


def test_what_the_journal_cannot_mend_is_said_and_left(settings: Settings, run: Run) -> None:
    history = History().tell(BREACH)
    events = history.event_records(settings)
    write(settings, history.journal_records(settings), events[1:], events[1:2])
    ended = run("rebuild", "--json")
    report = json.loads(ended.out)
    assert ended.status == 1
    assert {one["kind"] for one in report["findings"]} == {"repeated", "order"}
    assert report["partitions"][HOME]["sent"] == {events[0].topic.removeprefix(settings.topic_prefix): 1}
    assert report["partitions"][HOME]["rows"] > 0
    assert "Differences remain" in run("rebuild").out


def test_a_gap_in_the_journal_is_said_and_nothing_is_written(settings: Settings, run: Run) -> None:
    history = History().tell(BREACH)
    records = history.journal_records(settings)
    write(settings, records[:2] + records[3:])
    ended = run("rebuild", "--json")
    report = json.loads(ended.out)
    assert (ended.status, report["changed"]) == (1, False)
    assert any("nothing was written" in one["sentence"] for one in report["findings"])
    assert asyncio.run(read_to_end(settings.broker, settings.topic("changelog"))) == []


def test_a_journal_that_lost_its_last_lines_is_said_and_nothing_is_written(settings: Settings, run: Run) -> None:
    history = History().tell(BREACH)
    write(settings, history.journal_records(settings)[:-1], history.event_records(settings))
    ended = run("rebuild")
    assert ended.status == 1
    assert "the journal has lost lines" in ended.out


def test_a_rebuild_that_cannot_run_says_why(run: Run) -> None:
    assert "There is no partition 9" in sentence_of(run("rebuild", "--partition", "9"))
    assert "There is no topic" in sentence_of(run("rebuild", "--topic-prefix", "nowhere-"))


def test_a_live_worker_is_fenced_only_when_that_is_asked_for(make_live: MakeLive) -> None:
    live = make_live(POLICIES)
    load = Load(live, drawn("forced"))
    worker = live.worker()
    worker.wait_for("in force", times=2)
    assert rebuilt(live, "--force", "--partition", "0")["changed"] is False
    live.send_raw([question(seller_on(0, live.partitions), "fenced").record("fenced", "")])
    assert worker.wait_for_end() == 1
    assert "Another worker took over partition" in worker.log(), worker.log()
    live.worker()
    prove(live, load)
    audit(live)
