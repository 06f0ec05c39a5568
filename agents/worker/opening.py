"""Opening a partition: fencing its earlier owner, reading what is kept of it, and seeing that it fits.

The state rows, the journal and the input topics tell of the same history: the rows hold the number and time of the last
journal line and the positions in the inputs. Where they disagree a broker has lost something; that is said in one
sentence and never run over.

Rows come by the million: they are taken in piece by piece, so that heartbeats, readiness and a signal to stop have
their turn.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from types import MappingProxyType
from typing import Final, NamedTuple

from aiokafka import TopicPartition

from agents.errors import UserError
from agents.journal.sealing import Sealer
from agents.kafka.batches import Fetched
from agents.kafka.log_reader import JournalEnd, LogEnds, LogReader, log_reader
from agents.kafka.topics import tombstones_kept_s
from agents.kafka.transactions import Outgoing, transactions_of
from agents.settings import Settings
from agents.topic_roles import CHANGELOG, JOURNAL
from agents.worker.breathing import Breath, in_pieces
from agents.worker.keeper import Writer
from agents.worker.partition import Partition
from agents.worker.rows_folder import anew, open_store
from agents.worker.rows_on_disk import TAKEN_IN_AT_ONCE, RowsOnDisk, StoreFailedError, StoreUnfitError
from agents.worker.warm_copy import UNFIT, Copy, caught_up
from schemas.policy_types import PolicyError
from streams.engine import State, new_state, restoring
from streams.logic import OtherVersionError
from streams.rows import PARTITION_KEY, POLICIES_KEY, RowError

log = logging.getLogger("dueclock.worker")


NO_COPIES: Mapping[int, Copy] = MappingProxyType({})


class Stored(NamedTuple):
    """What is kept beside the changelog is judged by: its id, empty where the broker tells none, the broker's time."""

    changelog_id: bytes
    now_ms: int


UNKNOWN: Final = Stored(b"", 0)


async def open_partitions(
    settings: Settings,
    numbers: Sequence[int],
    check: Callable[[State], None],
    copies: Mapping[int, Copy] = NO_COPIES,
    stored: Stored = UNKNOWN,
) -> dict[int, Partition]:
    """Fence the earlier owners of these partitions, then read their rows and check them against the journal.

    Of a partition with a warm copy only the rest of its rows is read; where what comes of it does not stand every
    check, all of them are. UserError where rows and journal disagree, and what `check` raises where they belong to
    other topics.
    """
    if not numbers:
        return {}
    changelog = settings.topic(CHANGELOG)
    producers = {number: transactions_of(settings, number) for number in numbers}
    parts: dict[int, Partition] = {}
    try:
        await asyncio.gather(*(producer.start() for producer in producers.values()))
        async with log_reader(settings) as reader:
            journal = await reader.journal_ends(settings.topic(JOURNAL), numbers)
            if settings.rows_folder:
                tombstones_ms = int(await tombstones_kept_s(settings, changelog) * 1000)
                for number, producer in producers.items():
                    filling = _Filling(settings, number, reader, stored, tombstones_ms)
                    parts[number] = await filling.opened(producer, journal[number], check)
                return parts
            found = await caught_up(reader, changelog, stored.changelog_id, copies)
            warm = {number: state for number, state in found.items() if _fits(state, journal[number], check)}
            rows = await reader.rows(changelog, [number for number in numbers if number not in warm])
        for number, producer in producers.items():
            if number in warm:
                parts[number] = Partition(
                    warm[number], producer, Sealer(settings, warm[number], journal[number].offset)
                )
            else:
                parts[number] = await opened(
                    settings, number, producer, _taken_out(rows.pop(number)), journal[number], check
                )
    except BaseException:
        for part in parts.values():
            part.shelf.close()
        await asyncio.gather(*(producer.stop() for producer in producers.values()), return_exceptions=True)
        raise
    return parts


def _fits(state: State, end: JournalEnd, check: Callable[[State], None]) -> bool:
    """Whether a state that comes of a warm copy stands what one that was read must stand. If not, that is read."""
    try:
        check(state)
        _agree(state, end)
    except UserError as error:
        log.warning("partition %d: its warm copy is not used: %s", state.partition, error.sentence)
        return False
    log.info("partition %d: taken over with its warm copy", state.partition)
    return True


class _Filling(NamedTuple):
    """A store of rows that is brought to the changelog's end, and made anew, once, where it does not stand the test."""

    settings: Settings
    number: int
    reader: LogReader
    stored: Stored
    tombstones_ms: int

    async def opened(self, producer: Writer, end: JournalEnd, check: Callable[[State], None]) -> Partition:
        place = (self.settings.rows_folder, self.settings.topic(CHANGELOG), self.number)
        store = await open_store(*place)
        try:
            try:
                state = await self._filled(store)
                _agree(state, end)
            except (StoreUnfitError, StoreFailedError, *UNFIT, _DisagreeError) as error:
                log.warning("partition %d: its rows on disk are made anew from the changelog: %s", self.number, error)
                store.remove()
                store = anew(*place)
                state = await self._filled(store)
            check(state)
            _agree(state, end)
        except UNFIT as error:
            store.close()
            raise _unread(self.number, error) from None
        except StoreUnfitError as error:
            store.close()
            raise store.failed(error) from None
        except BaseException:
            store.close()
            raise
        return Partition(state, producer, Sealer(self.settings, state, end.offset), store)

    async def _filled(self, store: RowsOnDisk) -> State:
        tp = TopicPartition(self.settings.topic(CHANGELOG), self.number)
        ends = (await self.reader.ends([tp]))[tp]
        begin, breath = store.begin(self.stored.changelog_id, ends, self.stored.now_ms, self.tombstones_ms), Breath()
        async with aclosing(self.reader.spans({tp: (begin, ends.next)})) as spans:
            async for records in spans:
                await in_pieces(_taken_in(store, records), breath)
        state = new_state(self.number, store, store)
        await in_pieces(restoring(state, store.own_rows().items()), breath)
        store.confirm(ends.next, self.stored.now_ms)
        log.info("partition %d: rows on disk, the changelog read from offset %d to %d", self.number, begin, ends.next)
        return state


def _taken_in(store: RowsOnDisk, records: Sequence[Fetched]) -> Iterator[None]:
    """Put these records of the changelog into the store, some at a time."""
    for first in range(0, len(records), TAKEN_IN_AT_ONCE):
        some = records[first : first + TAKEN_IN_AT_ONCE]
        rows: list[Outgoing] = [(None, one.key, one.value, []) for one in some if one.key is not None]  # else no row
        store.take_in(rows, some[-1].offset + 1)
        yield


def _taken_out(rows: dict[bytes, bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Each row, let go of with its turn: to free millions at once takes seconds, and there is room for them once."""
    for key in (PARTITION_KEY, POLICIES_KEY):  # they say first which version wrote them: the others then make sense
        if (own := rows.pop(key, None)) is not None:
            yield key, own
    while rows:
        yield rows.popitem()


async def opened(
    settings: Settings,
    number: int,
    producer: Writer,
    rows: Iterable[tuple[bytes, bytes]],
    end: JournalEnd,
    check: Callable[[State], None] = lambda _: None,
) -> Partition:
    """The partition that these rows and this end of its journal tell of. UserError where they disagree."""
    state = await _restored(number, rows)
    check(state)
    _agree(state, end)
    return Partition(state, producer, Sealer(settings, state, end.offset))


async def read_positions(
    settings: Settings, inputs: Sequence[str], parts: Sequence[Partition], now_ms: int
) -> dict[int, dict[str, int]]:
    """Where each partition goes on in each input topic; what was lost before it is noted, as found at `now_ms`.

    UserError where a topic ends before that.
    """
    tps = [TopicPartition(topic, part.number) for part in parts for topic in inputs]
    if not tps:
        return {}
    async with log_reader(settings) as reader:
        ends = await reader.ends(tps)
    return {
        part.number: {
            topic: _position(part.state, topic, ends[TopicPartition(topic, part.number)], now_ms) for topic in inputs
        }
        for part in parts
    }


async def _restored(number: int, rows: Iterable[tuple[bytes, bytes]]) -> State:
    state = new_state(number)
    try:
        await in_pieces(restoring(state, rows), Breath())
    except UNFIT as error:
        raise _unread(number, error) from None
    return state


def _unread(number: int, error: Exception) -> UserError:
    if isinstance(error, OtherVersionError):
        return UserError(f"Partition {number} cannot be kept: {error}")
    # Rows that another wrote may have our form and make no sense: then all there is to say is where that was noticed.
    why = error if isinstance(error, RowError | PolicyError) else f"{type(error).__name__}: {error}"
    return UserError(
        f"Partition {number} cannot be kept, since its state rows cannot be read ({why}); stop the workers and "
        f"run `dueclock rebuild --partition {number}` before they are started again."
    )


class _DisagreeError(UserError):
    """Rows and journal tell of different last lines."""


def _agree(state: State, end: JournalEnd) -> None:
    """The rows and the journal tell of the same last line, or a broker has lost part of a transaction: never run on."""
    if end.is_cut or (state.lines, state.journal_ms) == (end.line, end.journal_ms):
        return
    raise _DisagreeError(
        f"Partition {state.partition}: the state rows stand at line {state.lines} ({state.journal_ms} ms), but the "
        f"journal ends with line {end.line} ({end.journal_ms} ms); a broker has lost part of a transaction, "
        f"so stop the workers and run `dueclock rebuild --partition {state.partition}` before they are started again."
    )


def _position(state: State, topic: str, ends: LogEnds, now_ms: int = 0) -> int:
    """Where to go on in an input topic: where the row says; at the start where it says nothing."""
    position = state.positions.get(topic, ends.first)
    if position > ends.next:
        raise UserError(
            f"Partition {state.partition} of {topic} ends at offset {ends.next}, but {position} was read before: "
            "the topic has lost records, or was made anew on a broker that tells no topic ids; restore it, or go on "
            "with new topics under another `topic_prefix`."
        )
    if position < ends.first:
        log.error(
            "partition %d of %s: offsets %d to %d are gone before they were read (retention); it is noted for audits",
            state.partition,
            topic,
            position,
            ends.first - 1,
        )
        state.note_lost(topic, position, ends.first - 1, now_ms)
    return max(position, ends.first)
