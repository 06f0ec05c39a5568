"""Policies at work: which version binds a clock, when it is due, and which `open` versions move it (contract §3, §5).

Pure functions of a loaded policy file. What binds a clock is said in `streams.terms`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import orjson

from schemas.notifications import Zones
from schemas.policy_types import CalendarSpec, Policies, Retention, RuleVersion
from streams.calendar import Calendar
from streams.rows import Clock
from streams.terms import Binding, Terms
from streams.zones import Pairs

KEPT_ACCOUNTS: Final = 10_000
"""Accounts whose agreement is at hand; any other is looked up again."""


def _terms(version: RuleVersion, later: Sequence[RuleVersion]) -> Terms:
    consequences = orjson.dumps(version.consequences).decode()  # free texts of a policy file
    return Terms(
        version,
        f'"consequences":{consequences},' if version.consequences else "",
        may_be_moved=any(follower.applies_to == "open" for follower in later),
    )


class Agreement:
    """The policies as they hold for the accounts of one marketplace that share a calendar (None: they have none).

    `may_move`: a version of some rule moves running clocks. `terms` are the versions by rule and number.
    """

    __slots__ = ("_versions", "calendar", "may_move", "retention", "terms")

    def __init__(
        self, calendar: Calendar | None, retention: Retention, terms: dict[tuple[str, int], Terms], marketplace: str
    ) -> None:
        self.calendar = calendar
        self.retention = retention
        self.may_move = any(one.may_be_moved for one in terms.values())
        self.terms = terms
        self._versions: dict[str, list[Terms]] = {}  # newest first, of the rules that the marketplace has
        for (rule, _), one in reversed(terms.items()):
            if one.version.marketplaces is None or marketplace in one.version.marketplaces:
                self._versions.setdefault(rule, []).append(one)

    def stored(self, clock: Clock) -> Binding:
        """What bound a clock when it was last opened, or has moved it since."""
        return Binding(self.terms[clock.rule, clock.version], clock.due_ms, clock.calendar, clock.origin)

    def bind(self, rule: str, start_ms: int, now_ms: int, program: str | None = None) -> Binding | None:
        """The binding of a clock that begins or moves at `now_ms`: the newest version in force at its start.

        None where no version was in force for the marketplace, where that version leaves the program out, or where a
        day target has no calendar: there is no clock.
        """
        terms = self._in_force(rule, start_ms)
        if terms is None or not (program is None or program in terms.version.programs):
            return None
        binding = self._measure(terms, start_ms, terms.number)
        if binding is None or not terms.may_be_moved:
            return binding
        return self.moved(binding, start_ms, now_ms)

    def still_calls(self, stored: Binding, program: str) -> bool:
        """Whether the version that bound a standing clock at its start has the program that its facts say by now."""
        origin = (stored.version.rule, stored.origin)
        return program in self.terms[origin].version.programs

    def _in_force(self, rule: str, start_ms: int) -> Terms | None:
        """The newest version in force at an instant."""
        for terms in self._versions.get(rule, ()):
            if terms.version.effective_from_ms <= start_ms:
                return terms
        return None

    def moved(self, binding: Binding, start_ms: int, now_ms: int) -> Binding:
        """The binding after every `open` version that has moved the clock by `now_ms` (contract §5), else `binding`.

        A version moves a clock that started before its effective_from E and whose due timer, under the version before,
        is after E: due becomes the later of the new due and E, once `now_ms` has reached E.
        """
        if not binding.terms.may_be_moved:
            return binding
        for terms in self._movers(binding.terms):
            effective_ms = terms.version.effective_from_ms
            if effective_ms > now_ms:
                break
            after = self._after_move(binding, terms, start_ms)
            if after is not None:
                binding = Binding(terms, max(after.due_ms, effective_ms), after.calendar, binding.origin)
        return binding

    def next_move_ms(self, binding: Binding, start_ms: int) -> int | None:
        """The next E at which an open clock, so bound, is moved, or None."""
        for terms in self._movers(binding.terms):
            if self._after_move(binding, terms, start_ms) is not None:
                return terms.version.effective_from_ms
        return None

    def _movers(self, bound: Terms) -> list[Terms]:
        """The later versions that move running clocks, oldest first."""
        number = bound.number
        versions = self._versions.get(bound.version.rule, [])
        return [terms for terms in reversed(versions) if terms.number > number and terms.version.applies_to == "open"]

    def _after_move(self, binding: Binding, terms: Terms, start_ms: int) -> Binding | None:
        """What a version makes of a clock that it moves; None where it does not."""
        if start_ms < terms.version.effective_from_ms < binding.due_timer_ms:
            return self._measure(terms, start_ms, binding.origin)
        return None

    def _measure(self, terms: Terms, start_ms: int, origin: int) -> Binding | None:
        if not terms.is_days:
            return Binding(terms, start_ms + terms.elapsed_ms, "", origin)
        calendar = self.calendar
        if calendar is None:
            return None
        target = terms.version.target
        if target.kind == "business_days":
            return Binding(terms, calendar.business_days_due(start_ms, target.count), calendar.name, origin)
        return Binding(terms, calendar.calendar_days_due(start_ms, target.count), calendar.name, origin)


class PolicyBook:
    """A policy file, and what its zones mean, made ready for lookups by account; immutable but for its caches."""

    __slots__ = ("_agreements", "_by_account", "_terms", "policies", "zones")

    def __init__(self, policies: Policies, zones: Zones) -> None:
        self.policies = policies
        self.zones = zones
        self._terms = {
            (rule, version.version): _terms(version, versions[index:])
            for rule, versions in policies.rules.items()
            for index, version in enumerate(versions, start=1)
        }
        self._agreements: dict[tuple[str, str], Agreement] = {}
        self._by_account: dict[str, Agreement] = {}

    @property
    def may_move(self) -> bool:
        """Whether any version moves running clocks."""
        return any(terms.may_be_moved for terms in self._terms.values())

    def agreement(self, account: str) -> Agreement:
        """The policies as they hold for an account. Kept where it has a calendar: others are none we have lines of."""
        found = self._by_account.get(account)
        if found is None:
            found = self._agree(account)
            if len(self._by_account) >= KEPT_ACCOUNTS:
                self._by_account.clear()
            self._by_account[account] = found
        return found

    def _agree(self, account: str) -> Agreement:
        marketplace, name = account.partition("/")[2], self.policies.calendar_of(account)
        if name is None:
            return Agreement(None, self.policies.retention, self._terms, marketplace)
        found = self._agreements.get((marketplace, name))
        if found is None:
            spec = self.policies.calendars[name]
            calendar = _calendar(spec, self.zones[spec.timezone])
            found = Agreement(calendar, self.policies.retention, self._terms, marketplace)
            self._agreements[marketplace, name] = found
        return found


@lru_cache(maxsize=256)
def _calendar(spec: CalendarSpec, pairs: Pairs) -> Calendar:
    """A calendar made ready, for all partitions together: its tables take longer to make than a hundred lines."""
    return Calendar(spec, pairs)
