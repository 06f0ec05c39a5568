"""Activating: when the owner of a partition puts in force what it was started with, and when it may not (contract §5).

A worker activates when its policies, zones or logic differ from the partition's. It never lowers the logic, and what a
partition has left does not come back unless an operator says so: else workers with different files or time-zone data
would take turns. Until then it runs with what is in force, and says that.
"""

import logging
from typing import NamedTuple

from agents.errors import UserError
from schemas.notifications import PolicyActivated, Zones
from schemas.policies import Policies, PolicyError, check_successor
from streams.logic import check_logic
from streams.state import State
from streams.zones import zones_digest

log = logging.getLogger("dueclock.keeper")


class Chosen(NamedTuple):
    """What a worker was started with. `is_again`: an operator wants it in force also where it was left."""

    policies: Policies
    zones: Zones
    zones_digest: str
    logic: int
    is_again: bool = False


def chosen(policies: Policies, zones: Zones, logic: int, *, is_again: bool = False) -> Chosen:
    """What a worker was started with, its digests worked out once."""
    return Chosen(policies, zones, zones_digest(zones), logic, is_again)


class Activator:
    """Decides for one partition. `wanted` is asked before each slice, and costs three comparisons."""

    def __init__(self, choice: Chosen, state: State) -> None:
        self._chosen = choice
        self._state = state
        self._has_said = False

    @property
    def wanted(self) -> bool:
        """Whether what the worker was started with is to be put in force."""
        row, choice = self._state.row, self._chosen
        if row.digest == choice.policies.digest and row.zones == choice.zones_digest and row.logic >= choice.logic:
            return False
        return not self._is_left()

    def body(self) -> PolicyActivated:
        """The line that puts it in force. UserError (status 2) for policies that may not follow those in force."""
        choice, state = self._chosen, self._state
        if state.book is not None:
            try:
                check_successor(state.book.policies, choice.policies)
            except PolicyError as error:
                raise UserError(f"The policy file may not follow the one in force: {error}", 2) from None
        return PolicyActivated(
            digest=choice.policies.digest,
            toml=choice.policies.toml,
            zones=choice.zones,
            logic=max(choice.logic, state.logic),
        )

    def said(self, before: Zones | None) -> None:
        """It is in force: say so, and which zones mean something else than before."""
        state, choice = self._state, self._chosen
        log.info(
            "partition %d: policies %s in force, logic %d", state.partition, choice.policies.digest[:12], state.logic
        )
        changed = [name for name in sorted(choice.zones) if before and before.get(name, ()) != choice.zones[name]]
        if changed:
            log.info(
                "partition %d: time-zone data of %s now in force; every clock keeps its due",
                state.partition,
                ", ".join(changed),
            )

    def _is_left(self) -> bool:
        """Whether policies or zones would come back that the partition has left, without an operator's word."""
        state, choice = self._state, self._chosen
        policies = choice.policies.digest if choice.policies.digest != state.row.digest else ""
        zones = choice.zones_digest if choice.zones_digest != state.row.zones else ""
        if choice.is_again or not state.has_left(policies, zones):
            return False
        if not self._has_said:
            self._has_said = True
            log.warning(
                "partition %d goes on with the policies and zones in force (%s, %s): those of this worker (%s, %s) "
                "were in force before and gave way; start it with --activate-again to bring them back",
                state.partition,
                state.row.digest[:12],
                state.row.zones[:12],
                choice.policies.digest[:12],
                choice.zones_digest[:12],
            )
        return True


def check_judgeable(state: State) -> None:
    """UserError for a partition whose lines are judged by a logic that this program does not keep."""
    if state.logic:
        try:
            check_logic(state.logic)
        except PolicyError as error:
            raise UserError(f"Partition {state.partition} cannot be kept: {error}") from None
