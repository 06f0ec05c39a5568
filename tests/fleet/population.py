"""Who the sellers of the fleet are: the n-th has 1/n of the first one's clocks and questions (Zipf), wherever it lives.

Each partition's rows are a function of the sizes and of one instant: they are made again for the proof.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate, repeat
from typing import Final, NamedTuple

from schemas.policies import shipped_policies
from streams.partitioner import partition_of
from tests.bench.seeding import MARKETPLACE, Seeded, seeded
from tests.bench.workload import HOUR_MS


class Population(NamedTuple):
    """The sizes, and the instant at which the seeded clocks stand as they do."""

    clocks: int
    accounts: int
    partitions: int
    now_ms: int

    def seeded(self, partition: int) -> Seeded:
        """The rows of a partition: none of its clocks falls due within 23 hours."""
        shares = _shares(self.clocks, self.accounts, self.partitions)[partition]
        return seeded(
            partition,
            self.partitions,
            shipped_policies(),
            clocks=sum(shares.values()),
            due_from_ms=self.now_ms + 23 * HOUR_MS,
            due_within_ms=HOUR_MS,
            now_ms=self.now_ms,
            sellers=list(shares),
            of=lambda: _each(shares),
        )

    def clocks_of(self, partition: int) -> int:
        """How many clocks the partition begins with."""
        return sum(_shares(self.clocks, self.accounts, self.partitions)[partition].values())


def _each(shares: dict[str, int]) -> Iterator[str]:
    for seller, count in shares.items():
        yield from repeat(seller, count)


def seller_named(number: int) -> str:
    """The n-th seller, from 1."""
    return f"FLEET{number:07}"


def weights(accounts: int) -> list[float]:
    """Cumulative: what `random.choices` takes."""
    return list(accumulate(1 / number for number in range(1, accounts + 1)))


@lru_cache(maxsize=2)
def _shares(clocks: int, accounts: int, partitions: int) -> list[dict[str, int]]:
    """For each partition its sellers and their clocks; each seller has one at least."""
    total: Final = sum(1 / number for number in range(1, accounts + 1))
    found: list[dict[str, int]] = [{} for _ in range(partitions)]
    for number in range(1, accounts + 1):
        seller = seller_named(number)
        partition = partition_of(f"{seller}/{MARKETPLACE}".encode(), partitions)
        found[partition][seller] = max(1, round(clocks / number / total))
    return found
