"""Which events a delivery is about. Pure: an event as it stands on its topic, and a choice of the settings.

A retraction goes wherever the event went that it takes back: nobody is left with a breach that no longer stands. The
canary's clocks are for machines (deploy/prometheus watches them): who wants them names its account.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from agents.subscriptions import PagerDuty, Subscription

Event: TypeAlias = Mapping[str, Any]

CANARY_MARKETPLACE: Final = "CANARY"
RETRACTED: Final = "clock.retracted"
ENDINGS: Final = ("clock.met", "clock.closed_late", "clock.superseded", "clock.exempt", "clock.expired")
"""What ends a clock, and with it an incident about it."""
_ONLY_OPENED: Final = 2
"""The `seq` of an ending that only `clock.opened` came before: there was nothing to be told that is now over."""


def matches(delivery: Subscription, event: Event, following: Event | None = None) -> bool:
    """Whether this delivery sends this event. `following` is the next of its clock and line."""
    if not _is_of_account(delivery, event) or not _is_of_rule(delivery, event):
        return False
    name = event.get("of") if event["type"] == RETRACTED else event["type"]
    if name in (delivery.types or delivery.unnamed_types):
        return name != "clock.escalated" or not delivery.levels or event.get("level") in delivery.levels
    return isinstance(delivery, PagerDuty) and (_ends_an_incident(event) or _stands_again(event, following))


def _ends_an_incident(event: Event) -> bool:
    """A clock has ended that something was told of before: an escalation, a breach, also one taken back since."""
    return event["type"] in ENDINGS and event.get("seq", 0) > _ONLY_OPENED


def _stands_again(event: Event, following: Event | None) -> bool:
    """A late end was taken back, and its breach was not: that would be the next event of the clock."""
    if not is_late_end_taken_back(event):
        return False
    is_taken_back_too = (
        following is not None
        and following["type"] == RETRACTED
        and following.get("clock_id") == event["clock_id"]
        and following["decided_at"] == event["decided_at"]
    )
    return not is_taken_back_too


def is_late_end_taken_back(event: Event) -> bool:
    """Whether it says that a breach which had ended late has not ended."""
    return bool(event["type"] == RETRACTED and event.get("of") == "clock.closed_late")


def _is_of_account(delivery: Subscription, event: Event) -> bool:
    seller, marketplace = event["seller_id"], event["marketplace_id"]
    if not delivery.accounts:
        return bool(marketplace != CANARY_MARKETPLACE)
    return seller in delivery.accounts or f"{seller}/{marketplace}" in delivery.accounts


def _is_of_rule(delivery: Subscription, event: Event) -> bool:
    return not delivery.rules or event.get("rule") in delivery.rules
