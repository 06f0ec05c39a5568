"""The protocol of slices as a machine of steps: what two owners, the broker and the group may do next, in any order.

Each step is a sentence and the world after it. An owner that was paused, cut off or slow needs no step of its own: it
is one whose next step comes after any number of the others'. Where a step of the product takes time, another's step can
come in between; what is one step here cannot be divided there either, or it does not matter:

- sending the batches and asking for the commit: a fence in between has the same end as one before the commit arrives;
- looking whether it is in good standing and fencing (`_reopen`): in the product moments lie between. Who is fenced in
  them ends with a sentence and is started again; no line is wrong for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from agents.worker.life import FIRST, MAY_BECOME, TAKES_SLICES, Stage
from tests.model.guards import ALL
from tests.model.worlds import (
    Copy,
    Owner,
    Row,
    Sending,
    Slice,
    Transaction,
    World,
    anew,
    answered,
    as_stale,
    committed,
    replaced,
    with_owner,
)

NAMES: Final = ("A", "B")
Step = tuple[str, World]


class Bounds(NamedTuple):
    """How far the worlds go: all orders of all steps within these are tried."""

    records: int = 2
    generations: int = 3
    faults: int = 1
    """Kills, answers that do not come, refused batches, split transactions, and records taken by retention.

    With copies also tombstones that are compacted away, and topics that are made anew.
    """
    copies: int = 0
    """Whether each keeps a warm copy of what the other has (0 or 1)."""


class Protocol:
    """The machine with these guards. `moves`: those of the life of a partition that were made in any world."""

    def __init__(self, guards: frozenset[str] = ALL, bounds: Bounds = Bounds()) -> None:  # noqa: B008 - a value
        self.guards = guards
        self.bounds = bounds
        self.moves: set[tuple[Stage, Stage]] = set()

    def steps(self, world: World) -> Iterator[Step]:
        """All that may happen next."""
        yield from self._group(world)
        yield from self._broker(world)
        for me in range(2):
            yield from self._membership(world, me)
            yield from self._copying(world, me)
            yield from self._opening(world, me)
            yield from self._slices(world, me)
            yield from self._writing(world, me)
            yield from self._death(world, me)

    # --- around the owners --------------------------------------------------------------------------------------------

    def _group(self, world: World) -> Iterator[Step]:
        if world.generation < self.bounds.generations:
            for holder in range(2):
                yield (
                    f"the group gives the partition to {NAMES[holder]} in generation {world.generation + 1}",
                    world._replace(generation=world.generation + 1, holder=holder),
                )

    def _broker(self, world: World) -> Iterator[Step]:
        if world.faults < self.bounds.faults and world.first < self.bounds.records:
            yield (
                f"retention takes record {world.first}",
                world._replace(first=world.first + 1, faults=world.faults + 1),
            )
        yield from self._spoiling(world)
        for commit in world.commits:
            me, producer, epoch = commit
            left = list(world.commits)
            left.remove(commit)
            now = world._replace(commits=tuple(left))
            sent = world.open[producer]
            if epoch != world.epochs[producer] or sent is None:
                yield from self._refused(now, me, epoch)
                continue
            yield f"the broker commits what {NAMES[me]} sent", answered(committed(now, producer, sent), me, epoch)
            if world.faults < self.bounds.faults and sent.lines and sent.row:
                for part, there, hangs in (
                    ("row", sent._replace(row=None), Transaction(None, sent.row)),
                    ("journal", sent._replace(lines=None), Transaction(sent.lines, None)),
                ):
                    split = committed(now, producer, there)._replace(
                        hanging=hangs, is_split=True, faults=world.faults + 1
                    )
                    yield (
                        f"the broker commits what {NAMES[me]} sent and never ends it in the {part}'s log",
                        answered(split, me, epoch),
                    )

    def _refused(self, world: World, me: int, epoch: int) -> Iterator[Step]:
        owner = world.owners[me]
        name = f"the broker refuses a commit of {NAMES[me]} from before a fence"
        if owner.sending is None or owner.epoch != epoch or owner.sending.answer:
            yield name, world
        else:
            yield name, self._fenced(world, me)

    # --- an owner in its group ----------------------------------------------------------------------------------------

    def _membership(self, world: World, me: int) -> Iterator[Step]:
        owner = world.owners[me]
        if owner.generation == world.generation:
            return
        if not owner.is_let_go:
            yield f"{NAMES[me]} lets go (Ownership.let_go)", with_owner(world, me, self._let_go(owner))
        elif owner.stage in (None, Stage.RESTING):
            yield (
                f"{NAMES[me]} takes over in generation {world.generation} (Ownership.take_over)",
                with_owner(world, me, self._taken_over(world, me)),
            )

    def _let_go(self, owner: Owner) -> Owner:
        gone = owner._replace(is_let_go=True, is_reopening=False, gap=None, has_fenced=False, has_read=False)
        return self._released(gone)

    def _released(self, owner: Owner) -> Owner:
        """`Partition.release`: what writes nothing rests, the rest finishes first."""
        if owner.stage is Stage.READY:
            return self._become(owner, Stage.RESTING)
        if owner.stage is Stage.KEPT:
            released = self._become(owner, Stage.RELEASED)._replace(hand=())
            if released.sending is None or "finished_first" not in self.guards:
                return self._become(released._replace(sending=None), Stage.RESTING)
            return released
        return owner

    def _taken_over(self, world: World, me: int) -> Owner:
        owner = world.owners[me]
        is_mine = world.holder == me
        is_next = world.generation == owner.generation + 1 or "generation_before" not in self.guards
        if owner.stage is Stage.RESTING and not (is_mine and is_next):
            owner = self._given_away(owner)
        return owner._replace(generation=world.generation, is_mine=is_mine, is_let_go=False)

    # --- warm copies --------------------------------------------------------------------------------------------------

    def _copying(self, world: World, me: int) -> Iterator[Step]:
        owner = world.owners[me]
        if not self.bounds.copies or owner.is_mine or owner.stage is not None:
            return
        if owner.copy is None or owner.copy.row != world.row:
            copy = Copy(world.row, is_spoiled=owner.copy is not None and owner.copy.is_spoiled)
            yield f"{NAMES[me]} copies the rows (Standby._take)", with_owner(world, me, owner._replace(copy=copy))

    def _spoiling(self, world: World) -> Iterator[Step]:
        """What makes copies worthless without a word to them."""
        if not self.bounds.copies or world.faults == self.bounds.faults:
            return
        for me, owner in enumerate(world.owners):
            if owner.copy is not None and owner.copy.row != world.row and not owner.copy.is_spoiled:
                yield (
                    f"compaction takes a tombstone that the copy of {NAMES[me]} has not read",
                    with_owner(world, me, _spoiled(owner))._replace(faults=world.faults + 1),
                )
        is_at_rest = not world.commits and all(owner.stage is None and not owner.has_read for owner in world.owners)
        if is_at_rest and world.journal and not world.is_split:
            owners = (_spoiled(world.owners[0]), _spoiled(world.owners[1]))
            yield (
                "somebody makes the topics of the partition anew",
                world._replace(
                    owners=owners, open=(None, None), journal=(), row=Row(), first=0, faults=world.faults + 1
                ),
            )

    def _warmed(self, world: World, me: int) -> Owner | None:
        """The owner with what comes of its copy, where that is believed (opening.open_partitions)."""
        owner = world.owners[me]
        copy = owner.copy
        if copy is None or (copy.is_spoiled and "copy_doubted" in self.guards):
            return None
        row = world.row if "copy_caught_up" in self.guards else copy.row
        if row.lines != len(world.journal) and "copy_agreed" in self.guards:
            return None
        return owner._replace(row=row, is_spoiled=copy.is_spoiled)

    # --- opening: fence, read, seek -----------------------------------------------------------------------------------

    def _opening(self, world: World, me: int) -> Iterator[Step]:
        owner = world.owners[me]
        if owner.is_let_go or not owner.is_mine:
            return
        is_well = world.holder == me and owner.generation == world.generation
        if owner.is_reopening and not is_well and "in_good_standing" in self.guards and not owner.has_fenced:
            return
        if owner.stage is Stage.RESTING:
            yield f"{NAMES[me]} seeks its input (Group.seek_all)", self._sought(world, me)
        elif owner.stage is Stage.READY:
            yield f"{NAMES[me]} keeps (Partition.keep)", with_owner(world, me, self._become(owner, Stage.KEPT))
        elif owner.stage is None and not owner.has_fenced and (owner.has_read or "fenced_first" in self.guards):
            yield f"{NAMES[me]} fences (Transactions.start)", self._fence(world, me, is_late=not is_well)
        elif owner.stage is None:
            yield f"{NAMES[me]} reads rows and journal (opening.opened)", self._read(world, me)

    def _fence(self, world: World, me: int, *, is_late: bool) -> World:
        owner = world.owners[me]
        producer = self._producer(me)
        epochs = replaced(world.epochs, producer, world.epochs[producer] + 1)
        now = world._replace(epochs=epochs, open=replaced(world.open, producer, None))
        now = now._replace(is_fenced_late=is_late and not owner.is_reopening)
        owner = owner._replace(epoch=epochs[producer], has_fenced=True)
        return with_owner(now, me, self._opened(owner) if owner.has_read else owner)

    def _read(self, world: World, me: int) -> World:
        warm = self._warmed(world, me)
        if warm is not None:
            owner = warm._replace(has_read=True, has_news=False, copy=None)
            return with_owner(world, me, self._opened(owner) if owner.has_fenced else owner)
        if world.row.lines != len(world.journal) and "agreed" in self.guards:
            return with_owner(world, me, anew(world))  # a sentence, and `dueclock rebuild`
        owner = world.owners[me]._replace(row=world.row, is_spoiled=False, has_read=True, has_news=False, copy=None)
        return with_owner(world, me, self._opened(owner) if owner.has_fenced else owner)

    @staticmethod
    def _opened(owner: Owner) -> Owner:
        return owner._replace(stage=FIRST, has_fenced=False, has_read=False)

    def _sought(self, world: World, me: int) -> World:
        owner = world.owners[me]
        position = owner.row.position if "from_the_row" in self.guards else 0
        if position < world.first:
            lost = tuple(range(position, world.first)) if "loss_noted" in self.guards else ()
            position = world.first
            row = owner.row._replace(position=position, lost=(*owner.row.lost, *lost))
            owner = owner._replace(row=row, has_news=True)
        if owner.gap is not None and owner.gap == position:
            return self._broken(world, me)._replace(wrong=f"{NAMES[me]} ends for a gap that nobody made")
        sought = owner._replace(fetches_at=position, next=position, is_reopening=False, gap=None)
        return with_owner(world, me, self._become(sought, Stage.READY))

    # --- slices -------------------------------------------------------------------------------------------------------

    def _slices(self, world: World, me: int) -> Iterator[Step]:
        owner = world.owners[me]
        start = max(owner.fetches_at, world.first)
        if owner.flight is None and owner.stage in TAKES_SLICES and start < self.bounds.records:
            fetched = owner._replace(flight=Slice(start, start + 1), fetches_at=start + 1)
            yield f"{NAMES[me]} fetches record {start} (SliceThread)", with_owner(world, me, fetched)
        if owner.flight is not None:
            given = self._given(owner._replace(flight=None), owner.flight)
            yield f"{NAMES[me]} is given record {owner.flight.start} (Ownership.give)", with_owner(world, me, given)

    def _given(self, owner: Owner, piece: Slice) -> Owner:
        if owner.stage not in TAKES_SLICES or (piece.is_stale and "seeks_counted" in self.guards):
            return owner
        if piece.start != owner.next and "joined" in self.guards:  # GapError
            return self._released(owner._replace(is_reopening=True, gap=owner.next))
        return owner._replace(hand=(*owner.hand, piece.start), next=piece.end)

    # --- writing ------------------------------------------------------------------------------------------------------

    def _writing(self, world: World, me: int) -> Iterator[Step]:
        owner, sending = world.owners[me], world.owners[me].sending
        if owner.stage is Stage.KEPT and sending is None and (owner.hand or owner.has_news):
            yield from self._sent(world, me)
        if sending is None:
            return
        if sending.answer == "committed":
            yield f"{NAMES[me]} hears that it is committed (Transactions.write)", self._heard(world, me, sending)
        if sending.answer == "refused":
            yield f"{NAMES[me]} hears that a batch was refused (Transactions.write)", self._broken(world, me)
        if world.faults < self.bounds.faults:
            yield (
                f"{NAMES[me]} waits in vain for an answer (BrokerAwayError)",
                with_owner(world, me, self._in_doubt(owner, sending))._replace(faults=world.faults + 1),
            )

    def _sent(self, world: World, me: int) -> Iterator[Step]:
        owner = world.owners[me]
        if owner.epoch != world.epochs[self._producer(me)]:
            yield f"{NAMES[me]} writes and is fenced (ProducerFenced)", self._fenced(world, me)
            return
        if owner.is_spoiled:
            wrong = f"{NAMES[me]} goes on from rows that the changelog does not have"
            yield f"{NAMES[me]} writes (Keeper.keep)", world._replace(wrong=wrong)
            return
        row = owner.row._replace(lines=owner.row.lines + len(owner.hand), position=owner.next)
        numbers = range(owner.row.lines + 1, row.lines + 1)
        whole = Transaction(tuple(zip(numbers, owner.hand, strict=True)), row)
        text = f"{NAMES[me]} writes {', '.join(f'line {line}' for line in numbers) or 'its row'} and commits"
        is_halved = bool(owner.hand) and "one_transaction" not in self.guards
        sending = Sending(owner.row, row, owner.hand, is_row_to_follow=is_halved)
        busy = owner._replace(row=row, has_news=False, hand=(), sending=sending)
        yield f"{text} (Keeper.keep)", self._asked(world, me, busy, whole._replace(row=None) if is_halved else whole)
        if world.faults < self.bounds.faults and owner.hand:
            now = world._replace(faults=world.faults + 1)
            told = f"{text}; the broker refuses the batch of the row"
            if "awaited" in self.guards:  # no commit is asked for: the next fence aborts what is there
                yield told, with_owner(now, me, busy._replace(sending=sending._replace(answer="refused")))
            else:
                yield told, self._asked(now, me, busy, whole._replace(row=None))

    def _asked(self, world: World, me: int, owner: Owner, sent: Transaction) -> World:
        producer = self._producer(me)
        commits = tuple(sorted((*world.commits, (me, producer, owner.epoch))))
        return with_owner(world, me, owner)._replace(open=replaced(world.open, producer, sent), commits=commits)

    def _heard(self, world: World, me: int, sending: Sending) -> World:
        owner = world.owners[me]._replace(sending=None)
        if sending.is_row_to_follow:
            again = sending._replace(is_row_to_follow=False, answer="")
            return self._asked(world, me, owner._replace(sending=again), Transaction((), sending.after))
        return with_owner(world, me, self._become(owner, Stage.RESTING) if owner.stage is Stage.RELEASED else owner)

    def _in_doubt(self, owner: Owner, sending: Sending) -> Owner:
        if "reopened_in_doubt" in self.guards:
            lost = self._given_away(self._become(owner, Stage.IN_DOUBT))
            return lost._replace(is_reopening=not owner.is_let_go, gap=None)
        guessed = owner._replace(sending=None, row=sending.before, hand=(*sending.offsets, *owner.hand))
        return self._become(guessed, Stage.RESTING) if owner.stage is Stage.RELEASED else guessed

    # --- ends ---------------------------------------------------------------------------------------------------------

    def _death(self, world: World, me: int) -> Iterator[Step]:
        if world.faults < self.bounds.faults and world.owners[me].stage is not None:
            yield f"{NAMES[me]} is killed", with_owner(world, me, anew(world))._replace(faults=world.faults + 1)

    def _fenced(self, world: World, me: int) -> World:
        owner = world.owners[me]
        self._given_away(self._become(owner, Stage.FENCED))
        ended = with_owner(world, me, anew(world))
        if world.holder == me and owner.generation == world.generation and not world.is_fenced_late:
            return ended._replace(wrong=f"{NAMES[me]} is fenced, though the group counts on it and it knows")
        return ended

    def _broken(self, world: World, me: int) -> World:
        owner = world.owners[me]
        if owner.stage is not Stage.RESTING:
            self._given_away(self._become(owner, Stage.BROKEN))
        return with_owner(world, me, anew(world))

    # --- the life of the partition ------------------------------------------------------------------------------------

    def _become(self, owner: Owner, new: Stage) -> Owner:
        """As `Partition.become`: by the product's table, which refuses the rest."""
        if owner.stage is None or new not in MAY_BECOME[owner.stage]:
            raise AssertionError(f"{owner} may not become {new.name}")
        self.moves.add((owner.stage, new))
        if new is Stage.RESTING:  # what is fetched is of no use from here on: it is sought before it is kept
            return owner._replace(stage=new, hand=(), next=0, fetches_at=0, flight=as_stale(owner.flight))
        return owner._replace(stage=new)

    def _given_away(self, owner: Owner) -> Owner:
        self._become(owner, Stage.GIVEN_AWAY)
        return Owner(owner.generation, owner.is_let_go, owner.is_mine, flight=as_stale(owner.flight))

    def _producer(self, me: int) -> int:
        return 0 if "one_id" in self.guards else me


def _spoiled(owner: Owner) -> Owner:
    return owner if owner.copy is None else owner._replace(copy=owner.copy._replace(is_spoiled=True))
