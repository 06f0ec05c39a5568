"""Targets that are away, slow, busy or wrong: their own queue waits, nobody else's."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from aiohttp import web

from agents.demo.process import free_port
from deploy.embedded import EmbeddedKafka
from tests.broker.harness import wait_until
from tests.cli.command import sentence_of
from tests.delivering.deliverer import Installation, in_order, once, table
from tests.delivering.receiver import Got, Receiver
from tests.delivering.test_webhook import ALL, CASES, wait_for, wanted
from tests.sources.here import dueclock_here, sample

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

HOUR_TRIES = 100
"""With the defaults a target is tried some thirty times in an hour: after the first ten tries every two and a half
minutes on average. Here it is thrice as often in vain, with waits of milliseconds by its settings."""


def metric(port: int, series: str) -> float | None:
    return sample(f"http://127.0.0.1:{port}/metrics", series)


def test_a_target_that_fails_for_an_hour_parks_its_own_queue_and_nobody_elses(
    installation: Installation, hook: Receiver
) -> None:
    port = free_port()
    installation.configure(
        table("dead", "webhook", url=hook.url("/dead"), types=ALL, start="earliest", retry_first_ms=1, retry_most_ms=5),
        table("well", "webhook", url=hook.url("/well"), types=ALL, start="earliest"),
        metrics_port=port,
    )
    is_hour_over = False

    def answer(got: Got) -> web.Response:
        return web.Response(status=500 if got.path == "/dead" and not is_hour_over else 204)

    hook.answer = answer
    events = wanted(installation.tell(*CASES), types=ALL)
    deliverer = installation.deliver()
    wait_for(hook, events, "/well")

    def tries() -> list[Got]:
        return [got for got in hook.got if got.path == "/dead"]

    wait_until(lambda: len(tries()) >= HOUR_TRIES, lambda: f"{HOUR_TRIES} tries, there are {len(tries())}", within_s=60)
    assert {got.headers["webhook-id"] for got in tries()} == {tries()[0].headers["webhook-id"]}, "the first one blocks"
    assert hook.at("/dead") == []
    assert metric(port, 'sla_deliver_parked{delivery="dead"}') == 1
    assert metric(port, 'sla_deliver_parked{delivery="well"}') == 0
    assert (metric(port, 'sla_deliver_lag_seconds{delivery="dead"}') or 0) > 0
    assert metric(port, 'sla_deliver_lag_seconds{delivery="well"}') == 0
    assert (metric(port, 'sla_deliver_failed_total{delivery="dead",why="broken"}') or 0) >= HOUR_TRIES - 1
    assert deliverer.log().count("parked") == 1, "said once, not with every try"
    is_hour_over = True
    wait_for(hook, events, "/dead")
    assert in_order(once(hook.events("/dead"))) == in_order(events)
    wait_until(
        lambda: (
            metric(port, 'sla_deliver_lag_records{delivery="dead"}') == 0
            and metric(port, 'sla_deliver_parked{delivery="dead"}') == 0
            and metric(port, 'sla_deliver_sent_total{delivery="dead"}') == len(events)
        ),
        lambda: "nothing waits any more, nothing parked",
        within_s=20,
    )


def test_a_queue_that_was_parked_is_taken_up_by_the_next_process(installation: Installation, hook: Receiver) -> None:
    installation.configure(table("dead", "webhook", url=hook.url(), types=ALL, start="earliest"))
    hook.answer = lambda got: web.Response(status=500)
    events = wanted(installation.tell(*CASES[:2]), types=ALL)
    deliverer = installation.deliver()
    deliverer.wait_for("parked")
    assert deliverer.stop() == 0
    hook.answer = lambda got: web.Response(status=204)
    installation.deliver()
    wait_for(hook, events)
    assert in_order(hook.events()) == in_order(events)


def test_what_a_busy_target_asks_for_is_waited_for(installation: Installation, hook: Receiver) -> None:
    installation.configure(table("busy", "webhook", url=hook.url(), types=ALL, start="earliest", retry_most_ms=30))
    at: list[float] = []

    def answer(got: Got) -> web.Response:
        at.append(time.monotonic())
        return web.Response(status=204) if len(at) > 1 else web.Response(status=429, headers={"Retry-After": "2"})

    hook.answer = answer
    events = wanted(installation.tell(CASES[0]), types=ALL)
    installation.deliver()
    wait_for(hook, events)
    assert at[1] - at[0] >= 2.0, "it asked to be left alone for two seconds"


def test_redirects_hanging_answers_and_closed_doors_are_no_acknowledgement(
    installation: Installation, hook: Receiver
) -> None:
    port = free_port()
    installation.configure(
        table("moved", "webhook", url=hook.url("/moved"), start="earliest"),
        table("hangs", "webhook", url=hook.url("/hangs"), start="earliest", timeout_ms=150),
        table("closed", "webhook", url=f"http://127.0.0.1:{free_port()}/x", start="earliest"),
        metrics_port=port,
    )

    async def answer(got: Got) -> web.Response:
        if got.path == "/hangs":
            await asyncio.sleep(30)
        return web.Response(status=307, headers={"Location": hook.url("/elsewhere")})

    hook.answer = answer
    installation.tell(CASES[0])
    installation.deliver()
    wanted_series = [
        f'sla_deliver_failed_total{{delivery="{name}",why="{why}"}}'
        for name, why in (("moved", "refused"), ("hangs", "timeout"), ("closed", "no_answer"))
    ]

    def missing() -> list[str]:
        return [series for series in wanted_series if (metric(port, series) or 0) < 2]

    wait_until(lambda: not missing(), lambda: str(missing()), within_s=20)
    assert hook.taken == []


def test_an_event_that_is_never_taken_is_skipped_by_an_operators_word(
    installation: Installation, hook: Receiver
) -> None:
    installation.configure(table("all", "webhook", url=hook.url(), types=ALL, start="earliest"))
    events = wanted(installation.tell(CASES[0]), types=ALL)
    poison = events[1]["output_id"]
    hook.answer = lambda got: web.Response(status=400 if got.headers["webhook-id"] == poison else 204)
    deliverer = installation.deliver()
    deliverer.wait_for("parked")
    assert deliverer.stop() == 0
    second = installation.deliver("--skip", poison)
    wait_for(hook, [event for event in events if event["output_id"] != poison])
    assert f"skipped {poison}, as was said" in second.log()


def test_a_new_delivery_begins_now_and_from_then_on_passes_nothing_over(
    installation: Installation, hook: Receiver
) -> None:
    installation.configure(table("new", "webhook", url=hook.url(), types=ALL))
    installation.tell(CASES[0])
    first = installation.deliver()
    assert first.stop() == 0
    events = wanted(installation.tell(CASES[2]), types=ALL)  # while nobody runs
    installation.deliver()
    wait_for(hook, events)
    assert {event["output_id"] for event in hook.events()} == {event["output_id"] for event in events}


def test_two_processes_share_the_partitions_and_each_event_comes(installation: Installation, hook: Receiver) -> None:
    installation.configure(table("all", "webhook", url=hook.url(), types=ALL, start="earliest"))
    first = installation.deliver()
    second = installation.deliver()
    first.wait_for("has partitions", times=2)  # the rebalance that the second one brought
    events = wanted(installation.tell(*CASES), types=ALL)
    wait_for(hook, events)
    assert in_order(once(hook.events())) == in_order(events)
    logs = [first.log(), second.log()]
    assert {log.strip().rsplit("partitions ", 1)[1] for log in logs} == {"[0]", "[1]"}


def test_what_is_wrong_with_a_delivery_is_said_in_one_sentence(installation: Installation, tmp_path: Path) -> None:
    said = {
        table("a", "webhook"): "needs `url` or `url_file`, and one alone",
        table("a", "webhook", url="http://x", types=["clock.broken"]): "names the type 'clock.broken'",
        table("a", "webhook", url="http://x", rules=["no-rule"]): "names the rule 'no-rule'",
        table("a", "fax", url="http://x"): "nvalid value 'fax' (table 1, `to`)",
        table("a", "webhook", url="http://x", urgent=True): "unknown field `urgent` (table 1)",
        table("a", "webhook", url="http://x") * 2: "two deliveries have the name 'a'",
        table("a", "slack", url_file="nowhere"): "The file nowhere (`url_file` of the delivery 'a') is of no use",
        table("a", "pagerduty", routing_key_file="x", url="http://pager.example"): "must begin with https://",
        "": "The settings name no delivery",
    }
    for tables, words in said.items():
        installation.configure(tables)
        ended = dueclock_here("--settings", installation.settings_file, "deliver", folder=tmp_path)
        assert words in sentence_of(ended)
        assert ended.status == 2
    installation.configure(table("a", "webhook", url="http://x"))
    ended = dueclock_here("--settings", installation.settings_file, "deliver", "--only", "b", folder=tmp_path)
    assert sentence_of(ended) == "There is no delivery 'b' in the settings; there are a."


def test_a_broker_that_goes_away_and_comes_back_is_waited_for(
    own_kafka: EmbeddedKafka, kafka_prefix: str, tmp_path: Path, hook: Receiver
) -> None:
    installation = Installation(own_kafka.bootstrap, kafka_prefix, tmp_path)
    installation.configure(table("all", "webhook", url=hook.url(), types=ALL, start="earliest"))
    try:
        events = wanted(installation.tell(CASES[0]), types=ALL)
        deliverer = installation.deliver()
        wait_for(hook, events)
        own_kafka.restart()
        more = wanted(installation.tell(CASES[2]), types=ALL)
        wait_for(hook, more)
        assert in_order(once(hook.events())) == in_order([*events, *more])
        assert deliverer.stop() == 0, deliverer.log()
    finally:
        installation.close()
