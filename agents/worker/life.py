"""The life of a partition with its owner: where it stands, and what it may become.

            fenced and read
                   │
                   ▼      not ours any more, or never set up
    ┌─────────▶ RESTING ──────────────────────────────────────────────▶ GIVEN_AWAY
    │            │   ▲                                                      ▲
    │     set up │   │ let go before it was kept                            │
    │            ▼   │                                                      │
    │           READY                                                       │
    │            │ slices may come                                          │
    │            ▼                                                          │
    │           KEPT ─────┬─ no answer ───────▶ IN_DOUBT ── let go in doubt─┤
    │            │ let go ├─ another owner ───▶ FENCED ──── the worker ends─┤
    │            ▼        ├─ bug, or refused ─▶ BROKEN ──── the worker ends─┘
    └──────── RELEASED ───┘
   all of it is written

There are two ways to let go. Clean: the transaction that was being written is committed, so that rows, journal and
producer are as the broker has them; the partition rests, and goes on from there if the next generation brings it back.
In doubt: nobody knows, so nothing of it is believed any more; it is given away, and fenced and read before anyone of
this worker keeps it again. What is given away does not come back: opened anew it is another object.

`MAY_BECOME` is the drawing. `Partition.become` (agents/worker/partition.py) looks it up and refuses the rest.
"""

from enum import Enum
from typing import Final


class Stage(Enum):
    """Where a partition stands, and what that means."""

    RESTING = "fenced, its rows and the journal agree, its producer is open; nobody keeps it"
    READY = "its keeper stands at the positions of its row and takes slices in hand; it writes nothing yet"
    KEPT = "its keeper writes, a transaction for each slice"
    RELEASED = "its keeper finishes the transaction that it is writing and takes up no other"
    IN_DOUBT = "the broker gave no answer: nobody knows whether its last transaction was committed"
    FENCED = "another worker took it over; this one ends"
    BROKEN = "its keeper failed by a bug, a broken promise or what a person must mend; the worker ends"
    GIVEN_AWAY = "forgotten, and its producer is closed"


MAY_BECOME: Final[dict[Stage, dict[Stage, str]]] = {
    Stage.RESTING: {
        Stage.READY: "set up",
        Stage.GIVEN_AWAY: "not ours any more, or never set up",
    },
    Stage.READY: {
        Stage.KEPT: "slices may come",
        Stage.RESTING: "let go before it was kept",
    },
    Stage.KEPT: {
        Stage.RELEASED: "let go",
        Stage.IN_DOUBT: "no answer",
        Stage.FENCED: "another owner",
        Stage.BROKEN: "bug, or refused",
    },
    Stage.RELEASED: {
        Stage.RESTING: "all of it is written",
        Stage.IN_DOUBT: "no answer",
        Stage.FENCED: "another owner",
        Stage.BROKEN: "bug, or refused",
    },
    Stage.IN_DOUBT: {Stage.GIVEN_AWAY: "let go in doubt"},
    Stage.FENCED: {Stage.GIVEN_AWAY: "the worker ends"},
    Stage.BROKEN: {Stage.GIVEN_AWAY: "the worker ends"},
    Stage.GIVEN_AWAY: {},
}
"""From each stage to those that may follow it, and on what occasion."""

FIRST: Final = Stage.RESTING
"""Where a partition stands when it has been opened: fenced, read and found to agree."""

TAKES_SLICES: Final = frozenset({Stage.READY, Stage.KEPT})
"""What is fetched of it goes into its hand; elsewhere it is dropped, and fetched again by whoever keeps it next."""

WITH_KEEPER: Final = frozenset({Stage.READY, Stage.KEPT, Stage.RELEASED})
"""A keeper stands over it, and its journal time is known."""
