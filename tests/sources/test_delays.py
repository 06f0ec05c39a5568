"""Which rules do not wait for a source's news, as the sources say at their start."""

from __future__ import annotations

import time

import pytest

from agents.sources.delays import hasty_rules, warning_of
from agents.zones import machine_zones
from schemas.policies import load_policies, shipped_policies
from streams import logic
from streams.state import State, new_state
from tests.sources.samples import account

NOW_MS = int(time.time() * 1000)


def knowing(policies: str) -> State:
    loaded = load_policies(policies)
    made = new_state(0)
    made.activate(loaded, machine_zones(loaded), logic.NEWEST)
    return made


def waiting(wait: str) -> State:
    """The shipped policies, where each rule waits so long."""
    text = shipped_policies()
    assert "confirm_after" not in text
    return knowing(text.replace("\ntarget = ", f'\nconfirm_after = "{wait}"\ntarget = '))


def test_the_shipped_policies_wait_for_no_source_and_each_says_for_which_rules() -> None:
    assert hasty_rules("sp-api", account(), knowing(shipped_policies()), NOW_MS) == ["sfp-refund", "mfn-refund"]
    said = warning_of("mailbox", account(), knowing(shipped_policies()), NOW_MS)
    assert said is not None
    assert said.startswith("mailbox: its news may be 15 min late, and buyer-message-reply, sfp-refund, mfn-refund wait")


@pytest.mark.parametrize(
    ("source", "wait", "is_hasty"),
    [("mailbox", "14m", True), ("mailbox", "15m", False), ("sp-api", "47h", True), ("sp-api", "48h", False)],
)
def test_a_rule_that_waits_as_long_as_the_news_may_take_is_not_hasty(source: str, wait: str, is_hasty: bool) -> None:
    assert (warning_of(source, account(), waiting(wait), NOW_MS) is not None) == is_hasty
