"""What holds the protocol of slices together: each guard of the product, what it is for, and where it stands.

The model (tests/model/protocol.py) asks for each by its name, and without any one of them it fails: that is the proof
that the guard is needed, and that the model sees what it is needed for.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Guard(NamedTuple):
    """What it says, and the function of the product that keeps to it, as `module:name`."""

    law: str
    where: str


GUARDS: Final = {
    "one_id": Guard(
        "All owners of a partition write under one transactional id: whoever starts its producer fences the others.",
        "agents.kafka.transactions:transactions_of",
    ),
    "fenced_first": Guard(
        "Fence, then read: what was read does not change any more.",
        "agents.worker.opening:open_partitions",
    ),
    "agreed": Guard(
        "Rows and journal that tell of different lines are never run on.",
        "agents.worker.opening:opened",
    ),
    "from_the_row": Guard(
        "It goes on where its row says, whatever was committed to the group.",
        "agents.worker.opening:read_positions",
    ),
    "loss_noted": Guard(
        "What retention took before it was read is noted in the row.",
        "agents.worker.opening:read_positions",
    ),
    "seeks_counted": Guard(
        "A slice that was fetched before the last seek is dropped.",
        "agents.worker.ownership:Ownership.give",
    ),
    "joined": Guard(
        "A slice has to begin where the one before it ended.",
        "agents.worker.slices:Hand.give",
    ),
    "awaited": Guard(
        "Every batch is acknowledged before the commit, which would commit the rest of what was refused.",
        "agents.kafka.transactions:Transactions.write",
    ),
    "one_transaction": Guard(
        "Lines, rows and positions of a slice are one transaction.",
        "agents.worker.keeper:Keeper.keep",
    ),
    "reopened_in_doubt": Guard(
        "Where no answer came, nobody guesses: it is given away, fenced and read again.",
        "agents.worker.partition:Partition.let_go_in_doubt",
    ),
    "in_good_standing": Guard(
        "Only a member of the group in good standing opens anew: one that was away would fence its successor.",
        "agents.worker.ownership:Ownership._reopen",
    ),
    "finished_first": Guard(
        "Who lets go finishes the transaction that is being written before the partition rests.",
        "agents.worker.partition:Partition.release",
    ),
    "generation_before": Guard(
        "Rows and producer are kept only from the generation just before; any other is fenced and read again.",
        "agents.worker.ownership:Ownership.take_over",
    ),
    "copy_doubted": Guard(
        "A warm copy that may have missed a tombstone, or is of another topic, is not believed.",
        "agents.worker.warm_copy:Copy.doubt",
    ),
    "copy_caught_up": Guard(
        "The rest of the changelog is read behind the fence: a warm copy that lags may agree with a cut journal.",
        "agents.worker.warm_copy:caught_up",
    ),
    "copy_agreed": Guard(
        "What comes of a warm copy is held against the journal, as rows that were read are.",
        "agents.worker.opening:_fits",
    ),
}
COPIES: Final = frozenset({"copy_doubted", "copy_caught_up", "copy_agreed"})
"""Those that hold warm copies, and stand for nothing where there are none."""
ALL: Final = frozenset(GUARDS)
