"""The consumer group, as the owner of the partitions sees it: where it may fetch from, and how well it stands there.

`Group` is all that agents/worker/ownership.py asks of Faust; what Faust tells the owner is `Owner`, the other way round
(agents/worker/faust_private.py). So each can be tested without the other. All of it is called on the worker's one loop.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from time import monotonic
from typing import NamedTuple, Protocol

from faust.types import TP

from agents.errors import UserError
from agents.settings import Settings
from agents.worker.slices import Answer

LOOK_S = 0.1


class Group(Protocol):
    """A member of the group, whose fetches can be moved."""

    @property
    def is_rebalancing(self) -> bool:
        """Whether the group is being assigned anew: what this member had may be another's already."""

    @property
    def last_heartbeat_s(self) -> float:
        """Monotonic time at which the newest heartbeat was sent that the group answered well."""

    @property
    def last_answer_s(self) -> float | None:
        """Monotonic time at which the newest fetch was sent that the broker answered; None before the first."""

    @property
    def standbys(self) -> Collection[TP]:
        """What the group's leader has last chosen this member to keep copies of; of these it is given changelogs."""

    def partitions_of(self, topic: str) -> int:
        """How many partitions a topic has."""

    def answer(self, tp: TP) -> Answer | None:
        """The newest fetch answer for a topic partition since it was last sought; None where there is none yet."""

    async def seek_all(self, positions: Mapping[TP, int]) -> int:
        """Fetch these from there. Returns the count of seeks: a slice that bears a smaller one is stale."""

    async def fail(self, error: BaseException) -> None:
        """End the worker; the first failure is the one that counts. It returns before the worker has ended."""


class Assignment(NamedTuple):
    """The partitions that are this worker's own in every topic, and those that it was given in some only."""

    owned: set[int]
    held: set[int]


def assignment_of(group: Group, topics: Iterable[str], assigned: set[TP]) -> Assignment:
    """What this worker was given. UserError where the topics have unequal numbers of partitions."""
    needed = set(topics)
    counts = {topic: group.partitions_of(topic) for topic in needed}
    if len(set(counts.values())) > 1:
        found = ", ".join(f"{topic} has {count}" for topic, count in sorted(counts.items()))
        raise UserError(f"The topics must have equal numbers of partitions, but {found}; see `dueclock topics check`.")
    topics_of: dict[int, set[str]] = {}
    for topic, number in assigned:
        topics_of.setdefault(number, set()).add(topic)
    owned = {number for number, found_in in topics_of.items() if needed <= found_in}
    return Assignment(owned, set(topics_of) - owned)


async def who_fenced(group: Group, settings: Settings, number: int) -> UserError:
    """Why another writes a partition that this worker keeps.

    A worker of our group takes over only what the group took from us first; where the group still counts us in, it was
    a stranger.
    """
    fenced_s = monotonic()
    while monotonic() < fenced_s + 2 * settings.heartbeat_s + 1 and not group.is_rebalancing:
        if group.last_heartbeat_s > fenced_s:
            return UserError(
                f"Another worker took over partition {number}, which the group {settings.group} still gives to this "
                "one: a worker of another group on the same topics, or `dueclock rebuild --force`. Let one group alone "
                "keep them, and start this one again."
            )
        await asyncio.sleep(LOOK_S)
    return UserError(f"Another worker took over partition {number} while this one was away; start this one again.")
