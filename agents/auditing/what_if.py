"""`dueclock what-if`: the journal folded twice, as it was and under other policies, and what differs in the end.

The other policies take the place of those that the journal's activations say; what zones mean, and the logic, is as
the journal says, never as this machine does (contract §5). What had been admitted stays admitted: a journaled line is
never invalid (contract §2). Read-only, in no group. Where a clock stands is told by its events, as any subscriber would
know it (contract §4).
"""

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec
import orjson

from agents.auditing.refold import folded, restored
from agents.errors import COULD_NOT_RUN, UserError
from agents.journal.lines import JournalError, JournalLine, JournalSource, Progress
from agents.journal.records import Snapshot
from schemas.answers.findings import ChangedClock, Difference, EventCounts, OutcomeCounts, RuleDifference, Verdict
from schemas.codec import format_instant
from schemas.notifications import PolicyActivated
from schemas.policy_types import Policies
from streams.engine import Line, new_state
from streams.row_codec import account_of
from streams.rows import OUTCOME_NAMES

_OUTCOME_OF = {
    "clock.opened": "open",
    "clock.met": "met",
    "clock.superseded": "superseded",
    "clock.exempt": "exempt",
    "clock.breached": "breached",
    "clock.lapsed": "breached",
    "clock.reminder_due": "breached",
    "clock.closed_late": "closed_late",
}


World = Literal["before", "after"]
"""The journal as it was, or as it would have been."""


class Outcomes:
    """One fold of the journal's partitions, and where each clock stands in it."""

    def __init__(self, policies: Policies | None) -> None:
        self.clocks: dict[str, Verdict] = {}
        self.events: dict[str, int] = {}
        self._policies = policies
        self._state = new_state(0)
        self._is_to_activate = False

    def begin(self, start: Snapshot | None) -> None:
        """Another partition, from the state of a snapshot on where its first lines are gone."""
        self._state = new_state(0) if start is None else restored(start)
        self._is_to_activate = start is not None and self._policies is not None
        for row_id, row in self._state.matters():
            for clock in row.clocks:
                if clock.standing:
                    clock_id = f"{account_of(row_id)}/{clock.name}"
                    due_at = format_instant(clock.due_ms)
                    self.clocks[clock_id] = Verdict(OUTCOME_NAMES[clock.outcome], due_at, clock.version)

    def fold(self, lines: Sequence[JournalLine]) -> None:
        """Fold these lines. JournalError for one that cannot be applied."""
        for one in lines:
            line = one.line
            if self._is_to_activate:
                line = self._instead_of_seal(line)
            elif self._policies is not None and isinstance(line.body, PolicyActivated):
                line = Line(line.number, line.journal_ms, _instead(line, line.body, self._policies))
            for event in folded(self._state, one._replace(line=line)):
                self.events[event.type] = self.events.get(event.type, 0) + 1
                if event.rule:
                    self._note(event.subject, event.type, event.value)
        self._state.take_changes()

    def take_in(self, other: "Outcomes") -> None:
        """What another has found in other partitions."""
        self.clocks.update(other.clocks)
        for kind, count in other.events.items():
            self.events[kind] = self.events.get(kind, 0) + count

    def __getstate__(self) -> dict[str, object]:
        """To another process goes what was found, not the state at the end."""
        return {**vars(self), "_state": None}

    def _instead_of_seal(self, line: Line) -> Line:
        """In place of the seal behind a snapshot, which changes nothing, the other policies come into force."""
        self._is_to_activate = False
        book = self._state.book
        assert book is not None  # a sealed partition has policies
        assert self._policies is not None  # the caller has seen to that
        own = PolicyActivated(
            digest=book.policies.digest, toml=book.policies.toml, zones=dict(book.zones), logic=self._state.logic
        )
        return Line(line.number, line.journal_ms, _instead(line, own, self._policies))

    def _note(self, clock_id: str, kind: str, value: bytes) -> None:
        event = orjson.loads(value)
        if kind == "clock.retracted":
            if event["of"] == "clock.opened":
                self.clocks.pop(clock_id, None)
                return
            outcome = "breached" if event["of"] == "clock.closed_late" else "open"
        elif kind in _OUTCOME_OF:
            outcome = _OUTCOME_OF[kind]
        else:  # an escalation, or the clock is forgotten as it stands
            return
        self.clocks[clock_id] = Verdict(outcome, event["due_at"], event["rule_version"])


def _instead(line: Line, activation: PolicyActivated, policies: Policies) -> PolicyActivated:
    """The same activation, of other policies. UserError (status 2) where the journal does not say what a zone means."""
    known = activation.zones or {}
    for calendar in policies.calendars.values():
        if calendar.timezone not in known:
            raise UserError(
                f"The new policies name the time zone {calendar.timezone}, and line {line.number} of the journal does "
                f"not say what it means; name one that it says: {', '.join(sorted(known)) or 'there is none'}.",
                COULD_NOT_RUN,
            )
    return msgspec.structs.replace(activation, digest=policies.digest, toml=policies.toml)


class WhatIf:
    """The journal as it was and as it would have been."""

    def __init__(self, policies: Policies) -> None:
        self.policies = policies
        self.before = Outcomes(None)
        self.after = Outcomes(policies)
        self.lines = 0

    @classmethod
    def of_parts(cls, policies: Policies, parts: Sequence["WhatIf"]) -> "WhatIf":
        """What several found, each in partitions of its own: no clock stands in two."""
        whole = cls(policies)
        for part in parts:
            whole.lines += part.lines
            whole.before.take_in(part.before)
            whole.after.take_in(part.after)
        return whole

    async def replay(
        self,
        source: JournalSource,
        place: int,
        progress: Progress,
        start: Snapshot | None = None,
        world: World | None = None,
    ) -> None:
        """Fold one partition in both worlds, or in one. UserError (status 2) where its journal does not hold.

        From a snapshot on the other policies come into force at its line: what was decided before stays as it was.
        """
        worlds = [self.before, self.after] if world is None else [self.before if world == "before" else self.after]
        for one in worlds:
            one.begin(start)
        done = 0
        try:
            async for lines in source.batches:
                for one in worlds:
                    one.fold(lines)
                done += len(lines)
                if world != "after":
                    self.lines += len(lines)
                progress(place, done)
        except JournalError as error:
            sentence = f"{source.name} cannot be replayed beyond line {error.line - 1}: {error.sentence}"
            raise UserError(f"{sentence}; `dueclock audit` says more.", COULD_NOT_RUN) from None

    def changed(self) -> Iterator[ChangedClock]:
        """The clocks that would have differed in outcome, due or version, by id."""
        before, after = self.before.clocks, self.after.clocks
        for clock_id in sorted(before.keys() | after.keys()):
            stood, stands = before.get(clock_id), after.get(clock_id)
            if stood != stands:
                yield ChangedClock(clock_id, stood, stands)

    def rules(self) -> dict[str, RuleDifference]:
        """For each rule how many clocks have each outcome, before and after."""
        before, after = _outcomes(self.before.clocks), _outcomes(self.after.clocks)
        return {
            rule: RuleDifference(_counts(before.get(rule, {})), _counts(after.get(rule, {})))
            for rule in sorted(before.keys() | after.keys())
        }

    def document(self) -> Difference:
        """For scripts."""
        clocks = list(self.changed())
        return Difference(
            policies=self.policies.digest,
            lines=self.lines,
            rules=self.rules(),
            events=EventCounts(self.before.events, self.after.events),
            changed=len(clocks),
            clocks=clocks,
        )


def _outcomes(clocks: dict[str, Verdict]) -> dict[str, dict[str, int]]:
    """For each rule how many of these clocks have each outcome."""
    counted: dict[str, dict[str, int]] = {}
    for clock_id, verdict in clocks.items():
        counts = counted.setdefault(clock_id.split("/", 3)[2], {})
        counts[verdict.outcome] = counts.get(verdict.outcome, 0) + 1
    return counted


def _counts(counts: dict[str, int]) -> OutcomeCounts:
    return OutcomeCounts(*(counts.get(outcome, 0) for outcome in OutcomeCounts.__struct_fields__))
