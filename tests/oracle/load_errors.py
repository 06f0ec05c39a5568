"""What is wrong with a policy file: the list of contract §5, "a clear error at load, never a guess", item by item.

Each raises ValueError. Zones and calendars that are unknown, and a missing coverage, are missed where they are used.
"""

from datetime import datetime
from itertools import pairwise
from typing import Any

ROOT = {"retention", "calendars", "marketplaces", "accounts", "rules"}
RETENTION = {"settled_days", "unsettled_days", "evidence_days"}
CALENDAR = {"timezone", "weekend", "closed", "open", "covers"}
VERSION = {
    "version", "effective_from", "marketplaces", "target", "confirm_after", "escalate_before", "escalate_after",
    "obligor", "on_due", "consequences", "applies_to",
}  # fmt: skip
RULES = {
    "sfp-refund", "csba-jp-refund", "mfn-refund", "buyer-message-reply", "cs-contact-reply", "csba-inquiry-reply",
    "csba-reply", "csba-answer", "return-response", "a-to-z-evidence", "a-to-z-appeal", "chargeback-answer",
    "case-stalled", "case-first-response", "case-resolution", "safe-t-window",
}  # fmt: skip
PROGRAMS = {"sfp", "mfn", "fba", "csba_jp"}
SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "business_days": 86_400, "calendar_days": 86_400}
MOST_BUSINESS_DAYS = 15


def check(table: dict[str, Any]) -> None:
    _only(table, ROOT)
    _only(table.get("retention", {}), RETENTION)
    for calendar in table["calendars"].values():
        _only(calendar, CALENDAR)
        _must(len(set(calendar["weekend"])) < 7, "a week without a business day")
    for each in [*table.get("marketplaces", {}).values(), *table.get("accounts", {}).values()]:
        _only(each, {"calendar"})
    _only(table["rules"], RULES)
    for rule, versions in table["rules"].items():
        for version in versions:
            _check_version(rule, version)
        for older, newer in pairwise(versions):
            _must(older["version"] < newer["version"], "versions out of order")
            _must(older["effective_from"] <= newer["effective_from"], "versions out of order")


def _check_version(rule: str, version: dict[str, Any]) -> None:
    is_asked = rule == "safe-t-window"
    _only(version, VERSION | {"programs"} if is_asked else VERSION)
    _must(set(version.get("programs", [])) <= PROGRAMS, "an unknown program")
    effective = version["effective_from"]
    _must(isinstance(effective, datetime) and effective.tzinfo is not None, "effective_from without an offset")
    ((unit, count),) = version["target"].items()
    _must(count >= 1, "a target below 1")
    _must(unit != "business_days" or count <= MOST_BUSINESS_DAYS, "more than 15 business days")
    before = [_seconds(text) for text in version.get("escalate_before", [])]
    after = [_seconds(text) for text in version.get("escalate_after", [])]
    _must(all(offset < count * SECONDS[unit] for offset in before), "an offset not shorter than the target")
    _must(all(first > second for first, second in pairwise(before)), "offsets that do not fall")
    _must(all(first < second for first, second in pairwise(after)), "offsets that do not rise")


def _seconds(text: str) -> int:
    return int(text[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[text[-1]]


def _only(table: dict[str, Any], known: set[str]) -> None:
    _must(set(table) <= known, f"unknown keys {sorted(set(table) - known)}")


def _must(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(what)
