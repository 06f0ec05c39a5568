"""What is asked of a journal by those who look back, carried out on a cluster or on exported files."""

from collections.abc import Callable, Sequence

from agents.auditing import following as one_clock
from agents.auditing.following import Following
from agents.auditing.what_if import WhatIf
from agents.journal.lines import JournalCheck, Progress
from agents.journal.source import from_cluster, from_file
from agents.kafka.log_cursor import log_cursor
from agents.kafka.topics import partitions_of
from agents.settings import Settings
from agents.topic_roles import JOURNAL, OUTPUTS
from schemas.policies import Policies
from streams.explaining import ClockName
from streams.partitioner import partition_of

MakeCheck = Callable[[int, int], JournalCheck]
"""A check of the lines of this partition, of so many."""


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
    following = Following(name, clock_id, partition, at_ms)
    async with (
        log_cursor(settings) as cursor,
        from_cluster(settings, cursor, partition, make_check(partition, count)) as source,
    ):
        await one_clock.follow(source, following, progress)
    return following


async def follow_file(file: str, name: ClockName, clock_id: str, at_ms: int | None, progress: Progress) -> Following:
    """Follow a clock through an exported journal."""
    following = Following(name, clock_id, 0, at_ms)
    async with from_file(file, name.account) as source:
        await one_clock.follow(source, following, progress)
    return following


async def what_if_live(settings: Settings, policies: Policies, progress: Progress) -> WhatIf:
    """Replay all partitions of a cluster as they stand."""
    count = await partitions_of(settings, JOURNAL)
    what_if = WhatIf(policies)
    async with log_cursor(settings) as cursor:
        for partition in range(count):
            async with from_cluster(settings, cursor, partition, JournalCheck(partition, count)) as source:
                await what_if.replay(source, partition, progress)
    return what_if


async def what_if_files(files: Sequence[str], policies: Policies, progress: Progress) -> WhatIf:
    """Replay exported journals, each of one partition."""
    what_if = WhatIf(policies)
    for place, file in enumerate(files):
        async with from_file(file) as source:
            await what_if.replay(source, place, progress)
    return what_if
