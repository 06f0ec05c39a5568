"""Each source is killed (SIGKILL) at each of its steps, on a real broker: nothing is lost, and nothing is doubled.

Before each kill something new has come, so that what a killed run owes is more each time. Afterwards the source is let
run, and a real worker reads what stands in the topics: each thing once, whatever was sent again. `make sources` kills
at every step, `make test` at those around the acknowledgement.
"""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import requests

from schemas.codec import format_instant
from schemas.policies import shipped_policies
from tests.broker.conftest import MakeLive, make_live
from tests.broker.harness import INPUTS, ROOT, Live, wait_until
from tests.sources import test_mailbox_source as mailbox
from tests.sources import test_sp_api as sp_api
from tests.sources import test_sqs as sqs
from tests.sources.fake_api import RETURNS, FakeApi, api
from tests.sources.fake_queue import Queue, moto, queue
from tests.sources.here import sample
from tests.sources.killed import (
    ACKNOWLEDGED,
    BOOKED,
    FETCHED,
    IN_FLIGHT,
    MAPPED,
    NOTED,
    PLACED,
    SENDING,
    TAKEN,
)
from tests.sources.mailbox import STORIES
from tests.sources.queue_messages import report_ready
from tests.sources.samples import LAMP, SELLER, US, changed, tab_file
from tests.sources.test_deliveries import SHIPPO
from tests.sources.test_gateway import Served, evidence
from tests.sources.test_ingest_to_kafka import days_ago
from tests.sources.test_mailbox_source import server

__all__ = ["api", "make_live", "moto", "queue", "server"]
pytestmark = [pytest.mark.broker, pytest.mark.timeout(900 if STORIES >= 300 else 180)]

ACCOUNT = ("--seller", SELLER, "--marketplace", US)
AROUND = (IN_FLIGHT, ACKNOWLEDGED, PLACED)
IS_WHOLE = STORIES >= 300
REPORT_STEPS = (FETCHED, MAPPED, SENDING, IN_FLIGHT, ACKNOWLEDGED, NOTED, BOOKED)


def run(live: Live, arguments: Sequence[str | Path], step: str = "") -> subprocess.CompletedProcess[bytes]:
    """The command as a process; killed at this step, if one is named."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DUECLOCK_")}
    environ |= {"PYTHONPATH": str(ROOT), "DUECLOCK_TEST_KILL": f"{step}:1"}
    module = "tests.sources.killed" if step else "agents"
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=live.folder, env=environ, capture_output=True, check=False, timeout=60,
    )  # fmt: skip


def kill_at_each_step(
    live: Live, arguments: Sequence[str | Path], steps: Sequence[str], something_comes: Callable[[int], None]
) -> int:
    """Let something come and kill the source, step by step, then let it end; how many things have come."""
    steps = steps if IS_WHOLE else [step for step in steps if step in AROUND]
    for number, step in enumerate(steps, start=1):
        something_comes(number)
        ended = run(live, arguments, step)
        assert ended.returncode == -signal.SIGKILL, f"{step}: {ended.stderr.decode()}"
    last = len(steps) + 1
    something_comes(last)
    ended = run(live, arguments)
    assert ended.returncode == 0, ended.stderr.decode()
    return last


def prove(live: Live, types: dict[str, int], opened: dict[str, int]) -> None:
    """Each notification is there, some more than once and then byte by byte; the worker's clocks know them once."""
    records = [json.loads(record.value) for record in live.read(*INPUTS)]
    values = {json.dumps(one, sort_keys=True) for one in records}
    assert len({one["event_id"] for one in records}) == len(values), "one name for two facts"
    assert Counter(json.loads(one)["type"] for one in values) == types
    assert len(records) > len(values), "no kill came between acknowledgement and note: nothing was proved"
    live.worker()
    live.wait_until_finished(len(records))
    told = live.told()
    told.prove()
    assert told.dead_letters == []
    assert Counter(event["rule"] for event in told.events("clock.opened")) == opened
    assert told.events("clock.retracted") == []


def test_a_mailbox_that_is_killed_loses_and_doubles_nothing(make_live: MakeLive, server: mailbox.Server) -> None:
    live = make_live(shipped_policies())
    steps = (FETCHED, MAPPED, SENDING, IN_FLIGHT, ACKNOWLEDGED, NOTED, PLACED)
    arguments = mailbox.arguments(live, server, "--once", "--copies")
    come = kill_at_each_step(live, arguments, steps, lambda number: server.put(mailbox.question(number)))
    prove(live, {"message.received": come}, {"buyer-message-reply": come})


def rows(count: int) -> bytes:
    """A report that has grown to so many returns, each received and not refunded."""
    said = {"Return_request_date": days_ago(9), "Return_delivery_date": days_ago(1), "Is_prime": "N"}
    lines = (
        changed(LAMP, Order_ID=order(n), Amazon_RMA_ID=f"D{n}RRMA", Tracking_ID=f"9400{n:018}", **said)
        for n in range(1, count + 1)
    )
    return tab_file(lines).encode()


def order(number: int) -> str:
    return f"111-{number:07}-{number:07}"


def of_returns(come: int) -> dict[str, int]:
    return dict.fromkeys(("return.requested", "return.approved", "return.received"), come)


OPENED = ("mfn-refund", "return-response")


def test_a_file_whose_reading_is_killed_loses_and_doubles_nothing(make_live: MakeLive) -> None:
    live = make_live(shipped_policies())
    arguments = ("--settings", live.settings_file, "ingest", "returns-report", "returns.txt", *ACCOUNT)

    def more(number: int) -> None:
        (live.folder / "returns.txt").write_bytes(rows(number))

    come = kill_at_each_step(live, arguments, REPORT_STEPS, more)
    prove(live, of_returns(come), dict.fromkeys(OPENED, come))


def test_a_reading_of_the_api_that_is_killed_loses_and_doubles_nothing(make_live: MakeLive, api: FakeApi) -> None:
    live = make_live(shipped_policies())
    api.posted = []

    def more(number: int) -> None:
        api.documents[RETURNS] = gzip.compress(rows(number))

    come = kill_at_each_step(live, sp_api.arguments(live, api), REPORT_STEPS, more)
    prove(live, {**of_returns(come), "account.metrics_reported": 1}, dict.fromkeys(OPENED, come))


def test_a_queue_whose_reading_is_killed_loses_and_doubles_nothing(
    make_live: MakeLive, queue: Queue, api: FakeApi
) -> None:
    live = make_live(shipped_policies())
    api.posted = []

    def more(number: int) -> None:
        wait_until(lambda: queue.left()[1] == 0, lambda: f"the hidden messages: {queue.left()}", within_s=10)
        api.documents[RETURNS] = gzip.compress(rows(number))
        queue.put(report_ready(RETURNS, number))

    steps = (TAKEN, *REPORT_STEPS, PLACED)
    come = kill_at_each_step(live, sqs.arguments(live, queue, api, "--once", "--hide-for", "1s"), steps, more)
    prove(live, of_returns(come), dict.fromkeys(OPENED, come))
    assert queue.left() == (0, 0)


def test_a_gateway_that_is_killed_has_promised_nothing_that_is_not_there(make_live: MakeLive) -> None:
    live = make_live(shipped_policies())
    claims = [
        evidence(str(number), type="claim.opened", kind="a_to_z", order_id=order(number + 1)) for number in range(6)
    ]
    promised: list[str] = []
    for number, step in enumerate((FETCHED, MAPPED, SENDING, IN_FLIGHT, ACKNOWLEDGED)):
        served = Served(live.folder, live.settings_file, kill=f"{step}:2")
        try:
            answered = served.post(claims[number])  # at first, what the one before had not answered
            assert answered.status_code == 202, answered.text
            promised += answered.json()["accepted"]
            with pytest.raises(requests.ConnectionError):
                served.post(claims[number + 1])
            assert served.process.wait(10) == -signal.SIGKILL
        finally:
            served.close()
    served = Served(live.folder, live.settings_file)
    try:
        promised += served.post(claims[-1]).json()["accepted"]
    finally:
        served.close()
    assert promised == [claim["event_id"] for claim in claims]
    prove(live, {"claim.opened": len(claims)}, {"a-to-z-evidence": len(claims)})


def test_a_delivery_that_waits_survives_the_gateway(make_live: MakeLive) -> None:
    live = make_live(shipped_policies())
    yesterday = format_instant(int(time.time() * 1000) - 86_400_000)
    delivered = json.loads(json.dumps(SHIPPO).replace("2026-10-16T17:05:00Z", yesterday))
    delivered["data"]["tracking_number"] = f"9400{1:018}"
    served = Served(live.folder, live.settings_file, kill=f"{BOOKED}:1")
    with pytest.raises(requests.ConnectionError):
        served.hook("shippo", delivered)
    served.close()
    (live.folder / "returns.txt").write_bytes(rows(1).replace(days_ago(1).encode(), b" "))
    ended = run(live, ("--settings", live.settings_file, "ingest", "returns-report", "returns.txt", *ACCOUNT))
    assert ended.returncode == 0, ended.stderr.decode()
    served = Served(live.folder, live.settings_file, kill=f"{ACKNOWLEDGED}:1")
    assert served.process.wait(20) == -signal.SIGKILL
    served.close()
    served = Served(live.folder, live.settings_file)
    try:
        wait_until(lambda: sample(f"{served.url}/metrics", "sla_gateway_parked") == 0, served.log, within_s=30)
    finally:
        served.close()
    prove(live, of_returns(1), dict.fromkeys(OPENED, 1))
