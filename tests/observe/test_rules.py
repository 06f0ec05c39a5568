"""The rules of Prometheus: they load, each alert fires when it should and not otherwise, and the runbook knows it."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.metrics.names import METRIC_BY_NAME
from tests.observe.programs import PROMETHEUS, ROOT, program, run

CASES = sorted((Path(__file__).parent / "promtool").glob("*.yml"))
NAMED_IN_EXPRESSIONS = re.compile(r"(?<![\w:])sla_[a-z0-9_]+(?![\w:])")


def rules(file: str) -> list[dict[str, Any]]:
    loaded = yaml.safe_load((PROMETHEUS / file).read_text())
    return [rule for group in loaded["groups"] for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in rules("alerts.yml")}
ASKED_FOR = {
    "worker down": "DueclockWorkerDown",
    "no partition owner": "DueclockPartitionUnowned",
    "time lag": "DueclockTimeStopped",
    "held back": "DueclockHeldBack",
    "undetected overdue": "DueclockOverdueUndetected",
    "silent feed": "DueclockFeedSilent",
    "lost input": "DueclockLostInput",
    "dead letters": "DueclockDeadLetters",
    "misrouted": "DueclockMisrouted",
    "breach surge": "DueclockBreachSurge",
    "review_risk": "DueclockReviewRisk",
    "state growth": "DueclockStateGrowth",
    "recovery too long": "DueclockRecoveryLong",
    "calendar coverage ends": "DueclockCalendarEnds",
    "canary": "DueclockCanarySilent",
    "figures that stand still": "DueclockWatchFrozen",
    "partitions at rest": "DueclockPartitionsAtRest",
    "clock offset": "DueclockClockOffset",
    "source down": "DueclockSourceDown",
    "source behind": "DueclockSourceBehind",
    "source silent": "DueclockSourceSilent",
    "source failing": "DueclockSourceFailing",
    "source unrecognised": "DueclockSourceUnrecognised",
    "deliveries down": "DueclockDeliverDown",
    "delivery parked": "DueclockDeliveryParked",
    "delivery behind": "DueclockDeliveryBehind",
}


def test_prometheus_finds_nothing_wrong_with_its_configuration(tmp_path: Path) -> None:
    for file in ("prometheus.yml", "recording.yml", "alerts.yml"):
        text = (PROMETHEUS / file).read_text()
        (tmp_path / file).write_text(text.replace("/run/secrets/http-token", str(tmp_path / "http-token")))
    (tmp_path / "http-token").write_text("a-token-of-the-tests")
    run(program("promtool"), "check", "config", "prometheus.yml", cwd=tmp_path)


@pytest.mark.parametrize("cases", CASES, ids=[path.stem for path in CASES])
def test_the_rules_say_what_their_cases_want(cases: Path) -> None:
    assert "SUCCESS" in run(program("promtool"), "test", "rules", cases.name, cwd=cases.parent)


def looks(case: dict[str, Any]) -> list[set[str]]:
    """What fires, by the case, at each look at everything that fires."""
    whole = [look for look in case["promql_expr_test"] if look["expr"] == 'ALERTS{alertstate="firing"}']
    return [set(re.findall(r'alertname="(\w+)"', str(look["exp_samples"]))) for look in whole]


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_has_a_case_in_which_it_fires_and_does_not(alert: str) -> None:
    cases = [looks(case) for path in CASES for case in yaml.safe_load(path.read_text())["tests"]]
    assert any(any(alert in fires for fires in case) and any(alert not in fires for fires in case) for case in cases)


def test_there_is_an_alert_for_everything_that_must_not_go_unseen() -> None:
    assert set(ASKED_FOR.values()) == set(ALERTS)


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_says_how_urgent_it_is_what_it_means_and_where_to_read_on(alert: str) -> None:
    rule = ALERTS[alert]
    assert rule["labels"].keys() == {"severity"}
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url", "panel_url"}
    file, _, section = rule["annotations"]["runbook_url"].partition("#")
    text = (ROOT / file).read_text()
    assert section == alert.lower()
    said = text.split(f"\n## {alert}\n", 1)[1].split("\n## ", 1)[0]
    assert [word for word in ("**Means.**", "**Look at.**", "**Do.**") if word not in said] == []


def test_the_runbook_has_no_section_without_an_alert() -> None:
    sections = re.findall(r"^## (\w+)$", (PROMETHEUS / "RUNBOOK.md").read_text(), re.MULTILINE)
    assert sorted(sections) == sorted(ALERTS)


def test_the_rules_ask_for_no_metric_that_worker_and_sources_do_not_have() -> None:
    recorded = {rule["record"] for rule in rules("recording.yml")}
    for rule in [*rules("alerts.yml"), *rules("recording.yml")]:
        expression = str(rule["expr"])
        asked = {re.sub(r"_(bucket|sum|count)$", "", name) for name in NAMED_IN_EXPRESSIONS.findall(expression)}
        assert asked <= METRIC_BY_NAME.keys(), expression
        assert set(re.findall(r"\w+:\w+:\w+", expression)) <= recorded, expression
