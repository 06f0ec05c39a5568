"""The life of a clock and of a partition, drawn from the tables that the code looks up.

A clock's is `TRANSITIONS` (streams/clock.py). A partition's is `MAY_BECOME` (agents/worker/partition.py): which state
may follow which. Until that table exists there is no drawing of it, and the page keeps its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from agents.worker import partition
from streams.clock import ENDED_TYPES, OUTCOMES, TRANSITIONS, Say
from streams.rows import GONE, Outcome
from streams.rows import OUTCOME_NAMES as NAMES
from tests.docs.drawing import Move, Place, drawn, on_a_circle

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
    "OPENING": Place(150, 90),
    "KEPT": Place(450, 90),
    "RESTING": Place(750, 90),
    "IN_DOUBT": Place(300, 280),
    "GIVEN_AWAY": Place(650, 280),
}


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
    table: Mapping[Any, Iterable[Any]] | None = getattr(partition, "MAY_BECOME", None)
    if table is None:
        return None
    follows = {_name(old): [_name(new) for new in sorted(news, key=_name)] for old, news in table.items()}
    names = sorted({*follows, *(new for news in follows.values() for new in news)})
    placed = {name: place for name, place in PARTITION.items() if name in names}
    others = on_a_circle([name for name in names if name not in placed], Place(450, 200), 150)
    both_ways = {(old, new) for old, news in follows.items() for new in news if old in follows.get(new, ())}
    moves = [
        Move(old, new, "", 24.0 if (old, new) in both_ways else 0.0) for old in sorted(follows) for new in follows[old]
    ]
    last = frozenset(name for name in names if not follows.get(name))
    return drawn("The life of a partition", {**placed, **others}, moves, last=last)


def _name(state: Any) -> str:
    return str(getattr(state, "name", state))
