"""Which command answers with what: the name of each command that has `--json`, and the struct of its document.

A command that answers with several writes one on each line. The commands of a group that answer alike stand under the
group's name; what a flag adds stands under both.
"""

from typing import Final

from schemas.answers.findings import Audit, Difference, Rebuild, Seal
from schemas.answers.members import Answer
from schemas.answers.operations import (
    EmbeddedKafka,
    Examination,
    ListedClock,
    ListedLetter,
    PolicyFile,
    TopicDifferences,
    WholeLetter,
)
from schemas.answers.report import Report
from schemas.answers.sources import Entry, Ingested
from schemas.answers.story import Story

ANSWERS: Final[dict[str, type[Answer]]] = {
    "audit": Audit,
    "audit seals": Seal,
    "clocks": ListedClock,
    "deadletter list": ListedLetter,
    "deadletter redrive": ListedLetter,
    "deadletter show": WholeLetter,
    "doctor": Examination,
    "explain": Story,
    "ingest": Ingested,
    "ingest --explain": Entry,
    "kafka start": EmbeddedKafka,
    "kafka status": EmbeddedKafka,
    "policies check": PolicyFile,
    "rebuild": Rebuild,
    "report": Report,
    "topics check": TopicDifferences,
    "what-if": Difference,
}


def file_of(command: str) -> str:
    """The name of a command's schema and example below `answers/`."""
    return f"answers/{key_of(command)}.json"


def key_of(command: str) -> str:
    """A command as one word."""
    return command.replace(" --", "-").replace(" ", "-")
