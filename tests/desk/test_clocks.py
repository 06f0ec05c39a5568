"""`dueclock clocks`: the same answer from the changelog and from a worker, whose door is closed without a token."""

from __future__ import annotations

import csv
import io
import json
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from agents.demo.process import free_port
from agents.desk.clocks_report import countdown
from schemas.answers.operations import ListedClock
from tests.broker.conftest import MakeLive, make_live
from tests.broker.harness import answer, instant, question, reply_within, seller_on
from tests.cli.command import Ended, dueclock, sentence_of

__all__ = ["make_live"]

TOKEN = "a-token-of-the-tests"
HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("left_ms", "said"),
    [
        (0, "0 s"),
        (59_999, "59 s"),
        (61_000, "1 min 1 s"),
        (HOUR_MS + 60_000, "1 h 1 min"),
        (49 * HOUR_MS, "2 d 1 h"),
        (-90 * 60_000, "-1 h 30 min"),
    ],
)
def test_a_countdown_has_two_units(left_ms: int, said: str) -> None:
    assert countdown(left_ms) == said


@pytest.mark.broker
@pytest.mark.timeout(100)
def test_the_changelog_and_a_worker_give_the_same_answer(make_live: MakeLive, tmp_path: Path) -> None:
    port = free_port()
    live = make_live(reply_within("hours = 24"), metrics_port=port, clocks_token=TOKEN)
    worker = live.worker()
    sellers = [seller_on(partition, live.partitions) for partition in range(live.partitions)]
    live.send([question(seller, f"q{n}") for n in range(6) for seller in sellers])
    live.send([answer(seller, "q0") for seller in sellers])
    live.wait_until_finished(14)
    url = f"http://127.0.0.1:{port}"

    def asked(*arguments: str, token: str = TOKEN) -> Ended:
        words = ("--settings", str(live.settings_file), "clocks", *arguments)
        return dueclock(*words, folder=tmp_path, variables={"DUECLOCK_CLOCKS_TOKEN": token})

    live.wait_for_event("clock.met", "sla-clock", times=2)
    from_broker, from_worker = asked("--json"), asked("--json", "--worker", url)
    assert from_broker.status == 0, from_broker
    assert from_worker.out == from_broker.out, from_worker
    clocks = [json.loads(line) for line in from_broker.out.splitlines()]
    assert len(clocks) == 10
    assert {one["state"] for one in clocks} == {"open"}
    assert [one["due_at"] for one in clocks] == sorted(one["due_at"] for one in clocks)

    few = ("--seller", sellers[0], "--limit", "2")
    assert asked(*few, "--json", "--worker", url).out == asked(*few, "--json").out
    table = asked(*few)
    assert "2 clocks or more" in table.out
    assert "buyer-message-reply" in table.out
    rows = list(csv.DictReader(io.StringIO(asked("--csv", "--worker", url).out)))
    assert tuple(rows[0]) == ListedClock.__struct_fields__
    assert [row["clock_id"] for row in rows] == [one["clock_id"] for one in clocks]
    assert asked("--due-within", "0s", "--json").out == ""

    long_ago = instant(int(time.time() * 1000) - 25 * HOUR_MS)
    live.send([question(seller, f"late{n}", occurred_at=long_ago) for n in range(5) for seller in sellers])
    live.wait_for_event("clock.breached", "sla-breach", times=10, within_s=40)
    breached = asked("--breached", "--json", "--worker", url)
    assert breached.out == asked("--breached", "--json").out
    assert {json.loads(line)["state"] for line in breached.out.splitlines()} == {"breached"}

    assert "another token" in sentence_of(asked("--worker", url, token="b" * 16))
    assert "only with its token" in sentence_of(asked("--worker", url, token=""))
    none = urllib.request.Request(f"{url}/clocks?limit=0", headers={"Authorization": f"Bearer {TOKEN}"})
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(none, timeout=5)
    assert worker.terminate() == 0
    assert "No worker answers at" in sentence_of(asked("--worker", url))


@pytest.mark.broker
def test_without_a_token_a_worker_shows_no_clocks(make_live: MakeLive, tmp_path: Path) -> None:
    port = free_port()
    live = make_live(reply_within("hours = 24"), metrics_port=port)
    live.worker()
    ended = dueclock(
        "clocks",
        "--worker",
        f"http://127.0.0.1:{port}",
        folder=tmp_path,
        variables={"DUECLOCK_CLOCKS_TOKEN": TOKEN},
    )
    assert "does not show its clocks" in sentence_of(ended)


@pytest.mark.broker
def test_the_token_of_the_file_opens_the_clocks_too(make_live: MakeLive, tmp_path: Path) -> None:
    port, file = free_port(), tmp_path / "http-token"
    file.write_text(f"{TOKEN}\n")
    live = make_live(reply_within("hours = 24"), metrics_port=port, http_token_file=str(file))
    live.worker()
    live.send([question(seller_on(0, live.partitions), "q")])
    live.wait_for_event("clock.opened", "sla-clock")
    ended = dueclock(
        *("clocks", "--json", "--worker", f"http://127.0.0.1:{port}"),
        folder=tmp_path,
        variables={"DUECLOCK_HTTP_TOKEN_FILE": str(file)},
    )
    assert json.loads(ended.out)["state"] == "open", ended


def test_a_short_token_is_refused(tmp_path: Path) -> None:
    ended = dueclock("clocks", folder=tmp_path, variables={"DUECLOCK_CLOCKS_TOKEN": "short"})
    assert "at least 16 characters" in sentence_of(ended)
