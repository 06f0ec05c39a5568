"""Which zones mean something else in two activations: in the time that both tell of, not by how far each goes."""

from __future__ import annotations

import pytest

from agents.zones import machine_zones
from schemas.notifications import Zones
from schemas.policies import load_policies
from schemas.policy_types import Policies
from streams.zones import changed_zones
from tests.audit.history import POLICIES
from tests.zones import DATA, NEWER, OLDER
from tests.zones.test_data import IN_VANCOUVER

NONE_AT_ALL = ""


def said(toml: str, release: str) -> tuple[Policies, Zones]:
    policies = load_policies(toml)
    return policies, machine_zones(policies, str(DATA / release))


def until(toml: str, last_on: str) -> str:
    """The same policies, with calendars that cover less or more."""
    assert "2028-12-31" in toml
    return toml.replace("2028-12-31", last_on)


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [
        (said(IN_VANCOUVER, OLDER), said(IN_VANCOUVER, NEWER), ["America/Vancouver"]),
        (said(IN_VANCOUVER, OLDER), said(until(IN_VANCOUVER, "2033-12-31"), NEWER), ["America/Vancouver"]),
        (said(IN_VANCOUVER, NEWER), said(until(IN_VANCOUVER, "2033-12-31"), NEWER), []),
        (said(until(IN_VANCOUVER, "2033-12-31"), OLDER), said(IN_VANCOUVER, OLDER), []),
        (said(POLICIES, OLDER), said(IN_VANCOUVER, NEWER), []),
        (said(NONE_AT_ALL, OLDER), said(IN_VANCOUVER, NEWER), []),
    ],
    ids=["other data", "other data and longer", "longer", "shorter", "another zone", "no zone before"],
)
def test_a_zone_has_changed_where_it_means_something_else(
    before: tuple[Policies, Zones], after: tuple[Policies, Zones], names: list[str]
) -> None:
    assert changed_zones(before, after) == names


def test_data_that_differ_only_beyond_what_both_tell_of_are_the_same() -> None:
    early = '[calendars.ca]\ntimezone = "America/Vancouver"\nweekend = []\ncovers = [2024-01-01, 2025-04-30]\n'
    assert changed_zones(said(early, OLDER), said(IN_VANCOUVER, NEWER)) == []
