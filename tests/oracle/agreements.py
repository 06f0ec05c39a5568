"""Policy files for random histories: all rules, small calendars, and variations that the product must understand.

`Agreement` is what `toml()` writes down; `successor` adds versions and changes retention as an activation may, and
`renamed` lets calendars name zones that only an activation can say.
"""

import copy
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

US, JP = "ATVPDKIKX0DER", "A1VC38T7YXB528"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_MS = 86_400_000

ZONES = {"us": "America/Los_Angeles", "jp": "Asia/Tokyo", "santiago": "America/Santiago"}
HEAD = """
[calendars.us]
timezone = "<us>"
weekend = ["sat", "sun"]
covers = [2024-01-01, 2028-12-31]
closed = [2025-12-25, 2026-01-01, 2026-01-19, 2026-02-16, 2026-05-25, 2026-07-03, 2026-11-26, 2026-12-25, 2028-02-21]
open = [2026-03-07]

[calendars.jp]
timezone = "<jp>"
weekend = ["sat", "sun"]
covers = [2024-01-01, 2028-12-31]
closed = [2026-01-01, 2026-02-11, 2026-02-23, 2026-03-20, 2026-04-29, 2026-05-04, 2026-05-05, 2026-05-06, 2026-11-03]
open = []

[calendars.santiago]
timezone = "<santiago>"
weekend = ["sun"]
covers = [2024-01-01, 2028-12-31]
closed = [2026-01-01]
open = []

[marketplaces.ATVPDKIKX0DER]
calendar = "us"

[marketplaces.A1VC38T7YXB528]
calendar = "jp"

[accounts."S-3/ATVPDKIKX0DER"]
calendar = "santiago"
"""

BREACHED, REMINDER, LAPSED = "clock.breached", "clock.reminder_due", "clock.lapsed"
# For each rule its target, escalate_before, obligor, on_due and consequences.
RULES: dict[str, tuple[tuple[str, int], list[str], str, str, list[str]]] = {
    "sfp-refund": (
        ("business_days", 2),
        ["24h", "4h"],
        "seller",
        BREACHED,
        ["amazon_may_refund", "prime_suspension_risk"],
    ),
    "csba-jp-refund": (("business_days", 2), ["24h", "4h"], "seller", BREACHED, ["amazon_may_refund"]),
    "mfn-refund": (("business_days", 2), ["24h", "4h"], "seller", BREACHED, ["amazon_may_refund"]),
    "buyer-message-reply": (("hours", 24), ["12h", "4h"], "seller", BREACHED, ["late_response_rate"]),
    "cs-contact-reply": (("business_days", 2), ["24h", "4h"], "seller", BREACHED, ["performance_risk"]),
    "csba-inquiry-reply": (("hours", 24), ["12h", "4h"], "seller", BREACHED, ["csba_may_stop"]),
    "csba-reply": (("hours", 6), ["2h", "30m"], "csba", BREACHED, []),
    "csba-answer": (("hours", 48), [], "csba", REMINDER, []),
    "return-response": (("hours", 48), ["24h", "4h"], "seller", BREACHED, ["return_dissatisfaction"]),
    "a-to-z-evidence": (("hours", 72), ["24h", "4h"], "seller", BREACHED, ["claim_likely_lost", "odr"]),
    "a-to-z-appeal": (("calendar_days", 30), ["7d", "72h"], "seller", LAPSED, []),
    "chargeback-answer": (("calendar_days", 7), ["72h", "24h"], "seller", BREACHED, ["chargeback_likely_lost", "odr"]),
    "case-stalled": (("hours", 72), [], "amazon", REMINDER, []),
    "case-first-response": (("hours", 12), [], "amazon", REMINDER, []),
    "case-resolution": (("hours", 48), [], "amazon", REMINDER, []),
    "safe-t-window": (("calendar_days", 60), ["72h"], "seller", LAPSED, []),
}
TARGETS = [
    ("business_days", 1),
    ("business_days", 3),
    ("calendar_days", 1),
    ("calendar_days", 4),
    ("calendar_days", 30),
]
TARGETS += [("hours", 6), ("hours", 12), ("hours", 36), ("hours", 96), ("minutes", 90), ("seconds", 45)]


PROGRAMS = [["sfp"], ["sfp", "mfn"], ["sfp", "mfn"], ["mfn"], ["csba_jp", "fba", "mfn"]]
MADE_UP_NAMES = ["Moon/Tycho", "Nowhere", "Europe/London", "ü"]


@dataclass
class Agreement:
    retention: dict[str, int] = field(default_factory=dict)
    versions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    zones: dict[str, str] = field(default_factory=lambda: dict(ZONES))  # of each calendar

    def toml(self) -> str:
        text = "[retention]\n" + "".join(f"{key} = {value}\n" for key, value in self.retention.items())
        text += HEAD
        for calendar, zone in self.zones.items():
            text = text.replace(f"<{calendar}>", zone)
        for rule, versions in self.versions.items():
            for version in versions:
                text += f"\n[[rules.{rule}]]\n" + "".join(f"{key} = {_toml(v)}\n" for key, v in version.items())
        return text


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(v)}" for key, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03d}Z"
    return str(value) if isinstance(value, int) else f'"{value}"'


def plain() -> Agreement:
    """The rules of rules.md, no more."""
    agreement = Agreement({"settled_days": 45, "unsettled_days": 200, "evidence_days": 225})
    for rule, ((unit, count), before, obligor, on_due, consequences) in RULES.items():
        agreement.versions[rule] = [
            {
                "version": 1,
                "effective_from": datetime(2015, 1, 1, tzinfo=UTC),
                "target": {unit: count},
                "escalate_before": before,
                "escalate_after": [],
                "obligor": obligor,
                "on_due": on_due,
                "consequences": consequences,
                "applies_to": "new",
            }
        ]
    _add_us(agreement, "mfn-refund", datetime(2026, 1, 26, 8, tzinfo=UTC), ("calendar_days", 4))
    _add_us(agreement, "safe-t-window", datetime(2026, 2, 16, 8, tzinfo=UTC), ("calendar_days", 30))
    agreement.versions["safe-t-window"][1]["programs"] = ["sfp", "mfn"]
    return agreement


def _add_us(agreement: Agreement, rule: str, since: datetime, target: tuple[str, int]) -> None:
    second = {**agreement.versions[rule][0], "version": 2, "effective_from": since, "marketplaces": [US]}
    agreement.versions[rule].append({**second, "target": dict([target])})


def random_agreement(rng: random.Random, near_ms: int) -> Agreement:
    """The first policies of a history that begins near that instant."""
    agreement = plain()
    if rng.random() < 0.3:
        agreement.retention["settled_days"] = rng.choice([45, 30, 12, 5])
        agreement.retention["unsettled_days"] = rng.choice([200, 60, 45])
    elif rng.random() < 0.2:
        agreement.retention = {}  # as shipped
    if rng.random() < 0.3:
        agreement.versions["safe-t-window"][0]["programs"] = rng.choice(PROGRAMS)
    for rule in RULES:
        if rng.random() < 0.15:
            agreement.versions[rule][0]["confirm_after"] = rng.choice(["30m", "12h", "2d", "45s"])
        if rng.random() < 0.2:
            agreement.versions[rule][0]["escalate_after"] = rng.choice([["2h"], ["1h", "1d"], ["30s", "36h", "9d"]])
        if rng.random() < 0.04 and len(agreement.versions[rule]) == 1:
            since = near_ms + rng.choice([-1, 0, 1, 2]) * DAY_MS
            agreement.versions[rule][0]["effective_from"] = EPOCH + timedelta(milliseconds=since)
    if rng.random() < 0.5:
        _add_versions(rng, agreement, near_ms)
    return agreement


def successor(rng: random.Random, old: Agreement, near_ms: int) -> Agreement:
    """What may be activated after the old one at about that instant."""
    agreement = copy.deepcopy(old)
    agreement.zones = dict(ZONES)
    if not agreement.retention:
        agreement.retention = {"settled_days": 120}
    if rng.random() < 0.25:
        agreement.retention["settled_days"] = rng.choice([45, 30, 12, 5])
    if rng.random() < 0.25 and agreement.retention["settled_days"] <= 45:
        agreement.retention["unsettled_days"] = rng.choice([200, 60, 45])
    if rng.random() < 0.85:
        _add_versions(rng, agreement, near_ms)
    return agreement


def renamed(rng: random.Random) -> dict[str, str]:
    """Zones of calendars by other names, known or not: for an activation that says what they mean."""
    return {name: rng.choice(MADE_UP_NAMES) if rng.random() < 0.3 else zone for name, zone in ZONES.items()}


def _add_versions(rng: random.Random, agreement: Agreement, near_ms: int) -> None:
    for rule in rng.sample(sorted(RULES), rng.choice([1, 1, 2, 5, 14])):
        last = agreement.versions[rule][-1]
        days = rng.choice([-6.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 4.0, 8.0]) + rng.choice([0, 0, rng.random()])
        effective = EPOCH + timedelta(milliseconds=near_ms + int(days * DAY_MS))
        if effective <= last["effective_from"]:
            continue
        version = {**last, "version": last["version"] + 1, "effective_from": effective}
        version["applies_to"] = rng.choice(["open", "open", "new"])
        if rng.random() < 0.8:
            version["target"] = dict([rng.choice([*TARGETS, RULES[rule][0]])])
        version["escalate_before"] = _before(rng, version["target"])
        version["escalate_after"] = rng.choice([[], ["2h"], ["30m", "2d"]])
        version["confirm_after"] = rng.choice(["0s", "0s", "30m", "12h", "2d"])
        version["on_due"] = rng.choice([last["on_due"], last["on_due"], BREACHED, REMINDER, LAPSED])
        version["consequences"] = rng.choice([last["consequences"], [], ["odr"]])
        version["obligor"] = last["obligor"]
        if rule == "safe-t-window":
            version["programs"] = rng.choice(PROGRAMS)
        if rng.random() < 0.3:
            version["marketplaces"] = rng.choice([[US], [JP], [US, JP]])
        else:
            version.pop("marketplaces", None)
        agreement.versions[rule].append(version)


def _before(rng: random.Random, target: dict[str, int]) -> list[str]:
    """Offsets, each shorter than the target, longest first."""
    ((unit, count),) = target.items()
    in_seconds = {"business_days": 86_400, "calendar_days": 86_400, "hours": 3600, "minutes": 60, "seconds": 1}
    offsets = [text for text, length in OFFSETS if length < count * in_seconds[unit]]
    chosen = sorted(rng.sample(range(len(offsets)), min(len(offsets), rng.choice([0, 1, 2, 2, 3]))))
    return [offsets[i] for i in chosen]


OFFSETS = [
    ("7d", 604_800),
    ("72h", 259_200),
    ("1d", 86_400),
    ("20h", 72_000),
    ("12h", 43_200),
    ("4h", 14_400),
    ("30m", 1800),
    ("5s", 5),
]
