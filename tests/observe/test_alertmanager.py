"""Who is told of an alert: by a real Alertmanager, and a real Prometheus before it, to a webhook on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests

from agents.demo.process import free_port
from tests.observe.programs import ALERTMANAGER, Server, alertmanager, program, prometheus, run, wait_until
from tests.observe.shortened import write_alertmanager, write_prometheus
from tests.observe.webhook import Webhook, webhook


class Desk(NamedTuple):
    """An Alertmanager and those it tells."""

    server: Server
    hook: Webhook

    def alarm(self, *alerts: dict[str, str]) -> None:
        """Tell Alertmanager that alerts with these labels fire."""
        body: list[Any] = [{"labels": labels, "annotations": {"summary": "It is tried."}} for labels in alerts]
        requests.post(f"{self.server.url}/api/v2/alerts", json=body, timeout=10).raise_for_status()

    def wait_for(self, count: int) -> None:
        """Wait until this many notifications have come."""
        wait_until(
            lambda: len(self.hook.told) >= count,
            lambda: f"{count} of {self.hook.told}\n{self.server.log()}",
            within_s=20,
        )


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with webhook() as hook, alertmanager(write_alertmanager(tmp_path, hook.port), tmp_path) as server:
        yield Desk(server, hook)


def test_alertmanager_finds_nothing_wrong_with_its_configuration() -> None:
    run(program("amtool"), "check-config", "alertmanager.yml", cwd=ALERTMANAGER)


@pytest.mark.parametrize(("severity", "receiver"), [("critical", "night"), ("warning", "morning"), ("", "morning")])
def test_the_critical_wakes_somebody_and_the_rest_waits_for_the_morning(severity: str, receiver: str) -> None:
    labels = [f"severity={severity}"] if severity else ["alertname=Unknown"]
    said = run(
        program("amtool"), "config", "routes", "test", "--config.file", "alertmanager.yml", *labels, cwd=ALERTMANAGER
    )
    assert said.split()[0] == receiver


def test_a_worker_that_is_gone_is_told_once_to_a_person(desk: Desk, tmp_path: Path) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    folder = tmp_path / "rules"
    folder.mkdir()
    config = write_prometheus(
        folder,
        [nobody],
        alertmanager=desk.server.url.removeprefix("http://"),
        # Until Prometheus has looked for the first time it knows of no worker, which the same alert tells, too.
        limits={' or absent(up{job="dueclock"})': ""},
    )
    with prometheus(config, tmp_path) as server:
        desk.wait_for(1)
        assert server.firing() == {"DueclockWorkerDown"}
        (path, notification), *more = desk.hook.told
        assert more == []
        assert path == "/night"
        (alert,) = notification["alerts"]
        assert alert["labels"]["instance"] == nobody
        assert alert["annotations"]["summary"] == "A worker does not answer."
        assert alert["annotations"]["description"].startswith(f"Worker {nobody} has not answered for a minute.")


def test_breaches_of_one_rule_in_one_marketplace_are_one_notification(desk: Desk) -> None:
    surge = {"alertname": "DueclockBreachSurge", "severity": "critical", "rule": "sfp-refund", "marketplace": "A1"}
    desk.alarm({**surge, "instance": "w1"}, {**surge, "instance": "w2"}, {**surge, "marketplace": "JP"})
    desk.wait_for(2)
    by_marketplace = {told["groupLabels"]["marketplace"]: len(told["alerts"]) for _, told in desk.hook.told}
    assert by_marketplace == {"A1": 2, "JP": 1}
    assert len(desk.hook.told) == 2


def test_the_cause_is_told_and_what_follows_from_it_is_not(desk: Desk) -> None:
    desk.alarm(
        {"alertname": "DueclockTimeStopped", "severity": "critical"},
        {"alertname": "DueclockOverdueUndetected", "severity": "critical", "partition": "1"},
        {"alertname": "DueclockCanarySilent", "severity": "critical"},
        {"alertname": "DueclockFeedSilent", "severity": "warning", "topic": "buyer-message"},
    )
    desk.wait_for(1)
    # Sent last, so told last: had anything before it to be told, it would stand there.
    desk.alarm({"alertname": "DueclockCalendarEnds", "severity": "warning", "calendar": "us"})
    desk.wait_for(2)
    assert desk.hook.alerts() == ["DueclockTimeStopped", "DueclockCalendarEnds"]


def test_an_overdue_clock_of_another_partition_is_told_beside_one_that_is_held_back(desk: Desk) -> None:
    held_back = {"alertname": "DueclockHeldBack", "severity": "critical", "partition": "1", "topic": "buyer-message"}
    overdue = {"alertname": "DueclockOverdueUndetected", "severity": "critical"}
    desk.alarm(held_back, {**overdue, "partition": "1"}, {**overdue, "partition": "2"})
    desk.wait_for(2)
    told = {(a["labels"]["alertname"], a["labels"]["partition"]) for _, one in desk.hook.told for a in one["alerts"]}
    assert told == {("DueclockHeldBack", "1"), ("DueclockOverdueUndetected", "2")}
