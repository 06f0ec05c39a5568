"""Duties: for the operations lead. What falls due next, what was missed, and whether it gets better."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard as models

from tests.observe.dashboards.look import (
    BAD,
    CARE,
    GOOD,
    Query,
    Said,
    Sheet,
    coloured,
    figure,
    heat,
    lines,
    listing,
    rule_names,
)

ALL = 'rule=~"$rule", marketplace=~"$marketplace", marketplace!="CANARY"'
OUTCOMES = ("clock.opened", "clock.met", "clock.closed_late", "clock.superseded", "clock.exempt", "clock.expired")
LEVELS = ("level 1", "level 2", "level 0")


def build() -> models.Dashboard:
    """The dashboard."""
    sheet = Sheet("dueclock-duties", "Duties", "What falls due next, what was missed, and whether it gets better.")
    sheet.sourced()
    sheet.choosing("marketplace", "Marketplace", 'label_values(sla_clocks_open{marketplace!="CANARY"}, marketplace)')
    sheet.choosing("rule", "Rule", 'label_values(sla_clocks_open{marketplace!="CANARY"}, rule)')
    _now(sheet)
    _missed(sheet)
    _attainment(sheet)
    _answers(sheet)
    return sheet.build()


def _now(sheet: Sheet) -> None:
    sheet.row("Now")
    due = "Open clocks of the chosen rules that fall due within {}, over all marketplaces."
    for number, (within, steps) in enumerate(
        [("1h", ((0, GOOD), (1, CARE), (50, BAD))), ("4h", ((0, GOOD), (50, CARE))), ("24h", ((0, GOOD),))], start=1
    ):
        query = Query(f'sum(sla_clocks_due{{rule=~"$rule", within="{within}"}})', f"within {within}")
        said = Said(number, f"Due within {within}", due.format(within), "none due")
        sheet.add(figure(said, "short", query, steps=steps), 4, 5)
    said = Said(4, "Stand breached", "Duties that fell due, were not done, and still are not.", "none")
    breached = Query(f"sum(sla_clocks_breached{{{ALL}}})", "breached")
    sheet.add(figure(said, "short", breached, steps=((0, GOOD), (1, CARE), (100, BAD))), 4, 5)
    said = Said(
        5, "Attained, 6 h", "Share of the duties of the last six hours that were met before due.", "no duty ended"
    )
    met = f"sum(rule_marketplace:sla_met:rate6h{{{ALL}}})"
    missed = f"sum(rule_marketplace:sla_missed:rate6h{{{ALL}}})"
    attained = Query(f"({met} or {missed} * 0) / (({met} or {missed} * 0) + ({missed} or {met} * 0) > 0)", "attained")
    sheet.add(figure(said, "percentunit", attained, steps=((0, BAD), (0.9, CARE), (0.95, GOOD))), 4, 5)
    said = Said(7, "Open clocks", "Duties under way.", "none open")
    sheet.add(figure(said, "short", Query(f"sum(sla_clocks_open{{{ALL}}})", "open")), 4, 5)
    said = Said(8, "Due next", "Open clocks by rule and by when they fall due.", "no clock is open")
    columns = {
        f"within {within}": Query(f'sum by (rule) (sla_clocks_due{{rule=~"$rule", within="{within}"}})')
        for within in ("1h", "4h", "24h")
    }
    sheet.add(listing(said, columns), 12, 9)
    said = Said(9, "Open and breached", "Clocks that are open, and that stand breached.", "no clock is open")
    columns = {
        "open": Query(f"sum by (rule, marketplace) (sla_clocks_open{{{ALL}}})"),
        "breached": Query(f"sum by (rule, marketplace) (sla_clocks_breached{{{ALL}}})"),
    }
    sheet.add(listing(said, columns), 12, 9)


def _missed(sheet: Sheet) -> None:
    sheet.row("Missed, and about to be")
    said = Said(6, "Breaches", "Duties that fell due undone.", "no breach", ("DueclockBreachSurge",))
    breaches = (
        f'sum by (rule, marketplace) (increase(sla_events_total{{type="clock.breached", {ALL}}}[$__rate_interval]))'
    )
    panel = lines(said, "short", [Query(breaches, "{{rule}} {{marketplace}}")], bars=True)
    sheet.add(coloured(panel, rule_names(), is_start=True, bars=True), 12, 9)
    said = Said(
        10, "Escalations", "Warnings before due and urgent ones, by rule and level; 0 is urgent.", "no escalation"
    )
    escalations = 'sum by (rule, level) (increase(sla_escalations_total{rule=~"$rule"}[$__rate_interval]))'
    panel = lines(said, "short", [Query(escalations, "{{rule}} level {{level}}")], bars=True)
    sheet.add(coloured(panel, rule_names(), is_start=True, bars=True), 12, 9)
    meaning = "Because news came late, a fact was taken back or a reply was not delivered. Many: a feed is late."
    said = Said(11, "Retractions", meaning, "nothing taken back")
    taken_back = (
        f'sum by (rule, marketplace) (increase(sla_events_total{{type="clock.retracted", {ALL}}}[$__rate_interval]))'
    )
    panel = lines(said, "short", [Query(taken_back, "{{rule}} {{marketplace}}")], bars=True)
    sheet.add(coloured(panel, rule_names(), is_start=True, bars=True), 12, 9)
    said = Said(12, "How clocks go", "Clocks opened, and how they ended.", "no event")
    ends = f'sum by (type) (increase(sla_events_total{{type=~"{"|".join(OUTCOMES)}", {ALL}}}[$__rate_interval]))'
    panel = lines(said, "short", [Query(ends, "{{type}}")], bars=True)
    sheet.add(coloured(panel, OUTCOMES, bars=True), 12, 9)


def _attainment(sheet: Sheet) -> None:
    sheet.row("Attainment")
    meaning = "Share of the duties of the last hour that were met before due. Retractions are not taken back here."
    said = Said(13, "Attained in an hour, by rule", meaning, "no duty ended")
    attained = Query(f"rule_marketplace:sla_attainment:ratio_rate1h{{{ALL}}}", "{{rule}} {{marketplace}}")
    panel = lines(said, "percentunit", [attained], steps=((0, BAD), (0.9, GOOD))).max(1)
    sheet.add(coloured(panel, rule_names(), is_start=True), 12, 9)
    meaning = "How fast the fleet uses up the tenth of its duties that may be late: 1 is exactly as fast as allowed."
    said = Said(14, "Burn of the budget, fleet", meaning, "no duty ended")
    burns = [Query(f"fleet:sla_budget_burn:ratio_rate{window}", window) for window in ("1h", "6h")]
    sheet.add(coloured(lines(said, "short", burns, steps=((0, GOOD), (1, BAD))), ("1h", "6h")), 12, 9)


def _answers(sheet: Sheet) -> None:
    sheet.row("Time to answer")
    said = Said(15, "Time to answer", "From start to stop of the clocks that ended, all outcomes.", "no clock ended")
    buckets = 'sum by (le) (increase(sla_clock_elapsed_seconds_bucket{rule=~"$rule"}[$__rate_interval]))'
    sheet.add(heat(said, "s", Query(buckets)), 12, 10)
    said = Said(
        16, "Half and nine tenths", "Within this time half (nine tenths) of the duties were done.", "no clock ended"
    )
    buckets = 'sum by (le) (rate(sla_clock_elapsed_seconds_bucket{rule=~"$rule"}[$__rate_interval]))'
    half, most = (
        Query(f"histogram_quantile({q}, {buckets})", name) for q, name in ((0.5, "half"), (0.9, "nine tenths"))
    )
    panel = lines(said, "s", [half, most])
    sheet.add(coloured(panel, ("half", "nine tenths")), 12, 10)
