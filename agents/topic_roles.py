"""What the owner of a partition reads and writes, and the one topic that belongs to no partition: the probe.

Names of the registry's topics (`schemas/registry.py`) for the rooms that need one or several: none spells them itself.
"""

from typing import Final

from schemas.registry import (
    CHANGELOG_TOPIC,
    DEAD_LETTER_TOPIC,
    INPUT_TOPICS,
    JOURNAL_TOPIC,
    OUTPUT_TOPICS,
    REPARTITION_TOPIC,
    TOPICS,
)

JOURNAL: Final = JOURNAL_TOPIC.name
CHANGELOG: Final = CHANGELOG_TOPIC.name
DEAD_LETTER: Final = DEAD_LETTER_TOPIC.name
REPARTITION: Final = REPARTITION_TOPIC.name
OUTPUTS: Final = tuple(topic.name for topic in OUTPUT_TOPICS)
READ_TOPICS: Final = (*(topic.name for topic in INPUT_TOPICS), REPARTITION)
WRITTEN_TOPICS: Final = (JOURNAL, *OUTPUTS, CHANGELOG, DEAD_LETTER)

PROBE: Final = "sla-clock-probe"
"""One partition, written by each worker every few seconds and read by nobody: the answer tells the broker's time."""
PROBE_SETTINGS: Final = {
    "message.timestamp.type": "LogAppendTime",
    "cleanup.policy": "delete",
    "retention.ms": "3600000",
    "segment.ms": "3600000",
}

LOGICAL_TOPICS: Final = (*(topic.name for topic in TOPICS), PROBE)
"""Every topic of ours by its logical name."""

MAX_BATCH_BYTES: Final = 900_000
"""Of a batch that we write: each topic written must take as much (`max.message.bytes`)."""
