"""Starting, starting again, other policies, a journal that does not fit, a broker that goes away, and health."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from agents.demo.process import free_port
from deploy.embedded import EmbeddedKafka
from schemas.policies import load_policies
from tests.broker.conftest import MakeLive
from tests.broker.harness import Live, answer, question, reply_within, seller_on, wait_until
from tests.kafka_fixtures import Outgoing

pytestmark = [pytest.mark.broker]

ONE_RULE_MORE = """
[[rules.return-response]]
version = 1
effective_from = 2015-01-01T00:00:00Z
target = { hours = 48 }
escalate_before = []
escalate_after = []
obligor = "seller"
on_due = "clock.breached"
consequences = []
applies_to = "new"
"""


def test_other_policies_come_in_through_the_journal_before_anything_else(make_live: MakeLive) -> None:
    live = make_live(reply_within("hours = 24"))
    first = live.worker()
    first.wait_for("in force", times=2)
    assert first.terminate() == 0
    live.policies_file.write_text(reply_within("hours = 24") + ONE_RULE_MORE)
    live.send([question(seller_on(0, live.partitions), "q")])
    worker = live.worker()
    live.wait_until_finished(1)
    assert worker.terminate() == 0
    told = live.told()
    told.prove()
    said = [json.loads(record.value) for record in told.journal if record.partition == 0]
    assert [line["type"] for line in said] == ["policy.activated", "policy.activated", "message.received"]
    assert said[1]["digest"] == load_policies(live.policies_file.read_text()).digest
    (opened,) = [record for record in told.outputs if b"clock.opened" in record.value]
    assert dict(opened.headers)["policy"] == said[1]["digest"][:12].encode()


def test_policies_that_may_not_follow_those_in_force_end_the_worker_with_status_2(make_live: MakeLive) -> None:
    live = make_live(reply_within("hours = 24"))
    first = live.worker()
    first.wait_for("in force", times=2)
    assert first.terminate() == 0
    live.policies_file.write_text(reply_within("hours = 12"))
    worker = live.worker(is_ready=False)
    assert worker.wait_for_end() == 2
    assert "may not follow the one in force" in worker.log().strip().splitlines()[-1]
    assert "Traceback" not in worker.log()


def test_a_worker_says_what_differs_of_topics_that_it_can_live_with(make_live: MakeLive) -> None:
    live = make_live()
    asyncio.run(live.alter_topic("sla-clock", {"retention.ms": "3600000"}))
    worker = live.worker()
    topic = live.settings.topic("sla-clock")
    (line,) = [line for line in worker.log().splitlines() if "WARNING" in line and topic in line]
    assert f"The topic {topic} has retention.ms=3600000 where 34560000000 is needed" in line
    assert worker.terminate() == 0


def test_a_journal_with_a_line_too_many_is_never_run_over(make_live: MakeLive) -> None:
    live = make_live()
    first = live.worker()
    first.wait_for("in force", times=2)
    assert first.terminate() == 0
    stray = Outgoing("sla-journal", b"{}", key=b"k", partition=1, headers=(("line", b"2"),))
    live.send_raw([stray])
    worker = live.worker(is_ready=False)
    assert worker.wait_for_end() == 1
    last = worker.log().strip().splitlines()[-1]
    assert "Partition 1: the state rows stand at line 1" in last
    assert "journal ends with line 2" in last
    assert "Traceback" not in worker.log()


def test_health_and_metrics_tell_what_the_worker_does(make_live: MakeLive) -> None:
    port = free_port()
    live = make_live(reply_within("hours = 24"), metrics_port=port)
    worker = live.worker()

    def get(path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answered:
                return answered.status, answered.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""

    assert get("/healthz")[0] == 200
    wait_until(lambda: get("/readyz")[0] == 200, lambda: "readiness", within_s=10)
    live.send([question(seller_on(0, live.partitions), f"q{n}") for n in range(7)])
    wanted = [
        'sla_notifications_total{topic="buyer-message",type="message.received"} 7.0',
        'sla_events_total{marketplace="ATVPDKIKX0DER",rule="buyer-message-reply",type="clock.opened"} 7.0',
        'sla_clocks_open{marketplace="ATVPDKIKX0DER",rule="buyer-message-reply"} 7.0',
        'sla_clocks_due{rule="buyer-message-reply",within="24h"} 7.0',
        "sla_partitions_owned 2.0",
    ]
    wait_until(
        lambda: all(line in get("/metrics")[1] for line in wanted), lambda: get("/metrics")[1][-4000:], within_s=15
    )
    other = live.worker("other", is_ready=False)
    assert other.wait_for_end() == 1
    assert "choose a free port" in other.log().strip().splitlines()[-1]
    assert worker.terminate() == 0


@pytest.mark.timeout(120)
def test_a_worker_waits_for_a_broker_that_was_killed(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    live = Live(own_kafka.bootstrap, "b-", tmp_path, reply_within("hours = 24"))
    try:
        worker = live.worker()
        seller = seller_on(0, live.partitions)
        live.send([question(seller, f"q{n}") for n in range(500)])
        live.wait_until_finished(100)
        own_kafka.kill()
        worker.wait_for("no answer from the broker")
        own_kafka.start()
        live.send([answer(seller, f"q{n}") for n in range(500)])
        live.wait_until_finished(1000, within_s=60)
        assert worker.terminate() == 0
        assert worker.log().count("\n") < 200, "thousands of lines while the broker was away"
        told = live.told()
        told.prove()
        assert len(told.events("clock.met")) == 500
    finally:
        live.close()
