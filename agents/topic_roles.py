"""What the owner of a partition reads and writes, and two topics beside: the clock probe's, and that of snapshots.

Names of the registry's topics (`schemas/registry.py`) for the rooms that need one or several: none spells them itself.
"""

from typing import Final

from schemas.registry import (
    ALL_TOPICS,
    CHANGELOG_TOPIC,
    DEAD_LETTER_TOPIC,
    INPUT_TOPICS,
    JOURNAL_TOPIC,
    OUTPUT_TOPICS,
    PROBE_TOPIC,
    REPARTITION_TOPIC,
    SNAPSHOTS_TOPIC,
)

JOURNAL: Final = JOURNAL_TOPIC.name
CHANGELOG: Final = CHANGELOG_TOPIC.name
DEAD_LETTER: Final = DEAD_LETTER_TOPIC.name
REPARTITION: Final = REPARTITION_TOPIC.name
OUTPUTS: Final = tuple(topic.name for topic in OUTPUT_TOPICS)
READ_TOPICS: Final = (*(topic.name for topic in INPUT_TOPICS), REPARTITION)
WRITTEN_TOPICS: Final = (JOURNAL, *OUTPUTS, CHANGELOG, DEAD_LETTER)

PROBE: Final = PROBE_TOPIC.name
SNAPSHOTS: Final = SNAPSHOTS_TOPIC.name
"""There only where the settings ask for it (`Settings.logical_topics`)."""

LOGICAL_TOPICS: Final = tuple(topic.name for topic in ALL_TOPICS)
"""Every topic of ours by its logical name."""

MAX_BATCH_BYTES: Final = 900_000
"""Of a batch that we write: each topic written must take as much (`max.message.bytes`)."""
