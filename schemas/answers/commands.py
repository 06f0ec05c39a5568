"""Which command answers with what: the name of each command that has `--json`, and the struct of its document.

A command that answers with several writes one on each line.
"""

from typing import Final

from schemas.answers.findings import Audit, Difference, Rebuild, Seal
from schemas.answers.members import Answer
from schemas.answers.operations import (
    EmbeddedKafka,
    ListedClock,
    ListedLetter,
    PolicyFile,
    TopicDifferences,
    WholeLetter,
)
from schemas.answers.story import Story

ANSWERS: Final[dict[str, type[Answer]]] = {
    "audit": Audit,
    "audit seals": Seal,
    "clocks": ListedClock,
    "deadletter list": ListedLetter,
    "deadletter redrive": ListedLetter,
    "deadletter show": WholeLetter,
    "explain": Story,
    "kafka start": EmbeddedKafka,
    "kafka status": EmbeddedKafka,
    "policies check": PolicyFile,
    "rebuild": Rebuild,
    "topics check": TopicDifferences,
    "what-if": Difference,
}


def file_of(command: str) -> str:
    """The name of a command's schema and example below `answers/`."""
    return f"answers/{command.replace(' ', '-')}.json"
