"""What the model knows of the world: one partition with one input, the broker, the group, and two owners of it.

All of it is values: a step makes a new world from an old one. An owner's `stage` is that of the product's table
(agents/worker/life.py), and it moves as that table allows.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeVar

from agents.worker.life import Stage

Kind = TypeVar("Kind")
Line = tuple[int, int]
"""A line of the journal: its number, and the offset of the input record that it tells of."""


class Row(NamedTuple):
    """The partition's row: the last line, where the input goes on, what of it was lost."""

    lines: int = 0
    position: int = 0
    lost: tuple[int, ...] = ()


class Transaction(NamedTuple):
    """What a producer has sent and not committed; None: a batch is missing."""

    lines: tuple[Line, ...] | None
    row: Row | None


class Slice(NamedTuple):
    """One fetched record on its way to the owner. `is_stale`: the consumer has been sought since."""

    start: int
    end: int
    is_stale: bool = False


class Sending(NamedTuple):
    """A transaction of which the owner awaits the answer."""

    before: Row
    after: Row
    offsets: tuple[int, ...]
    answer: Literal["", "committed", "refused"] = ""
    is_row_to_follow: bool = False
    """Only with `one_transaction` off: these were the lines alone."""


class Copy(NamedTuple):
    """A warm copy of the rows, as far as they were followed."""

    row: Row
    is_spoiled: bool = False
    """It has rows that the changelog has not: a tombstone was compacted away unread, or the topic was another."""


class Owner(NamedTuple):
    """One worker, as far as it has to do with this partition. The defaults: a process that has just been started."""

    generation: int = 0
    """The newest generation of the group in which it took over, or gave up, what it was given."""
    is_let_go: bool = True
    is_mine: bool = False
    """It was given the partition in that generation."""
    stage: Stage | None = None
    """None: there is no such partition with this owner (given away, or not opened yet)."""
    has_fenced: bool = False
    has_read: bool = False
    is_reopening: bool = False
    gap: int | None = None
    """The offset that a slice should have begun with and did not."""
    epoch: int = 0
    row: Row = Row()
    is_spoiled: bool = False
    """It goes on from a copy that was."""
    has_news: bool = False
    """The row holds a loss that is not written yet."""
    hand: tuple[int, ...] = ()
    next: int = 0
    """The offset that the next slice has to begin with."""
    fetches_at: int = 0
    flight: Slice | None = None
    sending: Sending | None = None
    copy: Copy | None = None
    """Of the rows while the other keeps them."""


class World(NamedTuple):
    """All of it. The index of a producer is 0, or, with `one_id` off, that of its owner."""

    owners: tuple[Owner, Owner] = (Owner(), Owner())
    generation: int = 1
    holder: int = 0
    epochs: tuple[int, int] = (0, 0)
    open: tuple[Transaction | None, Transaction | None] = (None, None)
    commits: tuple[tuple[int, int, int], ...] = ()
    """Commits on their way to the broker: owner, producer, epoch."""
    journal: tuple[Line, ...] = ()
    row: Row = Row()
    hanging: Transaction | None = None
    """What a split transaction left without an end."""
    is_split: bool = False
    is_fenced_late: bool = False
    """The newest fence came from a take-over that the group had overtaken."""
    first: int = 0
    """The first offset that retention has left."""
    faults: int = 0
    wrong: str = ""
    """What an owner did that it may not; what the broker keeps is judged by `what_is_wrong`."""


def anew(world: World) -> Owner:
    """Another process in its place, which joins with the next generation."""
    return Owner(generation=world.generation)


def as_stale(flight: Slice | None) -> Slice | None:
    """A seek comes before anything more is fetched, and this was before it."""
    return flight and flight._replace(is_stale=True)


def with_owner(world: World, me: int, owner: Owner) -> World:
    return world._replace(owners=replaced(world.owners, me, owner))


def replaced(pair: tuple[Kind, Kind], index: int, value: Kind) -> tuple[Kind, Kind]:
    return (value, pair[1]) if index == 0 else (pair[0], value)


def committed(world: World, producer: int, sent: Transaction) -> World:
    """What was sent is in the logs for all to read; what hung of an earlier one shares its fate."""
    for one in (world.hanging, sent):
        if one is not None:
            world = world._replace(journal=(*world.journal, *(one.lines or ())), row=one.row or world.row)
    return world._replace(hanging=None, open=replaced(world.open, producer, None))


def answered(world: World, me: int, epoch: int) -> World:
    owner = world.owners[me]
    if owner.sending is None or owner.epoch != epoch:
        return world
    return with_owner(world, me, owner._replace(sending=owner.sending._replace(answer="committed")))


def what_stands_still(world: World, records: int) -> str:
    """Why nothing may happen any more in a world where nothing can; empty where all is read, or nobody could read it.

    Nobody could: retention took the rest, its holder is no more, or a split transaction waits to be mended by hand.
    """
    is_read = max(world.row.position, world.first) >= records
    is_over = is_read or world.is_split or not world.owners[world.holder].is_mine
    return "" if is_over else f"nothing happens any more, and of {records} records {world.row.position} are read"


def what_is_wrong(world: World) -> str:
    """The first law of exactly once that this world breaks; empty where none is."""
    numbers = [number for number, _ in world.journal]
    offsets = [offset for _, offset in world.journal]
    if numbers != list(range(1, len(numbers) + 1)):
        return f"the journal's lines are numbered {numbers}"
    if sorted(set(offsets)) != offsets:
        return f"the journal tells of the input records {offsets}"
    if world.wrong or world.is_split:  # what a split left behind is refused, and mended by hand
        return world.wrong
    if world.row.lines != len(numbers):
        return f"the row stands at line {world.row.lines}, the journal ends with line {len(numbers)}"
    if sorted((*offsets, *world.row.lost)) != list(range(world.row.position)):
        return f"of {world.row.position} records that were read {offsets} are told and {world.row.lost} noted as lost"
    return ""
