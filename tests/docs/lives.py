"""The life of a clock and of a partition, drawn from the tables that the code looks up.

A clock's is `TRANSITIONS` (streams/clock.py). A partition's is `MAY_BECOME` (agents/worker/life.py): which stage may
follow which, and on what occasion. Where there is no such table there is no drawing, and the page keeps its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from importlib import import_module
from importlib.util import find_spec
from typing import Final

from streams.clock import ENDED_TYPES, OUTCOMES, TRANSITIONS, Say
from streams.rows import GONE, Outcome
from streams.rows import OUTCOME_NAMES as NAMES
from tests.docs.drawing import Move, Place, drawn, on_a_circle
from tests.model.guards import GUARDS

START: Final = "(no clock)"
CLOCK: Final[dict[str, Place]] = {
    START: Place(80, 190),
    "open": Place(290, 190),
    "exempt": Place(640, 40),
    "superseded": Place(660, 120),
    "met": Place(660, 200),
    "breached": Place(440, 350),
    "closed_late": Place(800, 350),
    "gone": Place(80, 350),
}
PARTITION: Final[dict[str, Place]] = {
    "RESTING": Place(270, 60),
    "READY": Place(270, 180),
    "KEPT": Place(270, 300),
    "RELEASED": Place(270, 420),
    "IN_DOUBT": Place(590, 180),
    "FENCED": Place(590, 300),
    "BROKEN": Place(590, 420),
    "GIVEN_AWAY": Place(820, 60),
}
_BENDS: Final = {
    ("RESTING", "READY"): 24.0,
    ("READY", "RESTING"): 24.0,
    ("RELEASED", "RESTING"): -340.0,
    ("RELEASED", "IN_DOUBT"): -30.0,
    ("RELEASED", "FENCED"): -20.0,
}
LIFE: Final = "agents.worker.life"


def clock_svg() -> str:
    """The life of a clock."""
    moves = [
        Move(START, "open", "clock.opened"),
        *(_move(old, new, words) for (old, new), words in TRANSITIONS.items() if words and not _goes_back(words)),
        *(Move(NAMES[old], "open", "", 30, is_back=True) for old in OUTCOMES if _ever_goes_back(old)),
        Move("open", "gone", "no duty", 0, is_back=True),
    ]
    notes = (
        "dashed: all that stands is retracted; clock.opened, where version or due have moved; then as from open",
        "from any state, if the facts no longer call for the clock: all is retracted, clock.opened too; it is gone",
    )
    return drawn("The life of a clock", CLOCK, moves, last=frozenset({NAMES[GONE]}), notes=notes)


def _goes_back(words: Iterable[Say]) -> bool:
    return Say.RETRACT_ALL in words


def _ever_goes_back(old: Outcome) -> bool:
    return any(_goes_back(TRANSITIONS[old, new]) for new in OUTCOMES)


def _move(old: Outcome, new: Outcome, words: tuple[Say, ...]) -> Move:
    said = {
        Say.BREACH: "breach event",
        Say.ENDED: ENDED_TYPES.get(new, ""),
        Say.RETRACT_LAST: "retract clock.closed_late",
    }
    label = ", ".join(said[word] for word in words if word in said)
    bends = {("open", "closed_late"): 0.0, ("breached", "closed_late"): 34.0, ("closed_late", "breached"): 34.0}
    return Move(NAMES[old], NAMES[new], label, bends.get((NAMES[old], NAMES[new]), 0.0))


def clock_table() -> str:
    """What is said for each pair of outcomes, as the table has it."""
    words = {
        Say.RETRACT_ALL: "retract all",
        Say.RETRACT_LAST: "retract the last",
        Say.REOPEN_IF_MOVED: "reopen if moved",
        Say.PASSED_STEPS: "steps already passed",
        Say.BREACH: "breach event",
    }
    heads = [NAMES[outcome] for outcome in OUTCOMES]
    lines = ["| from, to | " + " | ".join(heads) + " |", "| --- |" + " --- |" * len(heads)]
    for old in OUTCOMES:
        cells = [
            ", ".join(words.get(word) or f"`{ENDED_TYPES[new]}`" for word in TRANSITIONS[old, new]) or "–"
            for new in OUTCOMES
        ]
        lines.append(f"| **{NAMES[old]}** | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def partition_svg() -> str | None:
    """The life of a partition; None while there is no table of it."""
    table = _table_of_partitions()
    if table is None:
        return None
    placed = {stage.name: PARTITION[stage.name] for stage in table if stage.name in PARTITION}
    others = on_a_circle([stage.name for stage in table if stage.name not in PARTITION], Place(450, 240), 160)
    moves: list[Move] = []
    told: set[tuple[str, str]] = set()  # one word for each occasion of arriving somewhere is enough
    for old, news in table.items():
        for new, occasion in news.items():
            label = "" if (new.name, occasion) in told else occasion
            told.add((new.name, occasion))
            moves.append(Move(old.name, new.name, label, _BENDS.get((old.name, new.name), 0.0)))
    last = frozenset(stage.name for stage, news in table.items() if not news)
    return drawn("The life of a partition", {**placed, **others}, moves, last=last, size=(900, 470))


def partition_table() -> str:
    """What each stage means, as the code says it; empty while there is no table."""
    table = _table_of_partitions() or {}
    lines = ["| stage | meaning |", "| --- | --- |", *(f"| {stage.name} | {stage.value} |" for stage in table)]
    return "\n".join(lines) if table else ""


def guards_table() -> str:
    """What each guard of the protocol of slices says, and where it stands."""
    lines = ["| guard | where |", "| --- | --- |"]
    for guard in GUARDS.values():
        module, _, name = guard.where.partition(":")
        lines.append(f"| {guard.law} | `{module.replace('.', '/')}.py`, `{name.rpartition('.')[2]}` |")
    return "\n".join(lines)


def _table_of_partitions() -> Mapping[Enum, Mapping[Enum, str]] | None:
    if find_spec(LIFE) is None:
        return None
    table: Mapping[Enum, Mapping[Enum, str]] | None = getattr(import_module(LIFE), "MAY_BECOME", None)
    return table
