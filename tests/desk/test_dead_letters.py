"""`dueclock deadletter`: what was no fact is listed, shown, and sent again once, whoever is killed or run twice."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agents.desk import dead_letters
from agents.desk.dead_letter_report import safe, shown
from agents.desk.dead_letters import Choice, read_letters, redrive
from agents.errors import UserError
from agents.kafka.transactions import Outbox, Transactions
from agents.settings import Settings
from schemas.dead_letters import Rejected, dead_letter_headers
from schemas.registry import Logical
from tests.audit.conftest import Run, run, settings
from tests.audit.history import write
from tests.broker.conftest import MakeLive, make_live
from tests.broker.harness import CALENDAR, Notice, question, reply_within, seller_on, wait_until
from tests.cli.command import ROOT, dueclock, environment, sentence_of
from tests.kafka_fixtures import Outgoing, read_to_end

__all__ = ["make_live", "run", "settings"]

pytestmark = pytest.mark.broker

GOOD = b'{"seller_id":"S1","marketplace_id":"M1","note":"\\u001b[31mred"}'


def letter(
    settings: Settings,
    reason: Any,
    value: bytes | None,
    *,
    topic: Logical = "buyer-message",
    partition: int = 0,
    at: int = 0,
) -> Outgoing:
    """A dead letter as a worker writes it."""
    field = "type" if reason == "unknown_type" else None
    headers = dead_letter_headers(
        Rejected(reason, field), topic=settings.topic(topic), partition=partition, offset=at, line=None
    )
    return Outgoing(settings.topic("dead-letter"), value, key=b"S1/M1", partition=partition, headers=tuple(headers))


def read(settings: Settings, topic: Logical, *, count: int = 0) -> list[Any]:
    """The committed records of a topic; a transaction is visible some moments after it has been answered."""
    found: list[Any] = []

    def is_there() -> bool:
        found[:] = asyncio.run(read_to_end(settings.broker, settings.topic(topic)))
        return len(found) >= count

    wait_until(is_there, lambda: f"{count} records on {topic}, there are {len(found)}", within_s=20)
    return found


def some_letters(settings: Settings) -> None:
    write(
        settings,
        [
            letter(settings, "not_json", b"{junk\x1b[2J"),
            letter(settings, "no_calendar", GOOD, partition=1, at=4),
            letter(settings, "unknown_type", GOOD, topic="refund-issued", partition=1, at=5),
        ],
    )


def test_they_are_listed_and_can_be_chosen(settings: Settings, run: Run) -> None:
    assert run("deadletter", "list").out == "0 dead letters.\n"
    some_letters(settings)
    ended = run("deadletter", "list")
    assert ended.status == 0
    assert "3 dead letters." in ended.out
    assert "unknown_type (type)" in ended.out
    chosen = [
        json.loads(line) for line in run("deadletter", "list", "--json", "--topic", "refund-issued").out.splitlines()
    ]
    (one,) = chosen
    assert (one["id"], one["reason"], one["field"], one["account"]) == ("1:1", "unknown_type", "type", "S1/M1")
    assert one["origin"] == f"{settings.topic('refund-issued')}/1/5"
    assert run("deadletter", "list", "--json", "--reason", "not_json").out.count("\n") == 1
    assert run("deadletter", "list", "--since", "2100-01-01T00:00:00Z").out == "0 dead letters.\n"
    assert "1 dead letters of 3; --limit shows more." in run("deadletter", "list", "--limit", "1").out


def test_what_somebody_else_wrote_to_the_topic_is_no_letter(settings: Settings, run: Run) -> None:
    topic = settings.topic("dead-letter")
    nulls: Any = tuple((name, None) for name, _ in letter(settings, "not_json", b"{").headers)
    others = [Outgoing(topic, b"x", partition=0), Outgoing(topic, b"x", partition=0, headers=nulls)]
    write(settings, [*others, letter(settings, "not_json", b"{junk")])
    (one,) = (json.loads(line) for line in run("deadletter", "list", "--json").out.splitlines())
    assert one["id"] == "0:2"


def test_one_is_shown_whole_and_harms_no_terminal(settings: Settings, run: Run) -> None:
    some_letters(settings)
    ended = run("deadletter", "show", "0:0", "1:0")
    assert ended.status == 0
    assert "\x1b" not in ended.out
    assert "{junk\\x1b[2J" in ended.out
    assert "not_json: It is no UTF-8 JSON object." in ended.out
    assert "account      S1/M1" in ended.out
    assert '  "note": "\\u001b[31mred"' in ended.out
    exact = json.loads(run("deadletter", "show", "--json", "0:0").out)
    assert base64.b64decode(exact["value"]) == b"{junk\x1b[2J"
    assert "There is no dead letter 0:9" in sentence_of(run("deadletter", "show", "0:9"))
    assert "names no dead letter" in sentence_of(run("deadletter", "show", "nine"))


def test_control_characters_are_escaped_and_nothing_else_is() -> None:
    assert safe("grüße\x07\u202e") == "grüße\\x07\\u202e"
    assert shown(None) == "(none)"
    assert shown(b"\xff{") == "\\xff{"


def test_each_is_sent_again_to_where_it_came_from_and_once(settings: Settings, run: Run) -> None:
    some_letters(settings)
    planned = run("deadletter", "redrive", "--reason", "no_calendar", "--dry-run")
    assert planned.out == "1 dead letters would be sent to where they came from.\n"
    assert read(settings, "buyer-message") == []
    done = run("deadletter", "redrive", "--reason", "no_calendar", "--yes")
    assert done.out == "1 dead letters sent to where they came from.\n"
    (record,) = read(settings, "buyer-message", count=1)
    assert (record.partition, record.key, record.value) == (1, b"S1/M1", GOOD)
    assert dict(record.headers) == {"redriven_from": f"{settings.topic('dead-letter')}/1/0".encode()}
    second = run("deadletter", "redrive", "--reason", "no_calendar", "--yes")
    assert second.out == (
        "0 dead letters sent to where they came from; 1 left out, sent again before (--again sends them).\n"
    )
    assert len(read(settings, "buyer-message")) == 1
    (listed,) = (
        json.loads(one) for one in run("deadletter", "list", "--json", "--reason", "no_calendar").out.splitlines()
    )
    assert listed["redriven"] == 1
    assert run("deadletter", "redrive", "1:0", "--again", "--yes").status == 0
    assert len(read(settings, "buyer-message", count=2)) == 2
    assert "3 dead letters." in run("deadletter", "list").out, "a mark is no letter"


def test_it_does_not_send_all_of_them_for_want_of_words_nor_without_being_told_to(settings: Settings, run: Run) -> None:
    some_letters(settings)
    assert "Say which" in sentence_of(run("deadletter", "redrive", "--yes"))
    nobody = dueclock(
        "deadletter",
        "redrive",
        "0:0",
        folder=Path("/tmp"),
        variables={"DUECLOCK_BROKER": settings.broker, "DUECLOCK_TOPIC_PREFIX": settings.topic_prefix},
    )
    assert "--yes sends without asking" in sentence_of(nobody)
    assert read(settings, "buyer-message") == []


def test_a_redrive_that_another_has_overtaken_sends_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    some_letters(settings)
    original = Transactions.write
    choice = Choice(reasons=frozenset({"no_calendar"}))

    async def overtaken(self: Transactions, outbox: Outbox) -> dict[tuple[str, int], int]:
        monkeypatch.setattr(Transactions, "write", original)
        await redrive(settings, choice, is_again=False, is_dry=False)
        return await original(self, outbox)

    monkeypatch.setattr(Transactions, "write", overtaken)
    with pytest.raises(UserError, match="Another redrive was started"):
        asyncio.run(redrive(settings, choice, is_again=False, is_dry=False))
    assert len(read(settings, "buyer-message", count=1)) == 1


KILLED = """
import asyncio, os, signal, sys
from agents.kafka.transactions import Transactions
original, seen = Transactions.write, []
async def write(self, outbox):
    answer = await original(self, outbox)
    seen.append(answer)
    if len(seen) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer
Transactions.write = write
from agents.desk import dead_letters
dead_letters.LETTERS_AT_ONCE = 10
from agents.cli.main import main
main(sys.argv[1:])
"""


def test_a_redrive_that_is_killed_is_taken_up_where_it_stopped(settings: Settings, run: Run) -> None:
    write(settings, [letter(settings, "too_old", b"%d" % n, partition=n % 2, at=n) for n in range(45)])
    variables = {"DUECLOCK_BROKER": settings.broker, "DUECLOCK_TOPIC_PREFIX": settings.topic_prefix}
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, "deadletter", "redrive", "--reason", "too_old", "--yes"],
        cwd=ROOT,
        env=environment(**variables),
        capture_output=True,
        timeout=50,
        check=False,
    )
    assert killed.returncode == -9, killed.stderr
    sent = {record.value for record in read(settings, "buyer-message", count=20)}
    assert len(sent) == 20
    done = run("deadletter", "redrive", "--reason", "too_old", "--yes")
    assert done.out.startswith("25 dead letters sent to where they came from; 20 left out")
    values = [record.value for record in read(settings, "buyer-message", count=45)]
    assert sorted(values) == sorted(b"%d" % n for n in range(45))


def test_many_go_in_several_transactions(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "LETTERS_AT_ONCE", 2)
    some_letters(settings)
    done = asyncio.run(redrive(settings, Choice(), is_again=False, is_dry=False))
    assert [one.id for one in done.sent] == [one.id for one in asyncio.run(read_letters(settings))]


@pytest.mark.timeout(100)
def test_after_the_policies_got_a_calendar_the_record_is_journaled(make_live: MakeLive, tmp_path: Path) -> None:
    live = make_live(reply_within("hours = 24"))
    worker = live.worker()
    home = seller_on(0, live.partitions)
    stranger = Notice("message.received", home, question(home, "q").fields)
    value = json.loads(stranger.value("e1")) | {"marketplace_id": "NEWLAND"}
    live.send_raw([Outgoing("buyer-message", json.dumps(value).encode(), key=f"{home}/NEWLAND".encode())])
    live.wait_until_finished(1)
    assert worker.terminate() == 0
    live.policies_file.write_text(reply_within("hours = 24") + '\n[marketplaces.NEWLAND]\ncalendar = "us"\n')
    assert CALENDAR in live.policies_file.read_text()
    again = live.worker("again")
    again.wait_for("in force", times=live.partitions)
    ended = dueclock(
        "--settings", live.settings_file, "deadletter", "redrive", "--reason", "no_calendar", "--yes", folder=tmp_path
    )
    assert ended.out == "1 dead letters sent to where they came from.\n", ended
    (opened,) = live.wait_for_event("clock.opened", "sla-clock")
    assert opened["marketplace_id"] == "NEWLAND"
    assert again.terminate() == 0
    audited = dueclock("--settings", live.settings_file, "audit", "--json", folder=tmp_path)
    assert audited.status == 0, audited
