"""Webhooks from a real broker to a real receiver: each event at least once, in order for each clock, whatever dies."""

from __future__ import annotations

import base64
import os
import signal
from collections.abc import Iterable
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks import Webhook

from agents.delivering.matching import matches
from agents.subscriptions import Webhook as Delivery
from tests.broker.harness import wait_until
from tests.delivering.deliverer import Installation, in_order, once, table
from tests.delivering.receiver import Got, Receiver

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

ALL = [
    "clock.opened", "clock.escalated", "clock.met", "clock.closed_late", "clock.superseded", "clock.exempt",
    "clock.breached", "clock.lapsed", "clock.reminder_due", "clock.expired", "policy.violation",
]  # fmt: skip
CASES = (
    "02-weekend-breach-late-refund",
    "57-breach-taken-back-and-forth",
    "13-thread-of-three",
    "31-stalled-case",
    "56-earlier-start-on-a-breached-clock",
)
SECRET = "whsec_" + base64.b64encode(b"a key of four and twenty").decode()


def wanted(events: Iterable[dict[str, Any]], **choice: Any) -> list[dict[str, Any]]:
    """The events that a delivery with this choice is about."""
    delivery = Delivery(name="x", url="http://x", **choice)
    return [event for event in events if matches(delivery, event)]


def wait_for(hook: Receiver, events: list[dict[str, Any]], path: str = "/hook", *, within_s: float = 40.0) -> None:
    """Wait until all of these have been taken."""
    names = {event["output_id"] for event in events}
    wait_until(
        lambda: names <= {event["output_id"] for event in hook.events(path)},
        lambda: f"{len(names)} events, there are {len(once(hook.events(path)))}",
        within_s=within_s,
    )


def test_every_event_comes_once_in_order_and_signed(installation: Installation, hook: Receiver) -> None:
    secret = installation.secret("secret", SECRET)
    installation.configure(table("all", "webhook", url=hook.url(), secret_file=secret, types=ALL, start="earliest"))
    events = wanted(installation.tell(*CASES), types=ALL)
    deliverer = installation.deliver()
    wait_for(hook, events)
    assert deliverer.stop() == 0, deliverer.log()
    came = hook.events()
    assert sorted(event["output_id"] for event in came) == sorted(event["output_id"] for event in events)
    assert in_order(came) == in_order(events)
    assert max(map(len, in_order(came).values())) >= 6, "a clock with events on three topics"
    for got in hook.got:
        Webhook(SECRET).verify(got.body, got.headers)  # the library of Standard Webhooks, not ours
        assert got.headers["webhook-id"] == got.event["output_id"]
        assert (got.json["type"], got.json["timestamp"]) == (got.event["type"], got.event["decided_at"])
    installation.deliver()  # what was committed is not sent again
    extra = installation.tell("12b-marked-after-breach")
    wait_for(hook, wanted(extra, types=ALL))
    assert len(hook.events()) == len(once(hook.events()))


def test_kill_9_between_send_and_commit_loses_nothing_and_repeats_by_the_same_key(
    installation: Installation, hook: Receiver
) -> None:
    installation.configure(table("all", "webhook", url=hook.url(), types=ALL, start="earliest"))
    events = wanted(installation.tell(*CASES), types=ALL)
    victims: list[int] = []

    def kill(got: Got) -> None:
        os.kill(victims.pop(), signal.SIGKILL)

    first = installation.deliver(is_ready=False)
    victims.append(first.process.pid)
    taken = len(events) // 3
    hook.after = lambda got: kill(got) if victims and len(hook.taken) >= taken else None
    first.process.wait(40)  # killed when its send was acknowledged and not yet committed
    assert first.process.returncode == -signal.SIGKILL, first.log()

    def unanswered(got: Got) -> web.Response:
        if victims and len(hook.taken) >= 2 * taken:
            kill(got)  # the target has it, and the answer never arrives
        return web.Response(status=204)

    hook.after, hook.answer = lambda _: None, unanswered
    second = installation.deliver(is_ready=False)
    victims.append(second.process.pid)
    second.process.wait(60)
    assert second.process.returncode == -signal.SIGKILL, second.log()
    installation.deliver(is_ready=False)
    wait_for(hook, events)
    came = hook.events()
    assert len(came) > len(events), "nothing was repeated: no kill fell between a send and its commit"
    assert in_order(once(came)) == in_order(events)
    by_key = {
        got.headers["webhook-id"]: {
            one.body for one in hook.taken if one.headers["webhook-id"] == got.headers["webhook-id"]
        }
        for got in hook.taken
    }
    assert all(len(bodies) == 1 for bodies in by_key.values())
