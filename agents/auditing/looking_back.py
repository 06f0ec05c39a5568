"""What is asked of a journal by those who look back, carried out on a cluster or on exported files."""

from collections.abc import Callable, Sequence
from pathlib import Path

from agents.auditing import following as one_clock
from agents.auditing.audit import processes_for
from agents.auditing.following import Following
from agents.auditing.what_if import WhatIf, World
from agents.errors import UserError
from agents.journal.beginning import beginning_of
from agents.journal.lines import JournalCheck, Progress
from agents.journal.records import Snapshot
from agents.journal.source import from_cluster, from_file
from agents.kafka.log_cursor import log_cursor
from agents.kafka.log_reader import log_reader
from agents.kafka.topics import partitions_of
from agents.parallel import cores, side_by_side
from agents.settings import Settings
from agents.topic_roles import JOURNAL, OUTPUTS
from schemas.notifications import StateSealed
from schemas.policy_types import Policies
from streams.explaining import ClockName
from streams.partitioner import partition_of

LEAST_BYTES = 8_000_000
"""Of all files together, from which on it pays to start processes."""

MakeCheck = Callable[[int, int, StateSealed | None], JournalCheck]
"""A check of the lines of this partition, of so many, behind what this seal says."""


async def follow_live(
    settings: Settings,
    name: ClockName,
    clock_id: str,
    at_ms: int | None,
    progress: Progress,
    make_check: MakeCheck,
) -> Following:
    """Follow a clock through the journal of a cluster; the check may keep what it reads."""
    count = await partitions_of(settings, JOURNAL, *OUTPUTS)
    partition = partition_of(name.account.encode(), count)
    async with log_cursor(settings) as cursor:
        begin = await beginning_of(settings, cursor, partition)
        following = Following(name, clock_id, partition, at_ms, begin.start)
        check = make_check(partition, count, begin.seal)
        async with from_cluster(settings, cursor, partition, check, begin) as source:
            await one_clock.follow(source, following, progress)
    return following


async def follow_file(
    file: str, name: ClockName, clock_id: str, at_ms: int | None, progress: Progress, start: Snapshot | None = None
) -> Following:
    """Follow a clock through an exported journal, from a snapshot on where its head is gone."""
    following = Following(name, clock_id, 0, at_ms, start)
    async with from_file(file, name.account, None if start is None else start.seal) as source:
        await one_clock.follow(source, following, progress)
    return following


async def what_if_live(
    settings: Settings, policies: Policies, progress: Progress, *, processes: int | None = None
) -> WhatIf:
    """Replay all partitions of a cluster as they stand, several at a time as it pays.

    Where there are fewer of them than processes, the two worlds of each go side by side. What would have been cannot
    be cut further: no snapshot has it. What was could, and would then wait for the other.
    """
    count = await partitions_of(settings, JOURNAL)
    if processes is None:
        processes = await processes_for(settings, range(count))
    if count < processes:
        try:
            last = await _last_lines(settings, count)  # both worlds end there, though lines are written meanwhile
            return await _replayed(settings, policies, count, ("before", "after"), last, progress, processes)
        except UserError:
            pass  # it is said as both together stumble over it
    return await _replayed(settings, policies, count, (None,), {}, progress, processes)


async def _replayed(
    settings: Settings,
    policies: Policies,
    count: int,
    worlds: Sequence[World | None],
    last: dict[int, int],
    progress: Progress,
    processes: int,
) -> WhatIf:
    asked = [
        (settings, policies, partition, count, last.get(partition), world)
        for partition in range(count)
        for world in worlds
    ]
    return WhatIf.of_parts(policies, await side_by_side(_what_if_partition, asked, progress, processes=processes))


async def _last_lines(settings: Settings, count: int) -> dict[int, int]:
    """The last line of each partition that has one."""
    async with log_reader(settings) as reader:
        ends = await reader.journal_ends(settings.topic(JOURNAL), range(count))
    return {partition: end.line for partition, end in ends.items() if end.line}


async def _what_if_partition(
    settings: Settings,
    policies: Policies,
    partition: int,
    count: int,
    last_line: int | None,
    world: World | None,
    progress: Progress,
) -> WhatIf:
    what_if = WhatIf(policies)
    async with log_cursor(settings) as cursor:
        begin = await beginning_of(settings, cursor, partition)
        check = JournalCheck(partition, count, start=begin.seal)
        async with from_cluster(settings, cursor, partition, check, begin, last_line) as source:
            await what_if.replay(source, partition, progress, begin.start, world)
    return what_if


async def what_if_files(
    files: Sequence[str], policies: Policies, progress: Progress, *, processes: int | None = None
) -> WhatIf:
    """Replay exported journals, each of one partition, several at a time as it pays."""
    if processes is None:
        processes = cores() if _size_of(files) >= LEAST_BYTES else 1
    asked = [(file, policies, place) for place, file in enumerate(files)]
    return WhatIf.of_parts(policies, await side_by_side(_what_if_file, asked, progress, processes=processes))


def _size_of(files: Sequence[str]) -> int:
    """Bytes of these files, as far as they are there; what is not is said where it is read."""
    return sum(path.stat().st_size for path in map(Path, files) if path.is_file())


async def _what_if_file(file: str, policies: Policies, place: int, progress: Progress) -> WhatIf:
    what_if = WhatIf(policies)
    async with from_file(file) as source:
        await what_if.replay(source, place, progress)
    return what_if
