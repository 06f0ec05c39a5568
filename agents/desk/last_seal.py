"""The last seal of a partition: what `dueclock grow` deals from, written when nobody keeps the partition any more.

A partition that ends with a seal already keeps it, so this may be done again. The state that was sealed is kept as a
snapshot in the place of the next generation, whose audits begin there.
"""

from typing import NamedTuple

from agents.errors import COULD_NOT_RUN, UserError
from agents.journal.sealing import Sealer
from agents.journal.snapshots import journal_folder, keep_snapshot
from agents.journal.store import WritableStore
from agents.kafka.log_cursor import log_cursor
from agents.kafka.log_reader import JournalEnd, log_reader
from agents.kafka.transactions import Outbox, Transactions, transactions_of
from agents.settings import Settings
from agents.topic_roles import CHANGELOG, JOURNAL
from schemas.decoding import decode_journal_value, journal_value
from schemas.headers import Inherited, journal_headers
from schemas.notifications import StateSealed
from schemas.policy_types import PolicyError
from streams.engine import Line, restore_state, step
from streams.logic import OtherVersionError
from streams.row_codec import encode_row
from streams.rows import PARTITION_KEY, PartitionRow, RowError
from streams.sealing import canonical_rows, own_row, rows_digest
from streams.state import State

Rows = list[tuple[bytes, bytes]]


class LastSeal(NamedTuple):
    """A partition at its end: what its seal says of it, the canonical rows that were sealed, its row as it stands."""

    inherited: Inherited
    seal: StateSealed
    rows: Rows
    row: PartitionRow


async def last_seal(settings: Settings, number: int, store: WritableStore, kept_days: int) -> LastSeal | None:
    """Seal this partition, unless it ends with a seal; None where it has no line. UserError (status 2) if it fails."""
    producer = transactions_of(settings, number)
    try:
        await producer.start()  # from here on nobody else writes it
        async with log_reader(settings) as logs:
            end = (await logs.journal_ends(settings.topic(JOURNAL), [number]))[number]
            found = (await logs.rows(settings.topic(CHANGELOG), [number]))[number]
        if not found and not end.line:
            return None
        state = _restored(number, found, end)
        seal, rows = await _already_sealed(settings, state, end) or await _written(settings, state, end, producer)
    finally:
        await producer.stop()
    topic = settings.topic(JOURNAL)
    async with log_cursor(settings) as cursor:
        topic_id = await cursor.topic_id(topic)
    await keep_snapshot(store, journal_folder(topic, topic_id), number, kept_days, rows, seal, state.journal_ms)
    return LastSeal(
        Inherited(topic, topic_id, number, seal.line, seal.offset, seal.state.lower()), seal, rows, state.row
    )


def _restored(number: int, found: dict[bytes, bytes], end: JournalEnd) -> State:
    try:
        state = restore_state(number, found.items())
    except (OtherVersionError, RowError, PolicyError, ValueError) as error:
        raise UserError(f"Partition {number} cannot be dealt: {error}", COULD_NOT_RUN) from None
    if (state.lines, state.journal_ms) != (end.line, end.journal_ms):
        raise UserError(
            f"The rows of partition {number} stand at line {state.lines}, its journal at line {end.line}; run "
            f"`dueclock rebuild --partition {number}` first.",
            COULD_NOT_RUN,
        )
    return state


async def _already_sealed(settings: Settings, state: State, end: JournalEnd) -> tuple[StateSealed, Rows] | None:
    """The seal that the journal ends with, and what it seals; None where its last line is another."""
    async with log_cursor(settings) as cursor:
        await cursor.start(settings.topic(JOURNAL), state.partition, from_offset=end.offset or 0)
        records = [record for batch in [await cursor.batch()] for record in batch]
    body = decode_journal_value(records[-1].value or b"") if records else None
    if not isinstance(body, StateSealed) or body.line == 0:
        return None
    own = state.row
    sealed = PartitionRow(
        journal_ms=own.journal_ms, lines=body.line, digest=own.digest, zones=own.zones, logic=own.logic
    )
    rows = [(PARTITION_KEY, own_row(sealed)), *list(canonical_rows(state))[1:]]
    return (body, rows) if rows_digest(rows).hex() == body.state.lower() else None


async def _written(
    settings: Settings, state: State, end: JournalEnd, producer: Transactions
) -> tuple[StateSealed, Rows]:
    """Seal what stands, as its worker would."""
    rows = list(canonical_rows(state))
    row, sealer = state.row, Sealer(settings.changed(snapshots=""), state, end.offset)
    seal = sealer.seal_of(rows_digest(rows))
    line = Line(row.lines + 1, row.journal_ms, seal)
    key, value, headers = str(state.partition).encode(), journal_value(seal), journal_headers(line.number, None)
    sealer.add(line.journal_ms, key, value, headers)
    step(state, line)
    outbox = Outbox()
    outbox.put(settings.topic(JOURNAL), state.partition, key, value, headers=headers, at_ms=line.journal_ms)
    for row_key, row_value in state.take_changes():
        outbox.put(settings.topic(CHANGELOG), state.partition, row_key, row_value)
    await producer.write(outbox)
    return seal, rows


async def mark(settings: Settings, number: int, row: PartitionRow, moved_to: str) -> None:
    """Note in a partition's row where it has gone, so that no worker keeps it; with an empty text: nowhere."""
    row.notes.moved_to = moved_to
    outbox = Outbox()
    outbox.put(settings.topic(CHANGELOG), number, PARTITION_KEY, encode_row(row))
    producer = transactions_of(settings, number)
    try:
        await producer.start()
        await producer.write(outbox)
    finally:
        await producer.stop()
