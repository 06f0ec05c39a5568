"""Health and audit: how the accounts stand, what was refused and why, and which policies were in force."""

from __future__ import annotations

from typing import get_args

from grafana_foundation_sdk.models import dashboard as models

from schemas.dead_letters import ALL_REASONS
from schemas.events import ViolationKind
from schemas.registry import INPUT_TOPICS, REPARTITION_TOPIC
from tests.observe.dashboards.look import BAD, CARE, GOOD, Query, Said, Sheet, coloured, figure, heat, lines, listing

TOPICS = tuple(topic.name for topic in (*INPUT_TOPICS, REPARTITION_TOPIC))
STATUSES = ("good", "warn", "excellent", "review_risk", "bad")


def build() -> models.Dashboard:
    """The dashboard."""
    meaning = "How the accounts stand, what was refused and why, and which policies were in force."
    sheet = Sheet("dueclock-health", "Health and audit", meaning).sourced()
    sheet.choosing("marketplace", "Marketplace", 'label_values(sla_events_total{marketplace!="CANARY"}, marketplace)')
    sheet.choosing("rule", "Rule", 'label_values(sla_events_total{marketplace!="CANARY", rule!=""}, rule)')
    _accounts(sheet)
    _dead_letters(sheet)
    _audit(sheet)
    return sheet.build()


def _accounts(sheet: Sheet) -> None:
    sheet.row("Accounts")
    meaning = "Late in more than 10 % of answers for 30 days in a row: Amazon reviews such accounts."
    said = Said(1, "Run the risk of a review", meaning, "none", ("DueclockReviewRisk",))
    at_risk = Query('sum(sla_accounts{status="review_risk"})', "review_risk")
    sheet.add(figure(said, "short", at_risk, steps=((0, GOOD), (1, BAD))), 4, 8)
    said = Said(2, "Accounts by status", "By the worst status last emitted for each.", "no account is known")
    panel = lines(said, "short", [Query("sum by (status) (sla_accounts)", "{{status}}")], bars=True)
    sheet.add(coloured(panel, STATUSES, bars=True), 10, 8)
    said = Said(3, "Violations", "What Amazon forbids, by kind.", "none")
    violations = Query("sum by (kind) (increase(sla_violations_total[$__rate_interval]))", "{{kind}}")
    sheet.add(coloured(lines(said, "short", [violations], bars=True), get_args(ViolationKind), bars=True), 10, 8)


def _dead_letters(sheet: Sheet) -> None:
    sheet.row("What was refused")
    said = Said(
        5,
        "Dead letters by reason",
        "Records that are no fact, or one too many of a matter.",
        "none",
        ("DueclockDeadLetters",),
    )
    reasons = Query("sum by (reason) (increase(sla_dead_letters_total[$__rate_interval]))", "{{reason}}")
    sheet.add(coloured(lines(said, "short", [reasons], bars=True), ALL_REASONS, bars=True), 12, 8)
    said = Said(6, "Share of dead letters by topic", "In ten minutes. Above 1 % a producer is to be told.", "none")
    shares = Query("topic:sla_dead_letters:ratio_rate10m", "{{topic}}")
    panel = lines(said, "percentunit", [shares], steps=((0, GOOD), (0.01, CARE))).max(1)
    sheet.add(coloured(panel, TOPICS), 12, 8)
    said = Said(
        7,
        "Repeats",
        "Notifications that say again what was known. Harmless; many of them are a producer's loop.",
        "none",
    )
    repeats = Query("sum by (type) (increase(sla_repeats_total[$__rate_interval]))", "{{type}}")
    types = tuple(name for topic in INPUT_TOPICS for name in topic.types)
    sheet.add(coloured(lines(said, "short", [repeats], bars=True), types, bars=True), 12, 8)
    meaning = "From when it happened to when we knew. What is late may take back what was said."
    said = Said(11, "Delay of facts", meaning, "nothing came")
    delays = "sum by (le) (increase(sla_fact_delay_seconds_bucket[$__rate_interval]))"
    sheet.add(heat(said, "s", Query(delays)), 12, 8)


def _audit(sheet: Sheet) -> None:
    sheet.row("Audit")
    said = Said(
        8,
        "Policies in force",
        "By digest, and how many workers have it. More than one row: a change is under way.",
        "none",
    )
    sheet.add(listing(said, {"workers": Query("sum by (digest) (sla_policy_info)")}), 8, 8)
    meaning = "The list of business days of a calendar must reach beyond all that falls due."
    said = Said(9, "Calendars end in", meaning, "no calendar", ("DueclockCalendarEnds",))
    ends = Query("min by (calendar) (sla_policy_covered_until_timestamp_seconds) - time()")
    sheet.add(listing(said, {"ends in": ends}, unit="s", steps=((0, BAD), (5_184_000, GOOD))), 8, 8)
    said = Said(
        10, "Events sent", "By type, of the chosen rules and marketplaces: each follows from the journal.", "none"
    )
    chosen = 'marketplace=~"$marketplace", rule=~"$rule|"'
    events = Query(f"sum by (type) (increase(sla_events_total{{{chosen}}}[$__rate_interval]))", "{{type}}")
    types = ("clock.opened", "clock.met", "clock.escalated", "clock.breached", "clock.retracted", "account.health")
    others = ("clock.superseded", "clock.exempt", "clock.closed_late", "clock.reminder_due", "clock.lapsed")
    more = ("clock.expired", "policy.violation")
    sheet.add(coloured(lines(said, "short", [events], bars=True), (*types, *others, *more), bars=True), 8, 8)
