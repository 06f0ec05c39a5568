"""Across the border between two generations of partitions: does a journal go on from where the last one ended?

The first line of such a journal names the seals that it comes from (docs/reference/proposals/more-partitions.md). The
states that were sealed are dealt again, and what comes to this partition must be what its first line says. That the old
journals end with these seals, and that these follow from their lines, is for an audit of the old topics to say.
"""

from collections.abc import Sequence

from agents.errors import UserError
from agents.journal.records import Snapshot
from agents.journal.snapshots import fetched_snapshot, journal_folder, snapshots_in
from agents.journal.store import Store, StoreError
from schemas.headers import Inherited
from streams.dealing import dealt
from streams.sealing import rows_digest


async def border_differences(
    store: Store, inherited: Sequence[Inherited], partition: int, partitions: int, start: Snapshot
) -> list[str]:
    """A sentence for what does not agree between a journal's first line and the partitions that it goes on from."""
    try:
        sealed = [await _sealed(store, one) for one in inherited]
    except (UserError, StoreError) as error:
        return [f"what it goes on from cannot be read: {error}"]
    for one, snapshot in zip(inherited, sealed, strict=True):
        if snapshot is None:
            return [f"the state at line {one.line} of partition {one.partition} of {one.topic} is not kept any more"]
        if rows_digest(snapshot.rows).hex() != one.state:
            return [f"the state kept of line {one.line} of partition {one.partition} of {one.topic} is another"]
    return _dealt_again([one.rows for one in sealed if one is not None], partition, partitions, start)


async def _sealed(store: Store, one: Inherited) -> Snapshot | None:
    named = await snapshots_in(store, journal_folder(one.topic, one.topic_id), one.partition)
    found = next((name for name in named if name.line == one.line), None)
    return None if found is None else await fetched_snapshot(store, found)


def _dealt_again(
    old: Sequence[list[tuple[bytes, bytes]]], partition: int, partitions: int, start: Snapshot
) -> list[str]:
    try:
        rows = dealt(old, partitions)[partition]
    except ValueError as error:
        return [f"what it goes on from cannot be dealt: {error}"]
    return [] if rows == start.rows else ["it does not begin with what the partitions before it had dealt to it"]
