"""Replay: lines of a file through the same engine as live (contract §7). No broker, no network, no wall clock.

Feed it lines in arrival order; it answers with the events that each brings. What is invalid goes to
`on_dead_letter` and the run goes on. The caller reads and writes files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from schemas.dead_letters import Rejected
from schemas.decoded import Decoded
from schemas.decoding import decode_notification
from schemas.notifications import Notification, PolicyActivated, TimeTick, Zones
from schemas.policies import load_policies, shipped_policies
from schemas.policy_types import Policies
from streams import logic
from streams.admission import admit
from streams.engine import Line, step
from streams.pieces import stretches
from streams.sla_event import SlaEvent
from streams.state import State, new_state

OnDeadLetter = Callable[[int, bytes, Rejected], None]
ZonesOf = Callable[[Policies], Zones]
"""What the machine's data say that the zones of policies mean."""

REST_EVERY: Final = 2000
"""Lines between which rows stay decoded: memory is bounded by what so many lines touch."""


class Replay:
    """One file being replayed, as one partition.

    `policies_toml` acts before line 1. Where it is None the shipped policies do, unless the file's first line is an
    activation. `machine_zones` is asked for all that do not say what their zones mean (contract §5). Raises PolicyError
    for policies that do not load or may not follow those in force, zones that lack one, and an unknown logic.
    """

    def __init__(self, policies_toml: str | None, on_dead_letter: OnDeadLetter, machine_zones: ZonesOf) -> None:
        self.state: State = new_state(0)
        self.line_number = 0
        self._on_dead_letter = on_dead_letter
        self._machine_zones = machine_zones
        self._until_rest = REST_EVERY
        self._has_begun = policies_toml is not None
        if policies_toml is not None:
            self._put_in_force(policies_toml)

    def _put_in_force(self, policies_toml: str) -> None:
        policies = load_policies(policies_toml)
        self.state.activate(policies, self._machine_zones(policies), logic.NEWEST)

    def feed(self, raw: bytes) -> list[SlaEvent]:
        """Apply one line (with or without its line end); blank lines are counted and skipped.

        Its journal time is `journaled_at`, else `arrived_at`, else `occurred_at`, and never before the line before.
        """
        return self._apply(*_line_in(raw))

    def feed_all(self, raws: Iterable[bytes]) -> Iterator[list[SlaEvent]]:
        """What `feed` answers to each of these lines, with less work: some are decoded together, then applied in turn.

        Law: the answers are those of `feed` (tests/core/test_replay.py).
        """
        for stretch in stretches(raws, len):
            for line, decoded in [_line_in(raw) for raw in stretch]:
                yield self._apply(line, decoded)

    def _apply(self, line: bytes, decoded: Decoded | Rejected | None) -> list[SlaEvent]:
        self.line_number += 1
        if decoded is None:
            return []
        if not self._has_begun:
            self._has_begun = True
            if isinstance(decoded, Rejected) or not isinstance(decoded.body, PolicyActivated):
                self._put_in_force(shipped_policies())
        if isinstance(decoded, Rejected):
            self._on_dead_letter(self.line_number, line, decoded)
            return []
        state, body, row, journaled_ms = self.state, decoded.body, self.state.row, decoded.journaled_ms
        own_ms = decoded.arrived_ms if journaled_ms is None else journaled_ms
        if own_ms is None:
            assert isinstance(body, Notification)  # ticks and activations carry one of the two
            own_ms = body.occurred_ms
        journal_ms = max(row.journal_ms, own_ms)
        if isinstance(body, Notification):
            if journaled_ms is None:
                rejected = admit(state, body, journal_ms, own_ms)
                if rejected is not None:
                    self._on_dead_letter(self.line_number, line, rejected)
                    return []
        elif isinstance(body, PolicyActivated) and body.zones is None:
            body = msgspec.structs.replace(body, zones=self._machine_zones(load_policies(body.toml)))
        events = step(state, Line(row.lines + 1, journal_ms, body))
        self._until_rest -= 1
        if not self._until_rest:
            state.rest_changes()
            self._until_rest = REST_EVERY
        return events

    def close(self, until_ms: int | None = None) -> list[SlaEvent]:
        """The end of the file: nothing fires after the last line, unless `until_ms` says so, as a last tick."""
        if until_ms is None:
            return []
        return step(self.state, Line(self.state.lines + 1, max(self.state.journal_ms, until_ms), TimeTick()))


def _line_in(raw: bytes) -> tuple[bytes, Decoded | Rejected | None]:
    """A line without its end, and what it says: None where it is blank."""
    line = raw.strip(b" \t\r\n")
    return line, decode_notification(line, from_file=True) if line else None
