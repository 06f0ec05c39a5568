"""What the rows of partitions note for people: which topics belong together, and input that was lost.

Read from the end of the changelog, where each transaction writes the partition's row; nothing is decided by it.
"""

from collections.abc import Iterable

from agents.kafka.log_reader import log_reader
from agents.settings import Settings
from agents.topic_roles import CHANGELOG
from streams.logic import OtherVersionError
from streams.row_codec import decode_partition
from streams.rows import PARTITION_KEY, RowError, ShellNotes


async def kept_notes(settings: Settings, numbers: Iterable[int]) -> dict[int, ShellNotes]:
    """What the rows of these partitions say; nothing of one that has no row, or none that can be read."""
    async with log_reader(settings) as logs:
        rows = await logs.newest(settings.topic(CHANGELOG), numbers, PARTITION_KEY)
    notes: dict[int, ShellNotes] = {}
    for number, value in sorted(rows.items()):
        try:
            notes[number] = decode_partition(value).notes
        except (RowError, OtherVersionError):
            continue  # whoever opens the partition says it
    return notes
