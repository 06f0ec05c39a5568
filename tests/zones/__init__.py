"""Zones and calendars for tests: the machine's data, cut as an activation would say them, and other machines' data.

`RELEASES` are two releases of time-zone data, side by side as folders of compiled files (`python -m tests.zones` makes
them): in the older one Vancouver goes back to winter time in November 2026, in the newer one it does not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from agents.worker.activating import Chosen
from agents.zones import machine_zones
from schemas.notifications import PolicyActivated, Zones
from schemas.policies import load_policies
from schemas.policy_types import CalendarSpec, Policies, Retention
from streams.calendar import Calendar
from streams.logic import NEWEST

DATA: Final = Path(__file__).parent
OLDER: Final = "2025.2"
NEWER: Final = "2026.6"
RELEASES: Final = (OLDER, NEWER)
KEPT: Final = ("America/Los_Angeles", "America/Vancouver", "Asia/Tokyo")
"""The zones of these folders: those of the golden policies, which mean the same in both, and one that does not."""


def calendar_of(spec: CalendarSpec) -> Calendar:
    """The calendar with the machine's meaning of its zone."""
    return Calendar(spec, pairs_of(spec))


def pairs_of(spec: CalendarSpec) -> tuple[tuple[int, int], ...]:
    """What the machine's data say of a calendar's zone."""
    policies = Policies(
        digest="",
        toml="",
        retention=Retention(settled_ms=1, unsettled_ms=1, evidence_ms=1),
        calendars={spec.name: spec},
        marketplaces={},
        accounts={},
        rules={},
    )
    return machine_zones(policies)[spec.timezone]


def zones_of(toml: str) -> Zones:
    """What the machine's data say of the zones of a policy file."""
    return machine_zones(load_policies(toml))


def activation(toml: str, release: str = "") -> PolicyActivated:
    """The line with which a worker of this machine, or of one with such data, would put a policy file in force."""
    policies = load_policies(toml)
    zones = machine_zones(policies, str(DATA / release) if release else "")
    return PolicyActivated(digest=policies.digest, toml=toml, zones=zones, logic=NEWEST)


def chosen_of(toml: str) -> Chosen:
    """What a worker of this machine that is started with a policy file would put in force."""
    policies = load_policies(toml)
    return Chosen(policies, machine_zones(policies), NEWEST)
