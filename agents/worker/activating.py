"""Activating: when the owner of a partition puts in force what it was started with, and when it may not (contract §5).

A worker activates when its policies, zones or logic differ from the partition's. It never lowers the logic, and what a
partition has left does not come back unless an operator says so: else workers with different files or time-zone data
would take turns. Until then it runs with what is in force, and says that. The operator's word is good once for each
partition: where the worker's choice has stood since, it has been obeyed.
"""

import logging

from agents.errors import UserError
from schemas.notifications import PolicyActivated, Zones
from schemas.policy_succession import check_successor
from schemas.policy_types import Policies, PolicyError
from streams.policies import PolicyBook
from streams.state import State
from streams.zones import changed_zones, zones_digest

log = logging.getLogger("dueclock.keeper")


class Chosen:
    """What a worker was started with, for all its partitions.

    `is_again`: an operator wants it in force also where it was left.
    """

    def __init__(self, policies: Policies, zones: Zones, logic: int, *, is_again: bool = False) -> None:
        self.policies = policies
        self.zones = zones
        self.zones_digest = zones_digest(zones)
        self.logic = logic
        self._is_again = is_again
        self._obeyed: set[int] = set()

    def stands_in(self, partition: int) -> None:
        """It is in force there: if an operator's word was needed, it has been obeyed."""
        self._obeyed.add(partition)

    def may_return_to(self, partition: int) -> bool:
        """Whether an operator's word for this partition has yet to be obeyed."""
        return self._is_again and partition not in self._obeyed


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
            choice.stands_in(self._state.partition)
            return False
        left = self._left()
        if not left or choice.may_return_to(self._state.partition):
            return True
        self._say(left)
        return False

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

    def activated(self, before: PolicyBook | None) -> None:
        """It is in force: say so, and which zones mean something else than before."""
        state, choice = self._state, self._chosen
        number = state.partition
        log.info("partition %d: policies %s in force, logic %d", number, choice.policies.digest[:12], state.logic)
        if changed := self._changed(before):
            log.info("partition %d: time-zone data of %s now in force; every clock keeps its due", number, changed)

    def _left(self) -> list[str]:
        """What would come back that the partition has left."""
        state, choice = self._state, self._chosen
        left: list[str] = []
        if choice.policies.digest != state.row.digest and state.has_left(choice.policies.digest, ""):
            left.append("policies")
        if choice.zones_digest != state.row.zones and state.has_left("", choice.zones_digest):
            changed = self._changed(state.book)
            left.append(f"time-zone data{changed and ' of '}{changed}")
        return left

    def _changed(self, book: PolicyBook | None) -> str:
        """The names of the zones that mean something else to this worker than in a book."""
        if book is None:
            return ""
        choice = self._chosen
        return ", ".join(changed_zones((book.policies, book.zones), (choice.policies, choice.zones)))

    def _say(self, left: list[str]) -> None:
        """Once, that the worker goes on with what is in force."""
        if self._has_said:
            return
        self._has_said = True
        log.warning(
            "partition %d goes on with the policies (%s) and time-zone data in force: this worker's %s (policies %s) "
            "were in force before and gave way; start it with --activate-again to bring them back",
            self._state.partition,
            self._state.row.digest[:12],
            " and ".join(left),
            self._chosen.policies.digest[:12],
        )
