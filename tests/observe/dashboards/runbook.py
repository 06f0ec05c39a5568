"""Runbook: the sections of deploy/prometheus/RUNBOOK.md as panels, so that a panel's link leads to what to do."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard as models

from tests.observe.dashboards.look import Said, Sheet, alert_names, page
from tests.observe.programs import PROMETHEUS


def build() -> models.Dashboard:
    """The dashboard. The panel of an alert has its number among the alerts."""
    sheet = Sheet("dueclock-runbook", "Runbook", "What each alert means, what to look at, what to do.")
    head, *sections = (PROMETHEUS / "RUNBOOK.md").read_text().removeprefix("# Runbook\n").split("\n## ")
    written = dict(section.split("\n", 1) for section in sections)
    sheet.add(page(Said(len(written) + 1, "Before all", ""), head.strip()), 24, 5)
    for number, alert in enumerate(alert_names(), start=1):
        sheet.add(page(Said(number, alert, ""), written[alert].strip()), 12, 11)
    return sheet.build()
