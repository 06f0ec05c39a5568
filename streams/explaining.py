"""What has to be asked of the rules to explain one clock: its matter, and which facts its duty leans on.

Nothing is decided here: a fact is said to bear on a clock if the duty that the rules derive would be another without
it. Pure functions of ids and rows. Meaning: contract §3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from schemas.policy_tables import is_id
from schemas.rules import RULES
from streams.duties import Duty
from streams.facts import Fact, ProgramChanged
from streams.matters import called_for, name_of
from streams.rows import MatterRow

Part = Literal["start", "end", "mark"]
"""What a fact decides of a duty: that and when it starts, how it ends, that it asks for no response."""

_LONGEST_SELLER: Final = 64
_LONGEST_MARKETPLACE: Final = 32
_LONGEST_ID: Final = 128


class ClockName(NamedTuple):
    """A clock's id, taken apart; `row_id` is the matter that its subject names first."""

    account: str
    rule: str
    subject: str
    row_id: str

    @property
    def name(self) -> str:
        """The clock's id within its account, as in its row."""
        return f"{self.rule}/{self.subject}"


def clock_name(clock_id: str) -> ClockName:
    """Take a clock's id apart. ValueError, whose text is a clause of a sentence, where it is none."""
    seller, marketplace, rule, *parts = (clock_id + "///" if clock_id.count("/") < 3 else clock_id).split("/")
    if not is_id(seller, _LONGEST_SELLER) or not is_id(marketplace, _LONGEST_MARKETPLACE):
        raise ValueError("it is not <seller_id>/<marketplace_id>/<rule>/<subject>")
    if rule not in RULES:
        raise ValueError(f"{rule!r} is not a rule; the rules are {', '.join(RULES)}")
    known = RULES[rule]
    if len(parts) not in known.subject_lengths or not all(is_id(part, _LONGEST_ID) for part in parts):
        raise ValueError(f"a clock of {rule} has the subject {known.subject}")
    account = f"{seller}/{marketplace}"
    return ClockName(account, rule, "/".join(parts), f"{account}/{known.matter}/{parts[0]}")


def duty_of(name: str, row_id: str, row: MatterRow, programs: list[ProgramChanged]) -> Duty | None:
    """The duty that the facts of a matter call for under this name (`<rule>/<subject>`), or None."""
    return next((duty for duty in called_for(name_of(row_id), row, programs).duties if duty.name == name), None)


def parts_of(name: str, row_id: str, row: MatterRow, programs: list[ProgramChanged], fact: Fact) -> tuple[Part, ...]:
    """What one of the facts (of the matter, or a program change) decides of the duty: that which differs without it."""
    duty = duty_of(name, row_id, row, programs)
    if isinstance(fact, ProgramChanged):
        without = duty_of(name, row_id, row, [other for other in programs if other is not fact])
    else:
        remaining: Sequence[Fact] = [other for other in row.facts if other is not fact]
        rest: MatterRow = msgspec.structs.replace(row, facts=remaining)
        without = duty_of(name, row_id, rest, programs)
    if duty is None or without is None:
        return () if duty is without else ("start",)
    found: list[Part] = []
    if duty.start_ms != without.start_ms or duty.program != without.program:
        found.append("start")
    if duty.end_place() != without.end_place():
        found.append("end")
    if duty.marked_ms != without.marked_ms:
        found.append("mark")
    return tuple(found)
