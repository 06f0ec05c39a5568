"""Journal time on a real broker: nothing breaches that was answered while nobody was looking."""

from __future__ import annotations

import json
import time

import pytest

from tests.broker.conftest import MakeLive
from tests.broker.harness import CALENDAR, Notice, answer, instant, question, seller_on, wait_until

pytestmark = [pytest.mark.broker]

TWO_RULES = f"""{CALENDAR}
[[rules.buyer-message-reply]]
version = 1
effective_from = 2015-01-01T00:00:00Z
target = {{ seconds = 4 }}
obligor = "seller"
on_due = "clock.breached"
consequences = []
escalate_before = []
escalate_after = []
applies_to = "new"

[[rules.return-response]]
version = 1
effective_from = 2015-01-01T00:00:00Z
target = {{ seconds = 4 }}
obligor = "seller"
on_due = "clock.breached"
consequences = []
escalate_before = []
escalate_after = []
applies_to = "new"
"""


def requested(seller: str, number: int) -> Notice:
    """A buyer asks for a return."""
    fields = {"return_id": f"R-{number}", "order_id": f"111-0000000-{number:07d}", "program": "mfn"}
    return Notice("return.requested", seller, fields)


def refunded(seller: str, number: int) -> Notice:
    """The seller refunds that return: told on another topic than the request."""
    fields = {
        "refund_id": f"F-{number}",
        "return_id": f"R-{number}",
        "order_id": f"111-0000000-{number:07d}",
        "issued_by": "seller",
        "amount": "1.00",
        "currency": "USD",
    }
    return Notice("refund.issued", seller, fields)


def test_an_outage_breaches_nothing_that_was_answered_in_the_backlog(make_live: MakeLive) -> None:
    """Targets of four seconds stand for two hours: the worker is away from question to long after due."""
    live = make_live(TWO_RULES)
    sellers = [seller_on(partition, live.partitions) for partition in range(live.partitions)]
    first = live.worker()
    live.send([question(seller, f"known-{n}") for seller in sellers for n in range(20)])
    live.send([requested(seller, n) for seller in sellers for n in range(20)])
    live.wait_for_event("clock.opened", "sla-clock", times=80)
    first.kill()

    live.send([question(seller, f"new-{n}") for seller in sellers for n in range(200)])
    live.send([refunded(seller, n) for seller in sellers for n in range(20)])
    live.send([answer(seller, f"known-{n}") for seller in sellers for n in range(20)])
    live.send([answer(seller, f"new-{n}") for seller in sellers for n in range(200)])
    live.send([question(sellers[0], "forgotten")])
    long_after_due = time.time() + 8
    wait_until(lambda: time.time() > long_after_due, lambda: "the end of the outage", within_s=10)

    second = live.worker()
    (breach,) = live.wait_for_event("clock.breached", "sla-breach")
    assert second.terminate() == 0
    told = live.told()
    told.prove()
    assert breach["subject"] == "T-forgotten/M-forgotten"
    assert len(told.events("clock.breached")) == 1
    assert len(told.events("clock.met")) == 480
    assert told.events("clock.retracted") == []


def test_a_worker_frozen_over_the_due_time_breaches_nothing_that_was_answered(make_live: MakeLive) -> None:
    """When it goes on, an old fetch answer is in its socket: it must not take it for news of now."""
    import signal

    live = make_live(TWO_RULES, session_timeout_s=30.0)
    worker = live.worker()
    seller = seller_on(0, live.partitions)
    for round_ in range(2):
        opened = len(live.told().events("clock.opened"))
        live.send([question(seller, f"q-{round_}-{n}") for n in range(5)])
        live.wait_for_event("clock.opened", "sla-clock", times=opened + 5)
        worker.signal(signal.SIGSTOP)
        asked = time.time()
        live.send([answer(seller, f"q-{round_}-{n}") for n in range(5)])
        wait_until(lambda asked=asked: time.time() > asked + 5, lambda: "due time", within_s=10)  # type: ignore[misc]  # the default binds the round's value
        worker.signal(signal.SIGCONT)
        live.wait_for_event("clock.met", "sla-clock", times=5 * (round_ + 1))
    assert worker.terminate() == 0
    told = live.told()
    told.prove()
    assert told.events("clock.breached") == []


def test_journal_time_never_runs_ahead_of_the_broker(make_live: MakeLive) -> None:
    live = make_live(TWO_RULES)
    worker = live.worker()
    seller = seller_on(0, live.partitions)
    for number in range(20):
        live.send([question(seller, f"q{number}"), answer(seller, f"q{number}")])
    live.wait_until_finished(40)
    assert worker.terminate() == 0
    told = live.told()
    stamps = {f"{r.topic}/{r.partition}/{r.offset}": r.timestamp for r in told.inputs}
    for record in told.journal:
        origin = dict(record.headers).get("origin")
        if origin is not None:
            assert record.timestamp <= stamps[origin.decode()], json.loads(record.value)
    assert instant(told.journal[-1].timestamp) <= instant()
