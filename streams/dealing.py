"""From one generation of partitions to the next: each account's rows go to its home among the new partitions.

What is dealt are canonical rows (`streams/sealing.py`), so that a seal of each old partition confirms what goes in and
the first line of each new one what comes out. Nothing is lost, added or changed but the partition's own row: it has no
line yet, and the newest journal time of all the old ones, since its journal may not go back behind any of them.
Meaning: docs/reference/proposals/more-partitions.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streams.partitioner import partition_of
from streams.row_codec import account_of, decode_partition, decode_policies, encode_row
from streams.rows import PARTITION_KEY, POLICIES_KEY, PartitionRow, PoliciesRow
from streams.sealing import own_row

Rows = Sequence[tuple[bytes, bytes]]


def dealt(old: Sequence[Rows], partitions: int) -> list[list[tuple[bytes, bytes]]]:
    """The canonical rows of each of so many new partitions.

    `old` are those of each old partition that has any. ValueError, whose text is a clause of a sentence, where there is
    none, or where they are not judged by the same policies, zones and logic: a new partition has but one of each.
    """
    own = [decode_partition(dict(rows)[PARTITION_KEY]) for rows in old]
    if not own:
        raise ValueError("no partition has a line yet")
    in_force = {(row.digest, row.zones, row.logic) for row in own}
    if len(in_force) > 1:
        raise ValueError("not all partitions are judged by the same policies, time-zone data and logic")
    (digest, zones, logic), journal_ms = in_force.pop(), max(row.journal_ms for row in own)
    head = [
        (PARTITION_KEY, own_row(PartitionRow(journal_ms=journal_ms, digest=digest, zones=zones, logic=logic))),
        (POLICIES_KEY, encode_row(_policies(old))),
    ]
    homes: list[list[tuple[bytes, bytes]]] = [[] for _ in range(partitions)]
    home_of: dict[str, int] = {}
    for rows in old:
        for key, value in rows:
            if key not in (PARTITION_KEY, POLICIES_KEY):
                account = account_of(key.decode())
                home = home_of.get(account)
                if home is None:
                    home = home_of[account] = partition_of(account.encode(), partitions)
                homes[home].append((key, value))
    return [[*head, *sorted(rows)] for rows in homes]


def _policies(old: Iterable[Rows]) -> PoliciesRow:
    """What is in force everywhere; what any of them has left does not come back in any."""
    rows = [decode_policies(dict(some)[POLICIES_KEY]) for some in old]
    return PoliciesRow(
        toml=rows[0].toml,
        zones=rows[0].zones,
        left_policies=sorted({one for row in rows for one in row.left_policies}),
        left_zones=sorted({one for row in rows for one in row.left_zones}),
    )
